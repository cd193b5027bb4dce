from integration.tenant.scene import Scene, send_request, until

from oxy_core.envelopes import MessageKind, SendOutcome


async def test_a_text_is_reported(scene: Scene) -> None:
    await scene.pair()
    chat = await scene.chat()
    [message] = await scene.bus.messages()
    assert (message.text, message.content, message.chat_sequence) == ("oi", MessageKind.TEXT, 1)
    request = send_request(chat, "Olá!")
    for _ in range(3):
        await scene.bus.request(request)
    await scene.customer.expect("Olá!", within=10)
    result = await scene.result(request)
    assert result.outcome is SendOutcome.SENT
    await until(lambda: len(scene.bus.accepted) == 3)
