"""No instance fills the stream of backups for the others, and what is gone from it is not believed to be there."""

import dataclasses
import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from nats.aio.client import Client
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from oxy_core import subjects
from oxy_core.bus import connected
from oxy_core.jetstream import BACKUP_STREAM, STREAMS
from oxy_core.session_backups import PART_BYTES, BackupManifest
from oxy_dev.servers import NatsServer
from oxy_operator.bus import backups
from oxy_operator.bus.backup_desk import BackupDesk
from oxy_operator.bus.nkeys import PlatformKeys

KEYS = PlatformKeys.generate()
ORGANIZATION = "paws"


def account(instance: str) -> str:
    return KEYS.tenant_account(ORGANIZATION, instance).public


async def back_up(client: Client, instance: str, chunks: int, *, finished: bool = True) -> UUID:
    made = BackupManifest(
        id=uuid4(),
        organization=ORGANIZATION,
        instance=instance,
        number="ab" * 12,
        device="ab" * 32,
        epoch=1,
        made_at=datetime.now(UTC),
        database_bytes=1,
        compressed_bytes=1,
        sha256="ab" * 32,
        chunks=chunks,
        key_id="ab" * 8,
        library="neonize 0.5.2",
    )
    for number in range(chunks):
        await client.jetstream().publish(
            subjects.backup(account(instance), instance, made.id, number), bytes(PART_BYTES)
        )
    if finished:
        manifest = subjects.backup(account(instance), instance, made.id, "manifest")
        await client.jetstream().publish(manifest, made.encode())
    return made.id


def stop(pid: int) -> None:
    """Stop a process, and wait until all its threads have stopped: one more could still answer."""
    os.kill(pid, signal.SIGSTOP)
    deadline, threads = time.monotonic() + 60, Path(f"/proc/{pid}/task")
    while {(thread / "stat").read_text().rpartition(")")[2].split()[0] for thread in threads.iterdir()} != {"T"}:
        assert time.monotonic() < deadline
        time.sleep(0.005)


async def test_a_flood_costs_whoever_floods_and_what_is_gone_is_noticed(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oxy_operator.bus.backup_sweep.LOOK_SECONDS", 3_600.0)  # only the test looks
    small = next(stream for stream in STREAMS if stream.name == BACKUP_STREAM)
    heard: list[str] = []
    restoring: set[UUID] = set()
    desk = BackupDesk(KEYS, settings_of=lambda _: None, on_backup=heard.append, restoring=lambda: restoring)

    async def ids(instance: str, *, now: bool = False) -> list[UUID] | None:
        found = await desk.of(ORGANIZATION, instance, now=now)
        return None if found is None else [backup.manifest.id for backup in found]

    async with connected(nats_server.url, name="test") as client:
        await client.jetstream().add_stream(dataclasses.replace(small, max_bytes=24 * PART_BYTES))
        async with desk.serving(client):
            mine = [await back_up(client, "shop", 2) for _ in range(2)]
            large = await back_up(client, "large", 8)
            await desk._sweep.look(client)  # noqa: SLF001 as the desk does every ten seconds
            assert REGISTRY.get_sample_value("oxy_operator_backups_full_ratio") == pytest.approx(12 / 24, rel=0.01)
            assert (await ids("shop"), await ids("large")) == (mine[::-1], [large])
            theirs = [await back_up(client, "flood", 4), await back_up(client, "flood", 7, finished=False)]
            with capture_logs() as logs:
                await desk._sweep.look(client)  # noqa: SLF001
            assert [entry["percent"] for entry in logs if entry["event"] == "backups_nearly_full"] == [96]
            found = await backups.all_stored(client)
            # The flood goes, and then there is room for what is larger than a share.
            assert {backup.manifest.id for backup in found} == {*mine, large, theirs[0]}
            assert (await client.jetstream().stream_info(BACKUP_STREAM)).state.bytes < 18 * PART_BYTES
            # Later there is not, but what is to be restored stays.
            restoring.add(large)
            await back_up(client, "small", 4)
            await desk._sweep.look(client)  # noqa: SLF001
            assert await ids("large", now=True) == [large]

            # A person deletes one, by another way than this process.
            await backups.delete(client, account("shop"), "shop", mine[1])
            assert await ids("shop") == mine[::-1]
            assert await ids("shop", now=True) == mine[:1]
            await backups.delete(client, account("large"), "large", large)
            heard.clear()
            desk._sweep._swept_at = float("-inf")  # noqa: SLF001 a quarter of an hour later
            await desk._sweep.look(client)  # noqa: SLF001
            assert (heard, await ids("large")) == ([account("large")], [])

            # A bus that does not answer is asked again, though it is connected.
            desk.refresh()
            with monkeypatch.context() as impatient:
                impatient.setattr("oxy_operator.bus.streams.ANSWER_SECONDS", 0.3)
                try:
                    stop(nats_server.pid or 0)
                    assert (await ids("shop"), desk.is_behind(ORGANIZATION, "shop")) == (mine[:1], True)
                finally:
                    os.kill(nats_server.pid or 0, signal.SIGCONT)
            assert (await ids("shop"), desk.is_behind(ORGANIZATION, "shop")) == (mine[:1], False)
        assert (await ids("shop"), await ids("shop", now=True)) == (mine[:1], None)
