"""A stop of the process: in time under any load, and losing nothing; and what the process shows of itself."""

import asyncio
import json
import signal

from integration.tenant.scene import CUSTOMER, Scene, send_request, until

from oxy_core.envelopes import ConnectionState, SendOutcome
from oxy_core.message_kinds import MessageKind
from oxy_simulator.faults import FaultKind

TEXTS = 40
GRACE_SECONDS = 30
"""Of the pod: `oxy_operator.decide.specs.stateful_set`."""


async def test_a_stop_under_load_without_a_bus_is_in_time_and_loses_nothing(scene: Scene) -> None:
    await pair_watching_the_page(scene)
    chat = await scene.chat()
    # The one in flight is never acknowledged, so that the others wait behind it.
    await scene.business.fault(FaultKind.NO_ACK, peer=CUSTOMER, count=1)
    requests = [send_request(chat, f"resposta {number}") for number in range(TEXTS)]
    for request in requests:
        await scene.bus.request(request)
    await until(lambda: len(scene.bus.accepted) == TEXTS, what="all are accepted")
    scene.bus.server.stop()
    for number in range(TEXTS):
        await scene.customer.send(f"pergunta {number}", scene.business)
    state = await shown(scene, "reports", TEXTS)
    assert not any(secret in json.dumps(state) for secret in (CUSTOMER[1:], scene.business.number, "Ana", "pergunta"))
    assert state["queues"]["sends"]["entries"] > 0
    assert await scene.runtime.metric('oxy_tenant_queue_entries{queue="reports"}') >= TEXTS
    assert await scene.runtime.metric('oxy_tenant_queue_oldest_seconds{queue="reports"}') > 0
    async with asyncio.timeout(GRACE_SECONDS):
        assert await scene.runtime.kill(signal.SIGTERM) == 0
    scene.bus.server.start()
    await scene.runtime.start()
    results = [await scene.result(request, within=60) for request in requests]
    assert {result.outcome for result in results} <= {SendOutcome.SENT, SendOutcome.AMBIGUOUS}
    received = [entry.text for entry in await scene.customer.inbox() if not entry.from_me and entry.kind == "text"]
    assert received == [request.text for request in requests]
    texts = [message.text for message in await scene.texts(TEXTS + 1)]
    assert texts == ["oi", *(f"pergunta {number}" for number in range(TEXTS))]
    assert (await shown(scene, "sends", 0))["queues"]["sends"]["oldest_seconds"] == 0


async def pair_watching_the_page(scene: Scene) -> None:
    """Link the phone; the page says that codes are offered, and not which."""
    await scene.runtime.start()
    code = (await scene.offer()).code
    assert code is not None
    status, page = await scene.runtime.probe("/state")
    assert (status, json.loads(page)["connection"], json.loads(page)["linked"]) == (200, "pairing", False)
    assert code not in page
    await scene.business.link(code=code)
    await scene.ready()
    state = json.loads((await scene.runtime.probe("/state"))[1])
    assert (state["connection"], state["linked"]) == ("connected", True)
    assert state["process"]["pss_bytes"] > 10_000_000
    assert await scene.runtime.metric("oxy_tenant_memory_pss_bytes") > 10_000_000


async def shown(scene: Scene, queue: str, entries: int) -> dict[str, dict[str, dict[str, float]]]:
    """Wait until the page shows so many entries of a queue, or more; 0: none."""

    async def look() -> dict[str, dict[str, dict[str, float]]] | None:
        page: dict[str, dict[str, dict[str, float]]] = json.loads((await scene.runtime.probe("/state"))[1] or "null")
        found = page and page["queues"].get(queue, {}).get("entries", -1)
        return page if found is not None and (found >= entries if entries else found == 0) else None

    return await until(look, what=f"{entries} {queue} on the page")


async def test_a_library_that_hangs_does_not_delay_a_stop_beyond_its_time(scene: Scene) -> None:
    await scene.pair()
    chat = await scene.chat()
    await hang(scene)
    await scene.bus.request(send_request(chat, "ainda não"))
    async with asyncio.timeout(GRACE_SECONDS):
        assert await scene.runtime.kill(signal.SIGTERM) == 0
    assert [message.kind for message in await scene.bus.messages()] == [MessageKind.TEXT]
    await a_second_signal_ends_it_at_once(scene)


async def hang(scene: Scene) -> None:
    """Let the library hang while it connects, where it cannot be told to stop."""
    scene.bus.forget_states()
    await scene.simulator.fault(FaultKind.TLS, tls="hang", count=100)
    await scene.business.fault(FaultKind.ABORT)
    await scene.bus.state(ConnectionState.RECONNECTING)


async def a_second_signal_ends_it_at_once(scene: Scene) -> None:
    """Start the runtime again, let it hang as before, and stop it twice."""
    await scene.simulator.clear_faults()
    await scene.runtime.start()
    await scene.ready()
    await hang(scene)
    assert scene.runtime.process is not None
    asked = scene.runtime.log.count('"stop_requested"')
    scene.runtime.process.send_signal(signal.SIGTERM)
    await until(lambda: scene.runtime.log.count('"stop_requested"') > asked, what="a stop that is under way")
    assert scene.runtime.process.returncode is None
    assert await scene.runtime.kill(signal.SIGTERM) == 128 + signal.SIGTERM
    assert "a second signal" in scene.runtime.log
