import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from oxy_cli.__main__ import app
from oxy_cli.commands.contact import _require_yes, backups_said, described, erasure_json, erasure_row
from oxy_cli.errors import CliError
from oxy_cli.person_document import document_of
from oxy_cli.session_view import StaleBackups
from oxy_core.contact_command import ContactAnswer, ErasureStatus, ExportedPerson, ExportPiece


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (ContactAnswer(known=False), "Ana has not written to this instance, and would be answered."),
        (ContactAnswer(known=True), "The assistant answers Ana."),
        (ContactAnswer(known=True, private=True), "The assistant never answers Ana."),
        (
            ContactAnswer(known=False, private=True, listed=True),
            "The assistant never answers Ana, because the catalog lists the number.",
        ),
        (
            ContactAnswer(known=True, opt_out="all"),
            "The assistant answers Ana. The contact opted out of all messages.",
        ),
        (
            ContactAnswer(known=True, opt_out="proactive"),
            "The assistant answers Ana. The contact opted out of messages that nobody asked for.",
        ),
    ],
)
def test_what_is_known_of_a_contact_is_said_in_words(found: ContactAnswer, sentence: str) -> None:
    assert described(found, "Ana") == sentence


@pytest.mark.parametrize("verb", ["private", "show", "export", "erase"])
def test_help_is_plain(verb: str) -> None:
    result = CliRunner().invoke(app, ["contact", verb, "--help"])
    assert result.exit_code == 0
    assert "PHONE" in result.output


def test_nobody_is_forgotten_without_a_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(CliError, match="say --yes"):
        _require_yes("…0001", "shop")


def test_the_question_is_no_part_of_the_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    _require_yes("…0001", "shop")
    assert not capsys.readouterr().out.strip()


@pytest.mark.parametrize(
    ("waits_for", "left", "said"),
    [
        ("pod", (), "the pod has not taken the request: it is asked until it does"),
        (
            "instance",
            (),
            "the instance is deleted: its volume, if it was kept, is cleaned once the instance is made again",
        ),
        (None, (), "nothing"),
        (None, ("a.db",), "nothing; a.db on its volume cannot be read and may name the person: delete it"),
    ],
)
def test_what_an_erasure_waits_for_is_said(waits_for: Any, left: tuple[str, ...], said: str) -> None:  # noqa: ANN401 a literal
    made = datetime.now(UTC) - timedelta(hours=3)
    status = ErasureStatus(
        id=UUID(int=7), instance="shop", made_at=made, asked_by="administrator", waits_for=waits_for, left=left
    )
    assert erasure_row(status) == (str(UUID(int=7)), "3h", "administrator", said)


MOMENT = datetime(2031, 3, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("plan", "days_ago", "count", "ends"),
    [
        (None, (), 0, None),
        (None, (1, 2, 3), 3, "about 2031-03-16"),
        ({"everyHours": 48, "keep": 3}, (-1, 1, 3), 2, "about 2031-03-15"),  # one is newer, two more replace the rest
        ({"everyHours": 24, "keep": 1}, (-1, 1), 1, "about 2031-03-12"),  # as soon as the operator has looked
        (None, (-1, -2), 0, None),
        ({"enabled": False}, (1,), 1, "none replaces them while spec.session.backup.enabled is false"),
    ],
)
def test_backups_from_before_an_erasure_are_told_with_their_end(
    plan: Any,  # noqa: ANN401 a table's column
    days_ago: tuple[int, ...],
    count: int,
    ends: str | None,
) -> None:
    made = [{"storedAt": (MOMENT - timedelta(days=days)).isoformat()} for days in days_ago]
    spec = {"session": {"backup": plan}} if plan else {}
    found = StaleBackups.of({"spec": spec, "status": {"session": {"backups": made}} if made else None}, MOMENT)
    assert found.count == count
    if ends is not None:
        assert ends in backups_said(found, "shop")
        assert f"({count})" in backups_said(found, "shop")
    status = ErasureStatus(id=UUID(int=7), instance="shop", made_at=MOMENT, asked_by="administrator")
    assert erasure_json(status, found)["session_backups"]["count"] == count


PERSON = ExportPiece(
    person=ExportedPerson(
        organization="acme",
        instance="shop",
        exported_at=datetime(2026, 3, 1, tzinfo=UTC),
        addresses=("1@lid",),
        names=(),
    )
)


@pytest.mark.parametrize(
    ("pieces", "records", "files"),
    [
        ([], {}, []),
        ([ExportPiece(table="pets", record={"name": 'Rex "o bom"'})], {"pets": [{"name": 'Rex "o bom"'}]}, []),
        (
            [
                ExportPiece(table="pets", record={"id": 1}),
                ExportPiece(table="pets", record={"id": 2}),
                ExportPiece(table="turns", record={"id": 3}),
                ExportPiece(file={"id": "a"}),
                ExportPiece(file={"id": "b"}),
                ExportPiece(part="QUJD"),
                ExportPiece(part="REVG"),
            ],
            {"pets": [{"id": 1}, {"id": 2}], "turns": [{"id": 3}]},
            [{"id": "a"}, {"id": "b", "content": "QUJDREVG"}],
        ),
        ([ExportPiece(file={"id": "a"}), ExportPiece(part="QUJD")], {}, [{"id": "a", "content": "QUJD"}]),
    ],
)
def test_pieces_become_one_document(
    pieces: list[ExportPiece], records: dict[str, object], files: list[dict[str, object]]
) -> None:
    document = json.loads("".join(document_of([PERSON, *pieces])))
    assert (document["records"], document["files"]) == (records, files)
    assert document["person"]["addresses"] == ["1@lid"]
