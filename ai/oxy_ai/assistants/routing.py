"""Rules that decide, before any model is asked, whether a turn is answered, with what and by which assistant. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Literal

from oxy_ai.assistants.attendance import Answered, AttendanceRuling, attendance_ruling
from oxy_ai.assistants.fixed_texts import ASK_FOR_TEXT
from oxy_ai.assistants.loops import DEFAULT_LIMITS, LoopLimits, exchanges_with, is_by_machine, is_loop
from oxy_ai.assistants.proposals import Ruled, Ruling, ruling_on
from oxy_ai.assistants.roles import is_one_of, role_of
from oxy_ai.assistants.transcript import is_blank, says_nothing, shown
from oxy_ai.assistants.unread import unread_text
from oxy_ai.assistants.vertical import Role
from oxy_ai.assistants.wishes import confirmation, without_wishes
from oxy_ai.records import AgeLimit, Contact, Input, Proposal, Turn
from oxy_core.instance.settings import AiSettings, AuroraSettings
from oxy_core.message_kinds import MessageKind

SkipReason = Literal[
    "disabled", "private", "trial", "opted_out", "stale", "loop", "human", "paused", "reaction", "budget"
]
"""Why nobody answers: switched off; family and friends; not one of those who try the assistant out; the contact wants
nothing; too old (a person is told); a machine wrote it, or seems to; people answer; too old when the assistant's pause
ended; a reaction that says nothing; the model may not be asked, and the customer was told so."""

WaitReason = Literal["closed", "suspended", "rate", "paused"]
"""Why nobody answers yet: the instance was deleted or suspended, and nobody asked it to be silent, so that it may come
back in time; the contact was answered too often within an hour; an owner has the assistant pause."""

FixedReason = Literal["unsupported", "empty", "unread", "declined", "expired", "older", "repeated"]
"""Why a fixed text is the answer: nothing can be read, nothing was written, or nothing could be heard or seen; or it
says why nothing is done that an owner was asked about (`oxy_ai.assistants.proposals`)."""


@dataclass(frozen=True, slots=True)
class Skip:
    """Do not answer."""

    reason: SkipReason
    """Stored with the turn and its messages, and counted."""
    calls_person: bool = False
    """Whether people are to look at the conversation."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do not answer yet."""

    reason: WaitReason
    """Stored with the turn."""
    seconds: float | None = None
    """How long; None: nobody knows."""


@dataclass(frozen=True, slots=True)
class Confirm:
    """Only confirm what the contact wishes."""

    text: str
    reason: Literal["opted_out", "opted_in"]


@dataclass(frozen=True, slots=True)
class Say:
    """Answer with a fixed text."""

    text: str
    reason: FixedReason
    confirmation: str | None = None
    """Of what the contact wishes; said first."""
    ruling: Ruling | None = None
    """What the text settles of what an owner was asked about."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Let an assistant answer these texts."""

    role: Role
    texts: tuple[str, ...]
    confirmation: str | None = None
    """As in `Say`."""
    set_aside: Ruling | None = None
    """What an owner was asked about, and did not answer: he is told first that nothing was done."""


@dataclass(frozen=True, slots=True)
class CarryOut:
    """Do what an owner was asked about, and has agreed to."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Attend:
    """Do what a customer has answered about bookings that he was asked about."""

    ruling: AttendanceRuling


Decision = Skip | Wait | Confirm | Say | Ask | CarryOut | Attend

_FIXED: Final[Mapping[Ruled, FixedReason]] = {
    Ruled.DECLINED: "declined",
    Ruled.EXPIRED: "expired",
    Ruled.OLDER: "older",
    Ruled.REPEATED: "repeated",
}

EMERGENCY_PAUSE: Final = timedelta(minutes=30)
"""While people answer, a customer hears at most so often what to do in an emergency."""


def decide(turn: Turn, limits: LoopLimits = DEFAULT_LIMITS) -> Decision:
    """Return what to do with a turn: the first rule that applies decides."""
    role = role_of(turn)
    fresh = fresh_inputs(turn)
    silence = _silence(turn, role, fresh)
    if silence is not None:
        return Skip(silence)
    paused = turn.settings.ai.paused and role is Role.CUSTOMER
    if not fresh:
        return Skip("paused" if paused else "stale")
    held = _held(turn, paused=paused)
    if held is not None:
        return held
    machine = _by_machine(turn, role, fresh, limits)
    if machine is not None:
        return machine
    return _reply_to_owner(turn, fresh) if role is Role.AURORA else _reply_to_customer(turn, fresh)


def _held(turn: Turn, *, paused: bool) -> Skip | Wait | None:
    """Return why nobody answers these messages now; None: an assistant does."""
    if turn.closed or turn.settings.suspended:
        return Wait("closed" if turn.closed else "suspended")
    if turn.human:
        return Skip("human")
    return Wait("paused") if paused else None


def _reply_to_owner(turn: Turn, fresh: Sequence[Input]) -> Decision:
    ruling = ruling_on(turn, fresh)
    said = [item for item in fresh if item.kind is not MessageKind.REACTION]
    match ruling:
        case Ruling(Ruled.AGREED, Proposal() as proposal):
            return CarryOut(proposal)
        case Ruling(Ruled.REACTED):
            return Skip("reaction")
        case Ruling(Ruled.SET_ASIDE):
            reply = _reply(Role.AURORA, said)
            return replace(reply, set_aside=ruling) if isinstance(reply, Ask) else replace(reply, ruling=ruling)
        case Ruling(ruled, _, text):
            return Say(text, _FIXED[ruled], ruling=ruling)
        case None:
            return _reply(Role.AURORA, said) if said else Skip("reaction")


def _by_machine(turn: Turn, role: Role, fresh: Sequence[Input], limits: LoopLimits) -> Skip | None:
    """Return what to do if a machine wrote the messages, or seems to; None: a person did."""
    exchanges = exchanges_with(turn, fresh)
    if not turn.replayed and is_loop(exchanges, limits, endless=role is Role.AURORA):
        # An owner is the person who would be called: he goes on after a pause, and needs nobody to hand him back.
        return Skip("loop", calls_person=role is Role.CUSTOMER)
    return Skip("loop") if all(is_by_machine(item, exchanges) for item in fresh) else None


def hears_of_emergency(turn: Turn, decided: Decision) -> Literal["customer", "owner"] | None:
    """Return who hears of an emergency in this turn, whatever else was decided; None: nobody, or by the answer itself.

    Whoever writes of mortal danger wants an answer now, whatever he wanted before. Family and friends, and those
    who do not try the assistant out, are never answered: a person is told.
    """
    seconds = turn.emergency_seconds
    if turn.human and seconds is not None and seconds <= EMERGENCY_PAUSE.total_seconds():
        return None
    match decided:
        case Wait("rate" | "paused") | Confirm() | Skip("human" | "opted_out") | Skip("loop", calls_person=True):
            return "customer"
        case Skip("private" | "trial"):
            return "owner"
        case _:
            return None


def _silence(turn: Turn, role: Role, fresh: Sequence[Input]) -> SkipReason | None:
    """Return why nobody answers this contact, however new the messages are; None: somebody does."""
    ai, contact = turn.settings.ai, turn.contact
    why = why_never_answered(ai, role, contact)
    if why is not None or role is Role.AURORA:
        return why
    return "opted_out" if contact.opt_out == "all" and confirmation(contact, fresh) is None else None


def why_never_answered(ai: AiSettings, role: Role, contact: Contact) -> SkipReason | None:
    """Return why a contact is not answered whatever it writes; None: it may be."""
    if not ai.enabled or (role is Role.AURORA and not ai.aurora.enabled):
        return "disabled"
    if role is Role.AURORA:
        return None
    if contact.private:
        return "private"
    return "trial" if ai.mode == "Only" and not is_one_of(contact.phone, ai.only_phones) else None


def _reply_to_customer(turn: Turn, fresh: Sequence[Input]) -> Decision:
    attendance = attendance_ruling(turn, fresh)
    if attendance is not None and attendance.answered is not Answered.REACTED:
        return Attend(attendance)
    said = [item for item in fresh if item.kind is not MessageKind.REACTION]
    return _reply_to_words(turn, said) if said else Skip("reaction")


def _reply_to_words(turn: Turn, fresh: Sequence[Input]) -> Decision:
    contact = turn.contact
    left = without_wishes(contact, fresh)
    confirmed = confirmation(contact, fresh)
    if confirmed is not None and (contact.opt_out == "all" or not left):
        return Confirm(confirmed, "opted_out" if contact.opt_out else "opted_in")
    if not left:
        return Skip("opted_out")
    if turn.rate_seconds is not None and not turn.replayed:
        return Wait("rate", turn.rate_seconds)
    return _reply(Role.CUSTOMER, left, confirmed)


def _reply(role: Role, fresh: Sequence[Input], confirmed: str | None = None) -> Say | Ask:
    if all(is_blank(item) for item in fresh):
        return Say(ASK_FOR_TEXT, "empty", confirmed)
    if all(says_nothing(item) for item in fresh):
        return Say(ASK_FOR_TEXT, "unsupported", confirmed)
    unread = unread_text(fresh)
    if unread is not None and all(is_blank(item) or _says_only_a_file(item) for item in fresh):
        return Say(unread, "unread", confirmed)
    return Ask(role, tuple(shown(item) for item in fresh if not is_blank(item)), confirmed)


def _says_only_a_file(item: Input) -> bool:
    return item.is_unread and not item.words.strip()


def fresh_inputs(turn: Turn) -> list[Input]:
    """Return those of a turn's inputs that are not too old to be answered."""
    limit = age_limit(turn)
    return [item for item in turn.inputs if limit is None or item.age_seconds <= limit.seconds]


def age_limit(turn: Turn) -> AgeLimit | None:
    """Return from which age on a turn's inputs are too old to be answered; None: a person has asked for the turn."""
    if turn.replayed:
        return None
    return AgeLimit(read_at=turn.read_at, seconds=turn.settings.max_answer_age_seconds)


def settings_for(ai: AiSettings, role: Role) -> AiSettings | AuroraSettings:
    """Return an assistant's settings of the model: its name, `temperature` and `max_tokens`."""
    return ai.aurora if role is Role.AURORA else ai
