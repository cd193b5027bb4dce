"""What Baileys says otherwise than whatsmeow, and the real server takes all the same."""

import base64
import hashlib
import json

import pytest
from unit.simulator.memory import MemoryClient, World

from oxy_simulator import sending
from oxy_simulator.accounts import Account
from oxy_simulator.codec import decode
from oxy_simulator.contents import Contact
from oxy_simulator.curve import DJB_TYPE, KeyPair
from oxy_simulator.faultkind import FaultKind
from oxy_simulator.faults import Breakage, break_phone
from oxy_simulator.jid import PHONE_SERVER, Jid
from oxy_simulator.mediaserver import _from_base64
from oxy_simulator.node import Attrs, Node, node
from oxy_simulator.pairing import parse_qr
from oxy_simulator.prekeys import prekey_node
from oxy_simulator.profiles import REACHOUT_QUERY
from oxy_simulator.proto.message_pb2 import Message


@pytest.fixture
def client(world: World) -> MemoryClient:
    """A client of the bot, whose account has talked with Ana."""
    sending.send_message(world.network, world.ana, world.bot, sending.text_message("oi"), "3A01")
    made = world.online()
    made.received()
    return made


def rules(world: World) -> list[str]:
    found = [violation.rule for violation in world.network.state.violations]
    world.network.state.violations.clear()
    return found


def code(answer: Node) -> str:
    return answer.require("error").text("code")


def test_the_digest_names_the_keys_that_the_server_has(world: World, client: MemoryClient) -> None:
    (device,) = world.bot.devices.values()
    digest = client.ask("encrypt", "get", node("digest")).require("digest")
    assert digest.require("registration").data == client.keys.registration_id.to_bytes(4, "big")
    assert [int.from_bytes(each.data, "big") for each in digest.require("list").children] == [
        key.id for key in device.prekeys
    ]
    hashed = hashlib.sha1(client.keys.identity.public, usedforsecurity=False)
    for part in (device.signed_prekey.public, device.signed_prekey.signature, *(key.public for key in device.prekeys)):
        hashed.update(part)
    assert digest.require("hash").data == hashed.digest()
    device.prekeys = []
    assert code(client.ask("encrypt", "get", node("digest"))) == "404"


def test_a_signed_prekey_is_replaced_only_by_one_that_the_device_signed(world: World, client: MemoryClient) -> None:
    (device,) = world.bot.devices.values()
    fresh, stranger = KeyPair.generate(), KeyPair.generate()
    forged = prekey_node("skey", 2, fresh.public, stranger.sign(DJB_TYPE + fresh.public))
    assert code(client.ask("encrypt", "set", node("rotate", content=[forged]))) == "406"
    assert rules(world) == ["bad-prekeys"]
    genuine = prekey_node("skey", 2, fresh.public, client.keys.identity.sign(DJB_TYPE + fresh.public))
    assert client.ask("encrypt", "set", node("rotate", content=[genuine])).text("type") == "result"
    assert (device.signed_prekey.id, device.signed_prekey.public) == (2, fresh.public)


@pytest.mark.parametrize(("namespace", "protocol"), [("abt", "1"), ("w", "2")])
def test_settings_are_those_that_clients_have_built_in(client: MemoryClient, namespace: str, protocol: str) -> None:
    props = client.ask(namespace, "get", node("props", {"protocol": protocol})).require("props")
    assert (props.text("protocol"), props.text("hash"), props.children) == (protocol, "none", [])


def test_nobody_is_a_business_and_there_are_no_bots(world: World, client: MemoryClient) -> None:
    asked = node("business_profile", {"v": "244"}, [node("profile", {"jid": world.ana.lid})])
    profile = client.ask("w:biz", "get", asked).require("business_profile", "profile")
    assert (profile.jid("jid"), profile.children) == (world.ana.lid, [])
    assert client.ask("bot", "get", node("bot", {"v": "2"})).require("bot").children == []


def test_an_about_text_is_also_set_by_a_request(world: World, client: MemoryClient) -> None:
    client.ask("status", "set", node("status", content=b"aqui"))
    assert world.bot.profile.about == "aqui"


def test_new_chats_may_disappear_after_a_time_that_phones_offer(world: World, client: MemoryClient) -> None:
    client.ask("disappearing_mode", "set", node("disappearing_mode", {"duration": "86400"}))
    assert world.bot.profile.disappearing == 86400
    assert code(client.ask("disappearing_mode", "set", node("disappearing_mode", {"duration": "5"}))) == "400"
    assert rules(world) == ["privacy-setting"]
    query = [
        node("query", content=[node("disappearing_mode")]),
        node("list", content=[node("user", {"jid": world.bot.lid})]),
    ]
    attrs = {"sid": "1", "mode": "query", "context": "interactive", "index": "0", "last": "true"}
    (user,) = client.ask("usync", "get", node("usync", attrs, query)).require("usync", "list").children
    assert user.require("disappearing_mode").text("duration") == "86400"


def test_a_client_may_ask_whether_writing_to_strangers_is_locked(world: World, client: MemoryClient) -> None:
    def locked() -> bool:
        query = node("query", {"query_id": REACHOUT_QUERY}, b"{}")
        answer = json.loads(client.ask("w:mex", "get", query).require("result").data)
        return bool(answer["data"]["xwa2_fetch_account_reachout_timelock"]["is_active"])

    assert not locked()
    break_phone(world.network, world.bot, Breakage(FaultKind.REACHOUT_LOCK))
    assert locked()


def test_a_push_name_may_come_before_the_link_but_no_availability(world: World) -> None:
    client = world.client()
    client.register()
    client.received()
    client.send(node("presence", {"name": "Bot"}))
    assert rules(world) == []
    client.send(node("presence", {"name": "Bot", "type": "available"}))
    assert rules(world) == ["bad-stanza"]


def test_a_phone_code_is_asked_for_by_the_digits_of_a_number(world: World) -> None:
    client = world.client()
    client.register()
    client.received()
    attrs: Attrs = {"jid": Jid("+5511900000001", PHONE_SERVER), "stage": "companion_hello"}
    display = node("companion_platform_display", content=b"Chrome (Linux)")
    hello = node("link_code_companion_reg", attrs, [display])
    assert code(client.ask("md", "set", hello)) == "400"
    assert rules(world) == ["link-number"]


def test_a_qr_code_may_lack_the_type_of_its_client() -> None:
    keys = [base64.b64encode(bytes((number,)) * 32).decode() for number in range(3)]
    assert parse_qr(",".join(["2@ref", *keys])) == parse_qr(",".join(["2@ref", *keys, "1"]))


def test_an_empty_text_may_be_the_empty_token() -> None:
    assert decode(bytes.fromhex("00f803fc0161fc017800")) == Node("a", {"x": ""})


def test_the_token_of_an_upload_may_lack_its_filling() -> None:
    token = base64.urlsafe_b64encode(bytes(range(224, 256))).decode()
    assert _from_base64(token) == _from_base64(token.rstrip("=")) == bytes(range(224, 256))


def test_a_card_without_a_name_beside_it_has_that_of_its_vcard(world: World, client: MemoryClient) -> None:
    message = Message()
    message.contact_message.vcard = "BEGIN:VCARD\nVERSION:3.0\nFN:Zé\nTEL:+5511911111111\nEND:VCARD"
    write(client, world.ana, message, type="text")
    content = world.ana.inbox[-1].content
    assert isinstance(content, Contact)
    assert content.contact.name == "Zé"
    assert rules(world) == []


def test_the_timer_of_a_chat_is_about_no_message(world: World, client: MemoryClient) -> None:
    message = Message.FromString(bytes.fromhex("62 05 1003 20 80 01"))  # ProtocolMessage, EPHEMERAL_SETTING, 128 s
    write(client, world.ana, message, type="text")
    assert (world.ana.inbox[-1].kind, rules(world)) == ("protocol", [])


def test_a_reaction_may_be_taken_back_without_a_word_on_the_stanza(world: World, client: MemoryClient) -> None:
    message = Message()
    message.reaction_message.key.id = "3A01"
    for text, edit in (("", ""), ("", "7")):
        message.reaction_message.text = text
        write(client, world.ana, message, type="reaction", **({"edit": edit} if edit else {}))
    assert rules(world) == []


def write(client: MemoryClient, to: Account, message: Message, **attrs: str) -> None:
    participant = node("to", {"jid": to.lid}, [client.encrypt(to, message)])
    stanza: Attrs = {"to": to.lid, "id": f"3EB0{len(to.inbox)}", **attrs}
    client.send(node("message", stanza, [node("participants", content=[participant])]))
    client.received()


def test_a_client_of_the_older_dictionary_is_understood_and_answered_in_it(world: World) -> None:
    client = world.client()
    client.header = b"WA\x06\x02"
    client.link(world.bot)
    client.go_online()
    sending.send_message(world.network, world.ana, world.bot, sending.text_message("oi"), "3A02")
    (message,) = client.received()
    assert client.read(message).conversation == "oi"
    assert world.network.state.violations == []
