"""A pod that is told to hold everything back, over the bus or by its settings, sends nothing, and goes on receiving."""

import asyncio
import time
from datetime import UTC, datetime

import pytest
from integration.tenant.scene import ACCOUNT, BUSINESS, CUSTOMER, INSTANCE, ORGANIZATION, Scene, send_request, until

from oxy_core import subjects
from oxy_core.envelopes import FreezeRequest, SendOutcome, SendRequest
from oxy_core.freeze import Freeze, Hold
from oxy_core.identity import Jid

HOLD = Hold(since=datetime(2031, 3, 3, tzinfo=UTC), by="ana")


async def tell(scene: Scene, freeze: Freeze) -> None:
    request = FreezeRequest(organization=ORGANIZATION, instance=INSTANCE, freeze=freeze)
    await scene.bus.client.publish(subjects.out(ACCOUNT, INSTANCE), request.encode())


async def confirmed(scene: Scene, freeze: Freeze) -> None:
    await until(lambda: scene.bus.states and scene.bus.states[-1].frozen == freeze, what=f"{freeze} confirmed")


async def received(scene: Scene) -> list[str]:
    return [line.text for line in await scene.simulator.messages(direction="outbound") if line.text]


POD_SECONDS = 1.5
"""Most that may pass until a pod that was told sends nothing more: its share of the 5 s that a freeze may take."""


TRIES = 5
"""A busy machine may stall for longer than that, but not each time."""


async def told_while_typing(scene: Scene, chat: Jid) -> tuple[SendRequest, Freeze]:
    """Freeze the pod while a long text is typed, and see that the customer sees nothing more of it in time."""
    chats = scene.simulator.service.network.account(CUSTOMER.removeprefix("+")).chat_states
    scene.runtime.write_settings(pacing="Human")
    await until(lambda: "settings_changed" in scene.runtime.log, what="the new settings")
    typed = send_request(chat, "held " + "x" * 500)
    await scene.bus.request(typed)
    for revision in range(1, 2 * TRIES, 2):
        await until(lambda: chats.get(BUSINESS.removeprefix("+")) == "composing", what="typing")
        frozen, began = Freeze(revision=revision, hold=HOLD), time.monotonic()
        await tell(scene, frozen)
        await until(lambda: chats.get(BUSINESS.removeprefix("+")) == "paused", what="nothing typed any more")
        took = time.monotonic() - began
        await confirmed(scene, frozen)
        if took < POD_SECONDS:
            scene.runtime.write_settings(pacing="None")
            return typed, frozen
        thawed = Freeze(revision=revision + 1)
        await tell(scene, thawed)
        await confirmed(scene, thawed)
    pytest.fail(f"something is typed for more than {POD_SECONDS} s after the pod was told, in {TRIES} tries")


async def test_nothing_leaves_a_frozen_pod_also_after_a_kill_and_with_the_bus_down(scene: Scene) -> None:
    await scene.pair()
    chat = await scene.chat()
    typed, frozen = await told_while_typing(scene, chat)
    requests = [typed, *(send_request(chat, f"held {number}") for number in range(3))]
    for request in requests[1:]:
        await scene.bus.request(request)
    await until(lambda: len(scene.bus.accepted) == 4, what="accepted")
    await scene.customer.send("ainda recebe", scene.business)
    await scene.texts(2)
    await scene.runtime.kill()
    await scene.runtime.start(OXY_NATS_URL="nats://127.0.0.1:1")  # it learns nothing there
    await scene.ready()
    await scene.customer.send("e agora", scene.business)
    await asyncio.sleep(1)  # what was accepted would have left by now
    assert await received(scene) == []

    # The slow way, without a bus: the settings.
    thawed = Freeze(revision=frozen.revision + 1)
    scene.runtime.write_settings(frozen=thawed)
    await until(lambda: has(scene, 4), what="what was held")
    assert await received(scene) == [request.text for request in requests]
    await scene.runtime.kill()
    await scene.runtime.start()
    await confirmed(scene, thawed)
    assert [(await scene.result(request)).outcome for request in requests] == [SendOutcome.SENT] * 4


async def has(scene: Scene, count: int) -> bool:
    return len(await received(scene)) == count
