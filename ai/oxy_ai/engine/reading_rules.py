"""Rules that decide, before any model is asked, whether a file may be heard or seen. Pure.

They are those of answers: what nobody is to answer is sent to nobody.
"""

from enum import StrEnum
from typing import Final

from oxy_ai.assistants.roles import role_for
from oxy_ai.assistants.routing import why_never_answered
from oxy_ai.assistants.vertical import Role
from oxy_ai.engine.readings import ReadingTask
from oxy_ai.media.records import FileState
from oxy_ai.messages import ReadingFailure

_READ: Final = frozenset({"open", "person", "answered", "dead"})
"""States of a message that somebody may still want to know."""


class ReadingStep(StrEnum):
    """What is to be done about a file that is claimed."""

    READ = "read"
    DECLINE = "decline"
    """Nobody may read it: nothing of it is sent to anybody, or kept."""
    WAIT = "wait"
    """Its instance is suspended or deleted, and may come back; or its contact has sent a lot within an hour."""
    FORGET = "forget"
    """It has not come; when it does, it is claimed again."""


def next_step(task: ReadingTask) -> ReadingStep | ReadingFailure:
    """Decide what to do about a file: the first rule that applies decides. A failure is final."""
    if task.revoked or task.message_state not in _READ or not _may_be_read(task):
        return ReadingStep.DECLINE
    if task.age_seconds > task.settings.max_answer_age_seconds:
        return ReadingFailure.UNAVAILABLE
    if task.closed or task.settings.suspended:
        return ReadingStep.WAIT
    if task.file_state in {FileState.FAILED, FileState.DELETED}:
        return ReadingFailure.LOST
    if task.file_state is not FileState.STORED:
        return ReadingStep.FORGET
    return _beyond_limits(task) or (ReadingStep.WAIT if _is_too_much(task) else ReadingStep.READ)


def role_for_task(task: ReadingTask) -> Role:
    """Return which assistant answers the message."""
    return role_for(task.contact.phone, task.settings.owners, self_chat=task.self_chat or task.owner)


def _may_be_read(task: ReadingTask) -> bool:
    ai = task.settings.ai
    enabled = ai.transcription.enabled if task.way == "heard" else ai.vision.enabled
    return enabled and why_never_answered(ai, role_for_task(task), task.contact) is None


def _is_too_much(task: ReadingTask) -> bool:
    """Whether a contact has had as much read within an hour as he may be answered; owners may say what they like."""
    most = task.settings.limits.contact_turns_per_hour
    return 0 < most <= task.lately and role_for_task(task) is Role.CUSTOMER


def _beyond_limits(task: ReadingTask) -> ReadingFailure | None:
    ai = task.settings.ai
    most = ai.transcription.max_bytes if task.way == "heard" else ai.vision.max_bytes
    if (task.size_bytes or 0) > most:
        return ReadingFailure.TOO_LARGE
    if task.way == "heard" and (task.claimed_seconds or 0) > ai.transcription.max_seconds:
        return ReadingFailure.TOO_LONG
    return None
