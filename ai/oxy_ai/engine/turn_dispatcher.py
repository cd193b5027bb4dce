"""Claiming due conversations and keeping their leases alive while a `TurnRunner` answers them."""

import asyncio
from collections.abc import Callable

import structlog
from pydantic import Field

from oxy_ai import metrics
from oxy_ai.engine.outages import is_outage, report_failure
from oxy_ai.engine.store import ClaimLimits, Engine
from oxy_ai.engine.turn_limits import TurnLimitSettings, TurnRateSettings
from oxy_ai.engine.turn_runner import TurnRunner
from oxy_ai.errors import FenceLostError
from oxy_ai.records import Claim, ClaimedTurn, RelayTarget
from oxy_core.tasks import end_tasks, wait_for

log = structlog.get_logger()


class DispatcherSettings(TurnLimitSettings, TurnRateSettings):
    """How many turns run at once, and how often new ones are claimed."""

    concurrency: int = Field(default=5, ge=1, description="Maximum turns in flight.")
    recover_seconds: float = Field(
        default=30, gt=0, description="How often the queue is compared with the conversations that it stands for."
    )
    sweep_min_seconds: float = Field(default=0.005, gt=0, description="Shortest pause between polls of the queues.")


class TurnDispatcher:
    """Claims due conversations up to the worker's concurrency and keeps their leases alive."""

    def __init__(
        self, engine: Engine, runner: TurnRunner, settings: DispatcherSettings, on_answer: Callable[[RelayTarget], None]
    ) -> None:
        self._engine = engine
        self._runner = runner
        self._settings = settings
        self._limits = ClaimLimits(
            settings.lease,
            settings.turns_per_second,
            settings.turns_burst,
            settings.locked_retry,
            settings.turn_limits,
            settings.turns_each,
            settings.full_retry,
        )
        self._on_answer = on_answer
        self._wake = asyncio.Event()
        self._stopping = False
        self._running: set[Claim] = set()

    def hint(self) -> None:
        """Claim now: something may be due."""
        self._wake.set()

    def stop(self) -> None:
        """Claim nothing more; `run` ends when the turns in flight have ended."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Dispatch until `stop`, then return once the turns in flight have ended."""
        async with asyncio.TaskGroup() as group:
            beat = group.create_task(self._renew())
            recovery = group.create_task(self._recover())
            async with asyncio.TaskGroup() as turns:
                while not self._stopping:
                    self._wake.clear()
                    pause = await self._start_due(turns)
                    await wait_for(self._wake, pause)
            await end_tasks(beat, recovery)

    async def _start_due(self, turns: asyncio.TaskGroup) -> float:
        """Start due turns; returns the seconds until the next poll of the queue."""
        # One claim for all free slots: parallel claims would find the queue's row locked.
        free = self._settings.concurrency - len(self._running)
        if free <= 0:
            return self._settings.sweep_seconds
        try:
            claims = await self._engine.claim(free, self._limits)
        except Exception as error:  # noqa: BLE001 the edge of the loop: logged and counted
            report_failure("claim", error)
            return self._settings.outage_pause_seconds
        for claimed in claims.claimed:
            self._running.add(claimed.claim)
            turns.create_task(self._run(claimed))
        metrics.TURNS_IN_FLIGHT.set(len(self._running))
        planned = self._settings.sweep_seconds if claims.wait is None else claims.wait
        return min(max(planned, self._settings.sweep_min_seconds), self._settings.sweep_seconds)

    async def _run(self, claimed: ClaimedTurn) -> None:
        claim_again = True
        try:
            with metrics.TURN_SECONDS.time():
                outcome = await self._runner.run(claimed)
            if outcome.to_send is not None:
                self._on_answer(outcome.to_send)
            claim_again = outcome.more
        except FenceLostError:
            log.warning("turn_fence_lost", conversation=claimed.claim.conversation)
        except Exception as error:  # noqa: BLE001 the edge of a task: logged and counted
            report_failure("turn", error)
            if is_outage(error):
                await self._postpone(claimed.claim)
        finally:
            # Poll again if this conversation has more to answer, or if all slots were taken and others had to wait.
            # Otherwise a poll would find nothing: the next message sends a hint.
            if claim_again or len(self._running) >= self._settings.concurrency:
                self._wake.set()
            self._running.discard(claimed.claim)

    async def _postpone(self, claim: Claim) -> None:
        """End a claim that an outage has cut short, so that it does not count as one that never ends."""
        try:
            await self._engine.retry_turn(claim, self._settings.lease)
        except FenceLostError:
            log.warning("turn_fence_lost", conversation=claim.conversation)  # the outage outlived the lease
        except Exception as error:  # noqa: BLE001 the outage goes on: the lease runs out
            report_failure("turn", error)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._settings.lease_seconds / 3)
            claims = sorted(self._running, key=lambda claim: claim.conversation)
            if not claims:
                continue
            try:
                await self._engine.renew(claims, self._settings.lease)
            except Exception as error:  # noqa: BLE001 the edge of the loop: logged and counted
                report_failure("renew", error)

    async def _recover(self) -> None:
        """Look for lost wake-ups at intervals. There are none, so each is an error to be looked into."""
        while True:
            await asyncio.sleep(self._settings.recover_seconds)
            try:
                recovered = await self._engine.recover_wakeups(self._settings.longest_retry)
            except Exception as error:  # noqa: BLE001 the edge of the loop: logged and counted
                report_failure("recover", error)
                continue
            if recovered:
                log.error("wakeups_recovered", organizations=recovered)
                metrics.WAKEUPS_RECOVERED.inc(recovered)
                self._wake.set()
