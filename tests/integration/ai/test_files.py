"""Files of messages, from the bus to where they are kept."""

import asyncio
import hashlib
import os
import re
from datetime import timedelta
from uuid import UUID, uuid4

import aiohttp
import pytest
from integration.ai.scene import FakePod, Scene, org, settings_of, until

from oxy_ai.database import connected_pool
from oxy_ai.ids import instance_id
from oxy_ai.media.file_table import FileTable, Pause
from oxy_ai.media.library import FileLibrary
from oxy_ai.media.records import FileKey, KeptFile, OutboundFile
from oxy_core import subjects
from oxy_core.content import FileOffered
from oxy_core.files import FileArrived, FileFailed, FileFailure
from oxy_core.jetstream import CHUNK_BYTES, MEDIA_STREAM
from oxy_core.message_kinds import MessageKind
from oxy_dev.s3_server import running_s3

QUICK = {"media_retry_seconds": 0.1, "sweep_seconds": 0.05}
EXPIRE = "select expire_file(organization_id, instance_id, id) from media"
PLENTY = 3 * CHUNK_BYTES + 7


async def arrive(  # noqa: PLR0913 what may be wrong with it
    scene: Scene, pod: FakePod, content: bytes, *, chunks: int | None = None, sha256: str = "", file: UUID | None = None
) -> UUID:
    """Publish a file as a pod does; `chunks`: so many of them alone; `sha256`: claim this hash."""
    file, settings = file or uuid4(), pod.settings
    parts = [content[start : start + CHUNK_BYTES] for start in range(0, len(content), CHUNK_BYTES)]
    for number, part in list(enumerate(parts))[:chunks]:
        subject = subjects.media(settings.account, settings.instance, file, number)
        await scene.client.jetstream().publish(subject, part)
    pod.report(
        FileArrived(
            media_id=file,
            chunks=len(parts),
            size=len(content),
            sha256=sha256 or hashlib.sha256(content).hexdigest(),
            mime="image/png",
        )
    )
    return file


async def state(scene: Scene, file: UUID) -> tuple[str, str | None] | None:
    rows = await scene.query("select state, reason from media where id = $1", file)
    return tuple(rows[0]) if rows else None


async def settled(scene: Scene, *files: UUID) -> list[tuple[str, str | None] | None]:
    """Wait until files are stored or lost."""

    async def found() -> list[tuple[str, str | None] | None] | None:
        states = [await state(scene, file) for file in files]
        return states if all(one and one[0] in {"stored", "failed", "deleted"} for one in states) else None

    return await until(found, 60)  # a worker may have to start


async def bytes_of(scene: Scene, file: UUID) -> bytes:
    rows = await scene.query("select bytes from media_chunks where media_id = $1 order by number", file)
    return b"".join(row["bytes"] for row in rows)


async def on_bus(scene: Scene) -> int:
    return (await scene.client.jetstream().stream_info(MEDIA_STREAM)).state.messages


async def test_a_file_that_arrives_while_its_announcement_is_looked_at_is_stored(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod, content, find = await scene.pod(settings_of("petshop")), b"GIF89a", FileTable.find
    file, seen = uuid4(), 0

    async def find_late(table: FileTable, key: FileKey) -> KeptFile | None:
        """Look at the row only when the file has arrived, although it was claimed before; then let others go first."""
        nonlocal seen
        seen += 1
        if seen == 1:
            await arrive(scene, pod, content, file=file)
            await until(lambda: scene.query("select from media where state = 'arriving'"))
        return await find(table, key)

    monkeypatch.setattr(FileTable, "find", find_late)
    async with scene.worker(**QUICK | {"media_at_once": 1}):
        await scene.known(pod.settings)
        offered = FileOffered(id=file, mime="image/gif", size=len(content))
        pod.receive(None, kind=MessageKind.IMAGE, file=offered)
        assert await settled(scene, file) == [("stored", None)]
    assert seen > 1


async def test_a_claim_from_before_something_happened_to_a_file_changes_nothing(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker():
        await scene.known(pod.settings)
    key = FileKey(org(pod.settings), instance_id("petshop", "main"), uuid4())
    async with connected_pool(scene.database_url, connections=1) as pool:
        table = FileTable(pool)
        await scene.query("select queue_file($1, $2, $3, null)", *key)
        [stale] = await table.claim(10, timedelta(minutes=1))
        await scene.query("select queue_file($1, $2, $3, 'ACCOUNT')", *key)
        [held] = await table.claim(10, timedelta(minutes=1))
        assert (stale.account, held.account) == (None, "ACCOUNT")
        await table.postpone(stale, Pause(timedelta(days=90), settled=True))
        await table.forget(stale)
        assert await scene.value("select due_at from media_queue") == held.held
        await table.forget(held)
        assert await scene.query("select from media_queue") == []


async def test_files_are_stored_once_by_several_workers_and_leave_the_bus(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    contents = [os.urandom(PLENTY), b"", b"x", *(os.urandom(CHUNK_BYTES) for _ in range(5))]
    async with scene.worker(**QUICK), scene.worker(**QUICK):
        await scene.known(pod.settings)
        files = [await arrive(scene, pod, content) for content in contents]
        assert set(await settled(scene, *files)) == {("stored", None)}
        assert [await bytes_of(scene, file) for file in files] == contents
        await until(lambda: bus_is_empty(scene))
    await until(lambda: queue_is_empty(scene))


async def queue_is_empty(scene: Scene) -> bool:
    return await scene.query("select from media_queue") == []


async def bus_is_empty(scene: Scene) -> bool:
    return await on_bus(scene) == 0


async def test_a_file_belongs_to_its_message_whichever_comes_first(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker(**QUICK):
        await scene.known(pod.settings)
        late, early, lost = uuid4(), await arrive(scene, pod, b"early"), uuid4()
        pod.report(FileFailed(media_id=lost, reason=FileFailure.EXPIRED))
        await settled(scene, early, lost)
        for file, name in ((late, "late"), (early, "early"), (lost, "lost")):
            offered = FileOffered(id=file, mime="image/jpeg", size=5, sha256="0" * 64, name=name)
            pod.receive(name, kind=MessageKind.IMAGE, file=offered)
        await until(lambda: scene.query("select from media where state = 'announced'"))
        await arrive(scene, pod, b"late", file=late)
        await settled(scene, late)
    rows = await scene.query(
        "select f.name, m.body, f.kind, f.mime, f.found_mime, f.size_bytes, f.state from media f "
        "join messages m on m.id = f.message_id order by m.place"
    )
    assert [tuple(row) for row in rows] == [
        ("late", "late", "image", "image/jpeg", "image/png", 4, "stored"),
        ("early", "early", "image", "image/jpeg", "image/png", 5, "stored"),
        ("lost", "lost", "image", "image/jpeg", None, None, "failed"),
    ]


async def test_a_file_that_cannot_be_had_or_kept_is_lost_and_says_why(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker(**QUICK, media_file_bytes=PLENTY, media_organization_bytes=PLENTY + 10):
        await scene.known(pod.settings)
        whole = await arrive(scene, pod, os.urandom(PLENTY))
        assert await settled(scene, whole) == [("stored", None)]
        files = [
            await arrive(scene, pod, os.urandom(10), chunks=0),
            await arrive(scene, pod, os.urandom(10), sha256="0" * 64),
            await arrive(scene, pod, bytes(PLENTY + 1)),
            await arrive(scene, pod, os.urandom(11)),
        ]
        pod.report(FileFailed(media_id=(gone := uuid4()), reason=FileFailure.EXPIRED))
        pod.report(FileFailed(media_id=whole, reason=FileFailure.EXPIRED))
        reasons = ["expired", "wrong_hash", "too_large", "no_space", "expired"]
        assert await settled(scene, *files, gone) == [("failed", reason) for reason in reasons]
        assert await state(scene, whole) == ("stored", None)
        await until(lambda: bus_is_empty(scene))
        await until(lambda: queue_is_empty(scene))


async def test_files_are_deleted_when_they_have_expired(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker(**QUICK):
        await scene.known(pod.settings)
        file = await arrive(scene, pod, os.urandom(PLENTY))
        await settled(scene, file)
        await until(lambda: queue_is_empty(scene))
    assert [row[0] for row in await scene.query(EXPIRE)] == [True]
    assert [row[0] for row in await scene.query(EXPIRE)] == [False]
    async with scene.worker(**QUICK):
        await until(lambda: scene.query("select from media where state = 'deleted' and location is null"))
    assert await bytes_of(scene, file) == b""
    assert await scene.value("select count(*) from media_queue") == 0


async def test_an_object_store_keeps_files_instead_of_the_database(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    with running_s3() as url:
        stored = {
            **QUICK,
            "media_store_url": "s3://oxy/files",
            "media_store_endpoint": url,
            "media_store_access_key_id": "key",
            "media_store_secret_access_key": "secret",
        }
        async with scene.worker(**stored), connected_pool(scene.database_url, connections=1) as pool:
            await scene.known(pod.settings)
            # Larger than one part of an upload.
            content = os.urandom(6 << 20)
            file = await arrive(scene, pod, content)
            damaged = await arrive(scene, pod, os.urandom(6 << 20), sha256="0" * 64)
            assert await settled(scene, file, damaged) == [("stored", None), ("failed", "wrong_hash")]
            library = FileLibrary(pool, scene.settings(**stored))
            key = FileKey(org(pod.settings), instance_id("petshop", "main"), file)
            chunks = [await library.read_chunk(key, number) for number in range(len(content) // CHUNK_BYTES + 1)]
            assert chunks == [*(content[n * CHUNK_BYTES :][:CHUNK_BYTES] for n in range(24)), None]
            order = OutboundFile(id=uuid4(), kind="document", mime="text/plain", size_bytes=3, sha256="0" * 64)
            assert await library.add_outbound(key._replace(file=order.id), order, memoryview(b"abc"))
            assert not await library.add_outbound(key._replace(file=order.id), order, memoryview(b"abc"))
            assert await library.read_chunk(key._replace(file=order.id), 0) == b"abc"
            assert await bytes_of(scene, file) == b""
            assert await objects_in(url) == {str(file), str(order.id)}
            await scene.query(EXPIRE)
            await until(lambda: emptied(url))


async def objects_in(url: str) -> set[str]:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/oxy?list-type=2") as response:
        return {key.rpartition("/")[2] for key in re.findall("<Key>(.*?)</Key>", await response.text())}


async def emptied(url: str) -> bool:
    return await objects_in(url) == set()


async def test_a_killed_worker_leaves_no_half_file(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    worker = scene.process(OXY_MEDIA_LEASE_SECONDS="5", OXY_MEDIA_RETRY_SECONDS="0.1", OXY_SWEEP_SECONDS="0.02")
    worker.start()
    try:
        await scene.known(pod.settings)
        contents = [os.urandom(30 * CHUNK_BYTES)]
        files = [await arrive(scene, pod, content) for content in contents]
        await until(lambda: scene.query("select from media_queue where claims > 0"))
        await asyncio.sleep(0.05)
        worker.kill()
        assert (
            await scene.value(
                "select count(*) from media_chunks c join media m on m.id = c.media_id where m.state <> 'stored'"
            )
            == 0
        )
        worker.start()
        assert await settled(scene, *files) == [("stored", None)]
        assert [await bytes_of(scene, file) for file in files] == contents
    finally:
        worker.kill()
