"""The real, unmodified neonize against the simulator."""

import asyncio
import signal
from pathlib import Path

import pytest
from integration.simulator.clients import NeonizeClient, NewClient

from oxy_simulator.errors import PairingError
from oxy_simulator.faults import FaultKind
from oxy_simulator.replies import LineView
from oxy_simulator.testing import Phone, WhatsApp

PATIENCE = 30.0


def line(simulator: WhatsApp, message_id: str) -> LineView:
    (found,) = [line for line in simulator.service.accounting() if line.id == message_id]
    return found


async def settled(simulator: WhatsApp) -> bool:
    """Wait until nothing waits for acknowledgement by any device."""
    return await simulator.settled(PATIENCE)


async def test_linking_by_phone_code_and_a_conversation_both_ways(
    simulator: WhatsApp, bot: Phone, ana: Phone, new_client: NewClient
) -> None:
    client = await new_client(simulator.client_environment)
    await client.expect("QR")
    code = (await client.ask("pair", "Code", phone=bot.number))["code"]
    with pytest.raises(PairingError, match="code is wrong"):
        await bot.link(code="ABCD-1234" if code != "ABCD-1234" else "ABCD-1235")
    device = await bot.link(code=code)
    assert (device.id, device.platform) == (1, "Ubuntu")
    await client.expect("Connected")

    await ana.send("oi", to=bot)
    message = await client.expect("Message", text="oi")
    assert (message["name"], message["from_me"], message["secret"]) == ("Ana", False, 32)
    await client.ask("send", "Sent", to=ana.number, text="olá")
    answer = await ana.expect("olá", within=PATIENCE)
    assert answer.chat == bot.number
    await client.expect("Receipt", ids=[answer.id])
    await ana.send("essa", to=bot, quote=answer.id)
    assert (await client.expect("Message", text="essa"))["quoted"] == answer.id
    assert await settled(simulator)


async def test_an_expired_phone_code_is_refused(tmp_path: Path, new_client: NewClient) -> None:
    async with WhatsApp(state=tmp_path / "short", pairing_seconds=0.01) as simulator:
        bot = await simulator.phone("+5511900000001")
        client = await new_client(simulator.client_environment)
        qr = await client.expect("QR")
        code = (await client.ask("pair", "Code", phone=bot.number))["code"]
        network = simulator.service.network
        await simulator.service.wait_for(lambda: False, network.links[bot.number].expires_at - network.clock())
        with pytest.raises(PairingError, match="ask the client for a new code"):
            await bot.link(code=code)
        with pytest.raises(PairingError, match="expired"):
            await bot.link(qr=qr["text"])


async def test_a_linked_client_resumes_and_gets_what_it_missed(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    await ana.send("antes", to=bot)
    await client.expect("Message", text="antes")
    assert await settled(simulator)
    await client.kill()
    missed = await ana.send("perdida", to=bot)
    await client.start()
    await client.expect_back("perdida")
    assert await settled(simulator)
    assert {"sent", "queued", "relayed", "receipted"} <= set(line(simulator, missed).stages)
    await client.ask("send", "Sent", to=ana.number, text="voltei")
    await ana.expect("voltei", within=PATIENCE)


async def test_the_owner_talks_to_himself(simulator: WhatsApp, bot: Phone, client: NeonizeClient) -> None:
    await bot.self_chat("quanto vendi?")
    message = await client.expect("Message", text="quanto vendi?")
    assert message["from_me"]
    assert message["chat"] == message["sender"]
    await client.ask("send", "Sent", to=bot.number, text="R$ 300")
    answer = await bot.expect("R$ 300", within=PATIENCE)
    assert (answer.chat, answer.from_me) == (bot.number, True)
    assert not any(entry.duplicate for entry in await bot.inbox())
    assert await settled(simulator)


async def test_an_answer_from_the_phone_reaches_the_client_as_its_own(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    await bot.send("deixa comigo", to=ana)
    message = await client.expect("Message", text="deixa comigo")
    assert message["from_me"]
    assert message["chat"] == simulator.service.account(ana.number).lid_user
    await ana.expect("deixa comigo", within=PATIENCE)
    assert await settled(simulator)


async def test_a_contact_may_be_addressed_by_phone_number(
    simulator: WhatsApp, bot: Phone, client: NeonizeClient
) -> None:
    bia = await simulator.phone("+5511922222222", "Bia", addressing="pn", sends_read_receipts=True)
    await bia.send("oi", to=bot)
    assert (await client.expect("Message", text="oi"))["sender"] == bia.number
    sent = await client.ask("send", "Sent", to=bia.number, text="olá")
    await bia.expect("olá", within=PATIENCE)
    assert await settled(simulator)
    assert "read" in line(simulator, sent["id"]).stages


async def test_presence_typing_reading_and_looking_up_numbers(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    sent = await ana.send("oi", to=bot)
    await client.expect("Message", text="oi")
    assert (await client.ask("exists", "Exists", phone="5511911111111 5511999990000"))["found"] == [True, False]
    state = simulator.service.account(ana.number).chat_states
    await client.ask("typing", "Done", to=ana.number, state="composing")
    assert await simulator.service.wait_for(lambda: state.get(bot.number) == "composing", PATIENCE)
    await client.ask("read", "Done", message_id=sent, chat=ana.number)
    assert await simulator.service.wait_for(lambda: "read" in line(simulator, sent).stages, PATIENCE)


async def test_the_client_learns_its_push_name_and_can_be_present(
    simulator: WhatsApp, bot: Phone, client: NeonizeClient
) -> None:
    own = simulator.service.account(bot.number)
    assert await settled(simulator)
    # The name comes with the first app state sync, which the client starts by itself.
    async with asyncio.timeout(PATIENCE):
        while own.chat_states.get("presence") != "available":
            await client.do("presence", kind="available")
            await client.expect("Done")


async def test_unlinking_on_the_phone_logs_the_client_out(
    simulator: WhatsApp, bot: Phone, client: NeonizeClient
) -> None:
    await bot.unlink()
    assert "LOGGED_OUT" in (await client.expect("LoggedOut"))["detail"]
    assert simulator.service.account(bot.number).devices == {}
    assert f"device 1 of +{bot.number} was removed by its phone" in await simulator.api.transcript()


async def test_a_client_can_log_itself_out(simulator: WhatsApp, bot: Phone, client: NeonizeClient) -> None:
    await client.ask("logout", "Done")
    assert simulator.service.account(bot.number).devices == {}
    assert "LoggedOut" not in {event["event"] for event in client.events}, "it asked for this itself"
    assert f"device 1 of +{bot.number} logged itself out" in await simulator.api.transcript()


async def test_what_was_not_acknowledged_comes_again_after_kill_9(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    client.signal(signal.SIGSTOP)
    sent = [await ana.send(f"m{number}", to=bot) for number in range(20)]
    assert all("relayed" in line(simulator, message_id).stages for message_id in sent)
    await client.kill()
    assert client.texts() == []
    await client.start()
    await client.expect("Message", text="m19")
    assert client.texts() == [f"m{number}" for number in range(20)]
    assert await settled(simulator)
    assert all({"redelivered", "receipted"} <= set(line(simulator, message_id).stages) for message_id in sent)


async def test_every_message_is_received_or_accounted_as_receipted_under_kill_9(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    await simulator.load([ana], bot, count=600, rate=100)
    handed_over = []
    for kill in range(3):
        while int((await client.expect("Message"))["text"].rpartition("/")[2] or 0) < (kill + 1) * 100:
            pass
        await client.kill()
        handed_over.append(max(int(text.rpartition("/")[2]) for text in client.texts()))
        await client.start()
    assert await simulator.service.wait_for(lambda: not simulator.service.state().load_running, PATIENCE)
    assert await settled(simulator)
    await ana.send("fim", to=bot)
    await client.expect("Message", text="fim")
    received = set(client.texts())
    lines = [line for line in await simulator.messages(from_=ana) if line.text != "fim"]
    assert len(lines) == 600
    assert all({"receipted", "acked"} & set(line.stages) for line in lines)
    lost = [line for line in lines if line.text not in received]
    for line in lost:
        # What came once was receipted and on its way to the client's hand, in a channel of 100, when it was killed.
        number = int(line.text.rpartition("/")[2])
        assert line.deliveries > 1 or any(last < number <= last + 100 for last in handed_over), line


async def test_the_client_comes_back_after_the_network_was_down(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    await simulator.fault(FaultKind.DOWN)
    await client.expect("Disconnected")
    await ana.send("enquanto isso", to=bot)
    await simulator.fault(FaultKind.UP)
    await client.expect("Message", text="enquanto isso")


async def test_a_message_that_the_client_cannot_read_comes_again(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    await bot.fault(FaultKind.CORRUPT)
    sent = await ana.send("oi", to=bot)
    await client.expect("Message", text="oi")
    assert await settled(simulator)
    assert "retried" in line(simulator, sent).stages


async def test_a_message_that_the_phone_cannot_read_comes_again(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    await client.ask("send", "Sent", to=ana.number, text="um")
    await ana.expect("um", within=PATIENCE)
    await ana.send("dois", to=bot)
    await client.expect("Message", text="dois")
    await ana.fault(FaultKind.FORGET_SESSIONS)
    sent = await client.ask("send", "Sent", to=ana.number, text="três")
    await ana.expect("três", within=PATIENCE)
    assert {"undecryptable", "retried", "decrypted"} <= set(line(simulator, sent["id"]).stages)


async def test_a_restart_of_the_simulator_keeps_linked_devices(tmp_path: Path, new_client: NewClient) -> None:
    state = tmp_path / "kept"
    async with WhatsApp(state=state) as first:
        bot, ana = await first.phone("+5511900000001"), await first.phone("+5511911111111")
        client = await new_client(first.client_environment)
        await bot.link(qr=(await client.expect("QR"))["text"])
        await client.expect("Connected")
        await ana.send("um", to=bot)
        await client.expect("Message", text="um")
        assert await settled(first)
        await client.kill()
        await ana.send("dois", to=bot)
    async with WhatsApp(state=state) as second:
        client.environment.update(second.client_environment)
        await client.start()
        await client.expect("Message", text="dois")
        ana = await second.phone("+5511911111111")
        await client.ask("send", "Sent", to=ana.number, text="três")
        await ana.expect("três", within=PATIENCE)
        assert [line.text for line in await second.messages()] == ["um", "dois", "três"]
