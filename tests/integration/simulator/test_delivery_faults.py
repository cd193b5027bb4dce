"""Messages, acknowledgements and frames that go wrong, and how the real neonize takes it."""

from integration.simulator.clients import PATIENCE, NeonizeClient

from oxy_simulator.faults import FaultKind
from oxy_simulator.replies import LineView
from oxy_simulator.testing import Phone, WhatsApp


async def line(simulator: WhatsApp, **facts: str) -> LineView:
    (found,) = await simulator.messages(**facts)  # type: ignore[arg-type] - texts all of them
    return found


async def reached(simulator: WhatsApp, stage: str, message_id: str) -> None:
    """Wait until a message reached a stage."""
    lines = simulator.service.network.state.ledger
    arrived = await simulator.service.wait_for(
        lambda: any(line.id == message_id and stage in line.stages for line in lines), PATIENCE
    )
    assert arrived, [line for line in lines if line.id == message_id]


async def test_messages_on_their_way_in(simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient) -> None:
    await bot.fault(FaultKind.DROP, direction="inbound")
    lost = await ana.send("perdida", to=bot)
    await bot.fault(FaultKind.DUPLICATE)
    doubled = await ana.send("repetida", to=bot)
    await bot.fault(FaultKind.REORDER, count=3)
    for text in ("um", "dois", "três"):
        await ana.send(text, to=bot)
    await client.expect("Message", text="um")
    await bot.fault(FaultKind.DELAY, delay=600)
    late = await ana.send("tarde", to=bot)
    await ana.send("cedo", to=bot)
    await simulator.advance(600)
    await client.expect("Message", text="tarde")
    assert await simulator.settled(within=PATIENCE)
    assert client.texts() == ["repetida", "três", "dois", "um", "cedo", "tarde"], "a repeated ciphertext is dropped"
    assert set((await line(simulator, id=lost)).stages) == {"sent", "dropped"}
    assert (await line(simulator, id=doubled)).deliveries == 2
    assert {"relayed", "receipted"} <= set((await line(simulator, id=late)).stages)


async def test_answers_that_are_lost_or_doubled(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    await bot.fault(FaultKind.DROP, direction="outbound")
    lost = await client.ask("send", "Sent", to=ana.number, text="perdida")
    assert {"acked", "dropped"} <= set((await line(simulator, id=lost["id"])).stages)
    await bot.fault(FaultKind.DUPLICATE, direction="outbound")
    doubled = await client.ask("send", "Sent", to=ana.number, text="repetida")
    await ana.expect("repetida", within=PATIENCE)
    assert (await line(simulator, id=doubled["id"])).duplicates == 1
    assert [message.text for message in await ana.inbox()] == ["repetida"]


async def test_refusals_reach_the_sender_as_errors(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    async def refused(text: str) -> str:
        await client.do("send", to=ana.number, text=text)
        return str((await client.expect("Sent"))["error"])

    await bot.fault(FaultKind.REACHOUT_LOCK)
    assert await refused("promoção") == "server returned error 463"
    await ana.send("oi", to=bot)
    await client.expect("Message", text="oi")
    assert await refused("olá") == ""
    await bot.fault(FaultKind.REFUSE, code=479)
    assert await refused("inválida") == "server returned error 479"
    await bot.fault(FaultKind.RATE_LIMIT, limit=1, window=3600)
    assert [await refused("uma"), await refused("duas")] == ["", "server returned error 429"]
    await simulator.clear_faults()
    assert await refused("três") == ""
    await ana.expect("três", within=PATIENCE)
    assert [message.text for message in await ana.inbox() if not message.from_me] == ["olá", "uma", "três"]
    errors = [line.error for line in await simulator.messages(direction="outbound")]
    assert [error for error in errors if error] == ["463", "479", "429"]


async def test_requests_over_the_limit_fail(simulator: WhatsApp, bot: Phone, client: NeonizeClient) -> None:
    await bot.fault(FaultKind.RATE_LIMIT_REQUESTS, duration=3600)
    await client.do("exists", phone="5511911111111")
    assert "429" in (await client.expect("Exists"))["error"]
    await simulator.clear_faults()
    await client.ask("exists", "Exists", phone="5511911111111")


async def test_a_late_acknowledgement_holds_every_send_up(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    await bot.fault(FaultKind.LATE_ACK, delay=1.5)
    await client.do("send", to=ana.number, text="um")
    await client.do("send", to=ana.number, text="dois")
    first, second = await client.expect("Sent"), await client.expect("Sent")
    assert [first["error"], second["error"]] == ["", ""]
    waited = (await line(simulator, id=first["id"])).stages
    assert waited["acked"] - waited["received"] >= 1.5
    assert (await line(simulator, id=second["id"])).stages["received"] >= waited["acked"]


async def test_without_acknowledgement_the_message_is_sent_again_after_a_reconnect(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    await bot.fault(FaultKind.NO_ACK)
    await client.do("send", to=ana.number, text="olá")
    message = await ana.expect("olá", within=PATIENCE)
    await reached(simulator, "receipted", message.id)
    assert "acked" not in (await line(simulator, id=message.id)).stages
    await bot.fault(FaultKind.ABORT)
    sent = await client.expect("Sent")
    assert (sent["id"], sent["error"]) == (message.id, "")
    assert (await line(simulator, id=message.id)).duplicates == 1
    assert [message.text for message in await ana.inbox()] == ["olá"]


async def test_a_damaged_frame_is_skipped_and_its_message_comes_after_a_reconnect(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    await bot.fault(FaultKind.CORRUPT_FRAME, stanza="message")
    damaged = await ana.send("danificada", to=bot)
    await ana.send("inteira", to=bot)
    await client.expect("Message", text="inteira")
    assert client.texts() == ["inteira"], "neonize does not notice"
    await bot.fault(FaultKind.ABORT)
    await client.expect("Message", text="danificada")
    assert "redelivered" in (await line(simulator, id=damaged)).stages


async def test_nonsense_is_passed_over(bot: Phone, ana: Phone, client: NeonizeClient) -> None:
    await bot.fault(FaultKind.GARBAGE, count=3)
    await bot.fault(FaultKind.UNKNOWN_STANZA, count=3)
    await ana.send("oi", to=bot)
    await client.expect("Message", text="oi")
    assert "Disconnected" not in {event["event"] for event in client.events}
