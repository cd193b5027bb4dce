"""Files that a simulated phone sends, through the real neonize, a pod, the bus and a worker, into PostgreSQL."""

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from integration.ai.scene import Scene as WorkerScene
from integration.ai.scene import settings_of
from integration.tenant.scene import ACCOUNT, INSTANCE, ORGANIZATION, Bus, Scene, staged, until

from oxy_core.instance.settings import AiSettings
from oxy_simulator.attachments import Document, Image, Voice
from oxy_simulator.contents import AnyContent
from oxy_simulator.testing import WhatsApp

PNG = b"\x89PNG\r\n\x1a\n" + os.urandom(100_000)
VOICE = b"OggS\x00\x02" + bytes(20) + b"\x01\x13OpusHead" + os.urandom(20_000)
LARGEST = 16 << 20
FILES = (
    "select m.kind, m.body, f.mime, f.found_mime, f.name, f.state, f.reason, f.size_bytes, "
    "(select string_agg(c.bytes, '' order by c.number) from media_chunks c where c.media_id = f.id) as content "
    "from media f join messages m on m.organization_id = f.organization_id and m.id = f.message_id "
    "order by m.place"
)


@pytest.fixture
async def pod(scene: WorkerScene, tmp_path: Path) -> AsyncIterator[Scene]:
    """A paired pod on the worker's bus, with a customer's phone."""
    settings = settings_of(ORGANIZATION, INSTANCE, account=ACCOUNT, ai=AiSettings(enabled=False))
    await scene.publish(settings)
    bus = Bus(WorkerBus(scene.nats_url), scene.client)  # type: ignore[arg-type]  # only its URL is used
    async with WhatsApp() as simulator, staged(simulator, bus, tmp_path) as made:
        await bus.follow()
        await made.pair()
        yield made


class WorkerBus:
    """The bus of the workers' scene."""

    def __init__(self, url: str) -> None:
        self.url = url


async def stored(scene: WorkerScene, count: int) -> list[Any]:
    """Wait until all of `count` files have their final state, in the order of their messages."""

    async def settled() -> list[Any] | None:
        rows = await scene.query(FILES)
        done = [row for row in rows if row["state"] in {"stored", "failed"}]
        return rows if len(done) == count else None

    rows: list[Any] = await until(settled, 60, f"{count} files are stored or lost")
    return rows


async def send(pod: Scene, *contents: AnyContent) -> None:
    for content in contents:
        await pod.customer.send(content, to=pod.business)


async def test_an_image_a_voice_note_and_a_large_document_arrive_with_their_bytes(
    scene: WorkerScene, pod: Scene
) -> None:
    large = b"%PDF-1.7" + os.urandom(LARGEST - 8)
    async with scene.worker():
        await send(
            pod,
            Image(data=PNG, caption="meu gato", mimetype="image/jpeg"),
            Voice(data=VOICE, seconds=2),
            Document(data=large, file_name="../../exame\u202efdp.pdf", mimetype="application/pdf"),
        )
        image, voice, document = await stored(scene, 3)
    assert (image["kind"], image["body"]) == ("image", "meu gato")
    assert (image["mime"], image["found_mime"]) == ("image/jpeg", "image/png"), "both are kept"
    assert (voice["kind"], voice["found_mime"]) == ("voice_note", "audio/ogg; codecs=opus")
    assert [row["content"] for row in (image, voice, document)] == [PNG, VOICE, large]
    assert "/" not in document["name"]
    assert "\u202e" not in document["name"]
    assert document["name"].endswith(".pdf")


async def test_what_cannot_be_had_says_why_and_holds_up_nothing(scene: WorkerScene, pod: Scene) -> None:
    async with scene.worker():
        await pod.simulator.api.media_fault("wrong-file-hash")
        await send(pod, Image(data=os.urandom(1_000)))
        await stored(scene, 1)
        await pod.simulator.api.media_fault("expired")
        await send(pod, Image(data=os.urandom(1_000)))
        await stored(scene, 2)
        too_large = Document(data=bytes(LARGEST + 100), file_name="filme.bin")
        await send(pod, too_large)
        await stored(scene, 3)
        await pod.simulator.api.media_fault("wrong-length")
        await send(pod, too_large, Image(data=PNG))
        rows = await stored(scene, 5)
    assert [row["reason"] for row in rows] == ["wrong_hash", "expired", "too_large", "too_large", None]
    assert rows[3]["size_bytes"] == 1, "as claimed"
    assert rows[4]["content"] == PNG


async def test_a_pod_that_is_killed_in_the_middle_fetches_the_file_again(scene: WorkerScene, pod: Scene) -> None:
    large = os.urandom(LARGEST // 4)
    await pod.simulator.api.media_fault("slow", rate=1 << 18)
    await send(pod, Document(data=large, file_name="exame.bin"), Image(data=PNG))
    journal = f"file:{pod.runtime.session / 'journal.db'}?mode=ro"
    # What was decrypted and not yet journalled when a process dies is reported as lost: another test's matter.
    both = "SELECT count(*) = 2 AND max(begun) > 0 FROM transfers"
    with closing(sqlite3.connect(journal, uri=True)) as database:
        await until(lambda: database.execute(both).fetchone()[0])
    await pod.runtime.kill()
    async with scene.worker():
        await pod.runtime.start()
        rows = await stored(scene, 2)
    assert [row["content"] for row in rows] == [large, PNG]
