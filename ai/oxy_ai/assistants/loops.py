"""Tells machines that answer whatever they are sent, so that two of them do not write to each other for ever. Pure.

Every answered turn stores how it followed the one before it (`oxy_ai.records.Exchanges`), so that nothing has to be
counted when a turn opens. A person writes to the same assistant for a while, too; what tells a machine is that it never
takes the time to read, never stops, or says the same thing again and again.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from oxy_ai.portuguese.machines import is_automatic_reply, is_verification_code
from oxy_ai.records import Exchanges, Input, Turn
from oxy_ai.sanitize import clean
from oxy_core.message_kinds import MessageKind

QUICK: Final = timedelta(seconds=5)
"""Whoever writes sooner after our answer has hardly read it: the phone has yet to receive it."""

MOST_QUICK: Final = 10
"""Answers to such messages in a row before we stop. Now and then a person is as quick, not ten times in a row."""

STAMP: Final = timedelta(seconds=1)
"""WhatsApp stamps messages with whole seconds, so what was written after our answer may seem to precede it."""

PAUSE: Final = timedelta(minutes=10)
"""A longer time without a message ends a run of exchanges."""

MOST_IN_RUN: Final = 40
"""Answers in one run before we stop; a person who needs more is better off with a person."""

MOST_REPEATED: Final = 3
"""How often the same text in a row is answered again after the first time."""


TELLING: Final = 16
"""Fewest characters of a text that nobody writes again and again: five questions may have "sim" as the answer."""


@dataclass(frozen=True, slots=True)
class LoopLimits:
    """How much is answered before the contact is taken for a machine; 0: as much as comes."""

    quick: int = MOST_QUICK
    run: int = MOST_IN_RUN
    repeated: int = MOST_REPEATED


DEFAULT_LIMITS: Final = LoopLimits()


def is_loop(exchanges: Exchanges, limits: LoopLimits = DEFAULT_LIMITS, *, endless: bool = False) -> bool:
    """Whether the contact seems to be a machine, given the exchanges including the one that is to be answered now.

    `endless`: one who takes time may go on for hours, as owners do.
    """
    counted = (
        (exchanges.quick, limits.quick),
        (exchanges.run, 0 if endless else limits.run),
        (exchanges.repeated, limits.repeated),
    )
    return any(limit and count > limit for count, limit in counted)


def is_by_machine(message: Input, exchanges: Exchanges) -> bool:
    """Whether a machine wrote a text: a company's verification code, or an automatic reply.

    People quote automatic replies and use their phrases ("no momento não estamos em casa"), so one counts only if it
    came too soon after our answer to have been written for it, or for another time. A customer taken for a machine
    hears nothing; a machine that is answered costs one answer.
    """
    if message.kind is not MessageKind.TEXT:
        return False
    text = message.text or ""
    at_once = exchanges.quick > 0 or exchanges.repeated > 0
    return is_verification_code(text) or (at_once and is_automatic_reply(text))


def exchanges_with(turn: Turn, inputs: Sequence[Input]) -> Exchanges:
    """Return the exchanges of a turn's conversation including that of these inputs, of which there is at least one."""
    before = turn.exchanges or Exchanges()
    digest = _digest(inputs)
    repeated = before.repeated + 1 if digest is not None and digest == before.digest else 0
    if before.ended_at is None:
        return Exchanges(digest=digest)
    written_at = turn.read_at - timedelta(seconds=max(item.age_seconds for item in inputs))
    waited = written_at - before.ended_at
    return Exchanges(
        quick=_quick(before, waited),
        run=before.run + 1 if waited <= PAUSE else 0,
        digest=digest,
        repeated=repeated,
    )


def _quick(before: Exchanges, waited: timedelta) -> int:
    """Count a message that came after our answer; one that crossed it says nothing of how its sender reads."""
    if waited <= -STAMP:
        return before.quick
    return before.quick + 1 if waited <= QUICK else 0


def _digest(inputs: Sequence[Input]) -> str | None:
    """Return what tells one text from another, without keeping it; None for what people do repeat: photos, "sim"."""
    if any(item.kind is not MessageKind.TEXT for item in inputs):
        return None
    text = " ".join(clean(" ".join(item.text or "" for item in inputs)).casefold().split())
    return hashlib.sha256(text.encode()).hexdigest()[:16] if len(text) >= TELLING else None
