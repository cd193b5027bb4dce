"""From the outbox to the pods: the oldest text of each instance first, the next one once the pod has accepted.

Sending for the first time and recovering after any failure are this one path: a pod that is asked twice for one
request accepts twice and sends once.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from oxy_ai import metrics
from oxy_ai.database import Engine
from oxy_ai.engine.outages import report_failure
from oxy_ai.records import OutboxRow, RelayStep, RelayTarget
from oxy_ai.settings import WorkerSettings
from oxy_core import subjects
from oxy_core.envelopes import Accepted, SendRequest
from oxy_core.errors import ContractError
from oxy_core.trace import child_of

BATCH: Final = 20
_BATCH_SECONDS: Final = 1.5
"""Sending of a batch stops after so long, so that the hold on the instance is renewed in time."""
_HOLD: Final = timedelta(seconds=4)
_MAX_INSTANCES: Final = 256
"""Instances served at once; one whose pod is away takes a place for a second at a time."""
_OUTAGE_SECONDS: Final = 0.5

log = structlog.get_logger()


class Acceptances:
    """The pods' confirmations, matched to the requests that wait for them."""

    def __init__(self) -> None:
        self._expected: dict[UUID, tuple[subjects.Sender, asyncio.Future[None]]] = {}

    def expect(self, request: UUID, sender: subjects.Sender) -> asyncio.Future[None]:
        """Return a future that ends when `sender`, and nobody else, accepts the request."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._expected[request] = (sender, future)
        return future

    def forget(self, request: UUID) -> None:
        """Wait no longer."""
        self._expected.pop(request, None)

    async def take(self, message: Msg) -> None:
        """Take a confirmation from the bus."""
        try:
            sender = subjects.sender_of(message.subject)
            request = Accepted.decode(message.data).request_id
        except ContractError as error:
            log.warning("acceptance_refused", subject=message.subject, error=str(error))
            return
        expected, future = self._expected.get(request, (None, None))
        if expected is None or future is None:
            return  # another worker's request
        if expected != sender:
            log.warning("acceptance_refused", subject=message.subject, error="the request was sent to another instance")
        elif not future.done():
            future.set_result(None)


class Relay:
    """Offers each instance's texts to its pod."""

    def __init__(self, client: Client, engine: Engine, settings: WorkerSettings) -> None:
        self._client = client
        self._engine = engine
        self._settings = settings
        self._id = uuid4()
        self._acceptances = Acceptances()
        self._wake = asyncio.Event()
        self._done = asyncio.Event()
        self._hinted: set[RelayTarget] = set()
        self._serving: set[RelayTarget] = set()

    async def until_idle(self) -> None:
        """Wait until nothing is being sent."""
        while self._serving or self._hinted:
            self._done.clear()
            await self._done.wait()

    def hint(self, target: RelayTarget) -> None:
        """Look at an instance's outbox now."""
        self._hinted.add(target)
        self._wake.set()

    async def run(self) -> None:
        """Relay for ever; ends with the error of an outage."""
        self._serving.clear()
        confirmations = await self._client.subscribe(subjects.ACCEPTED_ALL, cb=self._acceptances.take)
        try:
            async with asyncio.TaskGroup() as group:
                next_sweep = 0.0
                while True:
                    self._wake.clear()
                    if time.monotonic() >= next_sweep:
                        next_sweep = time.monotonic() + self._settings.sweep_seconds
                        self._hinted.update(await self._engine.relay_due(_MAX_INSTANCES))
                    self._start(group)
                    await self._rest(next_sweep - time.monotonic())
        finally:
            await confirmations.unsubscribe()

    def _start(self, group: asyncio.TaskGroup) -> None:
        """Serve hinted instances; one that is being served already is looked at again afterwards."""
        for target in list(self._hinted - self._serving)[: _MAX_INSTANCES - len(self._serving)]:
            self._hinted.discard(target)
            self._serving.add(target)
            group.create_task(self._serve(target))

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(seconds, 0)):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _serve(self, target: RelayTarget) -> None:
        try:
            accepted: list[UUID] = []
            failed = False
            while True:
                step = await self._step(target, accepted, failed=failed)
                if step is None or not step.rows:
                    return
                accepted = await self._offer(step)
                failed = not accepted
        except Exception as error:  # noqa: BLE001 the edge of a task: reported, and the sweep comes again
            report_failure("relay", error)
            await asyncio.sleep(_OUTAGE_SECONDS)
        finally:
            self._serving.discard(target)
            self._wake.set()
            self._done.set()

    async def _step(self, target: RelayTarget, accepted: Sequence[UUID], *, failed: bool) -> RelayStep | None:
        return await self._engine.relay_step(target, self._id, _HOLD, accepted, failed=failed, how_many=BATCH)

    async def _offer(self, step: RelayStep) -> list[UUID]:
        """Send rows one by one until one is not accepted or the time is up; returns those that were."""
        accepted: list[UUID] = []
        deadline = time.monotonic() + _BATCH_SECONDS
        for row in step.rows:
            if accepted and time.monotonic() > deadline:
                break
            if not await self._offer_one(step, row):
                metrics.RELAYED.labels(outcome="not_accepted").inc()
                log.warning("request_not_accepted", instance=step.instance, request=str(row.id))
                break
            metrics.RELAYED.labels(outcome="accepted").inc()
            accepted.append(row.id)
        return accepted

    async def _offer_one(self, step: RelayStep, row: OutboxRow) -> bool:
        request = SendRequest(
            id=row.id,
            organization=step.organization,
            instance=step.instance,
            chat=row.chat,
            text=row.text,
            lane=row.lane,
            based_on=row.based_on,
            created_at=row.created_at,
            expires_at=row.expires_at,
            trace=child_of(row.trace),
        )
        future = self._acceptances.expect(row.id, subjects.Sender(step.account, step.instance))
        try:
            await self._client.publish(subjects.out(step.account, step.instance), request.encode())
            async with asyncio.timeout(self._settings.accepted_timeout_seconds):
                await future
        except TimeoutError:
            return False
        finally:
            self._acceptances.forget(row.id)
        return True
