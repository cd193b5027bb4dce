"""The platform's side of the bus: takes every report, offers requests until they are accepted, hands out files.

It does what the workers do without a database: what it has acknowledged is in its memory, which no fault hits.
"""

import asyncio
import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from oxy_core import subjects
from oxy_core.bus import connected
from oxy_core.envelopes import Accepted, LiveState, MessageSeen, Report, SendRequest, SendResult
from oxy_core.files import ChunkRequest, FileArrived, FileFailed
from oxy_core.identity import Jid, new_id
from oxy_core.jetstream import CHUNK_BYTES, INBOUND_STREAM, INGEST_DURABLE, MEDIA_STREAM
from oxy_core.outbound import FileContent
from oxy_core.tasks import supervised, wait_for
from oxy_core.trace import new_trace

log = structlog.get_logger()

BATCH: Final = 200
FETCH_SECONDS: Final = 1.0
OFFER_SECONDS: Final = 1.0
"""How long an offered request may take to be accepted before it is offered again."""
VALID_SECONDS: Final = 86_400.0
"""How long requests may be sent: longer than any run, so that none expires."""


@dataclass(eq=False)
class Platform:
    """Everything that the platform knows of one tenant."""

    url: str
    credentials: Path
    sender: subjects.SubjectSender
    organization: str
    reports: dict[UUID, Report] = field(default_factory=dict)
    """Each once, in the order in which they were taken."""
    contents: dict[UUID, bytes] = field(default_factory=dict)
    """The bytes of each."""
    places: dict[UUID, dict[int, float]] = field(default_factory=dict)
    """Where the stream had each, and since when, in Unix seconds: two places are two copies."""
    requests: list[SendRequest] = field(default_factory=list)
    accepted: dict[UUID, Accepted] = field(default_factory=dict)
    files: dict[UUID, bytes] = field(default_factory=dict)
    """What it is to send."""
    state: LiveState | None = None
    problems: list[str] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever something arrived."""

    async def run(self) -> None:
        """Serve until cancelled, however often the bus goes down."""
        await supervised("platform", self._serve, _report)

    async def _serve(self) -> None:
        async with connected(self.url, self.credentials, name="platform") as client:
            await client.subscribe(subjects.accepted(*self.sender), cb=self._note_accepted)
            await client.subscribe(subjects.state(*self.sender), cb=self._note_state)
            await client.subscribe(subjects.file_request(*self.sender), cb=self._hand_out)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._ingest(client))
                tasks.create_task(self._relay(client))

    # -- what comes

    async def _ingest(self, client: Client) -> None:
        subscription = await client.jetstream().pull_subscribe_bind(INGEST_DURABLE, INBOUND_STREAM)
        while True:
            try:
                for message in await subscription.fetch(BATCH, timeout=FETCH_SECONDS):
                    self._take(message)
                    await message.ack()
            except TimeoutError:
                continue
            except NatsError as error:
                log.info("fetch_failed", error=type(error).__name__)
                await asyncio.sleep(0.2)

    def _take(self, message: Msg) -> None:
        report = Report.decode(message.data)
        place = message.metadata
        self.places.setdefault(report.id, {})[place.sequence.stream] = place.timestamp.timestamp()
        if self.contents.setdefault(report.id, message.data) != message.data:
            self.problems.append(f"report {report.id} was published with two contents")
        self.reports.setdefault(report.id, report)
        self.changed.set()

    async def _note_accepted(self, message: Msg) -> None:
        accepted = Accepted.decode(message.data)
        self.accepted.setdefault(accepted.request_id, accepted)
        self.changed.set()

    async def _note_state(self, message: Msg) -> None:
        self.state = LiveState.decode(message.data)
        self.changed.set()

    async def _hand_out(self, message: Msg) -> None:
        request = ChunkRequest.model_validate_json(message.data)
        start = request.number * CHUNK_BYTES
        await message.respond(self.files[request.media_id][start : start + CHUNK_BYTES])

    # -- what goes

    async def _relay(self, client: Client) -> None:
        """Offer the oldest request that is not accepted until it is, then the next."""
        subject = subjects.out(*self.sender)
        while True:
            waiting = self.unaccepted()
            if waiting:
                await client.publish(subject, waiting[0].encode())
                await client.flush()
            deadline = asyncio.get_running_loop().time() + OFFER_SECONDS
            while self.unaccepted() == waiting and asyncio.get_running_loop().time() < deadline:
                self.changed.clear()
                await wait_for(self.changed, OFFER_SECONDS / 5)

    def unaccepted(self) -> list[SendRequest]:
        """Return the requests that no acceptance has come for, in order."""
        return self.requests[len(self.accepted) :]

    def ask(self, chat: Jid, text: str | None, content: FileContent | None = None) -> SendRequest:
        """Queue a request to send."""
        request = SendRequest(
            id=new_id(),
            organization=self.organization,
            instance=self.sender.instance,
            chat=chat,
            text=text,
            content=content,
            created_at=datetime.now(UTC),
            valid_seconds=VALID_SECONDS,
            trace=new_trace(),
        )
        self.requests.append(request)
        self.changed.set()
        return request

    # -- what is known

    def messages(self) -> list[MessageSeen]:
        """Return the messages that were reported, in the order that readers restore."""
        return [report.body for report in self.in_order() if isinstance(report.body, MessageSeen)]

    def in_order(self) -> list[Report]:
        """Return the reports in the order of their journals."""
        return sorted(
            self.reports.values(),
            key=lambda report: (report.journal_started_at or report.occurred_at, report.journal_sequence),
        )

    def results(self) -> dict[UUID, SendResult]:
        """Return the results by request."""
        bodies = (report.body for report in self.reports.values())
        return {body.request_id: body for body in bodies if isinstance(body, SendResult)}

    def outcomes_of_files(self) -> dict[UUID, FileArrived | FileFailed]:
        """Return what became of received files, by media id."""
        bodies = (report.body for report in self.reports.values())
        return {body.media_id: body for body in bodies if isinstance(body, FileArrived | FileFailed)}

    def copies(self) -> Counter[int]:
        """Count reports by how often the stream had them."""
        return Counter(len(places) for places in self.places.values())

    async def damaged_files(self) -> list[str]:
        """Return which files that arrived are not on the bus as they were reported."""
        found = []
        async with connected(self.url, self.credentials, name="platform-files", within=60) as client:
            for outcome in self.outcomes_of_files().values():
                if isinstance(outcome, FileArrived):
                    content = await self._chunks(client, outcome)
                    if hashlib.sha256(content).hexdigest() != outcome.sha256:
                        found.append(f"file {outcome.media_id} is not on the bus as it was reported")
        return found

    async def _chunks(self, client: Client, file: FileArrived) -> bytes:
        jetstream, chunks = client.jetstream(), []
        for number in range(file.chunks):
            found = await jetstream.get_last_msg(MEDIA_STREAM, subjects.media(*self.sender, file.media_id, number))
            chunks.append(found.data or b"")
        return b"".join(chunks)

    async def waiting(self) -> int:
        """Return how many reports wait on the bus."""
        async with connected(self.url, self.credentials, name="platform-look", within=60) as client:
            return (await client.jetstream().stream_info(INBOUND_STREAM)).state.messages


def _report(name: str, error: Exception) -> None:
    log.warning("part_starts_anew", part=name, error=str(error))
