"""The fetcher of files with a real bus and a journal; WhatsApp is scripted."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from integration.tenant.scene import until
from unit.tenant.links import ScriptedLink, environment_in

from oxy_core import subjects
from oxy_core.bus import connected
from oxy_core.envelopes import Report
from oxy_core.files import FileArrived, FileFailed, FileFailure
from oxy_core.jetstream import CHUNK_BYTES, MEDIA_STREAM, ensure_streams
from oxy_core.tasks import end_tasks
from oxy_core.trace import new_trace
from oxy_dev.servers import NatsServer
from oxy_tenant.content.media import MediaPointer, MediaType
from oxy_tenant.journal.journal import Journal
from oxy_tenant.links.errors import MediaCorruptError, MediaExpiredError, MediaTooLargeError, MediaUnavailableError
from oxy_tenant.links.protocol import DownloadedFile
from oxy_tenant.media.fetcher import FileFetcher

PNG = b"\x89PNG\r\n\x1a\n"


@dataclass
class FileLink(ScriptedLink):
    """A link that has the files of a test, by their path."""

    files: dict[str, bytes] = field(default_factory=dict)
    errors: dict[str, list[Exception]] = field(default_factory=dict)
    """By path: how the next downloads fail."""
    downloads: list[str] = field(default_factory=list)
    hanging: bool = False
    """Whether downloads do not end."""

    @asynccontextmanager
    async def download(self, pointer: MediaPointer, *, max_bytes: int) -> AsyncIterator[DownloadedFile]:
        self.downloads.append(pointer.direct_path)
        if errors := self.errors.get(pointer.direct_path):
            raise errors.pop(0)
        if self.hanging:
            await asyncio.Event().wait()
        content = self.files[pointer.direct_path]
        if len(content) > max_bytes:
            raise MediaTooLargeError
        yield DownloadedFile(memoryview(content), pointer.file_sha256)


@dataclass
class Stage:
    """A fetcher, not running, and what it works with."""

    journal: Journal
    link: FileLink
    fetcher: FileFetcher
    whatsapp: asyncio.Event

    def receive(self, content: bytes, *errors: Exception, sha256: bytes | None = None) -> UUID:
        """A message with a file arrives."""
        path, media_id = f"/{len(self.link.files)}", uuid4()
        self.link.files[path], self.link.errors[path] = content, list(errors)
        digest = sha256 or hashlib.sha256(content).digest()
        pointer = MediaPointer(MediaType.IMAGE, path, b"k" * 32, digest, b"e" * 32, len(content))
        with self.journal.database.transaction() as database:
            self.journal.transfers.add(database, media_id, pointer, new_trace())
        return media_id

    @property
    def outcomes(self) -> list[FileArrived | FileFailed]:
        bodies = [Report.decode(entry.envelope).body for entry in self.journal.reports.waiting(0, 100)]
        return [body for body in bodies if isinstance(body, FileArrived | FileFailed)]

    async def settled(self, count: int) -> dict[UUID, FileArrived | FileFailed]:
        await until(lambda: len(self.outcomes) == count, what=f"{count} files are settled")
        return {outcome.media_id: outcome for outcome in self.outcomes}


@pytest.fixture
def stage(nats_server: NatsServer, tmp_path: Path) -> Iterator[Stage]:
    environment = environment_in(tmp_path).model_copy(update={"nats_url": nats_server.url})
    journal = Journal.open(tmp_path / "journal.db", organization="acme", instance="shop")
    link, whatsapp = FileLink(), asyncio.Event()
    whatsapp.set()
    fetcher = FileFetcher(environment, journal.transfers, link, whatsapp=whatsapp, max_bytes=lambda: 3 * CHUNK_BYTES)
    yield Stage(journal, link, fetcher, whatsapp)
    journal.close()


@asynccontextmanager
async def running(stage: Stage) -> AsyncIterator[None]:
    task = asyncio.create_task(stage.fetcher.run())
    try:
        yield
        assert not task.done()
    finally:
        await end_tasks(task)


async def fetched(server: NatsServer, arrived: FileArrived | FileFailed) -> bytes:
    """A file as workers read it from the bus."""
    assert isinstance(arrived, FileArrived)
    async with connected(server.url, name="worker") as client:
        parts = []
        for number in range(arrived.chunks):
            subject = subjects.media("A" + "B" * 55, "shop", arrived.media_id, number)
            parts.append((await client.jetstream().get_last_msg(MEDIA_STREAM, subject)).data or b"")
    assert all(len(part) == CHUNK_BYTES for part in parts[:-1])
    content = b"".join(parts)
    assert (arrived.size, arrived.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    return content


async def test_files_come_in_chunks_with_their_type_and_failures_with_their_reason(
    stage: Stage, nats_server: NatsServer
) -> None:
    async with connected(nats_server.url, name="platform") as client:
        await ensure_streams(client.jetstream())
    contents = {stage.receive(content): content for content in (PNG + os.urandom(2 * CHUNK_BYTES), b"x", b"")}
    failures = {
        stage.receive(b"a", MediaExpiredError()): FileFailure.EXPIRED,
        stage.receive(b"b", MediaCorruptError()): FileFailure.WRONG_HASH,
        stage.receive(b"c", sha256=b"0" * 32): FileFailure.WRONG_HASH,
        stage.receive(bytes(3 * CHUNK_BYTES + 1)): FileFailure.TOO_LARGE,
    }
    later = stage.receive(b"later", MediaUnavailableError())
    async with running(stage):
        outcomes = await stage.settled(len(contents) + len(failures) + 1)
        for media_id, content in {**contents, later: b"later"}.items():
            assert await fetched(nats_server, outcomes[media_id]) == content
    assert {key: getattr(outcomes[key], "reason", None) for key in failures} == failures
    assert [getattr(outcomes[key], "mime", None) for key in contents] == ["image/png", None, None]
    assert stage.journal.transfers.waiting() == 0
    assert len(stage.link.downloads) == len(outcomes) + 1


async def test_a_file_waits_for_whatsapp_and_for_the_bus(stage: Stage, nats_server: NatsServer) -> None:
    stage.whatsapp.clear()
    nats_server.stop()
    media_id = stage.receive(PNG)
    async with running(stage):
        stage.whatsapp.set()
        await asyncio.sleep(0.5)
        assert stage.link.downloads == [], "it is of no use without the bus"
        nats_server.start()
        # The bus is there, but has no stream: it refuses.
        await until(lambda: stage.link.downloads, what="the first attempt")
        async with connected(nats_server.url, name="platform") as client:
            await ensure_streams(client.jetstream())
            outcomes = await stage.settled(1)
        assert await fetched(nats_server, outcomes[media_id]) == PNG


async def test_a_full_disk_delays_a_file_and_ends_nothing(stage: Stage, nats_server: NatsServer) -> None:
    async with connected(nats_server.url, name="platform") as client:
        await ensure_streams(client.jetstream())
    with stage.journal.database.transaction() as database:
        database.execute("CREATE TRIGGER full BEFORE INSERT ON reports BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    async with running(stage):
        await asyncio.sleep(0.1)  # so that it waits, and the file wakes it
        media_id = stage.receive(PNG)
        await until(lambda: stage.link.downloads, what="the first attempt")
        with stage.journal.database.transaction() as database:
            database.execute("DROP TRIGGER full")
        outcomes = await stage.settled(1)
        assert await fetched(nats_server, outcomes[media_id]) == PNG


async def test_what_a_stop_interrupts_is_not_counted_as_a_crash(stage: Stage) -> None:
    stage.link.hanging = True
    stage.receive(b"x")
    async with running(stage):
        await until(lambda: stage.link.downloads, what="the first attempt")
    (begun,) = stage.journal.database.read("SELECT begun FROM transfers")[0]
    assert begun == 0
    assert stage.outcomes == []
