"""What changes in the middle of a conversation, as the real, unmodified neonize sees it."""

import asyncio
import signal

import pytest
from integration.simulator.clients import PATIENCE, NeonizeClient

from oxy_simulator.privacytokens import token_of
from oxy_simulator.replies import LineView
from oxy_simulator.testing import Phone, WhatsApp


def line_of(simulator: WhatsApp, message_id: str) -> LineView:
    (line,) = [line for line in simulator.service.accounting() if line.id == message_id]
    return line


async def address(simulator: WhatsApp, phone: Phone, addressing: str) -> None:
    """Let a phone appear by LID or by number from now on."""
    await simulator.api.add_phone(phone.number, addressing=addressing)


async def test_a_contact_goes_from_number_to_lid_and_back_in_one_conversation(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    lid, number = simulator.service.account(ana.number).lid_user, ana.number.lstrip("+")
    seen = []
    for index, addressing in enumerate(["pn", "lid", "pn", "lid"]):
        await address(simulator, ana, addressing)
        await ana.send(f"{index}", to=bot)
        message = await client.expect("Message", text=f"{index}")
        seen.append((message["chat"], message["sender"], message["sender_alt"]))
        await client.ask("send", "Sent", to=ana.number, text=f"ao número {index}")
        await ana.expect(f"ao número {index}", within=PATIENCE)
        await client.ask("send", "Sent", to=f"{lid}@lid", text=f"ao LID {index}")
        await ana.expect(f"ao LID {index}", within=PATIENCE)
    assert seen == [(number, number, lid), (lid, lid, number)] * 2
    assert await simulator.settled(PATIENCE)
    lines = simulator.service.accounting()
    assert len(lines) == 12
    assert {line.chat for line in lines} == {number}
    assert not any({"retried", "undecryptable"} & set(line.stages) for line in lines), "one Signal session served both"


async def test_a_contact_that_was_only_known_by_number_is_answered_by_lid(
    simulator: WhatsApp, bot: Phone, client: NeonizeClient
) -> None:
    bia = await simulator.phone("+5511922222222", "Bia")
    await address(simulator, bia, "pn")
    await bia.send("oi", to=bot)
    assert (await client.expect("Message", text="oi"))["chat_server"] == "s.whatsapp.net"
    account = simulator.service.account(bia.number)
    answer = await client.ask("ask", "Answer", query="lid", phone=bia.number)
    assert answer["lid"] == account.lid_user, "the stanza told the mapping"


async def test_a_contacts_new_name_comes_with_its_next_message(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    await ana.send("oi", to=bot)
    assert (await client.expect("Message", text="oi"))["name"] == "Ana"
    await simulator.phone(ana.number, "Ana Clara")
    await ana.send("mudei de nome", to=bot)
    assert (await client.expect("Message", text="mudei de nome"))["name"] == "Ana Clara"


async def test_the_clients_own_name_follows_its_phone(simulator: WhatsApp, bot: Phone, client: NeonizeClient) -> None:
    async def present_as(name: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while f'<presence name="{name}"' not in "\n".join(each.text for each in await simulator.api.packets()):
                await client.do("presence", kind="available")
                await client.expect("Done")

    await present_as("Clínica")
    await simulator.phone(bot.number, "Clínica Bicho Bom")
    await present_as("Clínica Bicho Bom")


async def test_mail_waits_for_a_passive_client_and_comes_when_it_is_active(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    await ana.send("um", to=bot)
    await client.expect("Message", text="um")
    await client.ask("ask", "Answer", query="passive", value="true")
    for text in ("dois", "três"):
        await ana.send(text, to=bot)
    assert simulator.service.account(bot.number).devices[1].mailbox
    await client.ask("ask", "Answer", query="passive", value="false")
    await ana.send("quatro", to=bot)
    await client.expect("Message", text="quatro")
    assert client.texts() == ["um", "dois", "três", "quatro"]


@pytest.mark.parametrize("announce", [True, False])
async def test_a_contact_installs_again_while_messages_wait_on_both_sides(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient, *, announce: bool
) -> None:
    await ana.send("oi", to=bot)
    await client.expect("Message", text="oi")
    await client.ask("send", "Sent", to=ana.number, text="olá")
    await ana.expect("olá", within=PATIENCE)
    assert await simulator.settled(PATIENCE)
    # One after the other: two retry receipts at once, whatsmeow may answer with one key (see `key_reused`).
    for delay in (600, 1200):
        await bot.fault("delay", delay=delay, direction="outbound")
    pending = [await client.ask("send", "Sent", to=ana.number, text=text) for text in ("a", "b")]
    client.signal(signal.SIGSTOP)
    for text in ("um", "dois"):
        await ana.send(text, to=bot)
    await ana.act("reinstall", announce=announce)
    await ana.send("três", to=bot)
    client.signal(signal.SIGCONT)
    for text in ("um", "dois", "três"):
        await client.expect("Message", text=text)
    for text, sent in zip(("a", "b"), pending, strict=True):
        await simulator.advance(600)
        await ana.expect(text, within=PATIENCE)
        assert {"undecryptable", "retried", "decrypted"} <= set(line_of(simulator, sent["id"]).stages)
    await client.ask("send", "Sent", to=ana.number, text="e agora?")
    await ana.expect("e agora?", within=PATIENCE)
    assert client.texts() == ["oi", "um", "dois", "três"]
    assert await simulator.settled(PATIENCE)


async def test_a_message_that_the_client_can_never_read_is_given_up_and_the_next_comes(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    await ana.send("oi", to=bot)
    await client.expect("Message", text="oi")
    await bot.fault("corrupt", count=5)
    lost = await ana.send("ilegível", to=bot)
    assert await simulator.service.wait_for(lambda: "abandoned" in line_of(simulator, lost).stages, PATIENCE)
    stages = line_of(simulator, lost).stages
    assert {"retried", "acked", "abandoned"} <= set(stages)
    assert "receipted" not in stages
    assert line_of(simulator, lost).deliveries == 5, "whatsmeow asks four times"
    await ana.send("e agora?", to=bot)
    await client.expect("Message", text="e agora?")
    assert client.texts() == ["oi", "e agora?"]
    (loss,) = (
        await simulator.api.losses(
            bot.number, ids=[line.id for line in simulator.service.accounting() if line.id != lost]
        )
    ).lost
    assert loss.id == lost


async def test_a_message_that_the_phone_can_never_read_is_asked_for_five_times(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    await client.ask("send", "Sent", to=ana.number, text="oi")
    await ana.expect("oi", within=PATIENCE)
    await bot.fault("corrupt", count=6, direction="outbound")
    sent = (await client.ask("send", "Sent", to=ana.number, text="ilegível"))["id"]
    assert await simulator.service.wait_for(lambda: "abandoned" in line_of(simulator, sent).stages, PATIENCE)
    stages = line_of(simulator, sent).stages
    assert {"undecryptable", "retried"} <= set(stages)
    assert not {"decrypted", "receipted"} & set(stages)
    await client.ask("send", "Sent", to=ana.number, text="e agora?")
    await ana.expect("e agora?", within=PATIENCE)


async def test_the_client_shows_the_token_of_a_contact_that_trusts_it(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    async def shown(tag: str, fragment: str) -> bool:
        return any(each.text.startswith(f"<{tag} ") and fragment in each.text for each in await simulator.api.packets())

    await ana.send("oi", to=bot)
    await client.expect("Message", text="oi")
    await client.ask("send", "Sent", to=ana.number, text="sem")
    assert not await shown("message", "<tctoken>")
    async with asyncio.timeout(PATIENCE):
        while not await shown("iq", "trusted_contact"):  # it trusts whom it writes to
            await client.ask("send", "Sent", to=ana.number, text="sem")
    await ana.act("trust", contact=bot.number)
    token = token_of(simulator.service.account(ana.number), simulator.service.account(bot.number)).hex()
    async with asyncio.timeout(PATIENCE):
        while not await shown("message", f"<tctoken>0x{token[:8]}"):
            await client.ask("send", "Sent", to=ana.number, text="com")
    assert simulator.service.violations() == []
