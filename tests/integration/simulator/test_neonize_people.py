"""What a real neonize asks about people: numbers, devices, profiles, privacy, blocking."""

from integration.simulator.clients import NeonizeClient

from oxy_simulator import profiles
from oxy_simulator.testing import Phone, WhatsApp


async def ask(client: NeonizeClient, query: str, **arguments: str) -> dict[str, object]:
    """Ask and return the facts; an error fails the test."""
    answer = await client.ask("ask", "Answer", query=query, **arguments)
    facts: dict[str, object] = answer.get("facts", answer)
    return facts


async def test_a_number_registered_without_its_ninth_digit_answers_to_both_spellings(
    simulator: WhatsApp, client: NeonizeClient
) -> None:
    caio = await simulator.phone("+551187654321", "Caio")
    lid = simulator.service.account(caio.number).lid_user
    answer = await client.ask("ask", "Answer", query="numbers", phones="+5511987654321 +551187654321 +5511999990000")
    assert answer["numbers"] == [
        ["+5511987654321", lid, "lid", True],
        ["+551187654321", lid, "lid", True],
        ["+5511999990000", "5511999990000", "s.whatsapp.net", False],
    ]
    await client.do("send", to="5511987654321", text="oi")
    assert "no LID found" in (await client.expect("Sent"))["error"]
    await client.ask("send", "Sent", to="551187654321", text="oi, Caio")
    await caio.expect("oi, Caio", within=30)


async def test_about_picture_devices_and_lid_of_a_contact(
    simulator: WhatsApp, ana: Phone, client: NeonizeClient
) -> None:
    network, account = simulator.service.network, simulator.service.account(ana.number)
    profiles.change_about(network, account, "na praia")
    profiles.change_picture(network, account, b"image")
    found = await client.ask("ask", "Answer", query="users", jids=ana.number)
    (user,) = found["facts"]["UsersInfo"]
    assert (user["UserInfo"]["Status"], user["UserInfo"]["PictureID"]) == ("na praia", account.profile.picture_id)
    assert (await client.ask("ask", "Answer", query="lid", phone=ana.number))["lid"] == account.lid_user
    devices = await client.ask("ask", "Answer", query="devices", jids=ana.number)
    assert devices["devices"] == [[ana.number, 0]]
    picture = await ask(client, "picture", jid=ana.number)
    assert picture["Picture"]["ID"] == account.profile.picture_id  # type: ignore[index] # JSON


async def test_a_changed_picture_is_told(simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient) -> None:
    await ana.send("oi", to=bot)
    await client.expect("Message", text="oi")
    network, account = simulator.service.network, simulator.service.account(ana.number)
    profiles.change_picture(network, account, b"image")
    event = await client.expect("Picture")
    assert event["facts"]["JID"]["User"] == account.lid_user
    profiles.change_picture(network, account, None)
    assert (await client.expect("Picture"))["facts"]["Remove"]


async def test_privacy_and_blocking(simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient) -> None:
    account = simulator.service.account(bot.number)
    assert (await ask(client, "privacy"))["ReadReceipts"] == "ALL"
    await ask(client, "set_privacy", name="readreceipts", value="none")
    assert account.profile.privacy == {"readreceipts": "none"}
    contact = simulator.service.account(ana.number)
    await ask(client, "block", jid=f"{contact.lid_user}@lid", action="block")
    listing = await ask(client, "blocklist")
    assert listing["Blocklist"]["JIDs"][0]["User"] == contact.lid_user  # type: ignore[index] # JSON
    await ana.send("oi?", to=bot)
    await ask(client, "block", jid=f"{contact.lid_user}@lid", action="unblock")
    await ana.send("oi!", to=bot)
    await client.expect("Message", text="oi!")
    assert "oi?" not in client.texts()


async def test_the_about_text_is_set(simulator: WhatsApp, bot: Phone, client: NeonizeClient) -> None:
    await client.ask("ask", "Answer", query="set_about", text="aberto até 18h")
    assert simulator.service.account(bot.number).profile.about == "aberto até 18h"
