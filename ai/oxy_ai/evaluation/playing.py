"""Plays a dialogue: its messages arrive one exchange after the other, and what comes of each is observed."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from oxy_ai.assistants.review.evidence import Offer
from oxy_ai.assistants.vertical import Brief, Context, Role, Vertical
from oxy_ai.database import organization_transaction
from oxy_ai.engine.store import Engine
from oxy_ai.engine.turn_runner import RunnerSettings, TurnRunner
from oxy_ai.evaluation.desk import Desk, Seat
from oxy_ai.evaluation.hearing import Hearing
from oxy_ai.evaluation.observed import ExchangeSeen, Played, StateSeen, TextSent
from oxy_ai.evaluation.passing import let_pass
from oxy_ai.evaluation.phone import Phone, Spoken
from oxy_ai.evaluation.staging import Staged, stage
from oxy_ai.evaluation.state import read_state, read_turns
from oxy_ai.golden.dialogue import Exchange, SaidItem
from oxy_ai.model.client import ModelClient
from oxy_ai.records import OutboxRow
from oxy_core.errors import OxyError
from oxy_core.identity import Jid

_UNSETTLED: Final = """
select (v.urgent is not null or not coalesce(v.human_until > clock_timestamp(), false))
    and coalesce(t.reason, '') <> all ('{rate,closed,suspended,paused}'::text[]) as open
from conversations v left join turns t on t.organization_id = v.organization_id and t.id = v.turn_id
where v.organization_id = $1 and v.pending_since is not null
"""
"""Conversations with messages that somebody is to answer now."""


class Overheard:
    """A vertical that remembers what it told the assistants: what is secret, and what the business offers."""

    def __init__(self, vertical: Vertical) -> None:
        self._vertical = vertical
        self.offers: tuple[Offer, ...] = ()
        self.instructions = ""
        self.tools: tuple[str, ...] = ()

    def __getattr__(self, name: str) -> object:
        """Do all else as the vertical does it."""
        return getattr(self._vertical, name)

    def brief(self, context: Context) -> Brief:
        """Return what the vertical tells an assistant."""
        brief = self._vertical.brief(context)
        self.tools = tuple(tool.name for tool in brief.tools)
        if context.role is Role.CUSTOMER:
            self.offers, self.instructions = brief.offers, brief.instructions
        return brief


@dataclass(frozen=True, slots=True)
class Equipment:
    """What dialogues are played with."""

    engine: Engine
    model: ModelClient
    desk: Desk
    hearing: Hearing
    runner: RunnerSettings
    patience: timedelta
    """Longest time until an exchange has ended."""


@dataclass
class Play:
    """A dialogue that is being played."""

    equipment: Equipment
    staged: Staged
    phone: Phone
    seat: Seat
    overheard: Overheard
    now: datetime
    """By the dialogue's clock, in the business's time zone."""
    newest_turn: int = 0
    seen: list[ExchangeSeen] = field(default_factory=list)


async def play(equipment: Equipment, staged: Staged) -> Played:
    """Play a dialogue to its end, or as far as it goes."""
    nothing = Played(before=StateSeen(people=()), after=StateSeen(people=()), exchanges=())
    try:
        await stage(equipment.engine, staged)
        before = await read_state(equipment.engine, staged)
        going = _begun(equipment, staged)
    except Exception as error:  # noqa: BLE001 the edge of a dialogue: others go on
        return nothing.model_copy(update={"broken": str(error) or type(error).__name__})
    broken = await _through(going)
    return Played(
        before=before,
        after=await read_state(equipment.engine, staged),
        exchanges=tuple(going.seen),
        offers=going.overheard.offers,
        instructions=going.overheard.instructions,
        tools=going.overheard.tools,
        broken=broken,
    )


def _begun(equipment: Equipment, staged: Staged) -> Play:
    overheard = Overheard(staged.vertical)
    going: Play

    def clock() -> datetime:
        return going.now

    runner = TurnRunner(equipment.engine, equipment.model, _always(overheard), equipment.runner, clock)
    seat = equipment.desk.take_seat(staged.organization, runner)
    phone = Phone(equipment.engine, staged.settings, equipment.hearing, staged.vertical.is_emergency)
    going = Play(equipment, staged, phone, seat, overheard, staged.local(staged.golden.dialogue.clock))
    return going


def _always(overheard: Overheard) -> Callable[[str], Vertical]:
    def find(_: str) -> Vertical:
        return overheard  # type: ignore[return-value]  # it is one by __getattr__

    return find


async def _through(going: Play) -> str | None:
    """Go through the exchanges; returns why it stopped before the last."""
    dialogue = going.staged.golden.dialogue
    for number, (exchange, moment) in enumerate(zip(dialogue.turns, dialogue.moments(), strict=True), start=1):
        then = going.staged.local(moment)
        try:
            await let_pass(going.equipment.engine, going.staged.organization, then - going.now)
            going.now = then
            await _exchange(going, exchange)
        except TimeoutError:
            return f"exchange {number} had no end within {going.equipment.patience.total_seconds():g} seconds"
        except Exception as error:  # noqa: BLE001 the edge of a dialogue: others go on
            return f"exchange {number}: {str(error) or type(error).__name__}"
    return None


async def _exchange(going: Play, exchange: Exchange) -> None:
    person = going.staged.golden.dialogue.before.person
    chat = Jid.of_phone(person.phone)
    began = time.monotonic()
    await going.phone.hear(chat, person.name, [_spoken(going, item) for item in exchange.says])
    await _until_settled(going)
    seconds = time.monotonic() - began
    taken = await going.phone.take_texts()
    turns = await read_turns(going.equipment.engine, going.staged, going.newest_turn)
    going.newest_turn = turns.newest
    going.seen.append(
        ExchangeSeen(
            at=going.now,
            said=tuple(map(shown, exchange.says)),
            sent=tuple(_sent(row) for row in taken if row.chat == chat),
            rounds=turns.rounds,
            states=turns.states,
            intents=turns.intents,
            usage=turns.usage,
            seconds=seconds,
        )
    )


def _spoken(going: Play, item: SaidItem) -> Spoken:
    written = going.now if item.written is None else going.staged.local(item.written)
    return Spoken(item, max(going.now - written, timedelta(0)))


async def _until_settled(going: Play) -> None:
    """Wait until nothing is to be answered any more; raises TimeoutError, and what has broken a turn."""
    async with asyncio.timeout(going.equipment.patience.total_seconds()):
        while True:
            going.seat.ended.clear()
            going.equipment.desk.hint()
            if not await _is_open(going):
                return
            await going.seat.ended.wait()
            if going.seat.broken is not None:
                raise OxyError(str(going.seat.broken) or type(going.seat.broken).__name__) from going.seat.broken


async def _is_open(going: Play) -> bool:
    async with organization_transaction(going.equipment.engine.pool, going.staged.organization) as connection:
        rows = await connection.fetch(_UNSETTLED, going.staged.organization)
    return any(row["open"] for row in rows)


def _sent(row: OutboxRow) -> TextSent:
    if row.content is None:
        return TextSent(text=row.text or "")
    caption = getattr(row.content, "caption", None)
    return TextSent(text=caption or "", image=True)


def shown(item: SaidItem) -> str:
    """Return a message as reports show it."""
    media = (
        ("🎤 ", item.voice),
        ("🖼 ", item.image),
        ("reagiu com ", item.reaction),
        ("sem leitura: ", item.unread),
    )
    parts = [mark + text for mark, text in media if text is not None]
    return " ".join([*parts, *([item.text] if item.text else [])])


def renamed(staged: Staged, organization: str) -> Staged:
    """Return the same dialogue as another organization's."""
    return replace(staged, settings=staged.settings.model_copy(update={"organization": organization}))


def everything_said(exchanges: Sequence[ExchangeSeen]) -> str:
    """Return all that whoever writes has said."""
    return "\n".join(text for seen in exchanges for text in seen.said)
