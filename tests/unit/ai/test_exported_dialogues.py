"""Whatever was said in a conversation, and whenever, a golden dialogue can be made of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from integration.ai.scene import settings_of

from oxy_ai.golden.export import written
from oxy_ai.golden.recorded import Recorded, RecordedBooking, RecordedMessage

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def said(text: str | None, at: datetime = NOON, author: str = "customer", **changes: Any) -> RecordedMessage:  # noqa: ANN401 fields
    return RecordedMessage.model_validate({"author": author, "kind": "text", "text": text, "at": at} | changes)


def exported(*messages: RecordedMessage, timezone: str = "America/Sao_Paulo", **changes: Any) -> dict[str, Any]:  # noqa: ANN401 fields
    values = {
        "settings": settings_of("petshop").model_copy(update={"timezone": timezone}),
        "catalog": {"version": 1},
        "staff": (),
        "name": "Ana",
        "phone": "+5511912345678",
        "opt_out": None,
        "hand_over": None,
        "records": (),
        "bookings": (),
        "messages": messages,
        "calls": (),
    }
    found: dict[str, Any] = yaml.safe_load(written(Recorded.model_validate(values | changes), redact=True))
    return found


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (said("oi " * 20_000), "oi " * 1_331 + "oi…"),
        (said(""), "[text]"),
        (said("", kind="image", quotes=""), {"unread": "image"}),
    ],
)
def test_every_message_can_be_said_again(message: RecordedMessage, says: object) -> None:
    [turn] = exported(message)["turns"]
    assert turn["says"] == says


@pytest.mark.parametrize(
    ("zone", "first", "later", "at"),
    [
        ("America/Sao_Paulo", NOON, NOON - timedelta(minutes=5), "2026-11-29 09:00"),  # it was on its way for long
        (
            "America/New_York",
            datetime(2026, 11, 1, 5, 50, tzinfo=UTC),
            datetime(2026, 11, 1, 6, 10, tzinfo=UTC),
            "2026-11-01 01:50",
        ),
    ],
)
def test_no_exchange_is_before_the_one_above_it(zone: str, first: datetime, later: datetime, at: str) -> None:
    found = exported(said("oi", first), said("olá", first, "assistant"), said("e?", later), timezone=zone)
    assert [str(turn["at"]) for turn in found["turns"]] == [at, at]


def test_who_has_no_name_and_a_zone_that_there_is_not_are_left_out() -> None:
    booked = RecordedBooking(
        service="Banho", subject="", starts_at=NOON, status="confirmed", created_at=NOON - timedelta(days=1)
    )
    found = exported(said("oi"), name="", bookings=(booked,), timezone="America/Nowhere")
    assert "name" not in found["before"]["person"]
    assert found["before"]["person"]["bookings"] == [{"service": "Banho", "for": "", "at": "2026-11-29 09:00"}]
    assert found["business"]["timezone"] == "America/Sao_Paulo"
