"""What `oxy campaign` refuses by itself, what it asks of a worker, and what it says."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from oxy_cli.commands.campaign import media_of, named, of_either, of_file, sentence, show, written
from oxy_cli.errors import CliError
from oxy_cli.options import Output
from oxy_core.campaign_command import (
    CampaignAnswer,
    CampaignExample,
    CampaignOrder,
    CampaignPreview,
    CampaignReport,
    CampaignVerb,
    CampaignWait,
)

TEXT = "name: Natal\nmedia: natal.png\n"


def file(folder: Path, text: str = TEXT) -> Path:
    (folder / "natal.png").write_bytes(b"png")
    path = folder / "natal.yaml"
    path.write_text(text)
    return path


def test_a_file_brings_its_name_and_its_media(tmp_path: Path) -> None:
    wanted = of_file(CampaignVerb.CREATE, file(tmp_path))
    assert (wanted.called, wanted.text, wanted.media) == ("Natal", TEXT, tmp_path / "natal.png")
    alone = named(wanted)
    assert (alone.called, alone.text, alone.media, alone.path) == ("Natal", None, None, None)
    assert of_either(CampaignVerb.PAUSE, None, "Natal").called == "Natal"
    impossible = of_file(CampaignVerb.CREATE, file(tmp_path, f"{TEXT}expires: 2026-02-30\ncap: !!int ''\n"))
    assert impossible.media == tmp_path / "natal.png", "the worker says where it stands"


@pytest.mark.parametrize("media", ["../natal.png", "a/natal.png", "..", ".", "''", "/natal.png", "7"])
def test_what_cannot_be_beside_the_file_is_left_to_the_worker_to_refuse(tmp_path: Path, media: str) -> None:
    assert of_file(CampaignVerb.CREATE, file(tmp_path, f"name: Natal\nmedia: {media}\n")).media is None


@pytest.mark.parametrize(
    ("text", "part"),
    [("a: [", "is not YAML"), ("- 1", "has no `name`"), ("name: 7", "has no `name`"), ("", "has no `name`")],
)
def test_a_file_that_names_no_campaign_is_refused(tmp_path: Path, text: str, part: str) -> None:
    with pytest.raises(CliError, match=part):
        named(of_file(CampaignVerb.PAUSE, file(tmp_path, text)))


def test_a_campaign_is_named_in_one_way(tmp_path: Path) -> None:
    for path, called in ((None, None), (file(tmp_path), "Natal")):
        with pytest.raises(CliError, match=r"either by its file, -f, or by --name"):
            of_either(CampaignVerb.REPORT, path, called)
    with pytest.raises(CliError, match="cannot read"):
        of_file(CampaignVerb.CREATE, tmp_path / "none.yaml")


@pytest.mark.parametrize(("verb", "sent"), [(CampaignVerb.CREATE, b"png"), (CampaignVerb.APPROVE, b"")])
def test_media_follows_the_order_only_where_it_is_kept(tmp_path: Path, verb: CampaignVerb, sent: bytes) -> None:
    wanted = of_file(verb, file(tmp_path))
    with (tmp_path / "natal.png").open("rb") as content:
        order = CampaignOrder(
            organization="o", instance="i", verb=verb, text=wanted.text, media=media_of(wanted, content)
        )
        line, _, bytes_after = b"".join(written(order, content)).partition(b"\n")
    assert CampaignOrder.model_validate_json(line) == order
    assert order.media is not None
    assert (order.media.name, order.media.size, bytes_after) == ("natal.png", 3, sent)


ANSWER = CampaignAnswer(name="Natal", state="draft", outcome="created")


@pytest.mark.parametrize(
    ("outcome", "part"),
    [
        ("created", "nothing is sent before `oxy campaign approve`"),
        ("same", "nothing has changed. It is a draft."),
        ("already", "nothing was done twice"),
        ("reported", "is a draft."),
    ],
)
def test_it_is_said_what_has_happened(outcome: str, part: str) -> None:
    assert part in sentence(ANSWER.model_copy(update={"outcome": outcome}))


PLACE = "petshop -n shop"


def test_a_preview_and_a_report_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    preview = CampaignPreview(
        to="clientes com gato",
        recipients=3,
        over_cap=2,
        opted_out=1,
        unproven=0,
        missing={"pet": 1},
        silent=True,
        paused=True,
        examples=(CampaignExample(name="Ana", text="Oi, Ana! [x]"),),
    )
    show(ANSWER.model_copy(update={"preview": preview}).model_dump(mode="json"), PLACE, Output.TEXT)
    shown = capsys.readouterr().out
    assert "To clientes com gato: 2 (left out: beyond the cap: 2, opted out: 1, no pet: 1)" in shown
    assert "Oi, Ana! [x]" in shown
    assert "Nothing leaves: its hours lie within spec.limits.quietHours." in shown
    assert "nothing leaves before `oxy campaign resume petshop -n shop --instance`." in shown
    assert "Nobody" not in shown
    nobody = preview.model_copy(update={"recipients": 1})  # whose pet nobody knows
    show(ANSWER.model_copy(update={"preview": nobody}).model_dump(mode="json"), PLACE, Output.TEXT)
    assert "Nobody would get it: change its segment" in capsys.readouterr().out
    report = CampaignReport(
        recipients=3,
        waiting=1,
        waits=(CampaignWait(why="quiet_hours", until=datetime(2026, 12, 2, 8, tzinfo=UTC)), CampaignWait(why="paused")),
        sent=2,
        delivered=2,
        read=1,
        answered=1,
        booked=0,
        opted_out=0,
        cancelled=0,
        failed={"NotReleased": 1},
    )
    show(ANSWER.model_copy(update={"report": report}).model_dump(mode="json"), PLACE, Output.TEXT)
    shown = capsys.readouterr().out
    assert "failed: NotReleased" in shown
    assert "booked" not in shown
    assert "Some wait: it is quiet (spec.limits.quietHours), until 2026-12-02 08:00" in shown
    assert "Some wait: the number was stopped." in shown


def test_a_number_and_a_list_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    show({"resumed": True}, PLACE, Output.TEXT)
    show({"resumed": False}, PLACE, Output.TEXT)
    show({"campaigns": []}, PLACE, Output.TEXT)
    show({"campaigns": [ANSWER.model_dump(mode="json")]}, PLACE, Output.TEXT)
    show({"campaigns": []}, PLACE, Output.JSON)
    said = capsys.readouterr().out
    for part in ("The number sends again.", "was not paused", "There are no campaigns.", "Natal", '"campaigns": []'):
        assert part in said
    with pytest.raises(CliError, match="the same version"):
        show({"name": 7}, PLACE, Output.TEXT)
