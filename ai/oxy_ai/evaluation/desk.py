"""Claims the turns of all dialogues that are played, and answers each as its own business would at its own time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from oxy_ai.engine.store import ClaimLimits, Engine
from oxy_ai.engine.turn_runner import TurnRunner
from oxy_ai.records import Claim, ClaimedTurn, TurnLimits

LEASE: Final = timedelta(minutes=30)
"""Longer than any turn: nobody renews it."""
_PAUSE: Final = 0.25
"""Seconds between two looks at the queue when nobody says that there is something."""
_LOCKED: Final = timedelta(seconds=0.005)

log = structlog.get_logger()


@dataclass
class Seat:
    """A dialogue that is played."""

    runner: TurnRunner
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever one of its turns was worked at."""
    broken: Exception | None = None
    """Why a turn could not be worked at."""


class Desk:
    """What a worker's dispatcher is to its turns; organizations of dialogues have no rates to share."""

    def __init__(self, engine: Engine, at_once: int, limits: TurnLimits) -> None:
        self._engine = engine
        self._at_once = at_once
        self._limits = ClaimLimits(LEASE, 0, 1, _LOCKED, limits, 0, _LOCKED)
        self._seats: dict[UUID, Seat] = {}
        self._running: set[Claim] = set()
        self._hint = asyncio.Event()

    def take_seat(self, organization: UUID, runner: TurnRunner) -> Seat:
        """Have the turns of an organization run by this runner from now on."""
        seat = Seat(runner)
        self._seats[organization] = seat
        return seat

    def hint(self) -> None:
        """Look now: something is due."""
        self._hint.set()

    async def run(self) -> None:
        """Answer turns until cancelled."""
        async with asyncio.TaskGroup() as turns:
            while True:
                self._hint.clear()
                for claimed in await self._claimed():
                    self._running.add(claimed.claim)
                    turns.create_task(self._run(claimed))
                await self._until_hint()

    async def _claimed(self) -> Sequence[ClaimedTurn]:
        free = self._at_once - len(self._running)
        return (await self._engine.claim(free, self._limits)).claimed if free > 0 else ()

    async def _until_hint(self) -> None:
        try:
            async with asyncio.timeout(_PAUSE):
                await self._hint.wait()
        except TimeoutError:
            return

    async def _run(self, claimed: ClaimedTurn) -> None:
        seat = self._seats[claimed.claim.organization]
        try:
            await seat.runner.run(claimed)
        except Exception as error:
            log.warning("turn_broken", exc_info=error)
            seat.broken = error
        finally:
            self._running.discard(claimed.claim)
            seat.ended.set()
            self._hint.set()
