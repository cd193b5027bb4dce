"""What a customer hears whose voice note or picture could not be read: kindly, and what to do instead. Pure."""

import re
from collections.abc import Sequence
from typing import Final

from oxy_ai.messages import Reading, ReadingFailure
from oxy_ai.records import Input

_HEARD: Final = {
    ReadingFailure.TOO_LONG: "Seu áudio é longo demais para eu ouvir. 🙏 Pode mandar um mais curto ou escrever?",
    ReadingFailure.TOO_LARGE: "Seu áudio é grande demais para eu ouvir. 🙏 Pode mandar um mais curto ou escrever?",
    ReadingFailure.SILENT: "Não consegui ouvir nada no seu áudio. 🙏 Pode gravar de novo ou escrever?",
    ReadingFailure.UNAVAILABLE: "Não consegui ouvir seu áudio agora. 🙏 Pode me escrever o que você precisa?",
}
_UNHEARD: Final = "Não consegui abrir seu áudio. 🙏 Pode gravar de novo ou escrever?"

_SEEN: Final = {
    ReadingFailure.TOO_LARGE: "Sua imagem é grande demais para eu ver. 🙏 Pode mandar uma menor ou escrever?",
    ReadingFailure.UNAVAILABLE: "Não consegui ver sua imagem agora. 🙏 Pode me escrever o que você precisa?",
}
_UNSEEN: Final = "Não consegui abrir sua imagem. 🙏 Pode mandar de novo ou escrever?"

_MENTIONS: Final = {
    "heard": re.compile(r"(?i)\b(?:[áa]udios?|grava[çr]\w*|ouvi\w*|escut\w+)\b"),
    "seen": re.compile(r"(?i)\b(?:imagens?|imagem|fotos?|figuras?|prints?)\b"),
}


def unread_text(inputs: Sequence[Input]) -> str | None:
    """Return what tells that a file of these messages could not be heard or seen; None: each could.

    Where the budget did not allow it, a model is asked to answer all the same: it may be that people are to, then.
    """
    unread = [reading for reading in _unread(inputs) if reading.failure is not ReadingFailure.BUDGET]
    return _text_of(unread[-1]) if unread else None


def with_unread(text: str, inputs: Sequence[Input]) -> str:
    """Return an answer that tells what could not be heard or seen, if it does not say so itself."""
    untold = [reading for reading in _unread(inputs) if not _MENTIONS[reading.way].search(text)]
    told = [told for told in (_text_of(reading) for reading in untold[-1:]) if told not in text]
    return "\n\n".join([text.rstrip(), *told]) if told else text


def _unread(inputs: Sequence[Input]) -> list[Reading]:
    return [item.reading for item in inputs if item.is_unread and item.reading is not None]


def _text_of(reading: Reading) -> str:
    failure = reading.failure
    if failure is None or failure is ReadingFailure.BUDGET:
        failure = ReadingFailure.UNAVAILABLE
    return _HEARD.get(failure, _UNHEARD) if reading.way == "heard" else _SEEN.get(failure, _UNSEEN)
