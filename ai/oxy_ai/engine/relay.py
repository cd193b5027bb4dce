"""From the outbox to the pods: the oldest text of each instance first, the next one once the pod has accepted.

First delivery and recovery after a failure are the same path: a pod that gets a request twice accepts it twice and
sends it once.
"""

import asyncio
import time
from datetime import timedelta
from uuid import UUID, uuid4

import structlog
from nats.aio.client import Client
from pydantic import Field

from oxy_ai import metrics
from oxy_ai.engine.acceptances import Acceptances
from oxy_ai.engine.outages import report_failure
from oxy_ai.engine.polling import PollingSettings
from oxy_ai.engine.store import Engine, RelayLimits
from oxy_ai.records import Acceptance, Offered, OutboxRow, Pacing, RelayStep, RelayTarget
from oxy_core import subjects
from oxy_core.envelopes import ResumeRequest, SendRequest
from oxy_core.tasks import wait_for
from oxy_core.trace import child_of, trace_bound

log = structlog.get_logger()


class RelaySettings(PollingSettings):
    """Batches, leases and back-off of the relay. The steps are in `oxy_ai/schema/relay.sql`."""

    accepted_timeout_seconds: float = Field(default=1, gt=0, description="Timeout of a pod's acceptance.")
    relay_batch: int = Field(default=20, ge=1, description="Texts of one instance read at a time.")
    relay_batch_seconds: float = Field(
        default=1.5, gt=0, description="Time limit for offering a batch; short enough to renew the lease in time."
    )
    relay_lease_seconds: float = Field(default=4, gt=0, description="A relay's lease on an instance.")
    relay_instances: int = Field(
        default=256,
        ge=1,
        description="Maximum instances served at once; an unreachable pod holds a slot until the timeout.",
    )
    relay_failing_instances: int = Field(
        default=32, ge=1, description="How many of these may be instances whose pod did not accept the last offer."
    )
    relay_backoff_seconds: float = Field(
        default=0.25, gt=0, description="Back-off after a pod does not accept; doubles each time."
    )
    relay_backoff_max_seconds: float = Field(default=10, gt=0, description="Upper limit of that back-off.")
    release_batch: int = Field(
        default=50, ge=1, description="Held texts of one instance looked at in one step, one of which leaves."
    )
    release_valid_seconds: float = Field(default=600, gt=0, description="How long a pod may send a released text.")
    release_margin_seconds: float = Field(
        default=60, ge=0, description="Time before the quiet hours in which nothing is released any more."
    )
    release_under_way: int = Field(
        default=10, ge=1, description="Released texts of one instance that may wait for their results."
    )
    release_jitter: float = Field(
        default=0.5, ge=0, description="Longest extra pause between two releases, as a part of their pause."
    )
    release_pause_seconds: float = Field(
        default=2, gt=0, description="Until a contact that is busy, or a pod's results, are looked at again."
    )
    release_look_seconds: float = Field(
        default=300, gt=0, description="How often what nobody may send now is looked at again, whatever it waits for."
    )
    release_held_seconds: float = Field(
        default=3600, gt=0, description="How often a text that waits because of its contact is looked at again."
    )

    @property
    def pacing(self) -> Pacing:
        """How held texts are released."""
        return Pacing(
            batch=self.release_batch,
            valid=timedelta(seconds=self.release_valid_seconds),
            least_valid=timedelta(seconds=self.release_margin_seconds),
            most_under_way=self.release_under_way,
            jitter=self.release_jitter,
            pause=timedelta(seconds=self.release_pause_seconds),
            look_again=timedelta(seconds=self.release_look_seconds),
            look_at_held_again=timedelta(seconds=self.release_held_seconds),
        )


class Relay:
    """Offers each instance's texts to its pod."""

    def __init__(self, client: Client, engine: Engine, settings: RelaySettings) -> None:
        self._client = client
        self._engine = engine
        self._settings = settings
        self._limits = RelayLimits(
            timedelta(seconds=settings.relay_lease_seconds),
            settings.relay_batch,
            timedelta(seconds=settings.relay_backoff_seconds),
            timedelta(seconds=settings.relay_backoff_max_seconds),
            settings.pacing.model_dump_json(),
        )
        self._id = uuid4()
        self._acceptances = Acceptances()
        self._wake = asyncio.Event()
        self._done = asyncio.Event()
        self._hinted: dict[RelayTarget, None] = {}  # in the order in which they are served
        self._serving: set[RelayTarget] = set()
        self._failing: set[RelayTarget] = set()  # of those hinted or served
        self._resumptions: dict[RelayTarget, int] = {}  # that their pods were told

    async def until_idle(self) -> None:
        """Wait until nothing is being sent, except to pods that did not accept the last offer."""
        while (self._serving | self._hinted.keys()) - self._failing:
            self._done.clear()
            await self._done.wait()

    def hint(self, target: RelayTarget) -> None:
        """Serve an instance now: it has something to send."""
        self._hinted[target] = None
        self._wake.set()

    async def run(self) -> None:
        """Relay until cancelled; raises the error of an outage."""
        self._serving.clear()
        confirmations = await self._client.subscribe(subjects.ACCEPTED_ALL, cb=self._acceptances.take)
        try:
            async with asyncio.TaskGroup() as group:
                next_sweep = 0.0
                while True:
                    self._wake.clear()
                    if time.monotonic() >= next_sweep:
                        next_sweep = time.monotonic() + self._settings.sweep_seconds
                        await self._sweep()
                    self._start(group)
                    await wait_for(self._wake, next_sweep - time.monotonic())
        finally:
            await confirmations.unsubscribe()

    async def _sweep(self) -> None:
        """Hint what is due: of the failing instances only as many as have room, so that the others never wait."""
        self._failing &= self._hinted.keys() | self._serving
        room = max(self._settings.relay_failing_instances - len(self._failing), 0)
        due = await self._engine.relay_due(self._settings.relay_instances, room)
        self._failing.update(due.failing)
        self._hinted.update(dict.fromkeys((*due.answering, *due.failing)))

    def _start(self, group: asyncio.TaskGroup) -> None:
        """Serve hinted instances; one that is being served already is served again afterwards."""
        waiting = [target for target in self._hinted if target not in self._serving]
        for target in waiting[: self._settings.relay_instances - len(self._serving)]:
            del self._hinted[target]
            self._serving.add(target)
            group.create_task(self._serve(target))

    async def _serve(self, target: RelayTarget) -> None:
        try:
            offered = Offered()
            while True:
                # One round trip per batch: it marks the previous batch as accepted and returns the next. Only an empty
                # step releases the instance, so do not stop before one.
                step = await self._engine.relay_step(target, self._id, offered, self._limits)
                if step is not None and step.resumption > self._resumptions.get(target, 0):
                    await self._tell_resumption(target, step)
                metrics.RELAYED.labels(outcome="withheld").inc(0 if step is None else step.withheld)
                if step is None or not step.rows:
                    return
                accepted = await self._offer(step)
                offered = Offered(accepted, failed=not accepted)
        except Exception as error:  # noqa: BLE001 the edge of a task: reported; the next sweep finds the instance again
            report_failure("relay", error)
            await asyncio.sleep(self._settings.outage_pause_seconds)
        finally:
            self._serving.discard(target)
            self._wake.set()
            self._done.set()

    async def _tell_resumption(self, target: RelayTarget, step: RelayStep) -> None:
        """Tell a pod, once, that a person has let its number go on; what it misses it finds out by itself."""
        request = ResumeRequest(organization=step.organization, instance=step.instance, resumption=step.resumption)
        await self._client.publish(subjects.out(step.account, step.instance), request.encode())
        self._resumptions[target] = step.resumption

    async def _offer(self, step: RelayStep) -> list[Acceptance]:
        """Offer rows one by one until one is not accepted or the time is up; returns the accepted ones."""
        accepted: list[Acceptance] = []
        read_at = time.monotonic()
        deadline = read_at + self._settings.relay_batch_seconds
        for row in step.rows:
            if accepted and time.monotonic() > deadline:
                break
            with trace_bound(row.trace):
                epoch = await self._offer_one(step, row, time.monotonic() - read_at)
                if epoch is None:
                    metrics.RELAYED.labels(outcome="not_accepted").inc()
                    log.warning("request_not_accepted", instance=step.instance, request=str(row.id))
                    break
                metrics.RELAYED.labels(outcome="accepted").inc()
                log.debug("request_accepted", instance=step.instance, request=str(row.id))
                accepted.append(Acceptance(row.id, epoch))
        return accepted

    async def _offer_one(self, step: RelayStep, row: OutboxRow, waited: float) -> UUID | None:
        """Offer a row that was read `waited` seconds ago.

        Returns the epoch of the journal that holds it; None: the pod did not accept it in time.
        """
        request = SendRequest(
            id=row.id,
            organization=step.organization,
            instance=step.instance,
            chat=row.chat,
            text=row.text,
            content=row.content,
            lane=row.lane,
            based_on=row.based_on,
            based_on_epoch=row.based_on_epoch,
            created_at=row.created_at,
            expires_at=row.expires_at,
            valid_seconds=None if row.valid_seconds is None else max(row.valid_seconds - waited, 0),
            resumption=row.resumption,
            trace=child_of(row.trace),
        )
        future = self._acceptances.expect(row.id, subjects.SubjectSender(step.account, step.instance))
        try:
            await self._client.publish(subjects.out(step.account, step.instance), request.encode())
            async with asyncio.timeout(self._settings.accepted_timeout_seconds):
                return await future
        except TimeoutError:
            return None
        finally:
            self._acceptances.forget(row.id)
