"""What a customer's answer makes of bookings that he was asked about: he comes, or cancels. Pure.

A reminder may be answered hours later, but only as what he says next: once the business has said anything else, a "sim"
may answer that. A quote of the reminder, or a reaction to it, counts as long as the booking is coming. Who cancels one
that goes on is told that it is too late. In doubt the assistant answers as usual, and reads the reminder in the chat.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from oxy_ai.assistants.consent import is_own
from oxy_ai.assistants.loops import STAMP
from oxy_ai.assistants.roles import is_draft
from oxy_ai.assistants.transcript import words_of
from oxy_ai.portuguese.attendance import Attendance, attendance_in, attendance_of
from oxy_ai.portuguese.formatting import moment
from oxy_ai.records import AskedBooking, Input, Turn
from oxy_ai.sanitize import person_name
from oxy_core.content import Reaction
from oxy_core.message_kinds import MessageKind

_PLAIN: Final = frozenset({MessageKind.TEXT, MessageKind.VOICE_NOTE, MessageKind.AUDIO})
"""Kinds of messages that may answer: a caption says something of its picture."""

_CONFIRMED: Final = "Combinado, está confirmado: {bookings}. Até lá! 😊"
_CANCELLED: Final = "Tudo bem, cancelei: {bookings}. Quando quiser marcar de novo, é só me chamar. 😊"
_TOO_LATE: Final = "O horário já começou ({bookings}), então não consigo mais cancelar por aqui."
_GONE: Final = "Esse agendamento já tinha mudado, então não mexi em nada. Se quiser, me diga o que você precisa. 😊"
_WHICH: Final = "Claro! Qual deles você quer cancelar?\n{lines}"
_WHAT_INSTEAD: Final = (
    "Entendi. Quer que eu *cancele* {bookings}, ou prefere *remarcar* para outro dia? Até lá, o horário continua seu."
)
MEANWHILE: Final = "Recebi outra mensagem sua antes de mudar alguma coisa, então deixei tudo como estava. 😊"
"""What a customer hears for whom nothing was done, if his other message is not answered with it."""


class Answered(StrEnum):
    """What a turn of a customer makes of bookings; the values of the first three are those of `AskedBooking.answer`."""

    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    TOO_LATE = "too_late"
    """He cancels, or cannot come, when it has begun."""
    WHICH = "which"
    """He cancels one of several."""
    CANNOT = "cannot"
    """He cannot come, and does not say what is to be done."""
    REACTED = "reacted"
    """He reacted to the reminder with neither: there is nothing to say."""


@dataclass(frozen=True, slots=True)
class AttendanceRuling:
    """What it is, and about which bookings."""

    answered: Answered
    about: tuple[AskedBooking, ...]

    @property
    def outcome(self) -> str | None:
        """Return what an earlier attempt has told; None: it has done nothing."""
        return self.about[0].outcome if self.about else None

    @property
    def acts(self) -> bool:
        """Return whether something is to be done with the bookings."""
        return self.answered in {Answered.CONFIRMED, Answered.CANCELLED, Answered.TOO_LATE}


def attendance_ruling(turn: Turn, fresh: Sequence[Input]) -> AttendanceRuling | None:
    """Return what these messages make of the bookings that a customer was asked about; None: nothing."""
    if not turn.asked or is_draft(turn):
        return None
    done = [(item, Answered(item.answer)) for item in turn.asked if item.answer is not None]
    if done:  # by an earlier attempt: he is told what came of it
        return AttendanceRuling(done[0][1], tuple(item for item, _ in done))
    words = [item for item in fresh if item.kind is not MessageKind.REACTION]
    if not words:
        return _of_reaction(turn, fresh)
    if len(words) < len(fresh) or turn.inputs_total > len(fresh) or not all(map(_is_plain, words)):
        return None
    about = _meant(turn, words)
    return _ruling(attendance_of(map(words_of, words)), about) if about else None


def _ruling(said: Attendance, about: tuple[AskedBooking, ...]) -> AttendanceRuling | None:
    coming = tuple(item for item in about if not item.has_begun)
    if not coming:
        late = said in {Attendance.CANCELLING, Attendance.NOT_COMING}
        return AttendanceRuling(Answered.TOO_LATE, about) if late else None
    about = coming
    match said:
        case Attendance.COMING:
            return AttendanceRuling(Answered.CONFIRMED, about)
        case Attendance.CANCELLING:
            several = len({item.booking for item in about}) > 1
            return AttendanceRuling(Answered.WHICH if several else Answered.CANCELLED, about)
        case Attendance.NOT_COMING:
            return AttendanceRuling(Answered.CANNOT, about)
        case Attendance.OTHER:
            return None


def _of_reaction(turn: Turn, reactions: Sequence[Input]) -> AttendanceRuling | None:
    """Return what the newest reaction to a reminder says: it replaces those before it."""
    found = [
        (item.content.details.emoji, item.content.details.target.whatsapp_id)
        for item in reactions
        if item.content is not None and isinstance(item.content.details, Reaction)
    ]
    emoji, target = found[-1] if found else ("", None)
    about = tuple(item for item in turn.asked if item.message is not None and item.message == target)
    ruled = _ruling(attendance_in(emoji), about) if about else None
    return ruled or AttendanceRuling(Answered.REACTED, about)


def _meant(turn: Turn, words: Sequence[Input]) -> tuple[AskedBooking, ...]:
    """Return which bookings the messages may be about: those of the reminder that they quote, or of the newest ones."""
    quoted = {item.content.quote.whatsapp_id for item in words if item.content is not None and item.content.quote}
    oldest = max(item.age_seconds for item in words)
    asked = [item for item in turn.asked if item.asked_seconds - oldest >= -STAMP.total_seconds()]
    if quoted:
        return tuple(item for item in asked if quoted == {item.message})
    return tuple(item for item in asked if item.newest)


def _is_plain(item: Input) -> bool:
    """Whether a message is its sender's own words and nothing else, written or spoken."""
    return is_own(item) and not item.cut and item.kind in _PLAIN


# -- texts


def text_of(ruling: AttendanceRuling, zone: ZoneInfo) -> str:
    """Return what the customer is told."""
    shown = [_shown(item, zone) for item in _once(ruling.about)]
    text = {
        Answered.CONFIRMED: _CONFIRMED,
        Answered.CANCELLED: _CANCELLED,
        Answered.TOO_LATE: _TOO_LATE,
        Answered.WHICH: _WHICH,
        Answered.CANNOT: _WHAT_INSTEAD,
    }.get(ruling.answered, "")
    if not shown:
        return _GONE
    return text.format(bookings=_listed(shown), lines="\n".join(f"• {line}" for line in shown))


def _once(bookings: Sequence[AskedBooking]) -> list[AskedBooking]:
    return list({item.booking: item for item in bookings}.values())


def _shown(item: AskedBooking, zone: ZoneInfo) -> str:
    name = person_name(item.subject)
    return f"{item.service}{f' de {name}' if name else ''}, {moment(item.starts_at.astimezone(zone))}"


def _listed(words: Sequence[str]) -> str:
    return " e ".join(filter(None, ["; ".join(words[:-1]), *words[-1:]]))
