"""Linking, logging in and being removed, in memory and step by step."""

import os
from typing import Any

import pytest
from unit.simulator.memory import MemoryClient, World

from oxy_simulator import linking
from oxy_simulator.accounts import MAX_LINKED_DEVICES
from oxy_simulator.curve import KeyPair
from oxy_simulator.errors import PairingError
from oxy_simulator.faults import Breakage, FaultKind, break_phone
from oxy_simulator.jid import SERVER_JID, Jid
from oxy_simulator.node import Node, node
from oxy_simulator.pairing import wrap_with_code


def test_a_scanned_device_is_linked_and_asked_to_reconnect(world: World) -> None:
    client = world.client()
    client.register()
    (offer,) = client.received()
    assert len(offer.require("pair-device").children) == 6
    linking.scan_qr(world.network, world.bot, client.qr(offer))
    client.counter_sign(client.received()[0])
    (farewell,) = client.received()
    assert (farewell.tag, farewell.text("code")) == ("stream:error", "515")
    assert client.outbox.ended == "closed after a pause"
    assert list(world.bot.devices) == [1]
    client.disconnect()
    (success,) = client.log_in()
    assert (success.tag, success.jid("lid")) == ("success", client.lid)


def test_an_expired_qr_code_is_refused(world: World) -> None:
    client = world.client()
    client.register()
    text = client.qr(client.received()[0])
    world.clock.now += 161
    with pytest.raises(PairingError, match="expired"):
        linking.scan_qr(world.network, world.bot, text)


@pytest.mark.parametrize(("index", "seconds"), [(0, 60), (1, 80), (2, 100), (5, 160)])
def test_each_qr_code_is_valid_until_the_next_is_long_shown(world: World, index: int, seconds: float) -> None:
    client = world.client()
    client.register()
    (offer,) = client.received()
    text = client.qr(offer, index)
    world.clock.now += seconds - 1
    linking.scan_qr(world.network, world.bot, text)
    world.clock.now += 1
    with pytest.raises(PairingError, match="ran out" if index == 5 else "show the client's current one"):
        linking.scan_qr(world.network, world.bot, text)


def test_a_qr_code_of_a_client_that_left_is_refused(world: World) -> None:
    client = world.client()
    client.register()
    text = client.qr(client.received()[0])
    client.disconnect()
    with pytest.raises(PairingError, match="unknown"):
        linking.scan_qr(world.network, world.bot, text)


def test_a_device_with_a_wrong_counter_signature_is_not_linked(world: World) -> None:
    client = world.client()
    client.register()
    linking.scan_qr(world.network, world.bot, client.qr(client.received()[0]))
    success = client.received()[0]
    client.keys.identity = KeyPair.generate()
    client.counter_sign(success)
    assert not world.bot.devices
    assert [violation.rule for violation in world.network.state.violations] == ["bad-stanza"]
    world.network.state.violations.clear()


def test_no_client_waiting_for_a_code_is_said_so(world: World) -> None:
    with pytest.raises(PairingError, match="ask the client for a new code"):
        linking.enter_code(world.network, world.bot, "ABCD-1234")


def ask_for_code(client: MemoryClient, display: str = "Chrome (Linux)", wrapped: bytes | None = None) -> Node:
    return client.ask(
        "md",
        "set",
        node(
            "link_code_companion_reg",
            {"jid": Jid("5511900000001", "s.whatsapp.net"), "stage": "companion_hello"},
            [
                node(
                    "link_code_pairing_wrapped_companion_ephemeral_pub",
                    content=wrapped or wrap_with_code("ABCD1234", os.urandom(32)),
                ),
                node("companion_platform_display", content=display.encode()),
            ],
        ),
    )


def test_a_code_expires(world: World) -> None:
    client = world.client()
    client.register()
    client.received()
    assert ask_for_code(client).text("type") == "result"
    world.clock.now += 161
    with pytest.raises(PairingError, match="new code"):
        linking.enter_code(world.network, world.bot, "ABCD-1234")


@pytest.mark.parametrize(
    ("kind", "ended"),
    [
        (FaultKind.CLOSE, "closed"),
        (FaultKind.RESTART, "closed after a pause"),
        (FaultKind.LOCKED, "closed after a pause"),
        (FaultKind.OUTDATED, ""),
    ],
)
def test_what_ends_a_connection_ends_that_of_a_client_that_waits_for_its_code(
    world: World, kind: FaultKind, ended: str
) -> None:
    client, other = world.client(), world.client()
    for one in (client, other):
        one.register()
        one.received()
    ask_for_code(client)
    break_phone(world.network, world.bot, Breakage(kind))
    assert (client.outbox.ended, other.outbox.ended) == (ended, "")


@pytest.mark.parametrize(
    ("arguments", "rule"), [({"display": "my bot"}, "link-display"), ({"wrapped": b"short"}, "link-key")]
)
def test_a_malformed_request_for_a_code_is_a_violation(world: World, arguments: dict[str, Any], rule: str) -> None:
    client = world.client()
    client.register()
    client.received()
    answer = ask_for_code(client, **arguments)
    assert answer.require("error").text("code") == "400"
    assert [violation.rule for violation in world.network.state.violations] == [rule]
    world.network.state.violations.clear()


def test_an_unknown_device_is_told_that_it_is_logged_out(world: World) -> None:
    client = world.linked()
    linking.forget_device(world.network, world.bot, 1)
    (failure,) = client.log_in()
    assert (failure.tag, failure.text("reason")) == ("failure", "401")


def test_another_noise_key_does_not_log_in(world: World) -> None:
    client = world.linked()
    client.noise_key = KeyPair.generate()
    (failure,) = client.log_in()
    assert failure.text("reason") == "401"


def test_a_second_login_replaces_the_first(world: World) -> None:
    client = world.online()
    first_outbox, first = client.outbox, client.connection
    client.log_in()
    assert first_outbox.ended == "closed after a pause"
    assert world.network.connections[client.lid] is not first


def test_unlinking_tells_a_connected_device_and_forgets_it(world: World) -> None:
    client = world.online()
    linking.unlink(world.network, world.bot, 1)
    farewell = client.received()[-1]
    assert (farewell.text("code"), farewell.require("conflict").text("type")) == ("401", "device_removed")
    with pytest.raises(PairingError, match="linked: none"):
        linking.unlink(world.network, world.bot, 1)


def test_a_device_can_log_itself_out(world: World) -> None:
    client = world.online()
    answer = client.ask("md", "set", node("remove-companion-device", {"jid": client.jid}))
    assert answer.text("type") == "result"
    assert not world.bot.devices
    assert client.outbox.ended == "closed after a pause"


def test_no_more_devices_than_whatsapp_allows(world: World) -> None:
    for _ in range(MAX_LINKED_DEVICES):
        world.linked()
    with pytest.raises(PairingError, match="unlink one first"):
        world.linked()


def test_device_ids_are_not_used_again_at_once(world: World) -> None:
    first = world.linked()
    linking.unlink(world.network, world.bot, first.jid.device)
    assert world.linked().jid.device == first.jid.device + 1


def test_prekeys_are_counted_handed_out_and_asked_for_when_few(world: World) -> None:
    client = world.online()
    client.received()
    device = world.bot.devices[1]
    other = world.client()
    other.link(world.ana)
    other.go_online()
    count = int(client.ask("encrypt", "get", node("count")).require("count").text("value"))
    assert count == len(device.prekeys)
    for _ in range(count - 4):
        bundle = other.ask("encrypt", "get", node("key", content=[node("user", {"jid": client.lid})]))
        assert bundle.require("list", "user", "key")
    (notification,) = client.received()
    assert notification.text("type") == "encrypt"
    assert notification.require("count").text("value") == "4"


def test_a_device_without_prekeys_left_still_has_a_bundle(world: World) -> None:
    client = world.online()
    other = world.client()
    other.link(world.ana)
    other.go_online()
    del world.bot.devices[1].prekeys[1:]
    wanted = node("key", content=[node("user", {"jid": client.lid})])
    assert other.ask("encrypt", "get", wanted).require("list", "user", "key")
    assert client.received()[-1].require("count").text("value") == "0"
    user = other.ask("encrypt", "get", wanted).require("list", "user")
    assert user.find("key") is None
    assert user.find("skey") is not None
    assert client.received() == []  # it was asked for more once, not by everyone who came since


def test_a_bundle_of_nobody_is_an_error(world: World) -> None:
    client = world.online()
    client.received()
    nobody = Jid("5599999999999", "s.whatsapp.net")
    answer = client.ask("encrypt", "get", node("key", content=[node("user", {"jid": nobody})]))
    assert answer.require("list", "user", "error").text("code") == "404"


def test_who_is_not_logged_in_gets_no_service(world: World) -> None:
    client = world.client()
    client.register()
    client.received()
    assert client.ask("encrypt", "get", node("count")).require("error").text("code") == "401"
    assert [violation.rule for violation in world.network.state.violations] == ["not-logged-in"]
    world.network.state.violations.clear()


def test_an_unknown_request_is_a_violation_and_an_error(world: World) -> None:
    client = world.online()
    client.received()
    answer = client.ask("w:biz", "get", node("catalog"))
    assert (answer.text("type"), answer.require("error").text("code")) == ("error", "501")
    (violation,) = world.network.state.violations
    assert (violation.rule, violation.phone) == ("unknown-iq", "5511900000001")
    world.network.state.violations.clear()


def test_an_unknown_stanza_is_a_violation(world: World) -> None:
    client = world.online()
    client.send(node("call", {"to": SERVER_JID}))
    (violation,) = world.network.state.violations
    assert violation.rule == "unknown-stanza"
    world.network.state.violations.clear()


def test_usync_answers_for_numbers_and_lids(world: World) -> None:
    client = world.online()
    client.received()
    answer = client.ask(
        "usync",
        "get",
        node(
            "usync",
            {"sid": "1", "mode": "full", "context": "background", "index": "0", "last": "true"},
            [
                node("query", content=[node("devices"), node("lid"), node("status")]),
                node("list", content=[node("user", {"jid": world.bot.pn}), node("user", {"jid": Jid("55", "lid")})]),
            ],
        ),
    )
    known, unknown = answer.require("usync", "list").children
    assert known.require("lid").jid("val") == world.bot.lid
    assert [device.text("id") for device in known.require("devices", "device-list").children] == ["0", "1"]
    assert unknown.find("lid") is None


def test_whether_a_number_is_on_whatsapp(world: World) -> None:
    client = world.online()
    client.received()
    numbers = ("+5511911111111@c.us", "+5511999990000@c.us")
    answer = client.ask(
        "usync",
        "get",
        node(
            "usync",
            {"sid": "1", "mode": "query", "context": "interactive", "index": "0", "last": "true"},
            [
                node("query", content=[node("contact", {"addressing_mode": "lid"})]),
                node(
                    "list",
                    content=[node("user", content=[node("contact", content=number.encode())]) for number in numbers],
                ),
            ],
        ),
    )
    known, unknown = answer.require("usync", "list").children
    assert (known.require("contact").text("type"), known.jid("jid")) == ("in", world.ana.lid)
    assert unknown.require("contact").text("type") == "out"


def test_a_new_device_is_given_the_push_name(world: World) -> None:
    client = world.linked()
    share, _history = [stanza for stanza in client.go_online() if stanza.tag == "message"]
    assert share.text("category") == "peer"
    (key,) = client.read(share).protocol_message.app_state_sync_key_share.keys
    assert key.key_data.key_data == world.bot.app_state.key
    answer = client.ask(
        "w:sync:app:state",
        "set",
        node("sync", content=[node("collection", {"name": "critical_block", "version": 0})]),
    )
    assert len(answer.require("sync", "collection", "patches").children) == 1
    client.disconnect()
    assert [stanza.tag for stanza in client.go_online()] == ["iq", "ib", "message", "message", "ib"], "until confirmed"
