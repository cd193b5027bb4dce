"""What `oxy conversations` asks workers for, and what it shows."""

from oxy_cli.commands.conversations import COLUMNS, row, selection


def test_the_list_names_what_it_is_limited_to() -> None:
    assert selection(None, None, everything=False) == []
    assert selection("paws", "main", everything=True) == ["--organization", "paws", "--instance", "main", "--all"]


def test_a_row_shows_who_waits_why_and_since_when() -> None:
    waiting = {"id": "paws:7", "state": "waiting", "reason": "asked", "waiting_since": "2026-11-28T12:00:00Z", "x": 1}
    shown = dict(zip(COLUMNS, row(waiting), strict=True))
    assert shown["id"] == "paws:7"
    assert (shown["state"], shown["reason"], shown["waiting_since"]) == ("waiting", "asked", "2026-11-28T12:00:00Z")
    assert shown["until"] == ""
