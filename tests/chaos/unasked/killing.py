"""kill -9 of workers: at any moment, as a job is claimed, as a text is offered to its pod, as that has accepted it."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Final

import aiohttp
import asyncpg
from nats.aio.msg import Msg

from oxy_core import subjects
from oxy_core.bus import connected
from oxy_dev.programs import Program
from oxy_dev.stack import Stack

STARTING: Final = 0.05
"""Share of the kills that do not wait until a worker is ready."""
ALL: Final = 0.2
"""Share of the kills that all workers die of."""
BESIDE: Final = 0.7
"""Share of the kills that wait until another worker is ready as well, which takes over."""
LONGEST_WAIT: Final = 4.0
"""Seconds for the moment of a kill to come; then it is any moment."""
STILL_HELD: Final = 1.8
"""Seconds in which a worker that lives has given a lease back or renewed it, and in which none of them ends."""
LEASES: Final = """
select concat_ws(' ', 'job', id, fence, lease_until) from jobs where lease_until > clock_timestamp()
union all
select concat_ws(' ', 'relay', instance_id, holder, held_until) from relay_queue where held_until > clock_timestamp()
"""
CLAIMED: Final = "select exists (select from jobs where lease_until > clock_timestamp())"


class Moment(StrEnum):
    """When a worker is killed."""

    ANY = "at any moment"
    CLAIMED = "as a job was claimed"
    OFFERED = "as a text was offered"
    ACCEPTED = "as a text was accepted"


TIMED: Final = (Moment.CLAIMED, Moment.OFFERED, Moment.ACCEPTED)


@dataclass
class Killer:
    """Kills workers and starts them again."""

    stack: Stack
    dice: random.Random
    pause: float
    """Seconds between two kills at most, beside what a worker needs to start."""
    kills: int = 0
    """Moments at which workers were killed."""
    killed: int = 0
    """Workers that were."""
    moments: dict[Moment, int] = field(default_factory=lambda: dict.fromkeys(Moment, 0))
    hits: int = 0
    """Moments at which a lease was left behind."""
    _armed: Callable[[Moment], None] = field(default=lambda _: None)

    @property
    def shown(self) -> str:
        """Figures for people to read."""
        when = ", ".join(f"{times} {moment}" for moment, times in self.moments.items())
        return f"{self.kills} kills of {self.killed} workers ({when}), {self.hits} of which left a lease behind"

    async def kill(self, times: int) -> None:
        """Kill so often."""
        async with AsyncExitStack() as exits:
            bus = await exits.enter_async_context(
                connected(self.stack.nats.url, self.stack.platform_credentials, name="killer", within=60)
            )
            await bus.subscribe(subjects.OUT_ALL, cb=self._hears(Moment.OFFERED))
            await bus.subscribe(subjects.ACCEPTED_ALL, cb=self._hears(Moment.ACCEPTED))
            database = await exits.enter_async_context(asyncpg.create_pool(self.stack.admin_url, min_size=2))
            watching = await exits.enter_async_context(asyncio.TaskGroup())
            for _ in range(times):
                victims = await self._victims()
                moment = await self._strike(victims, database)
                self.kills, self.killed = self.kills + 1, self.killed + len(victims)
                self.moments[moment] += 1
                left = await database.fetch(LEASES)
                watching.create_task(self._note(database, {row[0] for row in left}))
                for victim in victims:
                    await asyncio.to_thread(victim.kill)
                    await asyncio.to_thread(victim.start)

    async def _victims(self) -> Sequence[Program]:
        """Return whom to kill next: mostly one that works or all of them, now and then one that may be starting."""
        workers = self.stack.worker_programs
        if self.dice.random() < STARTING:
            return [self.dice.choice(workers)]
        least = 2 if self.dice.random() < BESIDE else 1
        while len(ready := [one for one in workers if await is_ready(one)]) < least:  # noqa: ASYNC110 other processes
            await asyncio.sleep(0.1)
        return workers if self.dice.random() < ALL else [self.dice.choice(ready)]

    async def _strike(self, victims: Sequence[Program], database: "asyncpg.Pool[asyncpg.Record]") -> Moment:
        """Kill them at a moment that chance has chosen; return which it was."""
        wanted = self.dice.choice((Moment.ANY, *TIMED))
        await asyncio.sleep(self.dice.uniform(0.0, self.pause))
        if wanted is Moment.ANY or not await self._comes(wanted, victims, database):
            _end(victims)
            return Moment.ANY
        return wanted

    async def _comes(
        self, wanted: Moment, victims: Sequence[Program], database: "asyncpg.Pool[asyncpg.Record]"
    ) -> bool:
        """Kill as soon as the moment has come; False: it did not come in time."""
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                if wanted is Moment.CLAIMED:
                    while not await database.fetchval(CLAIMED):  # noqa: ASYNC110 nothing tells us
                        await asyncio.sleep(0.002)
                    _end(victims)
                else:
                    await self._heard(wanted, victims)
        except TimeoutError:
            return False
        return True

    async def _heard(self, wanted: Moment, victims: Sequence[Program]) -> None:
        heard = asyncio.Event()

        def strike(moment: Moment) -> None:
            if moment is wanted and not heard.is_set():
                _end(victims)
                heard.set()

        self._armed = strike
        try:
            await heard.wait()
        finally:
            self._armed = lambda _: None

    def _hears(self, moment: Moment) -> Callable[[Msg], Awaitable[None]]:
        async def hear(_: Msg) -> None:
            self._armed(moment)

        return hear

    async def _note(self, database: "asyncpg.Pool[asyncpg.Record]", left: set[str]) -> None:
        """Note whether a lease is as it was, although whoever lives would have ended or renewed it."""
        if left:
            await asyncio.sleep(STILL_HELD)
            self.hits += not left.isdisjoint(row[0] for row in await database.fetch(LEASES))


def _end(victims: Sequence[Program]) -> None:
    for victim in victims:
        victim.signal(signal.SIGKILL)


async def is_ready(worker: Program) -> bool:
    """Return whether a worker works."""
    url = f"http://127.0.0.1:{worker.environment['OXY_PROBE_PORT']}/readyz"
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status == HTTPStatus.OK
    except aiohttp.ClientError:
        return False
