"""What a customer with a client of his own making can send must not stop the business."""

from integration.tenant.scene import Scene, until
from unit.tenant.wire import MESSAGES, named, nested, quoting

from oxy_core.envelopes import MAX_ENVELOPE_BYTES, MessageSeen
from oxy_core.message_kinds import MessageKind
from oxy_core.message_limits import MAX_TEXT
from oxy_simulator.sending import send_raw

LONG = "A" * 300
OI = named(MESSAGES.Message, "conversation", b"oi")


def send(scene: Scene, content: bytes, message_id: str) -> None:
    network = scene.simulator.service.network
    send_raw(
        network, network.account(scene.customer.number), network.account(scene.business.number), content, message_id
    )


async def messages(scene: Scene, count: int) -> list[MessageSeen]:
    async def enough() -> list[MessageSeen] | None:
        found = await scene.bus.messages()
        return found if len(found) >= count else None

    return await until(enough, what=f"{count} messages on the stream")


async def test_strange_ids_and_contents_are_reported_and_nothing_stops(scene: Scene) -> None:
    await scene.pair()
    send(scene, OI, LONG)
    send(scene, quoting(b"isso", b"\xff\xfe"), "QUOTE")
    send(scene, named(MESSAGES.Message, "conversation", b"\xff"), "TEXT")
    send(scene, nested(OI, 80), "DEEP")
    await scene.customer.send("tudo bem?", scene.business)
    strange, quote, text, deep, following = await messages(scene, 5)
    assert (strange.text, strange.whatsapp_id[:7]) == ("oi", "sha256:")
    assert (quote.text, (quote.quoted_id or "")[:7]) == ("isso", "sha256:")
    assert (text.text, deep.kind) == ("\N{REPLACEMENT CHARACTER}", MessageKind.UNSUPPORTED)
    assert (following.text, following.chat_sequence) == ("tudo bem?", 5)
    assert await scene.runtime.is_ready()


async def test_a_message_with_an_impossible_id_does_not_stop_the_next_start(scene: Scene) -> None:
    await scene.pair()
    await scene.chat()
    await scene.runtime.kill()
    send(scene, OI, LONG)
    await scene.runtime.start()
    await scene.ready()
    assert [message.text for message in await messages(scene, 2)] == ["oi", "oi"]
    await scene.runtime.kill()
    await scene.runtime.start()
    await scene.ready()
    assert len(await scene.bus.messages()) == 2


async def test_the_largest_message_does_not_hold_up_what_follows(scene: Scene) -> None:
    await scene.pair()
    send(scene, quoting(b"\x01" * MAX_TEXT, b"Q" * MAX_ENVELOPE_BYTES), "HUGE")
    await scene.customer.send("tudo bem?", scene.business)
    huge, following = await messages(scene, 2)
    assert (len(huge.text or ""), len(huge.quoted_id or "")) == (MAX_TEXT, 71)
    assert following.text == "tudo bem?"
    await until(lambda: _nothing_pending(scene), what="everything published")


async def _nothing_pending(scene: Scene) -> bool:
    return await scene.runtime.metric("oxy_tenant_reports_pending") == 0
