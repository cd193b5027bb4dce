"""For how long each kind of data is kept, and in which order it is looked through. Pure."""

from datetime import timedelta
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from oxy_core.instance.settings import LimitsSettings, RetentionSettings


class Walk(StrEnum):
    """What is looked through at a time, in this order: what refers to a row goes before it."""

    DEAD_TURNS = "dead_turns"
    """Dropped: then they are turns like others."""
    DEAD_REPORTS = "dead_reports"
    DEAD_JOBS = "dead_jobs"
    """Dropped, likewise."""
    FILES = "files"
    """Their bytes; `oxy_ai.engine.file_keeper` deletes them."""
    READINGS = "readings"
    TURN_STEPS = "turn_steps"
    MESSAGES = "messages"
    LONE_FILES = "lone_files"
    NOTICES = "notices"
    PROPOSALS = "proposals"
    OCCURRENCES = "occurrences"
    """Of automations."""
    CAMPAIGNS = "campaigns"
    TEXTS = "texts"
    TURNS = "turns"
    CALLS = "calls"
    JOBS = "jobs"


class KeptData(NamedTuple):
    """An instance, and what its settings say of its data."""

    instance: UUID
    retention: RetentionSettings
    limits: LimitsSettings


_WITH_MESSAGES: Final = {
    Walk.MESSAGES,
    Walk.LONE_FILES,
    Walk.NOTICES,
    Walk.PROPOSALS,
    Walk.OCCURRENCES,
    Walk.TURNS,
}
_DEAD: Final = {Walk.DEAD_TURNS, Walk.DEAD_REPORTS, Walk.DEAD_JOBS}


def kept(data: KeptData, walk: Walk) -> timedelta:
    """Return how long a kind of data is kept. Nothing is kept for longer than the message that it belongs to."""
    retention = data.retention
    if walk in _WITH_MESSAGES:
        days = retention.messages
    elif walk in _DEAD:
        days = retention.dead_letters
    elif walk is Walk.TEXTS:  # a contact's newest promotion tells when the next may follow
        days = max(retention.messages, data.limits.proactive_interval_days)
    elif walk is Walk.CAMPAIGNS:
        days = retention.campaigns
    elif walk is Walk.CALLS:
        days = retention.ai_interactions
    elif walk is Walk.JOBS:
        days = retention.jobs
    else:
        days = min(retention.messages, _of_message(retention, walk))
    return timedelta(days=days)


def _of_message(retention: RetentionSettings, walk: Walk) -> int:
    of = {Walk.FILES: retention.media, Walk.READINGS: retention.readings, Walk.TURN_STEPS: retention.turn_steps}
    return of[walk]


def audit_kept(instances: list[KeptData]) -> timedelta:
    """Return how long an organization's audit log is kept, whose entries name no instance: as the most patient says."""
    return timedelta(days=max((data.retention.audit for data in instances), default=RetentionSettings().audit))
