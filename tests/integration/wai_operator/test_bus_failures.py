"""What ends the operator's connection to NATS, and what does not."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from integration.wai_operator.scene import WITHIN, bus_configuration
from nats.js.api import StreamConfig
from prometheus_client import REGISTRY

from oxy_core.bus import connected
from oxy_core.errors import BusError
from oxy_core.jetstream import BACKUP_STREAM, EVENTS_STREAM, STREAMS
from oxy_core.tasks import end_tasks
from oxy_dev.servers import NatsServer, running_nats
from oxy_operator.bus.accounts import platform_credentials, system_credentials
from oxy_operator.bus.connection import Bus
from oxy_operator.bus.nkeys import PlatformKeys

KEYS = PlatformKeys.generate()


class BugError(Exception):
    """An error that no server causes."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with running_nats(tmp_path / "nats", bus_configuration(KEYS, tmp_path)) as running:
        yield running


def bus(server: NatsServer, folder: Path, on_connected: Callable[[], None]) -> Bus:
    platform, system = folder / "platform.creds", folder / "system.creds"
    platform.write_text(platform_credentials(KEYS))
    system.write_text(system_credentials(KEYS))
    return Bus(
        server.url,
        credentials=platform,
        system_credentials=system,
        keys=KEYS,
        wanted=dict,
        on_connected=on_connected,
        on_away=lambda: None,
        on_state=lambda _: None,
        freeze_of=lambda _: None,
        restoring=frozenset,
    )


async def test_an_error_that_nats_did_not_cause_ends_the_connection(server: NatsServer, tmp_path: Path) -> None:
    def fail() -> None:
        raise BugError

    with pytest.raises(BugError):
        await asyncio.wait_for(bus(server, tmp_path, fail).run(), WITHIN)


async def test_a_bus_error_is_retried(server: NatsServer, tmp_path: Path) -> None:
    is_connected, failures = asyncio.Event(), [BusError("not now")]

    def fail_once() -> None:
        if failures:
            raise failures.pop()
        is_connected.set()

    running = asyncio.create_task(bus(server, tmp_path, fail_once).run())
    try:
        await asyncio.wait_for(is_connected.wait(), WITHIN)
    finally:
        await end_tasks(running)


async def test_a_server_without_room_for_backups_is_used_and_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed, room = asyncio.Event(), sum(stream.max_bytes or 0 for stream in STREAMS) + (64 << 20)
    monkeypatch.setattr("oxy_operator.bus.connection.CHECK_SECONDS", 0.1)
    small = f'jetstream: {{store_dir: "{tmp_path / "js"}", max_file: {room}}}\n'
    with running_nats(tmp_path / "nats", small + bus_configuration(KEYS, tmp_path)) as server:
        made = bus(server, tmp_path, changed.set)
        async with connected(server.url, tmp_path / "platform.creds", name="test") as client:
            await client.jetstream().add_stream(StreamConfig(name="OTHER", subjects=["other"], max_bytes=512 << 20))
            running = asyncio.create_task(made.run())
            try:
                await asyncio.wait_for(changed.wait(), WITHIN)
                assert "insufficient storage" in (made.missing(BACKUP_STREAM) or "")
                assert made.missing(EVENTS_STREAM) is None
                assert REGISTRY.get_sample_value("oxy_operator_streams_refused") == 1
                assert await made.backups.of("acme", "shop") == ()
                changed.clear()
                await client.jetstream().delete_stream("OTHER")
                await asyncio.wait_for(changed.wait(), WITHIN)
                assert (made.present, made.missing(BACKUP_STREAM)) == (True, None)
                assert REGISTRY.get_sample_value("oxy_operator_streams_refused") == 0
            finally:
                await end_tasks(running)


async def test_a_client_that_closed_for_good_is_replaced(server: NatsServer, tmp_path: Path) -> None:
    times, changed = [0], asyncio.Event()

    def count() -> None:
        times[0] += 1
        changed.set()

    made = bus(server, tmp_path, count)
    running = asyncio.create_task(made.run())
    try:
        await asyncio.wait_for(changed.wait(), WITHIN)
        changed.clear()
        current = made._current  # noqa: SLF001 the operator itself never sends what the server answers by closing
        assert current is not None
        # nats-py checks the payload without its headers, the server with them.
        await current.platform.publish("x", b"x" * current.platform.max_payload, headers={"X": "one too many"})
        await asyncio.wait_for(changed.wait(), WITHIN)
        assert (times, made.present) == ([2], True)
    finally:
        await end_tasks(running)
