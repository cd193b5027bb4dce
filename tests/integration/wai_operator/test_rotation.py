"""Keys and credentials that change under pods that go on talking."""

import asyncio
import contextlib
import time
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from integration.wai_operator.scene import WITHIN, Object, Scene, bus_configuration, condition, eventually
from nats.aio.client import Client
from nats.errors import Error as NatsError
from unit.tenant.messages import incoming

from oxy_core import subjects
from oxy_core.bus import connected
from oxy_core.envelopes import Report
from oxy_core.errors import BusError
from oxy_core.jetstream import INBOUND_STREAM
from oxy_operator.bus.nkeys import PlatformKeys
from oxy_tenant.journal.journal import Journal
from oxy_tenant.publishing.publisher import Publisher, ReportSignal

ROTATION = 12
"""Seconds: a pod checks its file every five, and credentials expire after twice this."""


async def settled(scene: Scene) -> None:
    await scene.until_child("statefulset")
    await scene.until_child("secret")
    await scene.until_status(lambda found: condition(found, "CredentialsReady").get("status") == "True")


def credentials(scene: Scene) -> str:
    return b64decode((scene.child("secret") or {})["data"]["user.creds"]).decode()


def workload(scene: Scene) -> Object:
    found = scene.child("statefulset")
    assert found is not None
    return found


def account(scene: Scene) -> str:
    container = workload(scene)["spec"]["template"]["spec"]["containers"][0]
    return next(str(item["value"]) for item in container["env"] if item["name"] == "OXY_ACCOUNT")


async def publishing(publisher: Publisher, client: Client) -> None:
    """Publish until nats-py has closed for good, as the runtime does."""
    running = asyncio.create_task(publisher.run(client))
    while not client.is_closed and not running.done():  # noqa: ASYNC110 `connected` keeps the client's callbacks
        await asyncio.sleep(0.2)
    running.cancel()
    await asyncio.wait([running])


@asynccontextmanager
async def talking(scene: Scene) -> AsyncIterator[Journal]:
    """The pod's part in this: journal and publisher as they are, credentials as the kubelet would mount them."""
    file = scene.tenant_credentials()
    added = ReportSignal()
    path = scene.operator.folder / "journal.db"
    journal = Journal.open(path, organization=scene.organization, instance=scene.name, on_report=added.set)
    publisher = Publisher(journal.reports, subjects.inbound(scene.account, scene.name), added)

    async def mount() -> None:
        while True:
            content = await asyncio.to_thread(credentials, scene)
            fresh = file.with_suffix(".fresh")
            fresh.write_text(content)
            fresh.replace(file)
            await asyncio.sleep(0.2)

    async def publish() -> None:
        while True:
            with contextlib.suppress(BusError, NatsError):
                async with connected(scene.nats.url, file, name="pod") as client:
                    await publishing(publisher, client)
            await asyncio.sleep(0.2)

    tasks = [asyncio.create_task(mount()), asyncio.create_task(publish())]
    try:
        yield journal
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        journal.close()


async def stored(scene: Scene) -> list[str]:
    """The texts on the stream, in its order."""
    async with scene.platform() as client:
        stream = client.jetstream()
        state = (await stream.stream_info(INBOUND_STREAM)).state
        if not state.messages:
            return []
        found = [await stream.get_msg(INBOUND_STREAM, seq) for seq in range(state.first_seq, state.last_seq + 1)]
    bodies = [Report.decode(message.data or b"").body for message in found]
    return [body.text or "" for body in bodies if body.type == "message"]


async def until_stored(scene: Scene, texts: list[str]) -> None:
    """Wait until the stream holds exactly these texts, in this order."""
    deadline = time.monotonic() + WITHIN
    while (found := await stored(scene)) != texts:
        assert time.monotonic() < deadline, (len(found), set(texts) - set(found))
        await asyncio.sleep(0.2)


@pytest.mark.long
async def test_credentials_rotate_under_a_talking_pod_and_no_message_is_lost(lone: Scene) -> None:
    lone.operator.variables |= {"OXY_ROTATION_SECONDS": str(ROTATION)}
    lone.operator.start()
    lone.create()
    await settled(lone)
    generation = workload(lone)["metadata"]["generation"]
    seen: set[str] = set()
    said: list[str] = []
    async with talking(lone) as journal:
        deadline = time.monotonic() + 10 * ROTATION
        # The first ones have expired when the fourth are there.
        while len(seen) < 4:
            assert time.monotonic() < deadline, f"only {len(seen)} credentials"
            seen.add(await asyncio.to_thread(credentials, lone))
            said.append(f"message {len(said)}")
            journal.inbound.receive(incoming(f"ID{len(said)}", text=said[-1]))
            await asyncio.sleep(0.1)
        await until_stored(lone, said)
    assert workload(lone)["metadata"]["generation"] == generation


async def test_a_new_operator_seed_keeps_accounts_credentials_and_what_the_bus_holds(lone: Scene) -> None:
    lone.operator.start()
    lone.create()
    await settled(lone)
    before, generation = credentials(lone), workload(lone)["metadata"]["generation"]
    async with talking(lone) as journal:
        journal.inbound.receive(incoming("ID1", text="before"))
        await until_stored(lone, ["before"])
    await change_keys(lone, PlatformKeys.generate().model_copy(update={"root_seed": lone.keys.root_seed}))
    async with talking(lone) as journal:
        journal.inbound.receive(incoming("ID2", text="after"))
        await until_stored(lone, ["before", "after"])
    assert credentials(lone) == before
    assert workload(lone)["metadata"]["generation"] == generation


async def test_a_new_root_seed_replaces_every_pod_with_one_of_a_new_account(lone: Scene) -> None:
    lone.operator.start()
    lone.create()
    await settled(lone)
    before = account(lone)
    fresh = PlatformKeys.generate()
    await change_keys(lone, fresh)
    await eventually(lambda: account(lone) != before, "the pod's template names the new account")
    assert account(lone) == fresh.tenant_account(lone.organization, lone.name).public
    published = await lone.until_published(lambda found: found and found.account == account(lone))
    assert published is not None
    lone.start_pod()
    await lone.say(lone.state(connection="connected"))


async def change_keys(scene: Scene, keys: PlatformKeys) -> None:
    """Do what an administrator does: stop the operator, give NATS its new configuration, start both."""
    operator = scene.operator
    await asyncio.to_thread(operator.stop)
    operator.nats.stop()
    operator.nats.extra_config = bus_configuration(keys, operator.folder)
    operator.keys = keys
    operator.nats.start()
    await asyncio.to_thread(operator.start)
    await operator.until_prepared(times=2)
