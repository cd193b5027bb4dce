"""What `oxy dlq` says."""

import pytest
import typer

from oxy_cli.commands.dlq import LetterKind, app, selection, summary, which


@pytest.mark.parametrize(
    ("outcomes", "sentence"),
    [
        ([], "There are none."),
        (["replayed"], "1 dead letter: 1 replayed."),
        (["replayed", "answered", "replayed", "queued"], "4 dead letters: 2 replayed, 1 answered, 1 queued."),
        (["dropped", "dropped"], "2 dead letters: 2 dropped."),
    ],
)
def test_what_became_of_many_is_counted(outcomes: list[str], sentence: str) -> None:
    assert summary([{"outcome": outcome} for outcome in outcomes]) == sentence


def test_the_help_names_all_kinds_of_dead_letters() -> None:
    assert app.info.help is not None
    assert app.info.help.startswith("Turns and jobs that failed permanently, messages that could not be read")


def test_one_letter_or_many_are_chosen() -> None:
    chosen = selection(LetterKind.REPORT, "petshop", None)
    assert chosen == ["--kind", "report", "--organization", "petshop"]
    assert which(None, chosen, everything=True) == ["--all", *chosen]
    assert which("turn:petshop:1", [], everything=False) == ["turn:petshop:1"]


@pytest.mark.parametrize(
    ("letter", "selected", "everything", "complaint"),
    [
        (None, [], False, "name one dead letter, or use --all"),
        ("turn:petshop:1", [], True, "name one dead letter, or use --all"),
        ("turn:petshop:1", ["--kind", "turn"], False, "--kind chooses among many: use it with --all"),
    ],
)
def test_what_is_meant_must_be_clear(letter: str | None, selected: list[str], everything: bool, complaint: str) -> None:  # noqa: FBT001 a parametrized value
    with pytest.raises(typer.BadParameter, match=complaint):
        which(letter, selected, everything=everything)
