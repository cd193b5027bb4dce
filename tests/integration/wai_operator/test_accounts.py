"""The wall between tenants, on a real server."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from integration.wai_operator.scene import WITHIN, PatientClient
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import FlushTimeoutError
from nats.js.api import StreamConfig

from oxy_core import subjects
from oxy_core.jetstream import BACKUP_STREAM, INBOUND_STREAM, MEDIA_STREAM, STATE_STREAM, ensure_streams
from oxy_dev.servers import NatsServer, running_nats
from oxy_operator.bus.accounts import (
    Tenancy,
    nats_configuration,
    operator_token,
    platform_credentials,
    platform_token,
    system_credentials,
    tenancy,
)
from oxy_operator.bus.directory import account_token, delete_account, push_account, update_platform
from oxy_operator.bus.jwt import decoded, signed
from oxy_operator.bus.nkeys import PlatformKeys
from oxy_operator.errors import AccountRefusedError

KEYS = PlatformKeys.generate()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with running_nats(tmp_path / "nats", nats_configuration(KEYS, tmp_path / "accounts")) as running:
        yield running


@asynccontextmanager
async def client(server: NatsServer, folder: Path, credentials: str) -> AsyncIterator[Client]:
    file = folder / f"{abs(hash(credentials))}.creds"
    file.write_text(credentials)
    connected = PatientClient()
    try:
        await connected.connect(
            server.url, user_credentials=str(file), allow_reconnect=False, error_cb=ignored, connect_timeout=int(WITHIN)
        )
        yield connected
    finally:
        await connected.close()


async def ignored(_: Exception) -> None:
    """What a server refuses shows in what the test asserts."""


async def until_closed(connected: Client) -> None:
    async with asyncio.timeout(WITHIN):
        while True:
            # A connection that is closed while a pong is due leaves its flush unanswered.
            with suppress(FlushTimeoutError):
                await connected.flush(timeout=1)


@pytest.fixture
async def platform(server: NatsServer, tmp_path: Path) -> AsyncIterator[Client]:
    async with client(server, tmp_path, platform_credentials(KEYS)) as connected:
        await ensure_streams(connected.jetstream())
        yield connected


@pytest.fixture
async def system(server: NatsServer, tmp_path: Path) -> AsyncIterator[Client]:
    async with client(server, tmp_path, system_credentials(KEYS)) as connected:
        yield connected


async def admitted(system: Client, name: str) -> Tenancy:
    made = tenancy(KEYS, name, name, now=time.time())
    await push_account(system, made.account_token)
    return made


async def received(platform: Client, stream: str) -> int:
    return (await platform.jetstream().stream_info(stream)).state.messages


async def test_a_report_is_acknowledged_by_jetstream_and_stored_once(
    server: NatsServer, platform: Client, system: Client, tmp_path: Path
) -> None:
    tenant = await admitted(system, "petshop")
    async with client(server, tmp_path, tenant.credentials) as pod:
        for duplicate in (None, True):
            ack = await pod.jetstream().publish(
                subjects.inbound(tenant.account, "petshop"), b"hello", headers={"Nats-Msg-Id": "petshop:1:1"}
            )
            assert (ack.stream, ack.seq, ack.duplicate) == (INBOUND_STREAM, 1, duplicate)
        await pod.jetstream().publish(subjects.state(tenant.account, "petshop"), b"state")
    assert await received(platform, INBOUND_STREAM) == 1
    assert await received(platform, STATE_STREAM) == 1


async def test_a_send_request_reaches_its_pod_alone_and_is_accepted(
    server: NatsServer, platform: Client, system: Client, tmp_path: Path
) -> None:
    one, other = await admitted(system, "one"), await admitted(system, "other")
    accepted = await platform.subscribe(subjects.ACCEPTED_ALL)
    async with (
        client(server, tmp_path, one.credentials) as pod,
        client(server, tmp_path, other.credentials) as neighbour,
    ):
        requests = await pod.subscribe(subjects.out(one.account, "one"))
        overheard = await neighbour.subscribe("oxy.out.>")
        await asyncio.gather(pod.flush(), neighbour.flush())
        await platform.publish(subjects.out(one.account, "one"), b"for one")
        await platform.publish(subjects.out(other.account, "other"), b"for other")
        assert (await requests.next_msg(timeout=WITHIN)).data == b"for one"
        assert (await overheard.next_msg(timeout=WITHIN)).data == b"for other"
        await pod.publish(subjects.accepted(one.account, "one"), b"taken")
        message = await accepted.next_msg(timeout=WITHIN)
        assert (message.subject, message.data) == (subjects.accepted(one.account, "one"), b"taken")
        await neighbour.flush()
        assert overheard.pending_msgs == 0


async def test_a_tenant_cannot_report_for_another(
    server: NatsServer, platform: Client, system: Client, tmp_path: Path
) -> None:
    evil, victim = await admitted(system, "evil"), await admitted(system, "victim")
    async with client(server, tmp_path, evil.credentials) as pod:
        for subject in (
            subjects.inbound(victim.account, "victim"),
            subjects.state(victim.account, "victim"),
            subjects.inbound(evil.account, "victim"),
        ):
            with pytest.raises(NatsError):
                await pod.jetstream(timeout=0.5).publish(subject, b"forged")
    assert await received(platform, INBOUND_STREAM) == 0
    assert await received(platform, STATE_STREAM) == 0


async def test_a_tenants_files_come_and_go_under_its_own_name_alone(
    server: NatsServer, platform: Client, system: Client, tmp_path: Path
) -> None:
    evil, victim = await admitted(system, "evil"), await admitted(system, "victim")
    chunk = subjects.media(victim.account, "victim", "a-file", 0)
    requests = await platform.subscribe(subjects.FILE_REQUEST_ALL)
    async with (
        client(server, tmp_path, victim.credentials) as pod,
        client(server, tmp_path, evil.credentials) as neighbour,
    ):
        ack = await pod.jetstream().publish(chunk, b"secret", headers={"Nats-Msg-Id": "once"})
        assert ack.stream == MEDIA_STREAM
        overheard = await neighbour.subscribe("oxy.>")
        for forged in (chunk, subjects.media(evil.account, "victim", "a-file", 0)):
            with pytest.raises(NatsError):
                await neighbour.jetstream(timeout=0.5).publish(forged, b"forged")
        for stranger in (neighbour, pod):
            with pytest.raises(NatsError):
                await stranger.jetstream(timeout=0.5).get_last_msg(MEDIA_STREAM, chunk)
        with pytest.raises(NatsError):
            await neighbour.request(subjects.file_request(victim.account, "victim"), b"?", timeout=0.5)
        asked = asyncio.create_task(pod.request(subjects.file_request(victim.account, "victim"), b"?", timeout=WITHIN))
        request = await requests.next_msg(timeout=WITHIN)
        await request.respond(b"a chunk")
        assert (await asked).data == b"a chunk"
        assert request.subject == subjects.file_request(victim.account, "victim")
        await neighbour.flush()
        heard = [(await overheard.next_msg(timeout=WITHIN)).data for _ in range(overheard.pending_msgs)]
        assert set(heard) <= {b"forged", b"?"}, "its own, which its account keeps to itself"
    assert requests.pending_msgs == 0
    stored = await platform.jetstream().get_last_msg(MEDIA_STREAM, chunk)
    assert (stored.data, await received(platform, MEDIA_STREAM)) == (b"secret", 1)


async def test_a_tenants_backups_are_written_by_itself_alone_and_read_through_the_platform_alone(
    server: NatsServer, platform: Client, system: Client, tmp_path: Path
) -> None:
    evil, victim = await admitted(system, "evil"), await admitted(system, "victim")
    chunk, manifest = (subjects.backup(victim.account, "victim", "b1", number) for number in (0, "manifest"))
    requests = await platform.subscribe(subjects.RESTORE_ALL)
    async with (
        client(server, tmp_path, victim.credentials) as pod,
        client(server, tmp_path, evil.credentials) as neighbour,
    ):
        overheard = await neighbour.subscribe("oxy.>")
        await neighbour.flush()
        for subject in (chunk, manifest):
            assert (await pod.jetstream().publish(subject, b"sealed")).stream == BACKUP_STREAM
        # Neither in its name nor in its own; and an empty message would replace what is there.
        for forged in (chunk, manifest, subjects.backup(evil.account, "victim", "b1", 0)):
            with pytest.raises(NatsError):
                await neighbour.jetstream(timeout=0.5).publish(forged, b"")
        for stranger in (neighbour, pod):
            for ask in (stranger.jetstream(timeout=0.5).get_last_msg, stranger.jetstream(timeout=0.5).purge_stream):
                with pytest.raises(NatsError):
                    await ask(BACKUP_STREAM, subject=chunk)
        with pytest.raises(NatsError):
            await neighbour.request(subjects.restore_request(victim.account, "victim"), b"?", timeout=0.5)
        await neighbour.flush()
        heard = [(await overheard.next_msg(timeout=WITHIN)).data for _ in range(overheard.pending_msgs)]
        assert set(heard) <= {b"", b"?"}, "its own, which its account keeps to itself"
    assert requests.pending_msgs == 0
    info = await platform.jetstream().stream_info(BACKUP_STREAM, subjects_filter=">")
    assert info.state.subjects == {chunk: 1, manifest: 1}


async def test_even_an_account_made_wrongly_cannot_speak_for_another(
    server: NatsServer, platform: Client, system: Client, tmp_path: Path
) -> None:
    evil, victim = await admitted(system, "evil"), await admitted(system, "victim")
    stolen = subjects.inbound(victim.account, "victim")
    claims = decoded(evil.account_token)
    claims["nats"]["imports"] = [
        {"name": "in", "subject": stolen, "account": KEYS.platform_account.public, "type": "service"}
    ]
    made = signed(KEYS.operator, subject=evil.account, name="evil", kind="account", claims=claims["nats"], issued_at=1)
    await push_account(system, made)
    with pytest.raises(NatsError):
        async with client(server, tmp_path, evil.credentials) as pod:
            await pod.jetstream(timeout=0.5).publish(stolen, b"forged")
    assert await received(platform, INBOUND_STREAM) == 0


async def test_steering_by_the_reply_subject_reaches_nothing(
    server: NatsServer, platform: Client, system: Client, tmp_path: Path
) -> None:
    evil, victim = await admitted(system, "evil"), await admitted(system, "victim")
    await platform.jetstream().add_stream(StreamConfig(name="PRECIOUS", subjects=["precious"]))
    own = subjects.inbound(evil.account, "evil")
    async with client(server, tmp_path, evil.credentials) as pod:
        await pod.publish(own, b"x", reply=subjects.inbound(victim.account, "victim"))
        await pod.publish(own, b"x", reply="$JS.API.STREAM.DELETE.PRECIOUS")
        await pod.publish("$JS.API.STREAM.DELETE.PRECIOUS", b"")
        await pod.publish(own, b"last")
        await pod.flush()
    async with asyncio.timeout(WITHIN):
        while await received(platform, INBOUND_STREAM) < 3:
            await platform.flush()
    info = await platform.jetstream().stream_info(INBOUND_STREAM, subjects_filter=">")
    assert set(info.state.subjects or {}) == {own}
    assert "PRECIOUS" in {stream.config.name for stream in await platform.jetstream().streams_info()}


async def test_a_tenant_has_no_jetstream_of_its_own(server: NatsServer, system: Client, tmp_path: Path) -> None:
    tenant = await admitted(system, "petshop")
    async with client(server, tmp_path, tenant.credentials) as pod:
        with pytest.raises(NatsError):
            await pod.jetstream(timeout=0.5).add_stream(StreamConfig(name="MINE", subjects=["mine"]))


async def test_a_deleted_account_is_cut_off_and_can_come_back(
    server: NatsServer, system: Client, tmp_path: Path
) -> None:
    tenant = await admitted(system, "petshop")
    async with client(server, tmp_path, tenant.credentials) as pod:
        await delete_account(system, KEYS, tenant.account, time.time())
        with pytest.raises(NatsError):
            await until_closed(pod)
    assert await account_token(system, tenant.account) is None
    with pytest.raises(NatsError):
        async with client(server, tmp_path, tenant.credentials):
            pass
    await delete_account(system, KEYS, tenant.account, time.time())
    again = tenancy(KEYS, "petshop", "petshop", now=time.time(), incarnation="second")
    assert again.account == tenant.account
    await push_account(system, again.account_token)
    async with client(server, tmp_path, again.credentials) as pod:
        assert pod.is_connected


async def test_accounts_outlive_a_killed_server(server: NatsServer, system: Client, tmp_path: Path) -> None:
    tenant = await admitted(system, "petshop")
    server.kill()
    server.start()
    async with client(server, tmp_path, tenant.credentials) as pod:
        assert pod.is_connected


async def test_an_account_signed_by_a_stranger_opens_nothing(
    server: NatsServer, system: Client, tmp_path: Path
) -> None:
    stranger = tenancy(PlatformKeys.generate(), "evil", "evil", now=time.time())
    await push_account(system, stranger.account_token)
    with pytest.raises(NatsError):
        async with client(server, tmp_path, stranger.credentials):
            pass


async def test_what_is_no_account_is_refused_by_name(system: Client) -> None:
    with pytest.raises(AccountRefusedError, match="NATS refused account oxy"):
        await push_account(system, operator_token(KEYS))


async def test_expired_credentials_are_refused(server: NatsServer, system: Client, tmp_path: Path) -> None:
    old = tenancy(KEYS, "petshop", "petshop", now=1_000_000_000.0)
    await push_account(system, old.account_token)
    with pytest.raises(NatsError):
        async with client(server, tmp_path, old.credentials):
            pass


async def test_a_new_version_of_the_platform_account_survives_a_restart(
    server: NatsServer, system: Client, tmp_path: Path
) -> None:
    assert not await update_platform(system, KEYS, time.time())
    older = platform_token(KEYS, 0)
    outdated = tmp_path / "nats" / "nats.conf"
    assert older in outdated.read_text()
    newer = platform_token(KEYS, int(time.time()))
    await push_account(system, newer)
    server.kill()
    server.start()
    async with client(server, tmp_path, system_credentials(KEYS)) as again:
        assert await account_token(again, KEYS.platform_account.public) == newer
