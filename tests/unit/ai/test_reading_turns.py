"""A turn is read by workers of several versions while they run side by side."""

import pytest

from oxy_ai.records import Turn, UnreadableTurn, read_turn
from oxy_core.envelopes import VERSION

SETTINGS = {
    "organization": "petshop",
    "instance": "main",
    "account": "A",
    "generation": 1,
    "display_name": "Pet Shop",
    "phone_number": "+5511999990000",
    "timezone": "America/Sao_Paulo",
}
TURN = {
    "turn": 1,
    "attempts": 0,
    "instance": "22222222-2222-4222-8222-222222222222",
    "settings": SETTINGS,
    "closed": False,
    "chat": "5511912340001@s.whatsapp.net",
    "self_chat": False,
    "contact": {"id": 1},
    "inputs": [],
    "inputs_total": 0,
    "history": [],
    "steps": [],
    "read_at": "2026-11-28T12:00:00Z",
}


@pytest.mark.parametrize(
    "document",
    [
        TURN,
        TURN | {"added": 1},
        TURN | {"settings": SETTINGS | {"added": 1, "ai": {"added": {"x": 1}}}},
        TURN | {"contact": {"id": 1, "added": 1}},
    ],
    ids=["as written", "new field", "new settings", "new field inside"],
)
def test_added_fields_are_ignored(document: dict[str, object]) -> None:
    assert isinstance(read_turn(document), Turn)


def test_a_turn_with_settings_of_a_newer_version_waits() -> None:
    assert read_turn(TURN | {"settings": {"version": VERSION + 1, "renamed": 1}}) == UnreadableTurn(newer=True)


def test_a_turn_that_no_version_can_read_names_its_fields() -> None:
    assert read_turn(TURN | {"settings": {}, "turn": "x"}) == UnreadableTurn(
        wrong=("turn", *(f"settings.{name}" for name in SETTINGS))
    )
