"""From the journal to JetStream, in order.

Reports are published in a window without waiting for each acknowledgement. If one is refused or times out, it and
everything after it are published again (go-back-N), at first one at a time: repeating only the refused report would
put it behind its successors. ``Nats-Msg-Id`` makes JetStream drop duplicates.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from oxy_core.envelopes import MAX_REPORT_BYTES, MESSAGE_ID_HEADER
from oxy_core.tasks import wait_for
from oxy_core.trace import trace_id
from oxy_tenant import metrics
from oxy_tenant.journal.oversized import replacement
from oxy_tenant.journal.reports import JournalEntry, Reports
from oxy_tenant.publishing.window import Window

_POLL_SECONDS: Final = 0.2
"""How often a lost or silent connection is checked."""

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
        """Announce that there are new reports."""
        self._loop.call_soon_threadsafe(self.event.set)


def show_nowhere(refusal: str | None) -> None:
    """Show a refusal nowhere but in the log."""


class Publisher:
    """Publishes one instance's journal on `subject` until cancelled; `signal` is set whenever reports are added."""

    def __init__(
        self,
        reports: Reports,
        subject: str,
        signal: ReportSignal,
        timing: PublishTiming | None = None,
        *,
        on_refusal: Callable[[str | None], None] = show_nowhere,
    ) -> None:
        """`on_refusal` is told why the bus refused a report, and None as soon as it takes reports again."""
        self._reports = reports
        self._subject = subject
        self._timing = timing or PublishTiming()
        self._on_refusal = on_refusal
        self._window = Window(reports.published)
        self._wake = signal.event
        self._moved = asyncio.Event()
        self._refusal: str | None = None
        self._refused = False
        """Whether nothing was acknowledged since the last refusal."""
        self._replies = ""
        self._loop = asyncio.get_running_loop()
        self._progress_at = self._loop.time()
        """When the oldest report in flight became the oldest."""

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
                # Clear before reading the journal: a report added while we read must wake us again.
                self._wake.clear()
                await self._publish_window(client)
                await self._await_progress(client)

    async def drained(self) -> None:
        """Wait until the bus has acknowledged every report in the journal."""
        while self._window.base < self._reports.last_sequence:  # noqa: ASYNC110 once, at the end of the process
            await asyncio.sleep(_POLL_SECONDS / 10)

    async def _persist_progress(self) -> None:
        """Store the acknowledged sequence now and then: it only saves publishing again after a restart."""
        written = self._window.base
        while True:
            await self._moved.wait()
            self._moved.clear()
            if self._window.base > written:
                written = self._window.base
                await asyncio.to_thread(self._reports.mark_published, written)
            await asyncio.sleep(_POLL_SECONDS)

    async def _publish_window(self, client: Client) -> None:
        for entry in self._reports.entries(self._window.sent, self._window.room):
            envelope = publishable(entry)
            try:
                await self._publish(client, entry, envelope)
            except NatsError as error:
                self._refusal = str(error) or type(error).__name__
                return
            if not self._window.waiting:
                self._progress_at = self._loop.time()
            self._window.publish(entry.sequence)

    async def _publish(self, client: Client, entry: JournalEntry, envelope: bytes) -> None:
        # The reply subject carries the sequence, so that no table of pending publishes is needed.
        await client.publish(
            self._subject,
            envelope,
            reply=f"{self._replies}.{entry.sequence}",
            headers={MESSAGE_ID_HEADER: entry.message_id},
        )
        log.info("report_published", trace_id=trace_id(entry.trace), sequence=entry.sequence)

    async def _await_progress(self, client: Client) -> None:
        """Wait for an acknowledgement, a new report or a lost connection; go back after a refusal or a time-out."""
        while True:
            # Measure the time-out from the last progress, not from the last wake-up: new reports wake us too, and
            # acknowledgements of later reports do not make up for a missing one.
            if self._window.waiting and self._loop.time() - self._progress_at > self._timing.answer_seconds:
                self._refusal = self._refusal or "no answer"
            if self._refusal is not None or self._wake.is_set() or not client.is_connected:
                break
            # Acknowledgements wake us too. A lost connection and a time-out do not, so poll for them.
            await wait_for(self._wake, _POLL_SECONDS)
        if self._refusal is not None:
            await self._go_back(self._refusal)

    async def _go_back(self, refusal: str) -> None:
        metrics.REFUSED.inc()
        self._refused = True
        self._on_refusal(refusal)
        log.warning("publish_refused", sequence=self._window.base + 1, reason=refusal)
        await asyncio.sleep(self._timing.retry_seconds)
        # Clear after the pause: the rest of the window may be refused meanwhile, and going back once covers all of it.
        self._refusal = None
        self._window.go_back()

    async def _answered(self, answer: Msg) -> None:
        sequence = int(answer.subject.rpartition(".")[2])
        refusal = refusal_of(answer.data)
        if refusal is not None:
            self._refusal = refusal
        elif moved := self._window.acknowledge(sequence):
            self._progress_at = self._loop.time()
            metrics.PUBLISHED.inc(moved)
            if self._refused:
                self._refused = False
                self._on_refusal(None)
            self._moved.set()
        self._wake.set()


def publishable(entry: JournalEntry) -> bytes:
    """Return what to publish for an entry: a replacement if it is too large for the bus, which would refuse it."""
    if len(entry.envelope) <= MAX_REPORT_BYTES:
        return entry.envelope
    log.error("report_replaced", trace_id=trace_id(entry.trace), sequence=entry.sequence, bytes=len(entry.envelope))
    return replacement(entry.envelope)


async def _reconnected(client: Client) -> None:
    while not client.is_connected:  # noqa: ASYNC110 `connected` keeps the client's callbacks for itself
        await asyncio.sleep(_POLL_SECONDS)


def refusal_of(answer: bytes) -> str | None:
    """Return why JetStream refused a publish; None if the stream has the report, now or from before.

    An empty answer is the server's "no responders": the stream does not exist, or its service is not imported.
    """
    if not answer:
        return "no stream matches this subject"
    acknowledgement = json.loads(answer)
    if "error" in acknowledgement:
        return str(acknowledgement["error"].get("description", "refused"))
    return None
