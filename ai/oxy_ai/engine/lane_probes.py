"""Probes: they take the way of a message or a job through the live system, and say when they pass which station.

None reaches a customer. That of a message has workers look at the queues of turns and of texts. Then it asks the pod of
the instance to send to the business's own number what has expired already: the pod writes it down, accepts it, does not
send it, and reports that, paired or not; a worker stores the report. That of a job is a job that does nothing.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from asyncpg import Record
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError
from pydantic import BaseModel

from oxy_ai.database import organization_transaction
from oxy_ai.engine.store import Engine
from oxy_ai.errors import AdministrationError
from oxy_ai.ids import organization_id
from oxy_ai.jobs.probe import PROBE, NoPayload
from oxy_ai.jobs.queued import JobKey, cancel_job, queue_job
from oxy_ai.jobs.records import JobLane, NewJob
from oxy_core import subjects
from oxy_core.envelopes import Accepted, InstanceSettings, Lane, Report, SendRequest, SendResult
from oxy_core.errors import ContractError
from oxy_core.identity import Jid, new_id
from oxy_core.jetstream import INBOUND_STREAM
from oxy_core.trace import new_trace

POLL_SECONDS: Final = 0.02
"""How often the database is asked whether the probe has passed: the error of the times that are printed."""

OFFER_SECONDS: Final = 1.0
"""How often a pod is offered the probe until it accepts it, as by a relay."""

_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)
_TEXT: Final = "oxy queues test"


class Station(BaseModel):
    """One station of a probe's way."""

    lane: str
    instance: str
    """With its organization."""
    station: str
    reached: bool
    seconds: float
    """Since the station before."""
    detail: str
    """What was seen there, or what keeps the probe from it and what to do."""


class Queues(BaseModel):
    """When workers look at an instance's queues next, by the database's clock; None: when something happens."""

    turns: float | None
    relay: float | None
    failures: int
    """Offers in a row that the pod did not accept."""
    ended: bool
    """Whether the pod has ended for good."""
    now: float


@dataclass(frozen=True, slots=True)
class ProbedInstance:
    """The instance that is probed."""

    organization: UUID
    instance: UUID
    account: str
    organization_name: str
    instance_name: str

    @property
    def label(self) -> str:
        """How people call it."""
        return f"{self.organization_name}/{self.instance_name}"


async def find_target(engine: Engine, organization: str | None, instance: str | None) -> ProbedInstance:
    """Return the named instance, else the first that is open; raises AdministrationError if there is none."""
    key = None if organization is None else organization_id(organization)
    rows = await engine.pool.fetch("select * from probed_instances($1, $2)", key, instance)
    if not rows:
        message = "there is no such open instance; `oxy status --all-namespaces` lists all"
        raise AdministrationError(message)
    row = min(rows, key=lambda found: (found["organization_name"], found["instance_name"]))
    return ProbedInstance(
        row["organization"], row["instance"], row["account"], row["organization_name"], row["instance_name"]
    )


@dataclass
class Way:
    """The way of one probe: each station is reached within a time, or the probe is stuck before it."""

    lane: str
    target: ProbedInstance
    within: float
    stuck: bool = False
    _last: float = field(default_factory=time.monotonic)

    async def station(
        self, name: str, reached: Callable[[], Awaitable[str | None]], why_not: Callable[[], Awaitable[str]]
    ) -> Station:
        """Ask until `reached` says what was seen at a station; after too long, `why_not` says what is the matter."""
        try:
            async with asyncio.timeout(self.within):
                while (detail := await reached()) is None:  # noqa: ASYNC110 a database is asked, it rings no event
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            detail, self.stuck = await why_not(), True
        now = time.monotonic()
        seconds, self._last = now - self._last, now
        return Station(
            lane=self.lane,
            instance=self.target.label,
            station=name,
            reached=not self.stuck,
            seconds=round(seconds, 3),
            detail=detail,
        )


class MessageProbe:
    """A probe of the way of messages."""

    def __init__(self, client: Client, engine: Engine, way: Way) -> None:
        self._client = client
        self._engine = engine
        self._way = way
        self._sender = subjects.SubjectSender(way.target.account, way.target.instance_name)
        self._request = new_id()
        self._accepted = False
        self._reported = False
        self._end_before = 0
        """The last report on the bus before the pod is asked."""
        self._seen: int | None = None
        """A report of the instance that is not older than ours."""

    async def run(self) -> AsyncIterator[Station]:
        """Yield the stations as they are reached; the last may be one that is not."""
        way = self._way
        before = await self._wake()
        yield await way.station("turn queue", lambda: self._turns_looked_at(before), self._no_worker)
        if not way.stuck:
            yield await way.station("outbox relay", lambda: self._relay_looked_at(before), self._no_relay)
        if way.stuck:
            return
        self._end_before = (await self._client.jetstream().stream_info(INBOUND_STREAM)).state.last_seq
        heard = [
            await self._client.subscribe(subjects.accepted(*self._sender), cb=self._hear_acceptance),
            await self._client.subscribe(subjects.inbound(*self._sender), cb=self._hear_report),
        ]
        try:
            async for station in self._through_the_pod():
                yield station
        finally:
            for subscription in heard:
                await subscription.unsubscribe()

    async def _through_the_pod(self) -> AsyncIterator[Station]:
        way, offers = self._way, self._offers()
        yield await way.station("pod", lambda: anext(offers), self._no_pod)
        if not way.stuck:
            yield await way.station("bus", self._published, self._no_report)
        if not way.stuck:
            yield await way.station("ingest", self._stored, self._no_ingest)

    async def _wake(self) -> Queues:
        """Have workers look; returns the queues as they were before they did."""
        target = self._way.target
        async with organization_transaction(self._engine.pool, target.organization) as connection:
            await connection.execute("select probe_queues($1, $2)", target.organization, target.instance)
            document = await connection.fetchval("select probed_queues($1, $2)", target.organization, target.instance)
        return Queues.model_validate_json(document)

    async def _queues(self) -> Queues:
        target = self._way.target
        document = await self._engine.pool.fetchval(
            "select probed_queues($1, $2)", target.organization, target.instance
        )
        return Queues.model_validate_json(document)

    async def _turns_looked_at(self, before: Queues) -> str | None:
        looked = _later((await self._queues()).turns, before.turns)
        return "a worker looked for due conversations of the organization" if looked else None

    async def _relay_looked_at(self, before: Queues) -> str | None:
        looked = _later((await self._queues()).relay, before.relay)
        return "a worker looked for texts of the instance to send" if looked else None

    async def _no_worker(self) -> str:
        queues = await self._queues()
        if queues.turns is not None and queues.turns > queues.now:
            return f"the organization has used up its rate of turns for {queues.turns - queues.now:.0f} seconds"
        return "no worker looks for due conversations: `kubectl get pods` of the AI workers, and their logs, show why"

    async def _no_relay(self) -> str:
        queues = await self._queues()
        if queues.failures:
            return f"the pod did not accept the last {queues.failures} offers: {_SEE_POD}"
        return "no worker looks for texts to send: `kubectl get pods` of the AI workers, and their logs, show why"

    async def _offers(self) -> AsyncIterator[str | None]:
        """Offer the request, as a relay does, until it is accepted."""
        offered_at = 0.0
        while not self._accepted:
            if time.monotonic() - offered_at > OFFER_SECONDS:
                offered_at = time.monotonic()
                await self._client.publish(subjects.out(*self._sender), (await self._expired_request()).encode())
            yield None
        yield "the pod has written a request down and accepted it; it expired long ago, so nothing is sent"

    async def _expired_request(self) -> SendRequest:
        target = self._way.target
        query = "select settings from instances where organization_id = $1 and id = $2"
        async with organization_transaction(self._engine.pool, target.organization) as connection:
            document: str = await connection.fetchval(query, target.organization, target.instance)
        settings = InstanceSettings.decode(document.encode())
        return SendRequest(
            id=self._request,
            organization=target.organization_name,
            instance=target.instance_name,
            chat=Jid.of_phone(settings.phone_number),
            text=_TEXT,
            created_at=_LONG_AGO,
            expires_at=_LONG_AGO,
            valid_seconds=0,
            trace=new_trace(),
        )

    async def _hear_acceptance(self, message: Msg) -> None:
        with contextlib.suppress(ContractError):
            self._accepted |= Accepted.decode(message.data).request_id == self._request

    async def _hear_report(self, message: Msg) -> None:
        with contextlib.suppress(ContractError):
            body = Report.decode(message.data).body
            self._reported |= isinstance(body, SendResult) and body.request_id == self._request

    async def _published(self) -> str | None:
        return "the bus has the pod's report that the request had expired" if self._reported else None

    async def _stored(self) -> str | None:
        """Whether the bus has the report no more: a worker has acknowledged it, so it is stored."""
        jetstream = self._client.jetstream()
        if (await jetstream.stream_info(INBOUND_STREAM)).state.last_seq <= self._end_before:
            return None  # we have heard it before the stream has stored it
        try:
            if self._seen is None:
                self._seen = (await jetstream.get_last_msg(INBOUND_STREAM, subjects.inbound(*self._sender))).seq
            await jetstream.get_msg(INBOUND_STREAM, self._seen)
        except NotFoundError:
            return "a worker has stored the report and acknowledged it"
        return None

    async def _no_pod(self) -> str:
        ended = (await self._queues()).ended
        return f"the connection has ended, so there is no pod: {_SEE_POD}" if ended else f"no pod accepts: {_SEE_POD}"

    async def _no_report(self) -> str:
        return f"the pod's reports do not reach the bus: {_SEE_POD}"

    async def _no_ingest(self) -> str:
        return "no worker stores the pod's reports: `oxy dlq ls --kind report`, and the AI workers' logs, show why"


_SEE_POD: Final = "`oxy status` and `oxy logs` of the instance show what is the matter"


def _later(now: float | None, before: float | None) -> bool:
    """Whether a queue is looked at later than it was to be: somebody has looked."""
    return before is not None and (now is None or now > before)


_JOB: Final = """
select j.state, j.reason, j.held, j.attempts, j.lease_until is not null as claimed, o.waiting, o.running
from jobs j, (
    select count(*) filter (where w.lease_until is null and w.due_at <= clock_timestamp()) as waiting,
        count(*) filter (where w.lease_until is not null) as running
    from jobs w where w.organization_id = $1 and w.lane = $3::lane and w.state = 'waiting' and w.id <> $2
) o
where j.organization_id = $1 and j.id = $2
"""


class JobProbe:
    """A probe of a lane of jobs."""

    def __init__(self, engine: Engine, way: Way, lane: JobLane) -> None:
        self._engine = engine
        self._way = way
        self._lane = lane
        self._key = JobKey(way.target.organization, way.target.instance, PROBE, f"oxy-queues-test:{new_id()}")
        self._job = 0

    async def run(self) -> AsyncIterator[Station]:
        """Yield the stations as they are reached; the last may be one that is not. Nothing of the probe stays."""
        way = self._way
        yield await way.station("job queue", self._queue, self._why_not)
        try:
            yield await way.station("claimed", self._claimed, self._why_not)
            if not way.stuck:
                yield await way.station("done", self._done, self._why_not)
        finally:
            await self._forget()

    async def _queue(self) -> str:
        job = NewJob(kind=PROBE, key=self._key.key, lane=self._lane, payload=NoPayload())
        async with organization_transaction(self._engine.pool, self._key.organization) as connection:
            self._job = await queue_job(connection, self._key.organization, self._key.instance, job) or 0
        return "a job that does nothing is queued, due now"

    async def _row(self) -> Record:
        async with organization_transaction(self._engine.pool, self._key.organization) as connection:
            (row,) = await connection.fetch(_JOB, self._key.organization, self._job, self._lane.value)
        return row

    async def _claimed(self) -> str | None:
        row = await self._row()
        return "a worker claimed it" if row["claimed"] or row["state"] == "done" else None

    async def _done(self) -> str | None:
        return "a worker did it, and its end is committed" if (await self._row())["state"] == "done" else None

    async def _why_not(self) -> str:
        row = await self._row()
        if row["held"]:
            return "it waits for the instance, which is suspended or deleted"
        if row["attempts"] or row["state"] == "dead":
            return f"it failed: {row['reason']}"
        if row["reason"]:
            return f"a worker looked at it, and it waits: {row['reason']}"
        if row["waiting"] or row["running"]:
            return (
                f"{row['running']} jobs of this lane are being done and {row['waiting']} others are due before it; "
                "if that lasts, something more urgent is always due, or spec.queues is too narrow"
            )
        return "no worker claims it: messages and more urgent jobs go first, else the AI workers' logs show why"

    async def _forget(self) -> None:
        organization = self._key.organization
        async with organization_transaction(self._engine.pool, organization) as connection:
            await cancel_job(connection, self._key, "the probe is over")
            await connection.execute("delete from jobs where organization_id = $1 and id = $2", organization, self._job)


async def probe(
    client: Client, engine: Engine, lane: Lane, target: ProbedInstance, within: float
) -> AsyncIterator[Station]:
    """Yield the stations of a lane's probe as they are reached, each within so many seconds."""
    way = Way("message" if lane is Lane.REPLY else lane.value, target, within)
    stations = MessageProbe(client, engine, way).run() if lane is Lane.REPLY else JobProbe(engine, way, lane).run()
    async for station in stations:
        yield station
