"""What an owner's answer makes of what his assistant has proposed, and the texts about it. Pure.

An assistant that acts says first what will happen, and code asks. Only the owner who was asked can agree, with a plain
yes that is the next thing he writes, soon after the question. In doubt nothing happens, and he is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from oxy_ai.assistants.consent import is_own
from oxy_ai.assistants.loops import STAMP
from oxy_ai.assistants.transcript import words_of
from oxy_ai.portuguese.agreement import Agreement, agreement_in, agreement_of
from oxy_ai.records import Input, Proposal, Turn
from oxy_core.content import Reaction
from oxy_core.message_kinds import MessageKind

PATIENCE: Final = timedelta(minutes=10)
"""How long after the question a yes counts; and how long after it was written."""

_PLAIN: Final = frozenset({MessageKind.TEXT, MessageKind.VOICE_NOTE, MessageKind.AUDIO})
"""Kinds of messages that may say yes: a caption says something of its picture."""

_MARK: Final = "❓"
_ASKED: Final = (
    f"{_MARK} {{intent}}{{more}}\n\nPosso fazer? Responda *sim* em até {PATIENCE // timedelta(minutes=1)} minutos. "
    "Qualquer outra resposta cancela."
)
_MORE: Final = "\n\nUma coisa de cada vez: o resto do pedido, mande de novo depois desta."
_NOTHING_DONE: Final = "Não fiz nada."
_DECLINED: Final = f"Tudo bem, deixei de lado. {_NOTHING_DONE} 👍"
_EXPIRED: Final = f"O prazo para confirmar passou. {_NOTHING_DONE} Se ainda quiser, é só pedir de novo: {{intent}}"
_SET_ASIDE: Final = f"Como você não respondeu com um sim, deixei de lado. {_NOTHING_DONE} Era isto: {{intent}}"
_OLDER: Final = f"Essa pergunta não vale mais. {_NOTHING_DONE} Se ainda quiser, é só pedir de novo."
_REPEATED: Final = "Isso eu já tinha feito, uma vez só: {outcome}"


class Ruled(StrEnum):
    """What a turn of an owner makes of a proposal."""

    AGREED = "agreed"
    DECLINED = "declined"
    SET_ASIDE = "set_aside"
    """He wrote of something else, or more than a yes."""
    EXPIRED = "expired"
    """His yes came too late."""
    OLDER = "older"
    """His yes answers a question that is not open."""
    REPEATED = "repeated"
    """His yes repeats the one on which something was done."""
    REACTED = "reacted"
    """He reacted to the question, and said neither yes nor no: it stays open."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What it is, and what the owner is told."""

    ruled: Ruled
    proposal: Proposal | None
    """The one that it settles; None: none."""
    text: str = ""


def question_of(intent: str, *, more: bool = False) -> str:
    """Return the text with which an owner is asked; `more`: something else has to wait."""
    return _ASKED.format(intent=intent, more=_MORE if more else "")


def expiry_of(intent: str) -> str:
    """Return what an owner is told who has not answered."""
    return _EXPIRED.format(intent=intent)


def ruling_on(turn: Turn, fresh: Sequence[Input]) -> Ruling | None:
    """Return what these messages of an owner make of what he was asked last; None: they have nothing to do with it."""
    proposal = turn.proposal
    if proposal is not None and proposal.answers:
        return _ruling(_ruled(turn, proposal, fresh), proposal)
    if _says_yes(fresh) and _quotes_question(fresh):
        return Ruling(Ruled.OLDER, None, _OLDER)
    if proposal is not None and proposal.state == "done" and proposal.just_ended and _says_yes(fresh):
        return Ruling(Ruled.REPEATED, None, _REPEATED.format(outcome=proposal.outcome or proposal.intent))
    return None


def _ruling(ruled: Ruled, proposal: Proposal) -> Ruling:
    text = {
        Ruled.DECLINED: _DECLINED,
        Ruled.EXPIRED: _EXPIRED,
        Ruled.SET_ASIDE: proposal.outcome or "" if proposal.withdrawn else _SET_ASIDE,
        Ruled.OLDER: _OLDER,
    }.get(ruled, "")
    return Ruling(ruled, proposal, text.format(intent=proposal.intent))


def _ruled(turn: Turn, proposal: Proposal, fresh: Sequence[Input]) -> Ruled:
    if proposal.withdrawn:
        said = _answer(turn, proposal, fresh)
        return Ruled.AGREED if said is Ruled.DECLINED else said  # either way he hears what became of it
    if proposal.state in {"done", "undone"}:
        return Ruled.AGREED  # by an earlier attempt, whatever became of his words since: he is told what came of it
    return Ruled.EXPIRED if _is_late(turn, proposal, fresh) else _answer(turn, proposal, fresh)


def _answer(turn: Turn, proposal: Proposal, fresh: Sequence[Input]) -> Ruled:
    """Return what the messages say, whenever they were written."""
    reactions = [item for item in fresh if item.kind is MessageKind.REACTION]
    words = [item for item in fresh if item.kind is not MessageKind.REACTION]
    if not words:
        return _answer_of_reaction(proposal, reactions)
    if reactions or turn.inputs_total > len(fresh) or not all(map(_is_plain, words)):
        return Ruled.SET_ASIDE
    said = agreement_of(map(words_of, words), proposal.intent)
    if said is Agreement.YES and any(_quotes_other(item, proposal) for item in words):
        return Ruled.OLDER
    return _ruled_by(said, Ruled.SET_ASIDE)


def _ruled_by(said: Agreement, otherwise: Ruled) -> Ruled:
    return {Agreement.YES: Ruled.AGREED, Agreement.NO: Ruled.DECLINED}.get(said, otherwise)


def _answer_of_reaction(proposal: Proposal, reactions: Sequence[Input]) -> Ruled:
    """Return what the newest reaction to the question says: it replaces those before it."""
    emoji = [
        item.content.details.emoji
        for item in reactions
        if item.content is not None
        and isinstance(item.content.details, Reaction)
        and item.content.details.target.whatsapp_id == proposal.question
    ]
    return _ruled_by(agreement_in(emoji[-1]), Ruled.REACTED) if emoji else Ruled.REACTED


def _is_late(turn: Turn, proposal: Proposal, fresh: Sequence[Input]) -> bool:
    """Whether what would be a yes or a no was not written soon after the question, or is long ago itself."""
    if _answer(turn, proposal, fresh) is not Ruled.AGREED:
        return False
    oldest = max(item.age_seconds for item in fresh)
    newest = min(item.age_seconds for item in fresh)
    asked = proposal.asked_seconds
    if asked is None or asked - oldest < -STAMP.total_seconds():
        return True  # written before the question was sent
    return asked - newest > PATIENCE.total_seconds() or oldest > PATIENCE.total_seconds()


def _is_plain(item: Input) -> bool:
    """Whether a message is its sender's own words and nothing else, written or spoken."""
    return is_own(item) and not item.cut and item.kind in _PLAIN


def _quotes_other(item: Input, proposal: Proposal) -> bool:
    quote = None if item.content is None else item.content.quote
    return quote is not None and quote.whatsapp_id != proposal.question


def _quotes_question(fresh: Sequence[Input]) -> bool:
    """Whether one of these quotes a question that was asked before."""
    return any(
        item.quoted is not None and item.quoted.author == "assistant" and (item.quoted.text or "").startswith(_MARK)
        for item in fresh
    )


def _says_yes(fresh: Sequence[Input]) -> bool:
    words = [item for item in fresh if _is_plain(item)]
    return len(words) == len(fresh) and agreement_of(map(words_of, words)) is Agreement.YES
