import asyncio
import contextlib
import dataclasses
import gc
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from nats.aio.client import Client
from nats.errors import Error
from nats.js.api import RetentionPolicy
from nats.js.errors import APIError, NotFoundError

from oxy_core import event_names, subjects
from oxy_core.bus import connected
from oxy_core.errors import BusError, StreamMismatchError
from oxy_core.jetstream import (
    ACK_WAIT_SECONDS,
    BUCKETS,
    DISPENSABLE,
    EVENTS_STREAM,
    INBOUND_STREAM,
    INGEST,
    INGEST_DURABLE,
    MEDIA_STREAM,
    STREAMS,
    ensure_streams,
)
from oxy_core.tasks import end_tasks
from oxy_dev.servers import NatsServer, free_port, running_nats
from oxy_operator.bus.accounts import nats_configuration, platform_credentials, system_credentials
from oxy_operator.bus.nkeys import PlatformKeys

T = TypeVar("T")
KEYS = PlatformKeys.generate()


@pytest.fixture
def guarded_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A NATS server that lets in only whom the keys vouch for."""
    with running_nats(tmp_path / "nats", nats_configuration(KEYS, tmp_path / "accounts")) as server:
        yield server


async def test_ensuring_streams_twice_changes_nothing(nats_server: NatsServer) -> None:
    async with connected(nats_server.url, name="test") as client:
        jetstream = client.jetstream()
        await ensure_streams(jetstream)
        await jetstream.publish("oxy.in.A.x", b"kept")
        await ensure_streams(jetstream)
        assert (await jetstream.stream_info(INBOUND_STREAM)).state.messages == 1
        assert {info.config.name for info in await jetstream.streams_info()} == {
            *(stream.name for stream in STREAMS),
            *(f"KV_{bucket}" for bucket in BUCKETS),
        }


async def test_a_server_with_too_little_room_keeps_what_it_has_and_lacks_backups_and_events(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)

    def with_room_for(size: int) -> NatsServer:
        server.stop()
        server.extra_config = f'jetstream: {{store_dir: "{tmp_path / "js"}", max_file: {size}}}'
        server.start()
        return server

    async def prepared(name: str = "") -> tuple[set[str], set[str]]:
        async with connected(server.url, name="test") as client:
            refused = await ensure_streams(client.jetstream())
            if name:
                await client.jetstream().publish(name, b"x")
            return set(refused), {str(info.config.name) for info in await client.jetstream().streams_info()}

    every = {*(str(stream.name) for stream in STREAMS), *(f"KV_{bucket}" for bucket in BUCKETS)}
    needed = sum(stream.max_bytes or 0 for stream in STREAMS if stream.name not in DISPENSABLE)
    try:
        with_room_for(needed + (64 << 20))
        assert await prepared("oxy.in.A.x") == (DISPENSABLE, every - DISPENSABLE)
        with_room_for(sum(stream.max_bytes or 0 for stream in STREAMS))
        assert await prepared() == (set(), every)
        with_room_for(needed // 2)  # as a server without max_file has once its volume has filled
        assert await prepared() == (set(), every)
        async with connected(server.url, name="test") as client:
            await client.jetstream().delete_stream(INBOUND_STREAM)
            with pytest.raises(BusError, match="no room for stream OXY_INBOUND"):
                await ensure_streams(client.jetstream())
    finally:
        server.stop()


async def test_no_stream_keeps_what_is_shown_live_and_names_of_events_are_tokens(nats_server: NatsServer) -> None:
    async with connected(nats_server.url, name="test") as client:
        jetstream = client.jetstream()
        await ensure_streams(jetstream)
        for name in (event_names.PAIRING, event_names.QR):
            with pytest.raises(NotFoundError):
                await jetstream.find_stream_name_by_subject(subjects.live("acme", "shop", name))
        for name in (value for key, value in vars(event_names).items() if key.isupper()):
            subject = subjects.event("acme", "shop", name)
            assert (await jetstream.publish(subject, b"{}", stream=EVENTS_STREAM)).stream == EVENTS_STREAM


async def test_a_chunk_that_is_published_again_replaces_itself_also_when_the_stream_is_full(
    nats_server: NatsServer,
) -> None:
    async with connected(nats_server.url, name="test") as client:
        jetstream = client.jetstream()
        small = next(dataclasses.replace(stream, max_bytes=2_000) for stream in STREAMS if stream.name == MEDIA_STREAM)
        await jetstream.add_stream(small)
        for _ in range(3):
            await jetstream.publish("oxy.media.A.x.file.0", bytes(1_000))
        with pytest.raises(APIError, match="maximum bytes exceeded"):
            await jetstream.publish("oxy.media.A.x.file.1", bytes(1_000))
        assert (await jetstream.stream_info(MEDIA_STREAM)).state.messages == 1


async def test_a_stream_of_another_kind_is_refused_and_kept(nats_server: NatsServer) -> None:
    async with connected(nats_server.url, name="test") as client:
        jetstream = client.jetstream()
        await jetstream.add_stream(dataclasses.replace(STREAMS[0], retention=RetentionPolicy.LIMITS))
        await jetstream.publish("oxy.in.A.x", b"kept")
        with pytest.raises(StreamMismatchError, match="OXY_INBOUND: retention"):
            await ensure_streams(jetstream)
        assert (await jetstream.stream_info(INBOUND_STREAM)).state.messages == 1


async def test_a_repeated_publish_is_stored_once(nats_server: NatsServer) -> None:
    async with connected(nats_server.url, name="test") as client:
        jetstream = client.jetstream()
        await ensure_streams(jetstream)
        for _ in range(2):
            await jetstream.publish("oxy.in.A.x", b"once", headers={"Nats-Msg-Id": "x:1"})
        assert (await jetstream.stream_info(INBOUND_STREAM)).state.messages == 1


async def test_a_server_that_is_not_there_is_a_bus_error() -> None:
    with pytest.raises(BusError, match=r"cannot connect to NATS at nats://127\.0\.0\.1"):
        async with connected(f"nats://127.0.0.1:{free_port()}", name="test", within=0.5):
            pass


async def test_a_server_that_says_nothing_in_time_keeps_no_connection() -> None:
    ended = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()
        ended.set()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        gc.disable()  # it would close what nobody closed
        try:
            with pytest.raises(BusError, match="cannot connect"):
                async with connected(f"nats://127.0.0.1:{port}", name="test", within=0.2):
                    pass
            async with asyncio.timeout(20):
                await ended.wait()
        finally:
            gc.enable()


async def test_a_killed_server_is_found_again(nats_server: NatsServer) -> None:
    async with connected(nats_server.url, name="test") as client:
        await ensure_streams(client.jetstream())
        nats_server.kill()
        nats_server.start()
        async with asyncio.timeout(60):
            while not await _answers(client):
                pass


async def _answers(client: Client) -> bool:
    try:
        return (await client.jetstream(timeout=1).stream_info(INBOUND_STREAM)).state.messages == 0
    except Error:
        return False


async def test_new_credentials_are_used_also_where_the_first_reconnect_fails(
    guarded_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "user.creds"
    file.write_text(platform_credentials(KEYS))
    before = asyncio.all_tasks()
    async with connected(guarded_server.url, file, name="test", check_seconds=0.05) as client:
        reconnect, tries = client.force_reconnect, 0

        async def failing_once() -> None:
            nonlocal tries
            tries += 1
            if tries == 1:
                message = "injected"
                raise OSError(message)
            await reconnect()

        monkeypatch.setattr(client, "force_reconnect", failing_once)
        assert not await _is_system(client)
        replaced = file.with_suffix(".new")
        replaced.write_text(system_credentials(KEYS))
        replaced.replace(file)
        async with asyncio.timeout(60):
            while True:
                if await _is_system(client):
                    break
                await asyncio.sleep(0.02)
        assert tries == 2
    assert not {task for task in asyncio.all_tasks() - before if "_follow_credentials" in repr(task)}


async def _is_system(client: Client) -> bool:
    """Whether the server takes the client for a user of the system account, who alone is answered this."""
    try:
        await client.request("$SYS.REQ.SERVER.PING", timeout=0.5)
    except Error:
        return False
    return True


async def test_a_client_is_closed_whole_however_often_its_holder_is_cancelled(nats_server: NatsServer) -> None:
    opened: asyncio.Future[Client] = asyncio.get_running_loop().create_future()

    async def hold() -> None:
        async with connected(nats_server.url, name="test") as client:
            opened.set_result(client)
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    client = await opened
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)
    assert task.cancelled()
    assert client.is_closed


async def test_a_close_that_never_ends_holds_up_nobody_who_is_cancelled_again(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: asyncio.Future[Client] = asyncio.get_running_loop().create_future()

    async def hold() -> None:
        async with connected(nats_server.url, name="test") as client:
            opened.set_result(client)
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    client = await opened
    close = client.close
    monkeypatch.setattr(client, "close", asyncio.Event().wait)
    async with asyncio.timeout(60):
        await end_tasks(task)
    assert task.cancelled()
    await close()


async def test_what_cannot_be_written_any_more_does_not_keep_a_client_open(nats_server: NatsServer) -> None:
    async with connected(nats_server.url, name="test") as client:
        nats_server.kill()
        async with asyncio.timeout(30):
            while not client.is_reconnecting:  # noqa: ASYNC110 nats-py says it by a callback that is taken
                await asyncio.sleep(0.01)
        await client.publish("x", b"x")
    assert client.is_closed


async def test_a_client_that_closed_for_good_ends_its_context(nats_server: NatsServer) -> None:
    ended: list[str] = []

    async def hold() -> None:
        async with connected(nats_server.url, name="test") as client:
            try:
                while True:
                    # nats-py checks the payload without its headers, the server with them.
                    await client.publish("x", b"x" * client.max_payload, headers={"X": "one too many"})
                    await asyncio.sleep(1)
            finally:
                ended.append("body")

    with pytest.raises(BusError, match=r"closed the connection for good: .*maximum payload"):
        await asyncio.wait_for(hold(), 60)
    assert ended == ["body"]


async def test_a_body_that_fails_for_another_reason_keeps_its_error(nats_server: NatsServer) -> None:
    with pytest.raises(TimeoutError):
        async with connected(nats_server.url, name="test"), asyncio.timeout(0.01):
            await asyncio.Event().wait()


async def test_limits_and_replicas_that_an_administrator_raised_are_not_lowered(nats_server: NatsServer) -> None:
    async with connected(nats_server.url, name="test") as client:
        jetstream = client.jetstream()
        inbound = next(stream for stream in STREAMS if stream.name == INBOUND_STREAM)
        raised = dataclasses.replace(inbound, max_bytes=5 << 30, max_msgs_per_subject=7, max_age=0)
        await jetstream.add_stream(raised)
        await jetstream.add_consumer(INBOUND_STREAM, dataclasses.replace(INGEST, ack_wait=30, max_ack_pending=5))
        await ensure_streams(jetstream)
        config = (await jetstream.stream_info(INBOUND_STREAM)).config
        assert (config.max_bytes, config.max_msgs_per_subject) == (5 << 30, inbound.max_msgs_per_subject)
        consumer = (await jetstream.consumer_info(INBOUND_STREAM, INGEST_DURABLE)).config
        assert (consumer.ack_wait, consumer.max_ack_pending) == (ACK_WAIT_SECONDS, INGEST.max_ack_pending)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[list[NatsServer]]:
    """Three NATS servers that share their streams."""
    routes = [free_port() for _ in range(3)]
    urls = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(
                running_nats(
                    tmp_path / str(number),
                    f'server_name: n{number}\ncluster: {{name: oxy, listen: "127.0.0.1:{port}", routes: [{urls}]}}',
                )
            )
            for number, port in enumerate(routes)
        ]


@pytest.mark.long
async def test_streams_have_the_replicas_that_are_asked_for_and_are_never_lowered(cluster: list[NatsServer]) -> None:
    async with connected(cluster[0].url, name="test") as client:
        jetstream = client.jetstream(timeout=5)
        await _eventually(lambda: ensure_streams(jetstream, 1))
        await jetstream.publish("oxy.in.A.x", b"kept")
        names = [str(stream.name) for stream in STREAMS] + [f"KV_{bucket}" for bucket in BUCKETS]
        for replicas in (3, 1):
            await _eventually(lambda: ensure_streams(jetstream, replicas))  # noqa: B023 called at once
            found = [await _eventually(lambda: jetstream.stream_info(name)) for name in names]  # noqa: B023 likewise
            assert [info.config.num_replicas for info in found] == [3] * len(names)
        assert (await _eventually(lambda: jetstream.stream_info(INBOUND_STREAM))).state.messages == 1


async def _eventually(action: Callable[[], Awaitable[T]]) -> T:
    """Repeat what fails while the cluster elects its leaders."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await action()
            except Error:
                await asyncio.sleep(0.2)
