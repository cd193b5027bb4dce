"""A pod that is told to hold everything back, over the bus or by its settings, sends nothing, and goes on receiving."""

import asyncio
from datetime import UTC, datetime

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
    await until(lambda: scene.bus.states and scene.bus.states[-1].frozen == freeze, 20, f"{freeze} confirmed")


async def received(scene: Scene) -> list[str]:
    return [line.text for line in await scene.simulator.messages(direction="outbound") if line.text]


POD_SECONDS = 1.5
"""Most that may pass until a pod that was told sends nothing more: its share of the 5 s that a freeze may take."""


async def told_while_typing(scene: Scene, chat: Jid, frozen: Freeze) -> SendRequest:
    """Freeze the pod while a long text is typed, and see that the customer sees nothing more of it in time."""
    seen = scene.simulator.service.network.account(CUSTOMER.removeprefix("+")).chat_states
    scene.runtime.write_settings(pacing="Human")
    await until(lambda: "settings_changed" in scene.runtime.log, 20, "the new settings")
    typed = send_request(chat, "held " + "x" * 500)
    await scene.bus.request(typed)
    await until(lambda: seen.get(BUSINESS.removeprefix("+")) == "composing", 20, "typing")
    await tell(scene, frozen)
    await until(lambda: seen.get(BUSINESS.removeprefix("+")) == "paused", POD_SECONDS, "nothing typed any more")
    await confirmed(scene, frozen)
    scene.runtime.write_settings(pacing="None")
    return typed


async def test_nothing_leaves_a_frozen_pod_also_after_a_kill_and_with_the_bus_down(scene: Scene) -> None:
    await scene.pair()
    chat = await scene.chat()
    frozen = Freeze(revision=5, hold=HOLD)
    typed = await told_while_typing(scene, chat, frozen)
    requests = [typed, *(send_request(chat, f"held {number}") for number in range(3))]
    for request in requests[1:]:
        await scene.bus.request(request)
    await until(lambda: len(scene.bus.accepted) == 4, 20, "accepted")
    await scene.customer.send("ainda recebe", scene.business)
    await scene.texts(2)
    await scene.runtime.kill()
    await scene.runtime.start(OXY_NATS_URL="nats://127.0.0.1:1")  # it learns nothing there
    await scene.ready()
    await scene.customer.send("e agora", scene.business)
    await asyncio.sleep(1)  # what was accepted would have left by now
    assert await received(scene) == []

    # The slow way, without a bus: the settings.
    thawed = Freeze(revision=6)
    scene.runtime.write_settings(frozen=thawed)
    await until(lambda: has(scene, 4), 20, "what was held")
    assert await received(scene) == [request.text for request in requests]
    await scene.runtime.kill()
    await scene.runtime.start()
    await confirmed(scene, thawed)
    assert [(await scene.result(request)).outcome for request in requests] == [SendOutcome.SENT] * 4


async def has(scene: Scene, count: int) -> bool:
    return len(await received(scene)) == count
