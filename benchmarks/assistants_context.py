"""Measures what a turn's context takes to read: the turn with its history, the parts of the prompt, the prompt."""

import statistics
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from assistants_town import Town
from engine_platform import PASSWORD, Platform

from oxy_ai.assistants.routing import role_of
from oxy_ai.assistants.vertical import Context
from oxy_ai.database import connected_pool
from oxy_ai.engine.context_reader import ContextReader, ContextSettings, Wanted
from oxy_ai.engine.store import ClaimLimits, Engine
from oxy_ai.engine.turn_limits import TurnLimitSettings
from oxy_ai.records import Claim, Turn
from oxy_ai.timezones import zone_or_default
from oxy_ai.verticals import Verticals
from oxy_core.heap import keep_loaded_objects
from oxy_core.identity import Jid
from oxy_core.instance.settings import AiSettings
from oxy_dev.seed.drawing import drawing

NEVER: Final = AiSettings(debounce_seconds=86_400, debounce_max_seconds=86_400)
WARM_UP: Final = 100
"""Turns before the measurement."""
LEASE: Final = timedelta(hours=1)
LIMITS: Final = TurnLimitSettings().turn_limits
_HELD: Final = "select count(*) from instances where (settings #>> '{ai,debounce_seconds}')::float8 = 86400"
_OPEN: Final = "select count(*) from messages where state = 'open'"
_MAKE_DUE: Final = "update conversations set due_at = now() where pending_since is not null"
_WAKE: Final = "update org_queue set ready_at = now()"


@dataclass(frozen=True, slots=True)
class Took:
    """How long the two steps of a context took, in milliseconds."""

    turn: float
    parts: float

    @property
    def both(self) -> float:
        """Both steps."""
        return self.turn + self.parts


async def measure_context(platform: Platform, town: Town, turns: int) -> None:
    """Print how long a context takes, the first time that a worker reads it and when its parts are kept."""
    await _ask(platform, town, turns + WARM_UP)
    first, kept = list[Took](), list[Took]()
    # As a worker does when it has started; it does not have the objects of this program's town.
    keep_loaded_objects()
    async with connected_pool(platform.postgres.url("oxy", user="oxy_app", password=PASSWORD), connections=4) as pool:
        bench = ContextBench(Engine(pool), ContextReader(pool, ContextSettings()), Verticals())
        async for claim in bench.claims(turns + WARM_UP):
            first.append(await bench.read(claim))
            kept.append(await bench.read(claim))
    print(f"\n## The context of a turn, {turns:,} customers drawn at random, ms\n")
    print("| | p50 | p99 | largest |\n|---|---|---|---|")
    for name, found in (("first turn of a customer", first), ("another turn, parts kept", kept)):
        print(_row(name, [took.both for took in found[WARM_UP:]]))
        print(_row("of which the turn with its messages", [took.turn for took in found[WARM_UP:]]))
        print(_row("of which parts and prompt", [took.parts for took in found[WARM_UP:]]))


def _row(name: str, found: Sequence[float]) -> str:
    p99 = statistics.quantiles(found, n=100)[98]
    return f"| {name} | {statistics.median(found):.2f} | {p99:.2f} | {max(found):.2f} |"


async def _ask(platform: Platform, town: Town, messages: int) -> None:
    """Let so many customers write; the turns are due when all messages are stored."""
    async with platform.workers(1, {}):
        for pod in town.pods:
            held = {"generation": pod.settings.generation + 1, "ai": NEVER}
            await platform.publish(pod.settings.model_copy(update=held))
        await platform.until(_HELD, len(town.pods))
        for customer in drawing("context").sample(town.people, messages):
            town.pod(customer).receive("quanto custa o banho?", customer.phone, chat=Jid.parse(customer.chat))
        await platform.until(_OPEN, messages)
    await platform.query(_MAKE_DUE)
    await platform.query(_WAKE)


@dataclass(frozen=True, slots=True)
class ContextBench:
    """What a worker reads contexts with."""

    engine: Engine
    reader: ContextReader
    verticals: Verticals

    async def claims(self, how_many: int) -> AsyncIterator[Claim]:
        """Claim so many due conversations."""
        limits = ClaimLimits(LEASE, 0, 1, timedelta(seconds=1), LIMITS, 0, timedelta(seconds=1))
        found = 0
        while found < how_many:
            for claimed in (await self.engine.claim(1, limits)).claimed:
                yield claimed.claim
                found += 1

    async def read(self, claim: Claim) -> Took:
        """Read the context of a claimed conversation's turn."""
        began = time.perf_counter()
        turn = await self.engine.open_turn(claim, LIMITS)
        opened = time.perf_counter()
        if not isinstance(turn, Turn):
            message = f"the turn cannot be read: {turn}"
            raise TypeError(message)
        vertical, role = self.verticals.named(turn.settings.ai.profile), role_of(turn)
        now = datetime.now(zone_or_default(turn.settings.timezone))
        facts = await self.reader.read(claim.organization, turn, Wanted(vertical.parts(role), now))
        vertical.brief(Context(turn, role, now, facts))
        return Took((opened - began) * 1000, (time.perf_counter() - opened) * 1000)
