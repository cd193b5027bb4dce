"""What customers and owners are told when a person is to answer: one place for every such promise. Pure.

Whoever uses `person_will_answer` orders a hand-over with it (`oxy_ai.records.HandOver`), so that the owner is told, the
assistant waits, and the promise is on the ledger until it is kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from oxy_ai.portuguese.formatting import full_day
from oxy_ai.records import HandOver, HandOverReason, Input, NoticeKind, OpenNotice, Turn, Urgency
from oxy_ai.sanitize import label_text
from oxy_core.chat_commands import HAND_BACK

SUMMARY: Final = 300
"""Most characters of a summary."""

NEWEST: Final = 3
"""Messages that a summary quotes if nobody has made one."""

_TOLD: Final = "Já avisei a equipe e uma pessoa vai responder você por aqui. 🙏"
_TOLD_CLOSED: Final = (
    "Já avisei a equipe. Agora estamos fechados: abrimos {when}, e então uma pessoa responde você por aqui. 🙏"
)
_NOBODY: Final = (
    "Isto precisa de uma pessoa da equipe, mas não tenho como avisar ninguém agora: deixei um recado no celular deste "
    "número e não sei quando alguém vai ver. Se for urgente, por favor ligue. 🙏"
)
_NOBODY_CLOSED: Final = (
    "Isto precisa de uma pessoa da equipe, mas não tenho como avisar ninguém agora: deixei um recado no celular deste "
    "número. Estamos fechados e abrimos {when}. Se for urgente, por favor ligue. 🙏"
)


@dataclass(frozen=True, slots=True)
class People:
    """Who can be told that a customer waits for a person, and when they are there."""

    told: bool
    """Whether anybody can be: the settings name an owner."""
    now: datetime | None = None
    """In the business's time zone; None: its opening hours are not known."""
    opens_at: datetime | None = None
    """Next time, in the same zone; None: it is open now, or nobody knows when it opens."""


def person_will_answer(people: People) -> str:
    """Return what a customer is told about the person who is to answer: what happens, and when."""
    if people.now is None or people.opens_at is None or people.opens_at <= people.now:
        return _TOLD if people.told else _NOBODY
    text = _TOLD_CLOSED if people.told else _NOBODY_CLOSED
    return text.format(when=_when(people.opens_at, people.now.date()))


def _when(at: datetime, today: date) -> str:
    near = {today: "hoje, ", today + timedelta(days=1): "amanhã, "}.get(at.date(), "")
    return f"{near}{full_day(at)}, às {at:%H:%M}"


def hand_over_of(
    turn: Turn, reason: HandOverReason, summary: str | None, urgency: Urgency = Urgency.NORMAL
) -> HandOver:
    """Return the order that people take a turn's conversation over.

    `summary` is for the owner; where it says nothing, what the customer wrote last stands for it.
    """
    words = label_text(summary, SUMMARY) or label_text(newest_words(turn), SUMMARY) or ""
    return HandOver(reason=reason, urgency=urgency, summary=words, minutes=turn.settings.ai.handover_minutes)


def newest_words(turn: Turn) -> str:
    """Return what the customer said last, in one text: people write one sentence in several messages."""
    return " / ".join(text for text in map(_words, turn.inputs[-NEWEST:]) if text.strip())


def _words(item: Input) -> str:
    """Return a message's words, and that somebody has still to hear or see it: it may be what matters."""
    unread = item.reading if item.is_unread else None
    note = "" if unread is None else "(áudio que não ouvi)" if unread.way == "heard" else "(imagem que não vi)"
    return f"{item.words} {note}".strip()


def order_of_failure(reason: HandOverReason, said: str | None, minutes: int) -> HandOver:
    """Return the order that goes with the promise to a customer whom the assistant cannot answer.

    The next message may fare better, so it is not left to people.
    """
    return HandOver(reason=reason, summary=label_text(said, SUMMARY) or "", minutes=minutes, silences=False)


def with_promise(text: str, promise: str) -> str:
    """Return an answer that ends with what happens next."""
    return promise if not text.strip() else text if promise in text else f"{text.rstrip()}\n\n{promise}"


_WHY: Final[Mapping[str, str]] = {
    HandOverReason.ASKED: "pediu para falar com uma pessoa",
    HandOverReason.COMPLAINT: "tem uma reclamação",
    HandOverReason.EMERGENCY: "parece ser uma emergência",
    HandOverReason.UNABLE: "não sei resolver sozinha",
    HandOverReason.PROMISED: "eu disse que uma pessoa ajudaria",
    HandOverReason.UNGROUNDED: "não tive certeza da resposta",
    HandOverReason.LOOP: "parece ser um robô respondendo, e parei de responder",
    HandOverReason.TURN_DIED: "não consegui responder",
    HandOverReason.MODEL_OUTAGE: "o serviço de inteligência artificial não responde",
    HandOverReason.BUDGET: "o limite de gastos com inteligência artificial não permite",
}
"""Why a person is needed, as an owner reads it."""

_UNANSWERED: Final = ", e eu não respondo essa conversa"
"""Of family and friends, or while the business tries the assistant out."""

WAY_BACK: Final = (
    f"Enquanto isso não respondo nessas conversas. Quando quiser que eu volte, escreva {HAND_BACK} na conversa, pelo "
    "celular da loja."
)
"""How an owner has the assistant answer again."""

_HEADS: Final[Mapping[str, str]] = {
    NoticeKind.HAND_OVER: "⚠️ Precisam de uma pessoa; por favor, responda por este número:",
    NoticeKind.HAND_OVER_URGENT: "⚠️ URGENTE! Precisam de uma pessoa agora; por favor, responda por este número:",
}


def hand_over_notice(kind: str, about: Sequence[OpenNotice], who: Sequence[str], hidden: int) -> str:
    """Return what an owner reads of hand-overs; `who` names those customers, and `hidden` others are only counted."""
    lines = [f"• {name}: {_because(notice)}" for name, notice in zip(who, about, strict=True)]
    more = [f"• e mais {hidden}"] if hidden else []
    way_back = [WAY_BACK] if any(notice.silences for notice in about) else []
    return "\n".join([_HEADS[kind], *lines, *more, *way_back])


def is_hand_over(kind: str) -> bool:
    """Whether a notice of this kind tells of a hand-over."""
    return kind in _HEADS


def _because(notice: OpenNotice) -> str:
    why = _WHY.get(notice.reason or "", "precisa de uma pessoa") + ("" if notice.silences else _UNANSWERED)
    summary = label_text(notice.summary, SUMMARY)
    return f"{why}. Resumo: {summary}" if summary else f"{why}."
