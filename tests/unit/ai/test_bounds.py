"""What a worker keeps and reads stays within its settings, however those are chosen."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from oxy_ai.engine.arrivals import Arrival
from oxy_ai.engine.held_reports import HeldReports, HoldSettings
from oxy_ai.engine.turn_limits import TurnLimitSettings


def arrival(account: str, number: int) -> Arrival:
    message = SimpleNamespace(reply=f"{account}.{number}", data=b"x")
    return Arrival(cast("Any", message), account, cast("Any", None))


def test_a_report_that_is_held_no_longer_is_forgotten_though_others_are_held() -> None:
    held = HeldReports(HoldSettings(ingest_held_retry_seconds=60))
    assert held.due(set()) == []
    assert held.hold(arrival("stranger", 0))
    for number in range(100):
        assert held.hold(arrival("new", number))
        assert len(held.due({"new"})) == 1
    held.due(set())
    assert len(held) == 1
    assert len(held._since) == 1  # noqa: SLF001 what is kept in vain shows in no other way


@pytest.mark.parametrize(("each", "together", "read"), [(4_000, 24_000, 4_000), (4_000, 1_000, 1_000)])
def test_the_newest_text_of_a_turn_is_never_too_long_to_be_read(each: int, together: int, read: int) -> None:
    settings = TurnLimitSettings(turn_characters_each=each, turn_characters=together)
    assert settings.turn_limits.characters_each == read
