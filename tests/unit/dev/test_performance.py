"""How the conversation of `make up` is printed."""

from io import StringIO
from pathlib import Path

from oxy_dev.conversation import Exchange, Part, Picture, Spoken
from oxy_dev.performance import Stage
from oxy_simulator.client import SimulatorClient

MARINA = Part("Marina", "+5511987651111", ("Como está o movimento?", Spoken("E ontem?")))


def test_a_voice_note_and_a_picture_are_shown_and_the_picture_is_kept(tmp_path: Path) -> None:
    output, picture = StringIO(), Picture("Mensagens por dia", "image/png", b"\x89PNG\r\n")
    stage = Stage(SimulatorClient("http://127.0.0.1:1"), "+5511987650000", output, tmp_path / "pictures")
    stage.show(MARINA, [Exchange(MARINA.lines[0], "Tudo bem.", 1, (picture,)), Exchange(MARINA.lines[1], "Também.", 2)])
    [kept] = (tmp_path / "pictures").iterdir()
    assert kept.suffix == ".png"
    assert kept.read_bytes() == picture.content
    assert [line.strip() for line in output.getvalue().splitlines()[2:]] == [
        "Como está o movimento?",
        f"🖼 {kept}",
        "Mensagens por dia",
        "Tudo bem.",
        "(1.00 s)",
        "🎤 0:04 “E ontem?”",
        "Também.",
        "(2.00 s)",
    ]


def test_typed_lines_say_the_same() -> None:
    assert MARINA.typed().lines == MARINA.texts == ("Como está o movimento?", "E ontem?")
