"""Several real neonize clients, devices that come and go, new installations, presence."""

import pytest
from integration.simulator.clients import PATIENCE, NeonizeClient, NewClient

from oxy_simulator.devices import device_jids
from oxy_simulator.offline import BATCH
from oxy_simulator.testing import Phone, WhatsApp

READ, READ_SELF = 4, 5
"""neonize's numbers of these receipts."""


async def linked(simulator: WhatsApp, phone: Phone, new_client: NewClient) -> NeonizeClient:
    made = await new_client(simulator.client_environment)
    await phone.link(qr=(await made.expect("QR"))["text"])
    await made.expect("Connected")
    return made


async def test_two_clients_of_one_account_see_each_others_sends_and_readings(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient, new_client: NewClient
) -> None:
    second = await linked(simulator, bot, new_client)
    await ana.send("oi", to=bot)
    received = await client.expect("Message", text="oi")
    await second.expect("Message", text="oi")
    sent = await client.ask("send", "Sent", to=ana.number, text="do primeiro")
    copy = await second.expect("Message", text="do primeiro")
    assert (copy["from_me"], copy["id"], copy["chat"]) == (
        True,
        sent["id"],
        simulator.service.account(ana.number).lid_user,
    )
    await second.ask("send", "Sent", to=ana.number, text="do segundo")
    assert (await client.expect("Message", text="do segundo"))["from_me"]
    await ana.expect("do primeiro", within=PATIENCE)
    await ana.expect("do segundo", within=PATIENCE)
    await client.ask("read", "Done", message_id=received["id"], chat=ana.number)
    await second.expect("Receipt", ids=[received["id"]], kind=READ_SELF)
    await bot.unlink(1)
    await client.expect("LoggedOut")
    await second.ask("send", "Sent", to=ana.number, text="ainda aqui")
    await ana.expect("ainda aqui", within=PATIENCE)
    assert await simulator.settled(PATIENCE)


async def test_a_contacts_new_device_gets_the_next_message(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient, new_client: NewClient
) -> None:
    await client.ask("send", "Sent", to=ana.number, text="um")
    await ana.expect("um", within=PATIENCE)
    await ana.send("oi", to=bot)
    await client.expect("Message", text="oi")
    web = await linked(simulator, ana, new_client)
    # whatsmeow acknowledges the notice of the device beside handling it, but handles what comes in order.
    await ana.send("tenho outro aparelho", to=bot)
    await client.expect("Message", text="tenho outro aparelho")
    await client.ask("send", "Sent", to=ana.number, text="dois")
    await web.expect("Message", text="dois")
    await ana.expect("dois", within=PATIENCE)
    await web.ask("send", "Sent", to=bot.number, text="da web")
    assert (await client.expect("Message", text="da web"))["sender"] == simulator.service.account(ana.number).lid_user


async def test_a_client_that_left_a_device_out_learns_of_it_from_the_hash(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient, new_client: NewClient
) -> None:
    account = simulator.service.account(ana.number)
    web = await linked(simulator, ana, new_client)
    device = account.devices.pop(1)
    await client.ask("send", "Sent", to=ana.number, text="um")
    await ana.expect("um", within=PATIENCE)
    account.devices[1] = device  # nobody is told
    await client.ask("send", "Sent", to=ana.number, text="dois")
    await ana.expect("dois", within=PATIENCE)
    await client.ask("send", "Sent", to=ana.number, text="três")
    await web.expect("Message", text="três")
    assert "dois" not in web.texts()
    assert len(device_jids(account, by_lid=True)) == 2


@pytest.mark.parametrize("announce", [True, False])
async def test_a_contact_installs_again_and_the_conversation_goes_on(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient, *, announce: bool
) -> None:
    await ana.send("oi", to=bot)
    await client.expect("Message", text="oi")
    await client.ask("send", "Sent", to=ana.number, text="olá")
    await ana.expect("olá", within=PATIENCE)
    await ana.act("reinstall", announce=announce)
    if announce:
        change = await client.expect("IdentityChange")
        assert change["facts"]["JID"]["User"] == simulator.service.account(ana.number).lid_user
    sent = await client.ask("send", "Sent", to=ana.number, text="ainda aí?")
    await ana.expect("ainda aí?", within=PATIENCE)
    (line,) = [line for line in simulator.service.accounting() if line.id == sent["id"]]
    # Told or not, whatsmeow keeps its session with a LID (it deletes those of the bare number) and
    # recovers by the phone's retry receipt, which brings the new identity.
    assert {"undecryptable", "retried", "decrypted"} <= set(line.stages)
    await ana.send("celular novo", to=bot)
    await client.expect("Message", text="celular novo")


async def test_conversations_go_on_when_prekeys_have_run_out(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    account = simulator.service.account(bot.number)
    await bot.act("prekeys", device=1, left=1)
    await ana.send("com a última", to=bot)
    await client.expect("Message", text="com a última")
    assert await simulator.service.wait_for(lambda: len(account.devices[1].prekeys) > 1, PATIENCE)
    account.devices[1].prekeys.clear()
    bia = await simulator.phone("+5511922222222", "Bia")
    await bia.send("sem nenhuma", to=bot)
    await client.expect("Message", text="sem nenhuma")
    await ana.act("prekeys", left=0)
    await client.ask("send", "Sent", to=ana.number, text="sem chave única")
    await ana.expect("sem chave única", within=PATIENCE)


async def test_presence_and_typing_of_a_contact(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    assert await simulator.service.wait_for(
        lambda: simulator.service.account(bot.number).devices[1].app_state_shared, PATIENCE
    )
    while (await client_presence(client)).get("error"):
        assert await simulator.settled(PATIENCE)
    lid = simulator.service.account(ana.number).lid_user
    await client.ask("ask", "Answer", query="subscribe", jid=f"{lid}@lid")
    assert (await client.expect("Presence"))["facts"]["From"]["User"] == lid
    await ana.act("presence", state="available")
    assert not (await client.expect("Presence"))["facts"].get("Unavailable")
    await ana.act("typing", to=bot)
    assert "COMPOSING" in str((await client.expect("ChatPresence"))["facts"]["State"])
    await ana.act("typing", to=bot, state="paused")
    await client.expect("ChatPresence")
    await ana.act("presence", state="unavailable")
    gone = (await client.expect("Presence"))["facts"]
    assert (gone["Unavailable"], int(gone["LastSeen"]) > 0) == (True, True)


async def client_presence(client: NeonizeClient) -> dict[str, object]:
    """Say that the client is available; it cannot before it has learned its push name."""
    await client.do("presence", kind="available")
    return await client.expect("Done")


async def test_what_waited_is_announced_and_comes_in_order_before_live_messages(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    assert await simulator.settled(PATIENCE)
    await client.kill()
    expected = [f"{index}" for index in range(BATCH + 30)]
    for text in expected:
        await ana.send(text, to=bot)
    await client.start()
    preview = (await client.expect("OfflineSyncPreview"))["facts"]
    await client.expect("OfflineSyncCompleted")
    await ana.send("ao vivo", to=bot)
    await client.expect("Message", text="ao vivo")
    assert int(preview["Message"]) == BATCH + 30
    assert client.texts() == [*expected, "ao vivo"]


async def test_several_messages_are_read_and_played_by_one_receipt(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient
) -> None:
    ids = [(await client.ask("send", "Sent", to=ana.number, text=text))["id"] for text in ("um", "dois", "três")]
    await ana.expect("três", within=PATIENCE)
    await ana.act("mark", chat=bot, kind="read")
    await client.expect("Receipt", ids=ids, kind=READ)
    await ana.act("mark", chat=bot, ids=ids[2:], kind="played")
    await client.expect("Receipt", ids=ids[2:])
    stages = [set(line.stages) for line in simulator.service.accounting() if line.id in ids]
    assert all("read" in reached for reached in stages)
    assert "played" in stages[2]
