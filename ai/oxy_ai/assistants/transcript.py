"""What a model reads of a message, whichever kind it is of: what was written, and notes in brackets for the rest. Pure.

A model must be able to tell the notes from what people wrote. So whatever comes from outside loses its brackets here,
in texts as well as in the names, titles and labels that the notes repeat.
"""

from collections.abc import Iterable
from typing import Final

from oxy_ai.assistants.notes import note_of
from oxy_ai.messages import AnswerSeen, Author, MessageContent, Reading, ReadingFailure, SaidMessage
from oxy_ai.sanitize import clean, label_text, without_brackets
from oxy_core.chat_commands import is_hand_back
from oxy_core.content import EventAnswer, PlaceholderReason, Quote, Reaction, Vote
from oxy_core.files import FileFailure
from oxy_core.message_kinds import MessageKind

CUT: Final = " […]"
"""Shows, in a request, that the rest of a text was left out."""

REVOKED: Final = "[mensagem apagada por quem a enviou]"
"""All that is shown of a revoked message."""

EXCERPT: Final = 200
"""Most characters of a message that are repeated beside another one."""

PICTURE: Final = 800
"""Most characters that are shown of what a picture shows."""

_MENTIONED: Final = 5
"""Most mentioned numbers that are shown."""

_MUTE: Final = frozenset({MessageKind.UNSUPPORTED, MessageKind.UNKNOWN, MessageKind.TEXT})
"""Kinds that say nothing but their text."""

_WHO: Final[dict[Author, str]] = {"customer": "o cliente", "phone": "a loja", "assistant": "a loja"}
_WHOSE: Final[dict[Author, str]] = {"customer": "do cliente", "phone": "da loja", "assistant": "da loja"}
_COMES: Final = {"going": "vai", "not_going": "não vai", "maybe": "talvez vá"}

_FAILURES: Final = {
    FileFailure.EXPIRED: "o arquivo não está mais disponível",
    FileFailure.TOO_LARGE: "o arquivo é grande demais",
    FileFailure.NO_SPACE: "não há espaço para o arquivo",
}
_FAILED: Final = "o arquivo não pôde ser aberto"

_UNREAD: Final = {
    ReadingFailure.TOO_LONG: "é longo demais para ouvir",
    ReadingFailure.TOO_LARGE: "o arquivo é grande demais",
    ReadingFailure.SILENT: "ninguém diz nada nele",
}
_UNHEARD: Final = "não foi possível ouvir"
_UNSEEN: Final = "não foi possível ver"

_MISSING: Final = {
    PlaceholderReason.WITHHELD: "só pode ser vista no celular",
    PlaceholderReason.MALFORMED: "não pôde ser lida",
    PlaceholderReason.UNREADABLE: "não pôde ser lida por inteiro",
}


def is_blank(message: SaidMessage) -> bool:
    """Whether a message is a text without a character that can be seen."""
    return message.kind is MessageKind.TEXT and not clean(message.text or "")


def words_of(message: SaidMessage) -> str:
    """Return a person's own words: what he wrote, and what he was heard to say; never what a picture shows."""
    return message.words


def says_nothing(message: SaidMessage) -> bool:
    """Whether nothing can be read of a message, not even what it is."""
    return message.kind in _MUTE and not clean(message.text or "")


def shown(message: SaidMessage) -> str:
    """Return a message as a model reads it."""
    if message.revoked:
        return REVOKED
    cut = message.cut or (message.reading is not None and message.reading.cut)
    text = without_brackets(words_of(message)) + (CUT if cut else "")
    notes = [f"[{note}]" for note in _notes_before(message)]
    after = [f"[{note}]" for note in _notes_after(message)]
    first = " ".join(part for part in (" ".join(notes[-1:]), text) if part)
    return "\n".join(part for part in (*notes[:-1], first, *after) if part)


def _notes_before(message: SaidMessage) -> Iterable[str]:
    content = message.content or MessageContent()
    quoted = _quoted(message, content.quote)
    if quoted:
        yield quoted
    if content.forwarded:
        yield "encaminhada"
    note = note_of(message.kind, content)
    if note:
        yield ", ".join(filter(None, (note, _missing(message, content) or _read(message.reading))))
    elif _missing(message, content):
        yield f"esta mensagem {_missing(message, content)}"


def _missing(message: SaidMessage, content: MessageContent) -> str | None:
    if message.file_failure is not None:
        return _FAILURES.get(message.file_failure, _FAILED)
    return None if content.placeholder_reason is None else _MISSING.get(content.placeholder_reason)


def _read(reading: Reading | None) -> str | None:
    """Return what is to be said of a reading beside the words that were heard."""
    if reading is None:
        return None
    if reading.text is None:
        unread = _UNHEARD if reading.way == "heard" else _UNSEEN
        return unread if reading.failure is None else _UNREAD.get(reading.failure, unread)
    if reading.way == "heard":
        return "transcrito"
    shows = label_text(reading.text, PICTURE)
    return None if shows is None else f"que mostra: {without_brackets(shows)}"


def _quoted(message: SaidMessage, quote: Quote | None) -> str | None:
    """Return what a message answers: as it is stored, else as its sender claims."""
    known = message.quoted
    if known is None:
        said = None if quote is None or is_hand_back(quote.text) else excerpt(quote.text)
        return None if said is None else f'em resposta a uma mensagem que, segundo quem escreve, dizia: "{said}"'
    if is_hand_back(known.text):
        return None  # an instruction to the assistant, whoever quotes it
    if known.revoked:
        return f"em resposta a uma mensagem {_WHOSE[known.author]} que foi apagada"
    said = excerpt(known.text) or note_of(known.kind, MessageContent()) or "mensagem"
    return f'em resposta à mensagem {_WHOSE[known.author]}: "{said}"'


def _notes_after(message: SaidMessage) -> Iterable[str]:
    if message.before_edit is not None:
        before = excerpt(message.before_edit)
        yield f'editada; antes: "{before}"' if before else "editada"
    phones = [mention.phone for mention in message.content.mentions if mention.phone] if message.content else []
    if phones:
        yield f"menciona {', '.join(phones[:_MENTIONED])}"
    yield from filter(None, map(_answer, message.answers))


def _answer(answer: AnswerSeen) -> str | None:
    who = _WHO[answer.author]
    match answer.details:
        case Reaction(emoji=emoji):
            shown_emoji = label_text(emoji)
            return f"{who} reagiu com {without_brackets(shown_emoji)}" if shown_emoji else None
        case Vote(options=options, resolved=resolved):
            chosen = "; ".join(filter(None, map(excerpt, options)))
            return f"{who} votou: {chosen}" if chosen else f"{who} votou" if not resolved else None
        case EventAnswer(response=response):
            return f"{who} {_COMES[response]}" if response else None
        case None:
            return None


def excerpt(text: str | None) -> str | None:
    """Return the beginning of what somebody wrote, in one line and fit for a note; None if nothing is left."""
    line = label_text(text, EXCERPT)
    return None if line is None else without_brackets(line)
