"""No answer may be lost when messages cross: see docs/decisions/0012-fillers.md.

`OXY_TEST_BURSTS=200` turns the test of a few seconds into an experiment of minutes; `-s` shows its figures.
"""

import os
from collections import Counter
from collections.abc import Awaitable, Callable

from integration.tenant.scene import ACCOUNT, INSTANCE, PATIENCE, Scene, send_request, until
from nats.aio.msg import Msg

from oxy_core import subjects
from oxy_core.envelopes import MessageSeen, Report, SendOutcome, SendRequest
from oxy_simulator.testing import Phone

BURSTS = int(os.environ.get("OXY_TEST_BURSTS", "8"))
BURST = 6


async def answered_at_once(scene: Scene) -> list[SendRequest]:
    """Request an answer to every message as soon as it is reported; return the growing list of requests."""
    answers: list[SendRequest] = []

    async def answer(message: Msg) -> None:
        body = Report.decode(message.data).body
        if isinstance(body, MessageSeen) and body.text:
            answers.append(send_request(body.chat, f"re {body.text}"))
            await scene.bus.request(answers[-1])

    await scene.bus.client.subscribe(subjects.inbound(ACCOUNT, INSTANCE), cb=answer)
    await scene.bus.client.flush()
    return answers


async def write_in_bursts(scene: Scene, write: Callable[[str], Awaitable[str]], reader: Phone) -> None:
    """Write without waiting for answers, and check that each message gets one answer, shown exactly once."""
    answers = await answered_at_once(scene)
    texts = [f"{burst}/{number}" for burst in range(BURSTS) for number in range(BURST)]
    for count, text in enumerate(texts, start=1):
        await write(text)
        if count % BURST == 0:
            await until(lambda sent=count: len(answers) >= sent, what="all reported")
    for request in answers:
        assert (await scene.result(request, within=60)).outcome is SendOutcome.SENT
    await scene.simulator.settled(within=10)
    shown = Counter(entry.text for entry in await reader.inbox() if entry.kind == "text" and entry.text[:3] == "re ")
    fillers = await scene.runtime.metric("oxy_tenant_fillers_sent_total")
    dropped = [line.id for line in await scene.simulator.messages() if "key_reused" in line.stages]
    print(  # noqa: T201 the figures of the experiment
        f"{len(texts)} answers, {len(texts) - len(shown)} lost, {fillers:.0f} fillers; "
        f"{len(set(dropped))} dropped for a used key, answers and fillers together"
    )
    assert shown == Counter(f"re {text}" for text in texts)


async def accepted(scene: Scene, request: SendRequest) -> bool:
    """Repeat a request, as the relay does, and return whether it was accepted."""
    await scene.bus.request(request)
    return any(acceptance.request_id == request.id for acceptance in scene.bus.accepted)


async def test_no_answer_is_lost_while_the_customer_keeps_writing(scene: Scene) -> None:
    await scene.pair()
    await scene.chat()
    await write_in_bursts(scene, lambda text: scene.customer.send(text, scene.business), scene.customer)


async def test_no_answer_is_lost_while_the_owner_keeps_writing(scene: Scene) -> None:
    await scene.pair()
    await write_in_bursts(scene, scene.business.self_chat, scene.business)


async def test_a_kill_just_after_a_send_does_not_cost_the_next_message(scene: Scene) -> None:
    await scene.pair()
    chat = await scene.chat()
    before, after, later = (send_request(chat, text) for text in ("antes", "depois", "mais tarde"))
    await scene.bus.request(before)
    assert (await scene.result(before)).outcome is SendOutcome.SENT
    await scene.runtime.kill()
    await scene.runtime.start()
    for request in (after, later):
        await until(lambda request=request: accepted(scene, request), what="an acceptance")
        assert (await scene.result(request)).outcome is SendOutcome.SENT
    await scene.customer.expect("mais tarde", within=PATIENCE)
    inbox = [entry for entry in await scene.customer.inbox() if not entry.from_me]
    shown = [("text", "antes"), ("reaction", ""), ("text", "depois"), ("text", "mais tarde")]
    assert [(entry.kind, entry.text) for entry in inbox] == shown
    assert (await scene.customer.message(inbox[0].id)).reactions == {}
    assert await scene.runtime.metric("oxy_tenant_fillers_sent_total") == 1
    assert await scene.runtime.metric('oxy_tenant_sends_finished_total{outcome="sent"}') == 2
    assert len(await scene.bus.results()) == 3
    assert [message.text for message in await scene.bus.messages()] == ["oi"]


async def test_answers_that_overlap_no_message_need_no_filler(scene: Scene) -> None:
    await scene.pair()
    chat = await scene.chat()
    for number in range(5):
        request = send_request(chat, f"resposta {number}")
        await scene.bus.request(request)
        await scene.customer.expect(f"resposta {number}", within=PATIENCE)
        assert (await scene.result(request)).outcome is SendOutcome.SENT
    assert await scene.runtime.metric("oxy_tenant_fillers_sent_total") == 0


async def test_nothing_is_sent_before_the_queue_of_an_outage_is_journalled(scene: Scene) -> None:
    await scene.pair()
    chat = await scene.chat()
    first = send_request(chat, "antes")
    await scene.bus.request(first)
    assert (await scene.result(first)).outcome is SendOutcome.SENT
    await scene.runtime.kill()
    for number in range(150):
        await scene.customer.send(f"na fila {number}", scene.business)
    await scene.runtime.start()
    answer = send_request(chat, "depois")
    await until(lambda: accepted(scene, answer), what="an acceptance")
    assert (await scene.result(answer, within=60)).outcome is SendOutcome.SENT
    lines = await scene.simulator.messages()
    sent = [line.stages["received"] for line in lines if line.direction == "outbound"][1:]
    assert len(sent) == 2  # a filler, and the answer
    assert min(sent) > max(line.stages["receipted"] for line in lines if line.direction == "inbound")
