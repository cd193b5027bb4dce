"""Who is on WhatsApp, and what others see: user queries, pictures, privacy and blocking."""

import base64
import hashlib
import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.simulator.memory import ANA, BOT, MemoryClient, World

from oxy_simulator import profiles, sending
from oxy_simulator.accounts import Account
from oxy_simulator.devices import participant_hash
from oxy_simulator.errors import RequestError
from oxy_simulator.jid import Jid
from oxy_simulator.node import Node, node
from oxy_simulator.numbers import spellings
from oxy_simulator.privacytokens import give_token
from oxy_simulator.proto.message_pb2 import Message

SHORT = "551187654321"
LONG = "5511987654321"


@pytest.fixture
def client(world: World) -> Iterator[MemoryClient]:
    """A client of the bot, whose account has talked with Ana."""
    sending.send_message(world.network, world.ana, world.bot, sending.text_message("oi"), "3A01")
    made = world.online()
    made.received()
    yield made
    made.received()


def user_query(client: MemoryClient, *users: Node, wanted: tuple[str, ...] = ("contact",)) -> list[Node]:
    query = [node(tag, {"addressing_mode": "lid"} if tag == "contact" else None) for tag in wanted]
    attrs = {"sid": "1", "mode": "query", "context": "interactive", "index": "0", "last": "true"}
    content = [node("query", content=query), node("list", content=list(users))]
    answer = client.ask("usync", "get", node("usync", attrs, content))
    return answer.require("usync", "list").children


def number(digits: str) -> Node:
    return node("user", content=[node("contact", content=f"+{digits}@c.us".encode())])


def errors(answer: Node) -> str:
    return answer.require("error").text("code")


def rules(world: World) -> list[str]:
    found = [violation.rule for violation in world.network.state.violations]
    world.network.state.violations.clear()
    return found


@pytest.mark.parametrize(("registered", "asked"), [(SHORT, LONG), (LONG, SHORT), (SHORT, SHORT), (LONG, LONG)])
def test_both_spellings_of_a_brazilian_number_answer_with_the_registered_one(
    world: World, client: MemoryClient, registered: str, asked: str
) -> None:
    account = Account(registered, "Caio")
    world.network.add_account(account)
    (user,) = user_query(client, number(asked))
    assert (user.jid("jid"), user.jid("pn_jid")) == (account.lid, Jid(registered, "s.whatsapp.net"))
    assert (user.require("contact").text("type"), user.require("contact").data) == ("in", f"+{asked}@c.us".encode())


def test_an_address_with_the_other_spelling_is_nobody(world: World, client: MemoryClient) -> None:
    world.network.add_account(Account(SHORT, "Caio"))
    (user,) = user_query(client, node("user", {"jid": Jid(LONG, "s.whatsapp.net")}), wanted=("lid", "devices"))
    assert user.find("lid") is None
    assert user.require("devices", "device-list").children == []


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.from_regex(r"55[1-9][1-9]9?[6-9][0-9]{7}", fullmatch=True))
def test_a_brazilian_mobile_number_has_two_spellings_that_name_each_other(digits: str) -> None:
    first, second = spellings(digits)
    assert first == digits
    assert list(spellings(second)) == [second, first]


@pytest.mark.parametrize("digits", ["551133334444", "14155550123", "351912345678", "55119876543210"])
def test_other_numbers_have_one_spelling(digits: str) -> None:
    assert list(spellings(digits)) == [digits]


def test_a_user_query_tells_devices_with_their_hash_lid_about_and_picture(world: World, client: MemoryClient) -> None:
    profiles.change_picture(world.network, world.ana, b"image")
    profiles.change_about(world.network, world.ana, "na praia")
    notices = client.received()
    assert [notice.text("type") for notice in notices] == ["picture", "status"]
    assert notices[0].require("set").text("id") == world.ana.profile.picture_id
    assert notices[1].require("set").data == b"na praia"
    wanted = ("lid", "devices", "status", "picture", "business", "disappearing_mode")
    (user,) = user_query(client, node("user", {"jid": world.ana.pn}), wanted=wanted)
    assert user.require("lid").jid("val") == world.ana.lid
    assert user.require("status").data == b"na praia"
    assert user.require("picture").text("id") == world.ana.profile.picture_id
    devices = user.require("devices", "device-list")
    assert [device.text("id") for device in devices.children] == ["0"]
    assert devices.text("hash") == participant_hash([world.ana.pn])
    assert user.find("business") is None


def test_the_participant_hash_is_that_of_whatsmeow() -> None:
    names = ["1.0:0@s.whatsapp.net", "1.0:12@s.whatsapp.net"]
    digest = base64.b64encode(hashlib.sha256("".join(names).encode()).digest()[:6]).decode()
    jids = [Jid("1", "s.whatsapp.net", 12), Jid("1", "s.whatsapp.net")]
    assert participant_hash(jids) == f"2:{digest}"


def test_an_unknown_part_of_a_user_query_is_a_violation(world: World, client: MemoryClient) -> None:
    attrs = {"sid": "1", "mode": "query", "context": "interactive"}
    content = [node("query", content=[node("horoscope")]), node("list")]
    assert errors(client.ask("usync", "get", node("usync", attrs, content))) == "400"
    assert rules(world) == ["unknown-usync"]


def test_trust_is_given_to_contacts_that_exist(world: World, client: MemoryClient) -> None:
    trusted = node("token", {"jid": world.ana.lid, "t": "1800000000", "type": "trusted_contact"})
    assert client.ask("privacy", "set", node("tokens", content=[trusted])).text("type") == "result"
    nobody = node("token", {**trusted.attrs, "jid": Jid("1", "lid")})
    assert errors(client.ask("privacy", "set", node("tokens", content=[nobody]))) == "400"
    assert rules(world) == ["privacy-token"]


def test_a_token_is_given_shown_and_not_invented(world: World, client: MemoryClient) -> None:
    web = MemoryClient(world.network, world.identity)
    web.link(world.ana)
    web.go_online()
    client.received()
    trusted = node("token", {"jid": world.ana.lid, "t": "1800000000", "type": "trusted_contact"})
    client.ask("privacy", "set", node("tokens", content=[trusted]))
    (notice,) = [stanza for stanza in web.received() if stanza.attrs.get("type") == "privacy_token"]
    assert (notice.jid("from"), notice.jid("sender_lid")) == (world.bot.lid, world.bot.lid)
    token = notice.require("tokens", "token")
    assert (token.jid("jid"), token.text("type"), len(token.data)) == (world.ana.lid, "trusted_contact", 32)
    give_token(world.network, world.ana, world.bot)
    given = client.received()[-1].require("tokens", "token").data
    for index, shown in enumerate((given, token.data)):
        stanza = node("message", {"to": world.ana.lid, "id": f"3EB00{index}", "type": "text"})
        participant = node("to", {"jid": world.ana.lid}, [client.encrypt(world.ana, Message(conversation="oi"))])
        stanza.content = [node("participants", content=[participant]), node("tctoken", content=shown)]
        client.received()
        client.send(stanza)
    assert [violation.detail for violation in world.network.state.violations] == [
        f"message 3EB001 shows a token that {world.ana.phone} did not give"
    ]
    world.network.state.violations.clear()


def test_a_request_that_clients_never_make_is_unknown(world: World, client: MemoryClient) -> None:
    assert errors(client.ask("urn:xmpp:ping", "get", node("ping"))) == "501"
    assert client.ask("w:p", "get").text("type") == "result"
    assert rules(world) == ["unknown-iq"]


def test_privacy_settings_are_changed_kept_and_told_to_the_other_devices(world: World, client: MemoryClient) -> None:
    other = world.online()
    client.received()
    other.received()
    category = node("category", {"name": "readreceipts", "value": "none"})
    client.ask("privacy", "set", node("privacy", content=[category]))
    (notice,) = other.received()
    assert (notice.text("type"), notice.require("privacy", "category").text("value")) == ("account_sync", "none")
    settings = client.ask("privacy", "get", node("privacy")).require("privacy")
    values = {category.text("name"): category.text("value") for category in settings.children}
    assert (values["readreceipts"], values["last"]) == ("none", "all")


@pytest.mark.parametrize(("name", "value"), [("readreceipts", "contacts"), ("shoes", "all")])
def test_an_impossible_privacy_setting_is_refused(world: World, client: MemoryClient, name: str, value: str) -> None:
    category = node("category", {"name": name, "value": value})
    assert errors(client.ask("privacy", "set", node("privacy", content=[category]))) == "400"
    assert rules(world) == ["privacy-setting"]
    with pytest.raises(RequestError, match="choose from"):
        profiles.change_privacy(world.network, world.bot, name, value)


def test_what_is_hidden_is_not_shown(world: World, client: MemoryClient) -> None:
    profiles.change_picture(world.network, world.ana, b"image")
    profiles.change_privacy(world.network, world.ana, "status", "none")
    profiles.change_privacy(world.network, world.ana, "profile", "none")
    client.received()
    (user,) = user_query(client, node("user", {"jid": world.ana.lid}), wanted=("status", "picture"))
    assert (user.require("status").text("code"), user.require("picture").text("code")) == ("401", "401")
    assert errors(ask_picture(client, world.ana.lid)) == "401"


def ask_picture(client: MemoryClient, target: Jid, known: str | None = None) -> Node:
    attrs = {"to": Jid("", "s.whatsapp.net"), "id": "p", "xmlns": "w:profile:picture", "type": "get", "target": target}
    client.send(node("iq", attrs, [node("picture", {"query": "url", "type": "image", "id": known})]))
    (answer,) = client.received()
    return answer


def test_a_picture_has_an_address_unless_it_is_not_set_or_known(world: World, client: MemoryClient) -> None:
    assert errors(ask_picture(client, world.ana.lid)) == "404"
    profiles.change_picture(world.network, world.ana, b"image")
    client.received()
    picture = ask_picture(client, world.ana.lid).require("picture")
    assert picture.text("url").startswith("https://pps.whatsapp.net/v/")
    assert ask_picture(client, world.ana.lid, picture.text("id")).require("picture").text("status") == "304"
    profiles.change_picture(world.network, world.ana, None)
    (notice,) = client.received()
    assert notice.find("delete") is not None


def test_a_device_sets_and_removes_the_picture_of_its_own_account(world: World, client: MemoryClient) -> None:
    answer = client.ask("w:profile:picture", "set", node("picture", {"type": "image"}, b"me"))
    assert answer.require("picture").text("id") == world.bot.profile.picture_id
    client.ask("w:profile:picture", "set")
    assert world.bot.profile.picture_id is None
    attrs = {"to": Jid("", "s.whatsapp.net"), "id": "p", "xmlns": "w:profile:picture", "type": "set"}
    client.send(node("iq", {**attrs, "target": world.ana.pn}, [node("picture", content=b"x")]))
    assert errors(client.received()[0]) == "403"


def test_the_about_text_is_set_by_its_query_and_others_are_violations(world: World, client: MemoryClient) -> None:
    variables = json.dumps({"variables": {"input": {"text": "aberto"}}}).encode()
    client.ask("w:mex", "get", node("query", {"query_id": profiles.SET_ABOUT_QUERY}, variables))
    assert world.bot.profile.about == "aberto"
    assert errors(client.ask("w:mex", "get", node("query", {"query_id": "1"}, b"{}"))) == "501"
    assert errors(client.ask("w:mex", "get", node("query", {"query_id": profiles.SET_ABOUT_QUERY}, b"{}"))) == "400"
    assert rules(world) == ["unknown-query", "bad-query"]


def test_a_blocked_contact_reaches_nobody_until_unblocked(world: World, client: MemoryClient) -> None:
    item = node("item", {"jid": world.ana.lid, "action": "block"})
    listing = client.ask("blocklist", "set", item).require("list")
    assert [entry.jid("jid") for entry in listing.children] == [world.ana.lid]
    sending.send_message(world.network, world.ana, world.bot, sending.text_message("oi?"), "3A02")
    assert client.received() == []
    assert [entry.text for entry in world.bot.inbox] == ["oi"]
    client.ask("blocklist", "set", node("item", {"jid": world.ana.lid, "action": "unblock"}))
    sending.send_message(world.network, world.ana, world.bot, sending.text_message("e agora?"), "3A03")
    assert [stanza.tag for stanza in client.received()] == ["message"]
    assert client.ask("blocklist", "get").require("list").children == []


def test_the_phone_blocks_a_contact_and_its_devices_are_told(world: World, client: MemoryClient) -> None:
    profiles.block(world.network, world.bot, world.ana, blocked=True)
    (notice,) = client.received()
    assert notice.require("blocklist", "item").jid("jid") == world.ana.lid
    assert notice.require("blocklist").text("dhash") != notice.require("blocklist").text("prev_dhash")


def test_a_blocked_account_writes_in_vain(world: World, client: MemoryClient) -> None:
    profiles.block(world.network, world.ana, world.bot, blocked=True)
    client.write(world.ana, "oi", "3EB01")
    (ack,) = client.received()
    assert (ack.tag, "error" in ack.attrs) == ("ack", False)
    assert world.ana.inbox == []
    (line,) = [line for line in world.network.state.ledger if line.id == "3EB01"]
    assert {"received", "acked", "blocked"} <= set(line.stages)
    assert {BOT, ANA} == {line.account, line.chat}
