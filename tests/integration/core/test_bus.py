import asyncio
import dataclasses

import pytest
from nats.aio.client import Client
from nats.errors import Error
from nats.js.api import RetentionPolicy

from oxy_core import bus
from oxy_core.bus import STREAMS, connected, ensure_streams
from oxy_core.errors import BusError, StreamMismatchError
from oxy_core.subjects import INSTANCES_BUCKET
from oxy_dev.servers import NatsServer, free_port


async def test_ensuring_streams_twice_changes_nothing(nats_server: NatsServer) -> None:
    async with connected(nats_server.url, name="test") as client:
        jetstream = client.jetstream()
        await ensure_streams(jetstream)
        await jetstream.publish("oxy.in.A.x", b"kept")
        await ensure_streams(jetstream)
        assert (await jetstream.stream_info(bus.INBOUND_STREAM)).state.messages == 1
        assert {info.config.name for info in await jetstream.streams_info()} == {
            *(stream.name for stream in STREAMS),
            f"KV_{INSTANCES_BUCKET}",
        }


async def test_a_stream_of_another_kind_is_refused_and_kept(nats_server: NatsServer) -> None:
    async with connected(nats_server.url, name="test") as client:
        jetstream = client.jetstream()
        await jetstream.add_stream(dataclasses.replace(STREAMS[0], retention=RetentionPolicy.LIMITS))
        await jetstream.publish("oxy.in.A.x", b"kept")
        with pytest.raises(StreamMismatchError, match="OXY_INBOUND: retention"):
            await ensure_streams(jetstream)
        assert (await jetstream.stream_info(bus.INBOUND_STREAM)).state.messages == 1


async def test_a_repeated_publish_is_stored_once(nats_server: NatsServer) -> None:
    async with connected(nats_server.url, name="test") as client:
        jetstream = client.jetstream()
        await ensure_streams(jetstream)
        for _ in range(2):
            await jetstream.publish("oxy.in.A.x", b"once", headers={"Nats-Msg-Id": "x:1"})
        assert (await jetstream.stream_info(bus.INBOUND_STREAM)).state.messages == 1


async def test_a_server_that_is_not_there_is_a_bus_error() -> None:
    with pytest.raises(BusError, match=r"cannot connect to NATS at nats://127\.0\.0\.1"):
        async with connected(f"nats://127.0.0.1:{free_port()}", name="test", within=0.5):
            pass


async def test_a_killed_server_is_found_again(nats_server: NatsServer) -> None:
    async with connected(nats_server.url, name="test") as client:
        await ensure_streams(client.jetstream())
        nats_server.kill()
        nats_server.start()
        async with asyncio.timeout(10):
            while not await _answers(client):
                pass


async def _answers(client: Client) -> bool:
    try:
        return (await client.jetstream(timeout=1).stream_info(bus.INBOUND_STREAM)).state.messages == 0
    except Error:
        return False
