"""Who is heard and seen: whoever may be answered, within limits."""

from typing import Any

import pytest
from integration.ai.scene import CUSTOMER, OWNER, settings_of

from oxy_ai.engine.reading_rules import ReadingStep, next_step
from oxy_ai.engine.readings import ReadingTask
from oxy_ai.messages import ReadingFailure
from oxy_core.instance.settings import AiSettings, AuroraSettings, LimitsSettings, TranscriptionSettings, VisionSettings

QUIET = LimitsSettings(contact_turns_per_hour=3)


def task(**changes: Any) -> ReadingTask:  # noqa: ANN401
    settings = {
        name: changes.pop(name) for name in ("ai", "limits", "suspended", "max_answer_age_seconds") if name in changes
    }
    contact = {"id": 1, "phone": CUSTOMER} | changes.pop("contact", {})
    values = {
        "settings": settings_of("petshop", **settings),
        "closed": False,
        "conversation": 1,
        "self_chat": False,
        "contact": contact,
        "message": 1,
        "message_state": "open",
        "revoked": False,
        "forwarded": False,
        "age_seconds": 1.0,
        "way": "heard",
        "attempts": 0,
        "file_state": "stored",
        "size_bytes": 1_000,
    }
    return ReadingTask.model_validate(values | changes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ReadingStep.READ),
        ({"way": "seen"}, ReadingStep.READ),
        ({"message_state": "person"}, ReadingStep.READ),
        ({"message_state": "ignored"}, ReadingStep.DECLINE),
        ({"revoked": True}, ReadingStep.DECLINE),
        ({"contact": {"private": True}}, ReadingStep.DECLINE),
        ({"contact": {"opt_out": "all"}}, ReadingStep.READ),
        ({"ai": AiSettings(mode="Only", only_phones=("+5511911111111",))}, ReadingStep.DECLINE),
        ({"ai": AiSettings(mode="Only"), "contact": {"phone": OWNER}}, ReadingStep.READ),
        ({"ai": AiSettings(mode="Only"), "owner": True}, ReadingStep.READ),
        ({"ai": AiSettings(mode="Draft")}, ReadingStep.READ),
        ({"ai": AiSettings(enabled=False)}, ReadingStep.DECLINE),
        ({"ai": AiSettings(aurora=AuroraSettings(enabled=False)), "self_chat": True}, ReadingStep.DECLINE),
        ({"ai": AiSettings(transcription=TranscriptionSettings(enabled=False))}, ReadingStep.DECLINE),
        ({"ai": AiSettings(vision=VisionSettings(enabled=False)), "way": "seen"}, ReadingStep.DECLINE),
        ({"age_seconds": 7 * 3_600}, ReadingFailure.UNAVAILABLE),
        ({"closed": True}, ReadingStep.WAIT),
        ({"suspended": True}, ReadingStep.WAIT),
        ({"file_state": "failed"}, ReadingFailure.LOST),
        ({"file_state": "deleted"}, ReadingFailure.LOST),
        ({"file_state": "arriving"}, ReadingStep.FORGET),
        ({"size_bytes": 20_000_000}, ReadingFailure.TOO_LARGE),
        ({"claimed_seconds": 301}, ReadingFailure.TOO_LONG),
        ({"claimed_seconds": 301, "way": "seen"}, ReadingStep.READ),
        ({"limits": QUIET, "lately": 2}, ReadingStep.READ),
        ({"limits": QUIET, "lately": 3}, ReadingStep.WAIT),
        ({"limits": QUIET, "lately": 3, "contact": {"phone": OWNER}}, ReadingStep.READ),
        ({"limits": LimitsSettings(contact_turns_per_hour=0), "lately": 999}, ReadingStep.READ),
    ],
    ids=str,
)
def test_what_is_done_about_a_file(changes: dict[str, Any], expected: ReadingStep | ReadingFailure) -> None:
    assert next_step(task(**changes)) is expected
