"""Files that a pod sends: fetched from the platform once, never in the way of texts, settled after a crash."""

from collections.abc import AsyncIterator

import pytest
from integration.tenant.outgoing import Platform
from integration.tenant.scene import ACCOUNT, CUSTOMER, INSTANCE, PATIENCE, Scene, send_request, until

from oxy_core import subjects
from oxy_core.envelopes import SendOutcome, SendRequest, SendResult
from oxy_core.identity import Jid
from oxy_core.jetstream import CHUNK_BYTES
from oxy_core.outbound import OutboundContent, PresenceContent, PresenceState
from oxy_simulator.faults import FaultKind


@pytest.fixture
async def platform(scene: Scene) -> AsyncIterator[Platform]:
    platform = Platform(scene)
    platform.answering.set()
    subscription = await scene.bus.client.subscribe(subjects.file_request(ACCOUNT, INSTANCE), cb=platform.answer)
    yield platform
    await subscription.unsubscribe()


def request_of(chat: Jid, content: OutboundContent) -> SendRequest:
    return send_request(chat, None, content=content)


async def received(scene: Scene, kind: str) -> list[bytes]:
    """The files of this kind that the customer's phone shows."""
    entries = [entry for entry in await scene.customer.inbox() if not entry.from_me and entry.kind == kind]
    return [await scene.customer.file(entry.id) for entry in entries]


async def test_texts_pass_a_file_on_its_way_but_not_in_its_own_chat(scene: Scene, platform: Platform) -> None:
    await scene.pair()
    chat = await scene.chat()
    other = await scene.simulator.phone("+5511922222222", "Bia")
    platform.answering.clear()
    data = b"%PDF-" + bytes(3 * CHUNK_BYTES)
    file, after = request_of(chat, platform.document(data)), send_request(chat, "depois do arquivo")
    for request in (file, after):
        await scene.bus.request(request)
    await until(lambda: platform.asked, what="the first chunk asked for")
    unhindered = send_request(Jid.of_phone(other.number), "outra")
    await scene.bus.request(unhindered)
    assert (await scene.result(unhindered)).outcome is SendOutcome.SENT
    assert [result.request_id for result in await scene.bus.results()] == [unhindered.id]
    platform.answering.set()
    results = [await scene.result(request) for request in (file, after)]
    assert all(result.whatsapp_id and result.whatsapp_timestamp for result in results)
    assert await received(scene, "document") == [data]
    entries = [entry.kind for entry in await scene.customer.inbox() if not entry.from_me]
    assert entries == ["document", "text"]


async def test_a_file_whose_send_is_repeated_or_interrupted_is_uploaded_once_and_shown_once(
    scene: Scene, platform: Platform
) -> None:
    await scene.pair()
    chat = await scene.chat()
    data = b"%PDF-" + bytes(CHUNK_BYTES)
    await scene.business.fault(FaultKind.REFUSE, peer=CUSTOMER, count=1, code=500)
    await scene.business.fault(FaultKind.NO_ACK, peer=CUSTOMER, count=1)
    request = request_of(chat, platform.document(data))
    await scene.bus.request(request)
    # Carried to the phone, but WhatsApp does not say so: nobody but the store and the receipt can tell after the kill.
    await until(lambda: received(scene, "document"), within=40, what="the file on the phone")
    assert await scene.runtime.metric('oxy_tenant_queue_most_attempts{queue="sends"}') == 2
    await scene.runtime.kill()
    await scene.runtime.start()
    result = await scene.result(request, within=PATIENCE)
    assert result.outcome in {SendOutcome.SENT, SendOutcome.AMBIGUOUS}
    assert [chunk.number for chunk in platform.asked] == [0, 1]
    assert await received(scene, "document") == [data]


async def test_an_account_that_is_not_to_be_online_is_so_only_while_it_types(scene: Scene) -> None:
    await scene.pair()
    chat = await scene.chat()
    before = (await scene.simulator.api.packets())[-1].number
    presence = PresenceContent(state=PresenceState.RECORDING, seconds=0.5)
    request = request_of(chat, presence)
    await scene.bus.request(request)
    result: SendResult = await scene.result(request)
    assert (result.outcome, result.whatsapp_id) == (SendOutcome.SENT, None)

    async def written() -> list[str] | None:
        """What the pod wrote of itself, once it is offline again; it is so too when it connects."""
        packets = [packet for packet in await scene.simulator.api.packets(before) if packet.direction == "from-client"]
        marks = ('type="available"', 'type="unavailable"', '<composing media="audio"', "<paused")
        found = [mark for packet in packets for mark in marks if mark in packet.text]
        return found if marks[0] in found and found[-1] == marks[1] else None

    found = await until(written, what="offline again")
    # That it is online and that it records are told side by side.
    assert [mark for mark in found if "type=" not in mark] == ['<composing media="audio"', "<paused"]
