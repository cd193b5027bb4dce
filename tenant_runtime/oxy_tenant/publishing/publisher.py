"""From the journal to JetStream, in the order of the journal.

Reports are published in a window without waiting for each acknowledgement. If one is refused or times out, it and
everything else in flight are published again, at first one at a time. So no report is overtaken by more than a window,
and readers restore the order. ``Nats-Msg-Id`` makes JetStream drop duplicates.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from oxy_core import subjects
from oxy_core.envelopes import MAX_ENVELOPE_BYTES, MESSAGE_ID_HEADER, PUBLISHED_AGAIN_HEADER, WAITED_HEADER
from oxy_core.tasks import wait_for
from oxy_core.trace import trace_id
from oxy_tenant import metrics
from oxy_tenant.errors import JournalFullError
from oxy_tenant.journal.oversized import replacement
from oxy_tenant.journal.reports import JournalEntry, Reports
from oxy_tenant.publishing.answers import Refusal, Stored, StreamPosition, read_answer
from oxy_tenant.publishing.backlog import Backlog
from oxy_tenant.publishing.rates import ChatRates
from oxy_tenant.publishing.window import Window

_POLL_SECONDS: Final = 0.2
"""How often a lost or silent connection is checked."""

_IDLE_POLL_SECONDS: Final = 5.0
"""The same while nothing is in flight or held: a pod spends most of its life so, and beside many others. All that it
finds then is the platform's word that it lost something, which takes up to a minute to get here."""

_GATHER_SECONDS: Final = 0.01
"""How long reports gather that follow others at once: reading and publishing them together takes far less time."""

_FULL_SECONDS: Final = 5.0
"""Pause before the journal on a full volume is told again of what the bus or the platform lost."""

_LONGEST_WAIT: Final = timedelta(days=365).total_seconds()

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PublishTiming:
    """When the window is published again."""

    answer_seconds: float = 5.0
    """Time limit for an acknowledgement."""
    retry_seconds: float = 0.5
    """Pause after a refusal."""


class ReportSignal:
    """Wakes the publisher. Create it in the event loop; `set` may be called from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.event = asyncio.Event()

    def set(self) -> None:
        """Announce that there are new reports, unless that is announced already: each wakes the loop's thread."""
        if not self.event.is_set():
            self._loop.call_soon_threadsafe(self.event.set)


def no_limit() -> float:
    """Return that no chat has a limit."""
    return 0.0


def no_name() -> None:
    """Return that nobody names what the platform stored."""


def show_nowhere(refusal: str | None) -> None:
    """Show a refusal nowhere but in the log."""


@dataclass(frozen=True, slots=True)
class PublishRules:
    """What the rest of the runtime decides about publishing; each is asked anew whenever it matters."""

    per_second: Callable[[], float] = no_limit
    """Messages of one chat that are published in a second; 0: as many as there are."""
    bus_state: Callable[[], str | None] = no_name
    """The platform's name for what it stored of all reports: another name means that it lost some of it."""
    on_refusal: Callable[[str | None], None] = show_nowhere
    """Told why the bus refused a report, and None as soon as it takes reports again."""


class Publisher:
    """Publishes one instance's journal on `subject` until cancelled; `signal` is set whenever reports are added."""

    def __init__(
        self,
        reports: Reports,
        subject: str,
        signal: ReportSignal,
        timing: PublishTiming | None = None,
        *,
        rules: PublishRules | None = None,
    ) -> None:
        rules = rules or PublishRules()
        self._reports = reports
        self._subject = subject
        self._account = subjects.sender_of(subject).account
        self._timing = timing or PublishTiming()
        self._rules = rules
        self._window = Window()
        self._backlog = Backlog(reports, ChatRates(rules.per_second))
        self._stream = StreamPosition(reports.stream_sequence)
        self._bus_state = reports.bus_state
        self._noted_state = self._bus_state
        """The same as the journal has it: on a full volume, the one before."""
        self._follow_at = float("-inf")
        """When the journal may be told of it; later than now while the volume is full."""
        self._acknowledged: list[int] = []
        """Not yet stored as acknowledged."""
        self._storing = asyncio.Lock()
        """What was acknowledged is stored before everything is published again, never after it."""
        self._wake = signal.event
        self._moved = asyncio.Event()
        self._refusal: str | None = None
        self._refused = False
        """Whether nothing was acknowledged since the last refusal."""
        self._replies = ""
        self._loop = asyncio.get_running_loop()
        self._progress_at = self._loop.time()
        """When the oldest report in flight became the oldest."""
        self._published_at = self._progress_at

    async def run(self, client: Client) -> None:
        """Publish until cancelled, across reconnections of `client`."""
        self._replies = client.new_inbox()
        await client.subscribe(f"{self._replies}.*", cb=self._answered)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._persist_progress())
            while True:
                if not client.is_connected:
                    await _reconnected(client)
                    # Reports in flight when the connection broke may be lost, and so may their acknowledgements.
                    self._window.go_back()
                await self._follow_bus_state()
                await self._gather()
                # Clear before reading the journal: a report added while we read must wake us again.
                self._wake.clear()
                await self._publish_window(client)
                await self._await_progress(client)

    async def drained(self) -> None:
        """Wait until the bus has acknowledged every report in the journal."""
        while True:
            with suppress(JournalFullError):
                await self._persist()
            if not self._reports.pending():
                return
            await asyncio.sleep(_POLL_SECONDS / 10)

    async def _persist_progress(self) -> None:
        """Store what was acknowledged now and then: it only saves publishing again after a restart."""
        while True:
            await self._moved.wait()
            self._moved.clear()
            try:
                await self._persist()
            except JournalFullError:
                # The volume's watch tells of it. Until there is room, only a restart would need to know.
                self._moved.set()
            await asyncio.sleep(_POLL_SECONDS)

    async def _persist(self) -> None:
        async with self._storing:
            await self._store_acknowledged()

    async def _store_acknowledged(self) -> None:
        if self._acknowledged:
            acknowledged, self._acknowledged = self._acknowledged, []
            try:
                await asyncio.to_thread(self._reports.mark_published, acknowledged, self._stream.newest)
            except JournalFullError:
                self._acknowledged[:0] = acknowledged
                raise

    async def _follow_bus_state(self) -> None:
        """Publish everything again if the bus or the platform lost what they had; on a full volume, once it has room.

        Until then the journal remembers that this is owed: it still has the old place in the stream, and the old name.
        """
        state = self._rules.bus_state()
        if not self._must_follow(state):
            return
        try:
            if self._stream.began_anew or (state is not None and self._bus_state not in {None, state}):
                await self._publish_all_again()
            self._bus_state = state or self._bus_state
            if self._bus_state is not None and self._bus_state != self._noted_state:
                await asyncio.to_thread(self._reports.note_bus_state, self._bus_state)
                self._noted_state = self._bus_state
        except JournalFullError as error:
            log.warning("bus_state_not_kept", error=str(error))
            self._follow_at = self._loop.time() + _FULL_SECONDS

    def _must_follow(self, state: str | None) -> bool:
        """Whether the journal is to be told, now, that the bus or the platform lost something or has another name."""
        changed = state not in {None, self._bus_state} or self._bus_state != self._noted_state
        return (self._stream.began_anew or changed) and self._loop.time() >= self._follow_at

    async def _publish_all_again(self) -> None:
        async with self._storing:
            await self._store_acknowledged()
            count = await asyncio.to_thread(self._reports.publish_all_again)
        log.warning("reports_published_again", reports=count, stream_began_anew=self._stream.began_anew)
        self._stream = StreamPosition(0)
        self._window = Window()
        self._backlog.restart()

    async def _gather(self) -> None:
        if self._loop.time() - self._published_at < _GATHER_SECONDS:
            await asyncio.sleep(_GATHER_SECONDS)

    async def _publish_window(self, client: Client) -> None:
        published: list[JournalEntry] = []
        for entry in self._next():
            try:
                await self._publish(client, entry)
            except NatsError as error:
                self._refusal = str(error) or type(error).__name__
                break
            if self._window.oldest is None:
                self._progress_at = self._loop.time()
            self._window.publish(entry.number)
            published.append(entry)
        if published:
            self._published_at = self._loop.time()
            # One line for all: a line for each would take as long as the rest of publishing it.
            traces = [trace_id(entry.trace) for entry in published]
            if not self._refused:  # else it is the one that was refused, tried again twice a second
                log.info("reports_published", trace_ids=traces, newest=published[-1].number)

    def _next(self) -> list[JournalEntry]:
        """Return what to publish now, and expect it to be acknowledged."""
        room = self._window.room
        again = self._reports.numbered(self._window.again[:room]) if self._window.again else []
        new = self._backlog.take(room - len(again), self._loop.time())
        # If publishing stops half-way, the rest is published again with what is in flight.
        self._window.again = sorted({*self._window.again, *(entry.number for entry in new)})
        return again + new

    async def _publish(self, client: Client, entry: JournalEntry) -> None:
        # The reply subject carries the number, so that no table of pending publishes is needed.
        await client.publish(
            self._subject,
            publishable(entry),
            reply=f"{self._replies}.{entry.number}",
            headers=self._headers(entry),
        )

    def _headers(self, entry: JournalEntry) -> dict[str, str]:
        headers = {
            MESSAGE_ID_HEADER: f"{self._account}:{entry.message_id}",
            WAITED_HEADER: f"{waited_seconds(self._reports.age_of(entry)):.3f}",
        }
        if entry.again:
            # Another id: the stream may remember the first one, and what was stored of it may be lost.
            headers[MESSAGE_ID_HEADER] += f":{entry.again}"
            headers[PUBLISHED_AGAIN_HEADER] = self._reports.settled(entry)
        return headers

    async def _await_progress(self, client: Client) -> None:
        """Wait for an acknowledgement, a new report or a lost connection; go back after a refusal or a time-out."""
        while not self._must_act(client):
            # Acknowledgements wake us too. A lost connection and a time-out do not, so poll for them.
            await wait_for(self._wake, _IDLE_POLL_SECONDS if self._idle else _POLL_SECONDS)
        if self._refusal is not None:
            await self._go_back(self._refusal)

    @property
    def _idle(self) -> bool:
        return self._window.oldest is None and not self._window.again and not self._backlog.holds

    def _must_act(self, client: Client) -> bool:
        now = self._loop.time()
        # Measure the time-out from the last progress, not from the last wake-up: new reports wake us too, and
        # acknowledgements of later reports do not make up for a missing one.
        if self._window.oldest is not None and now - self._progress_at > self._timing.answer_seconds:
            self._refusal = self._refusal or "no answer"
        return (
            self._refusal is not None
            or self._wake.is_set()
            or not client.is_connected
            or (self._window.room > 0 and self._backlog.has_due(now))
            or self._must_follow(self._rules.bus_state())
        )

    async def _go_back(self, refusal: str) -> None:
        metrics.REFUSED.inc()
        if not self._refused:
            # Once, not at each attempt: a tenant whose share of the stream is full is refused until workers catch up.
            log.warning("publish_refused", number=self._window.oldest, reason=refusal)
        self._refused = True
        self._rules.on_refusal(refusal)
        await asyncio.sleep(self._timing.retry_seconds)
        # Clear after the pause: the rest of the window may be refused meanwhile, and going back once covers all of it.
        self._refusal = None
        self._window.go_back()

    async def _answered(self, answer: Msg) -> None:
        number = int(answer.subject.rpartition(".")[2])
        acknowledgement = read_answer(answer.data)
        was_full = self._window.room == 0
        if isinstance(acknowledgement, Refusal):
            self._refusal = acknowledgement.reason
        else:
            self._acknowledge(number, acknowledgement)
        if was_full or self._refusal is not None or self._stream.began_anew:
            self._wake.set()

    def _acknowledge(self, number: int, acknowledgement: Stored) -> None:
        self._stream.note(acknowledgement)
        was_oldest = number == self._window.oldest
        if not self._window.acknowledge(number):
            return
        if was_oldest:
            self._progress_at = self._loop.time()
        self._acknowledged.append(number)
        metrics.PUBLISHED.inc()
        self._moved.set()
        if self._refused:
            self._refused = False
            self._rules.on_refusal(None)


def publishable(entry: JournalEntry) -> bytes:
    """Return what to publish for an entry: a replacement if it is too large for the bus, which would refuse it."""
    if len(entry.envelope) <= MAX_ENVELOPE_BYTES:
        return entry.envelope
    log.error("report_replaced", trace_id=trace_id(entry.trace), number=entry.number, bytes=len(entry.envelope))
    return replacement(entry.envelope)


def waited_seconds(age: float) -> float:
    """Return for how long a report waited in the journal: its age, unless the clock was set since a previous run."""
    return min(max(0.0, age), _LONGEST_WAIT)


async def _reconnected(client: Client) -> None:
    while not client.is_connected:  # noqa: ASYNC110 `connected` keeps the client's callbacks for itself
        await asyncio.sleep(_POLL_SECONDS)
