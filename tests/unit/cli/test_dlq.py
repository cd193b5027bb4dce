"""What `oxy dlq` says."""

import pytest

from oxy_cli.commands.dlq import app, summary


@pytest.mark.parametrize(
    ("outcomes", "sentence"),
    [
        ([], "There are none."),
        (["replayed"], "1 of 1 dead letter replayed."),
        (["replayed", "answered"], "1 of 2 dead letters replayed."),
        (["refused", "answered"], "0 of 2 dead letters replayed."),
    ],
)
def test_how_many_were_replayed_is_counted(outcomes: list[str], sentence: str) -> None:
    assert summary([{"outcome": outcome} for outcome in outcomes]) == sentence


def test_the_help_names_both_kinds_of_dead_letters() -> None:
    assert app.info.help is not None
    assert app.info.help.startswith("Turns that failed permanently and messages that could not be read")
