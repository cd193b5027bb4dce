"""What cannot be heard or seen is told once, kindly."""

from typing import Any

import pytest

from oxy_ai.assistants.unread import unread_text, with_unread
from oxy_ai.records import Input

SILENT = "Não consegui ouvir nada no seu áudio. 🙏 Pode gravar de novo ou escrever?"
BROKEN = "Não consegui abrir sua imagem. 🙏 Pode mandar de novo ou escrever?"


def item(kind: str = "text", **reading: Any) -> Input:  # noqa: ANN401
    return Input.model_validate({"kind": kind, "age_seconds": 0, "reading": reading or None})


HEARD = item("voice_note", way="heard", text="Oi")
NOTHING = item("voice_note", way="heard", failure="silent")
UNSEEN = item("image", way="seen", failure="unreadable")
WAITING = item("voice_note", way="heard")
UNPAID = item("voice_note", way="heard", failure="budget")


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ([item(), HEARD], None),
        ([item(), NOTHING], SILENT),
        ([NOTHING, UNSEEN], BROKEN),
        ([WAITING], "Não consegui ouvir seu áudio agora. 🙏 Pode me escrever o que você precisa?"),
        ([UNPAID], None),
    ],
)
def test_the_newest_failure_is_told(inputs: list[Input], told: str | None) -> None:
    assert unread_text(inputs) == told


@pytest.mark.parametrize(
    ("text", "inputs", "expected"),
    [
        ("Olá!", [item(), HEARD], "Olá!"),
        ("Olá!", [NOTHING, item()], f"Olá!\n\n{SILENT}"),
        ("Olá! Não consegui ouvir o áudio.", [NOTHING, item()], "Olá! Não consegui ouvir o áudio."),
        ("Olá! Não vi o que há na foto.", [NOTHING, UNSEEN], f"Olá! Não vi o que há na foto.\n\n{SILENT}"),
        (SILENT, [NOTHING], SILENT),
    ],
)
def test_an_answer_tells_it_once(text: str, inputs: list[Input], expected: str) -> None:
    assert with_unread(text, inputs) == expected
