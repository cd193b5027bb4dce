"""Several devices of an account, offline queue, receipts, presence, identity: in memory, step by step."""

import pytest
from unit.simulator.memory import ANA, MemoryClient, World

from oxy_simulator import actions, sending, sessions
from oxy_simulator.accounts import Account, Device
from oxy_simulator.devices import device_jids, participant_hash
from oxy_simulator.errors import RequestError
from oxy_simulator.identity import reinstall
from oxy_simulator.jid import SERVER_JID
from oxy_simulator.ledger import LifeLine
from oxy_simulator.marking import mark_messages
from oxy_simulator.node import Attrs, Node, node
from oxy_simulator.offline import BATCH
from oxy_simulator.presence import set_presence, type_in_chat
from oxy_simulator.proto.message_pb2 import Message


@pytest.fixture
def client(world: World) -> MemoryClient:
    """A client of the bot that has read everything so far."""
    made = world.linked()
    acknowledge(made, made.go_online())
    return made


def settle(client: MemoryClient) -> list[Node]:
    """Acknowledge everything that comes and return it."""
    return acknowledge(client, client.received())


def acknowledge(client: MemoryClient, stanzas: list[Node]) -> list[Node]:
    for stanza in stanzas:
        if stanza.tag in {"message", "receipt", "notification"}:
            client.acknowledge(stanza)
    return stanzas


def say(world: World, text: str) -> str:
    return sending.send_message(
        world.network, world.ana, world.bot, sending.text_message(text), sending.new_message_id()
    )


def line(world: World, message_id: str) -> LifeLine:
    (found,) = [line for line in world.network.state.ledger if line.id == message_id]
    return found


def tags(stanzas: list[Node], tag: str) -> list[Node]:
    return [stanza for stanza in stanzas if stanza.tag == tag]


def send_to(client: MemoryClient, to: Account, message_id: str, participants: list[Node]) -> Node:
    attrs: Attrs = {"to": to.lid, "id": message_id, "type": "text"}
    client.send(node("message", attrs, [node("participants", content=participants)]))
    (ack,) = tags(client.received(), "ack")
    return ack


def named(client: MemoryClient, to: Account, *others: Node) -> list[Node]:
    enc = client.encrypt(to, Message(conversation="oi"))
    client.received()
    return [node("to", {"jid": to.lid}, [enc]), *others]


def test_a_send_that_leaves_a_device_out_is_told_the_hash_of_all(world: World, client: MemoryClient) -> None:
    wrapped = Message()
    wrapped.device_sent_message.destination_jid = str(world.ana.lid)
    wrapped.device_sent_message.message.conversation = "oi"
    own = node("to", {"jid": world.bot.lid}, [client.encrypt(world.bot, wrapped)])
    assert "phash" not in send_to(client, world.ana, "3EB01", named(client, world.ana, own)).attrs
    second = world.client()
    second.link(world.ana)
    second.go_online()
    ack = send_to(client, world.ana, "3EB02", named(client, world.ana, own))
    expected = [*device_jids(world.ana, by_lid=True), *device_jids(world.bot, by_lid=True)]
    assert ack.text("phash") == participant_hash(expected)
    assert "error" not in ack.attrs


def test_contacts_and_own_devices_hear_of_a_device_that_comes_or_goes(world: World, client: MemoryClient) -> None:
    say(world, "oi")
    settle(client)
    other = world.client()
    other.link(world.ana)
    (added,) = tags(settle(client), "notification")
    assert (added.text("type"), added.jid("from")) == ("devices", world.ana.lid)
    assert added.require("add").text("device_hash") == participant_hash(device_jids(world.ana, by_lid=True))
    assert added.require("add", "device").jid("jid") == other.lid
    second = world.client()
    second.link(world.bot)
    (own,) = tags(settle(client), "notification")
    assert own.text("type") == "account_sync"
    assert own.require("devices").text("dhash") == participant_hash(device_jids(world.bot, by_lid=False))
    assert [device.jid("jid") for device in own.require("devices").children] == device_jids(world.bot, by_lid=False)
    actions.identity.linking.unlink(world.network, world.ana, other.lid.device)
    (removed,) = tags(settle(client), "notification")
    assert removed.find("remove") is not None


def test_what_waits_comes_in_batches_and_live_mail_after_it(world: World, client: MemoryClient) -> None:
    client.disconnect()
    waiting = [say(world, str(index)) for index in range(BATCH + 20)]
    client.log_in()
    client.request("passive", "set", node("active"))
    first = client.received()
    assert first[1].require("offline_preview").text("message") == str(BATCH + 20)
    assert [stanza.text("id") for stanza in tags(first, "message")] == waiting[:BATCH]
    live = say(world, "ao vivo")
    assert client.received() == []
    for stanza in tags(first, "message")[:5]:
        client.confirm(stanza)
    more = client.received()
    assert [stanza.text("id") for stanza in tags(more, "message")] == waiting[BATCH : BATCH + 5]
    client.send(node("ib", {"to": SERVER_JID}, [node("offline_batch", {"count": 100})]))
    rest = client.received()
    assert [stanza.text("id") for stanza in tags(rest, "message")] == [*waiting[BATCH + 5 :], live]
    (end,) = tags(rest, "ib")
    assert end.require("offline").text("count") == str(BATCH + 20)
    assert rest.index(end) == len(rest) - 2
    assert "offline" not in tags(rest, "message")[-1].attrs


def test_what_a_phone_sends_again_while_others_wait_comes_after_them(world: World, client: MemoryClient) -> None:
    client.disconnect()
    waiting = [say(world, str(index)) for index in range(BATCH + 1)]
    client.log_in()
    client.request("passive", "set", node("active"))
    first = tags(client.received(), "message")[0]
    retry = node("retry", {"count": 1, "id": first.text("id"), "t": first.text("t"), "v": 1})
    client.outbox.full = True
    client.confirm(first, "retry", retry, node("registration", content=bytes(4)))
    client.acknowledge(first)
    client.outbox.full = False
    sessions.resume(world.network, client.connection)
    assert [stanza.text("id") for stanza in tags(client.received(), "message")] == [waiting[BATCH], waiting[0]]


def test_what_waits_is_not_sent_faster_than_the_client_reads(world: World, client: MemoryClient) -> None:
    client.disconnect()
    waiting = [say(world, str(index)) for index in range(5)]
    client.log_in()
    client.outbox.full = True
    client.request("passive", "set", node("active"))
    assert not tags(client.received(), "message")
    late = [say(world, "tarde")]
    client.outbox.full = False
    sessions.resume(world.network, client.connection)
    more = client.received()
    assert [stanza.text("id") for stanza in tags(more, "message")] == waiting + late
    assert more.index(tags(more, "ib")[0]) == len(waiting)
    client.outbox.full = True
    live = say(world, "ao vivo")
    assert [stanza.text("id") for stanza in tags(client.received(), "message")] == [live]


def test_a_delivery_and_a_read_receipt_of_one_message_wait_both(world: World, client: MemoryClient) -> None:
    world.ana.sends_read_receipts = True
    client.write(world.ana, "oi", "3EB01")
    client.disconnect()
    client.log_in()
    client.request("passive", "set", node("active"))
    waiting = tags(client.received(), "receipt")
    assert [stanza.attrs.get("type") for stanza in waiting] == [None, "read"]
    for stanza in waiting:
        client.acknowledge(stanza)
    assert not world.bot.devices[1].mailbox


@pytest.mark.parametrize("kind", ["read", "played"])
def test_a_phone_marks_several_messages_by_one_receipt(world: World, client: MemoryClient, kind: str) -> None:
    for number in range(3):
        client.write(world.ana, str(number), f"3EB0{number}")
    settle(client)
    mark_messages(world.network, world.ana, world.bot, kind)  # type: ignore[arg-type] # a table's column
    (receipt,) = tags(settle(client), "receipt")
    assert (receipt.text("id"), receipt.text("type")) == ("3EB00", kind)
    assert [item.text("id") for item in receipt.require("list").children] == ["3EB01", "3EB02"]
    assert all(kind in line(world, f"3EB0{number}").stages for number in range(3))
    with pytest.raises(RequestError, match="has no message 3EB09"):
        mark_messages(world.network, world.ana, world.bot, "read", ["3EB09"])


def test_reading_stays_private_if_the_phone_wants_it_so(world: World, client: MemoryClient) -> None:
    client.write(world.ana, "oi", "3EB01")
    settle(client)
    world.ana.profile.privacy["readreceipts"] = "none"
    mark_messages(world.network, world.ana, world.bot, "read")
    assert settle(client) == []


def test_the_accounts_other_devices_are_told_what_one_has_read(world: World, client: MemoryClient) -> None:
    second = world.client()
    second.link(world.bot)
    second.go_online()
    settle(second)
    say(world, "oi")
    (message,) = tags(settle(client), "message")
    client.confirm(message, "read")
    (told,) = tags(settle(second), "receipt")
    assert (told.text("type"), told.jid("recipient"), told.jid("from")) == ("read-self", world.ana.lid, client.lid)


def test_an_unknown_receipt_is_a_violation(world: World, client: MemoryClient) -> None:
    say(world, "oi")
    (message,) = tags(client.received(), "message")
    client.confirm(message, "applauded")
    assert [violation.rule for violation in world.network.state.violations] == ["unknown-receipt"]
    world.network.state.violations.clear()


def test_a_device_asks_another_device_to_send_again(world: World, client: MemoryClient) -> None:
    other = world.client()
    other.link(world.ana)
    other.go_online()
    settle(other)
    enc = node("enc", {"v": "2", "type": "msg"}, b"unreadable")
    client.send(
        node(
            "message",
            {"to": world.ana.lid, "id": "3EB01", "type": "text"},
            [node("participants", content=[node("to", {"jid": other.lid}, [enc])])],
        )
    )
    client.received()
    (message,) = tags(other.received(), "message")
    retry = node("retry", {"count": 1, "id": "3EB01", "t": message.text("t"), "v": 1})
    other.confirm(message, "retry", retry, node("registration", content=bytes(4)))
    (asked,) = tags(settle(client), "receipt")
    assert (asked.text("type"), asked.jid("from"), asked.require("retry").text("count")) == ("retry", other.lid, "1")
    other.received()
    attrs: Attrs = {"to": other.lid, "id": "3EB01", "type": "text", "device_fanout": "false"}
    client.send(node("message", attrs, [node("enc", {"v": "2", "type": "msg", "count": 1}, b"readable")]))
    (again,) = tags(other.received(), "message")
    assert (again.require("enc").text("count"), again.require("enc").data) == ("1", b"readable")
    assert "phash" not in tags(client.received(), "ack")[0].attrs


def test_presence_is_shown_to_who_subscribed_while_available(world: World, client: MemoryClient) -> None:
    client.send(node("presence", {"type": "subscribe", "to": world.ana.lid}))
    set_presence(world.network, world.ana, available=True)
    assert client.received() == []
    client.send(node("presence", {"type": "available", "name": "Clínica"}))
    client.send(node("presence", {"type": "subscribe", "to": world.ana.lid}))
    (online,) = client.received()
    assert (online.text("type"), online.jid("from")) == ("available", world.ana.lid)
    world.clock.now += 60
    set_presence(world.network, world.ana, available=False)
    (gone,) = client.received()
    assert (gone.text("type"), gone.text("last")) == ("unavailable", str(int(world.clock.now)))
    world.ana.profile.privacy["last"] = "none"
    set_presence(world.network, world.ana, available=False)
    assert client.received()[0].text("last") == "deny"
    world.ana.profile.privacy["online"] = "match_last_seen"
    set_presence(world.network, world.ana, available=True)
    assert client.received()[0].text("type") == "unavailable"


def test_typing_is_shown_to_devices_that_are_available(world: World, client: MemoryClient) -> None:
    type_in_chat(world.network, world.ana, world.bot, "composing")
    assert client.received() == []
    client.send(node("presence", {"type": "available"}))
    type_in_chat(world.network, world.ana, world.bot, "recording")
    (shown,) = client.received()
    assert (shown.tag, shown.require("composing").text("media")) == ("chatstate", "audio")
    assert world.bot.chat_states[ANA] == "recording"


def test_after_a_new_installation_old_sessions_are_refused_and_contacts_told(
    world: World, client: MemoryClient
) -> None:
    client.write(world.ana, "oi", "3EB01")
    settle(client)
    old = world.ana.keys.identity.public
    reinstall(world.network, world.ana)
    (told,) = tags(settle(client), "notification")
    assert (told.text("type"), told.jid("from"), told.find("identity") is None) == ("encrypt", world.ana.lid, False)
    client.write(world.ana, "ainda aí?", "3EB02")
    (asked,) = tags(settle(client), "receipt")
    assert asked.text("type") == "retry"
    assert asked.require("keys", "identity").data == world.ana.keys.identity.public != old
    assert "undecryptable" in line(world, "3EB02").stages
    client.records.pop(str(world.ana.lid))
    client.write(world.ana, "agora?", "3EB03")
    assert world.ana.inbox[-1].text == "agora?"


def test_a_new_installation_removes_the_linked_devices(world: World, client: MemoryClient) -> None:
    reinstall(world.network, world.bot)
    assert not world.bot.devices
    assert client.received()[-1].text("code") == "401"


def device_of(account: Account) -> Device:
    (device,) = account.devices.values()
    return device


def test_prekeys_run_out_on_both_sides_and_messages_still_pass(world: World, client: MemoryClient) -> None:
    actions.act(world.network, world.bot, "prekeys", actions.LimitPrekeys(device=1, left=0))
    (few,) = tags(settle(client), "notification")
    assert few.require("count").text("value") == "0"
    say(world, "oi")
    (message,) = tags(client.received(), "message")
    assert client.read(message).conversation == "oi"
    actions.act(world.network, world.ana, "prekeys", actions.LimitPrekeys(left=0))
    answer = client.ask("encrypt", "get", node("key", content=[node("user", {"jid": world.ana.lid})]))
    assert answer.require("list", "user").find("key") is None
    actions.act(world.network, world.ana, "prekeys", actions.LimitPrekeys(left=1))
    assert not world.ana.out_of_prekeys
    with pytest.raises(RequestError, match="linked: 1"):
        actions.act(world.network, world.bot, "prekeys", actions.LimitPrekeys(device=7))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([node("identity", content=bytes(32)), node("list")], "another identity"),
        ([node("registration"), node("list", content=[node("key", content=[node("id"), node("value")])])], "0 bytes"),
    ],
)
def test_prekeys_that_do_not_fit_the_device_are_refused(
    world: World, client: MemoryClient, content: list[Node], reason: str
) -> None:
    ordered = sorted(content, key=lambda child: child.tag != "registration")
    if ordered[0].tag != "registration":
        ordered = [node("registration"), *ordered]
    answer = client.ask("encrypt", "set", *ordered)
    assert answer.require("error").text("code") == "406"
    (violation,) = world.network.state.violations
    assert (violation.rule, reason in violation.detail) == ("bad-prekeys", True)
    world.network.state.violations.clear()
