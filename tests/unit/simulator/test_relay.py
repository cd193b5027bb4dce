"""Messages, receipts and acknowledgements, in memory."""

import copy
import random
from collections.abc import Callable

import pytest
from unit.simulator.memory import MemoryClient, World

from oxy_simulator import sending
from oxy_simulator.accounts import Account
from oxy_simulator.faults import Breakage, FaultKind, break_phone
from oxy_simulator.ledger import LifeLine
from oxy_simulator.node import Node, node
from oxy_simulator.proto.message_pb2 import Message
from oxy_simulator.transcript import ticks


def send(world: World, sender: Account, to: Account, text: str, message_id: str = "") -> str:
    message = sending.text_message(text)
    return sending.send_message(world.network, sender, to, message, message_id or sending.new_message_id())


def messages(stanzas: list[Node]) -> list[Node]:
    return [stanza for stanza in stanzas if stanza.tag == "message" and "category" not in stanza.attrs]


def line(world: World, message_id: str) -> LifeLine:
    (found,) = [line for line in world.network.state.ledger if line.id == message_id]
    return found


def test_a_phones_message_reaches_the_device_with_its_secret(world: World, client: MemoryClient) -> None:
    sent = send(world, world.ana, world.bot, "oi")
    (stanza,) = client.received()
    assert (stanza.text("id"), stanza.text("notify")) == (sent, "Ana")
    assert (stanza.jid("from"), stanza.jid("sender_pn")) == (world.ana.lid, world.ana.pn)
    message = client.read(stanza)
    assert message.conversation == "oi"
    assert len(message.message_context_info.message_secret) == 32
    assert set(line(world, sent).stages) == {"sent", "relayed"}
    client.confirm(stanza)
    assert set(line(world, sent).stages) == {"sent", "relayed", "receipted"}


def test_a_phone_may_be_addressed_by_number(world: World, client: MemoryClient) -> None:
    world.ana.addressing = "pn"
    sent = send(world, world.ana, world.bot, "oi")
    (stanza,) = client.received()
    assert (stanza.jid("from"), stanza.jid("sender_lid")) == (world.ana.pn, world.ana.lid)
    client.confirm(stanza)
    assert "receipted" in line(world, sent).stages


def test_the_bots_own_phone_shows_what_it_received(world: World, client: MemoryClient) -> None:
    send(world, world.ana, world.bot, "oi")
    (shown,) = world.bot.inbox
    assert (shown.sender, shown.text, shown.from_me) == (world.ana.phone, "oi", False)


def test_a_devices_message_reaches_the_phone_and_is_confirmed(world: World, client: MemoryClient) -> None:
    client.write(world.ana, "olá", "3EB001")
    ack, receipt = client.received()
    assert (ack.tag, ack.text("class"), ack.text("id")) == ("ack", "message", "3EB001")
    assert (receipt.tag, receipt.jid("from"), "type" in receipt.attrs) == ("receipt", world.ana.lid, False)
    (shown,) = world.ana.inbox
    assert (shown.id, shown.sender, shown.text, shown.duplicate) == ("3EB001", world.bot.phone, "olá", False)
    assert set(line(world, "3EB001").stages) == {"received", "acked", "delivered", "decrypted", "receipted"}


def test_a_phone_may_send_read_receipts(world: World, client: MemoryClient) -> None:
    world.ana.sends_read_receipts = True
    client.write(world.ana, "olá", "3EB001")
    assert [stanza.attrs.get("type") for stanza in client.received()[1:]] == [None, "read"]


def test_a_repeated_id_is_flagged_by_the_phone(world: World, client: MemoryClient) -> None:
    client.write(world.ana, "olá", "3EB001")
    client.write(world.ana, "olá", "3EB001")
    assert [entry.duplicate for entry in world.ana.inbox] == [False, True]
    assert line(world, "3EB001").duplicates == 1


def test_a_repeated_ciphertext_is_shown_once(world: World, client: MemoryClient) -> None:
    enc = client.encrypt(world.ana, Message(conversation="olá"))
    client.write(world.ana, "", "3EB001", enc)
    client.write(world.ana, "", "3EB001", enc)
    assert len(world.ana.inbox) == 1
    assert line(world, "3EB001").duplicates == 1
    assert [stanza.tag for stanza in client.received()] == ["ack", "receipt", "ack", "receipt"]


def test_a_message_to_nobody_is_a_violation(world: World, client: MemoryClient) -> None:
    nobody = world.ana.lid._replace(user="1")
    client.send(node("message", {"to": nobody, "id": "3EB0", "type": "text"}, [node("participants", content=[])]))
    (ack,) = client.received()
    assert ack.text("error") == "404"
    assert [violation.rule for violation in world.network.state.violations] == ["unknown-recipient"]
    world.network.state.violations.clear()


def test_the_owner_writing_to_himself_reaches_his_device(world: World, client: MemoryClient) -> None:
    send(world, world.bot, world.bot, "nota")
    (stanza,) = client.received()
    assert (stanza.jid("from"), stanza.jid("recipient")) == (world.bot.lid, world.bot.lid)
    assert client.read(stanza).device_sent_message.message.conversation == "nota"
    client.confirm(stanza, "sender")
    assert not world.bot.devices[1].mailbox


def test_an_answer_in_the_self_chat_is_shown_once(world: World, client: MemoryClient) -> None:
    copy = Message()
    copy.device_sent_message.destination_jid = str(world.bot.lid)
    copy.device_sent_message.message.conversation = "resposta"
    # Clients name their own phone twice here: as the recipient and as their own other device.
    participants = [
        node("to", {"jid": world.bot.lid}, [client.encrypt(world.bot, copy)]),
        node("to", {"jid": world.bot.lid}, [client.encrypt(world.bot, copy)]),
    ]
    stanza = node("message", {"to": world.bot.lid, "id": "3EB001", "type": "text"})
    stanza.content = [node("participants", content=participants)]
    client.received()
    client.send(stanza)
    (shown,) = world.bot.inbox
    assert (shown.chat, shown.from_me, shown.text, shown.duplicate) == (world.bot.phone, True, "resposta", False)
    receipt = client.received()[-1]
    assert (receipt.text("type"), receipt.jid("recipient")) == ("sender", world.bot.lid)


def test_what_the_owner_sends_from_the_phone_is_copied_to_the_device(world: World, client: MemoryClient) -> None:
    sent = send(world, world.bot, world.ana, "eu mesmo")
    (stanza,) = client.received()
    assert (stanza.jid("from"), stanza.jid("recipient")) == (world.bot.lid, world.ana.lid)
    assert client.read(stanza).device_sent_message.message.conversation == "eu mesmo"
    assert [entry.text for entry in world.ana.inbox] == ["eu mesmo"]
    found = line(world, sent)
    assert (found.chat, found.sender) == (world.ana.phone, world.bot.phone)


def test_mail_waits_while_the_device_is_away_and_comes_before_anything_live(world: World, client: MemoryClient) -> None:
    client.disconnect()
    waiting = [send(world, world.ana, world.bot, f"m{number}") for number in range(3)]
    assert set(line(world, waiting[0]).stages) == {"sent", "queued"}
    arrived = client.go_online()
    assert [stanza.tag for stanza in arrived] == ["iq", "ib", "message", "message", "message", "ib"]
    assert arrived[1].require("offline_preview").text("message") == "3"
    assert arrived[-1].require("offline").text("count") == "3"
    assert [stanza.text("id") for stanza in messages(arrived)] == waiting
    assert all("offline" in stanza.attrs for stanza in messages(arrived))


def test_nothing_live_comes_before_the_device_is_active(world: World, client: MemoryClient) -> None:
    client.disconnect()
    client.log_in()
    send(world, world.ana, world.bot, "cedo")
    assert client.received() == []
    client.request("passive", "set", node("active"))
    assert len(messages(client.received())) == 1


def test_what_is_not_acknowledged_comes_again_with_the_same_ciphertext(world: World, client: MemoryClient) -> None:
    sent = send(world, world.ana, world.bot, "oi")
    (first,) = client.received()
    client.disconnect()
    (second,) = messages(client.go_online())
    assert second.require("enc").data == first.require("enc").data
    found = line(world, sent)
    assert found.deliveries == 2
    assert "redelivered" in found.stages
    client.confirm(second)
    client.disconnect()
    assert messages(client.go_online()) == []


def test_receipts_come_again_too(world: World, client: MemoryClient) -> None:
    client.write(world.ana, "olá", "3EB001")
    _, receipt = client.received()
    client.disconnect()
    (again,) = [stanza for stanza in client.go_online() if stanza.tag == "receipt"]
    assert again.text("id") == receipt.text("id")
    client.acknowledge(again)
    client.disconnect()
    assert [stanza for stanza in client.go_online() if stanza.tag == "receipt"] == []


def test_an_acknowledgement_settles_a_message_and_a_refusal_is_recorded(world: World, client: MemoryClient) -> None:
    taken, refused = send(world, world.ana, world.bot, "um"), send(world, world.ana, world.bot, "dois")
    first, second = client.received()
    client.acknowledge(first)
    client.acknowledge(second, error=487)
    assert "acked" in line(world, taken).stages
    assert "rejected" in line(world, refused).stages
    assert line(world, refused).error == "487"
    assert not world.bot.devices[1].mailbox


def test_a_read_receipt_is_recorded_for_every_listed_message(world: World, client: MemoryClient) -> None:
    sent = [send(world, world.ana, world.bot, f"m{number}") for number in range(3)]
    stanzas = client.received()
    for stanza in stanzas:
        client.confirm(stanza)
    items = [node("item", {"id": message_id}) for message_id in sent[1:]]
    client.confirm(stanzas[0], "read", node("list", content=items))
    assert all("read" in line(world, message_id).stages for message_id in sent)


def test_a_device_that_cannot_read_gets_the_message_in_a_fresh_session(world: World, client: MemoryClient) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.CORRUPT))
    sent = send(world, world.ana, world.bot, "oi")
    (broken,) = client.received()
    retry = node("retry", {"count": 1, "id": sent, "t": 1, "v": 1})
    client.confirm(broken, "retry", retry)
    client.acknowledge(broken)
    ack, again = client.received()
    assert ack.text("class") == "receipt"
    assert again.require("enc").text("count") == "1"
    assert client.read(again).conversation == "oi"
    assert again.text("id") in str(world.bot.devices[1].mailbox), "the late acknowledgement was for the broken one"
    client.confirm(again)
    assert not world.bot.devices[1].mailbox
    assert {"retried", "receipted"} <= set(line(world, sent).stages)


def test_a_phone_that_cannot_read_asks_again_and_then_reads(world: World, client: MemoryClient) -> None:
    client.write(world.ana, "um", "3EB001")
    client.received()
    break_phone(world.network, world.ana, Breakage(FaultKind.FORGET_SESSIONS))
    client.records[str(world.ana.lid)].sessions[0].pending = None
    client.write(world.ana, "dois", "3EB002")
    _, receipt = client.received()
    assert (receipt.text("type"), receipt.require("retry").text("count")) == ("retry", "1")
    assert {"undecryptable", "retried"} <= set(line(world, "3EB002").stages)
    assert receipt.require("registration").data == world.ana.keys.registration_id.to_bytes(4, "big")
    assert len(receipt.require("keys").children) == 4
    client.records.clear()
    enc = client.encrypt(world.ana, Message(conversation="dois"))
    enc.attrs["count"] = "1"
    client.send(node("message", {"to": world.ana.lid, "id": "3EB002", "type": "text"}, [enc]))
    assert [entry.text for entry in world.ana.inbox] == ["um", "dois"]


def test_a_phone_drops_what_was_encrypted_with_a_used_key(world: World, client: MemoryClient) -> None:
    client.write(world.ana, "um", "3EB001")
    before = copy.deepcopy(client.records[str(world.ana.lid)])
    client.write(world.ana, "dois", "3EB002")
    client.records[str(world.ana.lid)] = before
    client.write(world.ana, "três", "3EB003")
    assert [entry.text for entry in world.ana.inbox] == ["um", "dois"]
    lost = line(world, "3EB003")
    assert {"key_reused", "receipted"} <= set(lost.stages)
    assert "decrypted" not in lost.stages
    assert lost.duplicates == 0
    assert ticks(lost.stages) == "✗ never shown: its key was used before"
    client.write(world.ana, "quatro", "3EB004")
    assert world.ana.inbox[-1].text == "quatro"


def test_a_phone_gives_up_after_some_retries(world: World, client: MemoryClient) -> None:
    client.write(world.ana, "um", "3EB001")
    client.received()
    for count in range(7):
        enc = node("enc", {"v": "2", "type": "msg", "count": count}, b"\x33garbage-of-some-length")
        client.send(node("message", {"to": world.ana.lid, "id": "3EB002", "type": "text"}, [enc]))
    retries = [stanza for stanza in client.received() if stanza.attrs.get("type") == "retry"]
    assert [stanza.require("retry").text("count") for stanza in retries] == ["1", "2", "3", "4", "5"]
    assert "abandoned" in line(world, "3EB002").stages
    assert ticks(line(world, "3EB002").stages) == "✗ never read: given up after retries"


def test_a_phone_sends_no_more_than_five_times_again(world: World, client: MemoryClient) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.CORRUPT, count=7))
    sent = send(world, world.ana, world.bot, "oi")
    answered = []
    for count in range(1, 7):
        (broken,) = [stanza for stanza in client.received() if stanza.tag == "message"] or [None]
        if broken is None:
            break
        answered.append(count)
        client.confirm(broken, "retry", node("retry", {"count": count, "id": sent, "t": 1, "v": 1}))
        client.acknowledge(broken)
    assert answered == [1, 2, 3, 4, 5, 6]
    assert not [stanza for stanza in client.received() if stanza.tag == "message"]
    assert "abandoned" in line(world, sent).stages
    assert not world.bot.devices[1].mailbox


def test_a_device_that_acknowledges_without_asking_again_has_given_up(world: World, client: MemoryClient) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.CORRUPT, count=5))
    sent = send(world, world.ana, world.bot, "oi")
    for count in range(1, 5):
        broken = client.received()[-1]
        client.acknowledge(broken)  # which may overtake the retry receipt
        assert "abandoned" not in line(world, sent).stages
        client.confirm(broken, "retry", node("retry", {"count": count, "id": sent, "t": 1, "v": 1}))
    broken = client.received()[-1]
    client.acknowledge(broken)
    assert {"acked", "abandoned"} <= set(line(world, sent).stages)
    client.confirm(broken, "retry", node("retry", {"count": 5, "id": sent, "t": 1, "v": 1}))
    assert "abandoned" not in line(world, sent).stages, "this client asks once more"
    assert client.read(client.received()[-1]).conversation == "oi"


def test_ciphertexts_from_a_device_are_damaged_for_the_contacts_phone_alone(world: World, client: MemoryClient) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.CORRUPT, direction="outbound"))
    send(world, world.ana, world.bot, "oi")
    assert client.read(client.received()[0]).conversation == "oi", "only what devices write is damaged"
    client.write(world.ana, "um", "3EB001")
    assert not world.ana.inbox[1:]
    assert {"undecryptable", "retried"} <= set(line(world, "3EB001").stages)
    client.write(world.ana, "dois", "3EB002")
    assert world.ana.inbox[-1].text == "dois"


def test_typing_is_shown_to_the_contact(world: World, client: MemoryClient) -> None:
    client.send(node("chatstate", {"to": world.ana.lid}, [node("composing")]))
    assert world.ana.chat_states == {world.bot.phone: "composing"}


def test_order_per_chat_holds_through_random_reconnects(world: World, client: MemoryClient) -> None:
    chance = random.Random(7)
    sent, journal = [], []
    for number in range(60):
        sent.append(send(world, world.ana, world.bot, f"m{number}"))
        if chance.random() < 0.2:
            client.disconnect()
            arrived = messages(client.go_online())
        else:
            arrived = messages(client.received())
        for stanza in arrived[: chance.randint(0, 3)]:
            client.confirm(stanza)
            if stanza.text("id") not in journal:
                journal.append(stanza.text("id"))
    client.disconnect()
    journal += [stanza.text("id") for stanza in messages(client.go_online())]
    assert sorted(journal, key=sent.index) == sent
    assert len(set(journal)) == 60


@pytest.mark.parametrize(
    ("kind", "ended", "farewell"),
    [
        (FaultKind.RESTART, "closed after a pause", ("stream:error", "515")),
        (FaultKind.UNAVAILABLE, "closed after a pause", ("stream:error", "503")),
        (FaultKind.UNKNOWN_ERROR, "closed after a pause", ("stream:error", "500")),
        (FaultKind.REPLACED, "closed after a pause", ("stream:error", None)),
        (FaultKind.STREAM_END, "closed after a pause", ("xmlstreamend", None)),
        (FaultKind.CLOSE, "closed", None),
        (FaultKind.ABORT, "aborted", None),
    ],
)
def test_each_fault_ends_the_connection_its_way(
    world: World, client: MemoryClient, kind: FaultKind, ended: str, farewell: tuple[str, str | None] | None
) -> None:
    break_phone(world.network, world.bot, Breakage(kind))
    said = [(stanza.tag, stanza.attrs.get("code")) for stanza in client.received()]
    assert client.outbox.ended == ended
    assert said == ([farewell] if farewell else [])


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (FaultKind.LOGGED_OUT, "401"),
        (FaultKind.TEMPORARY_BAN, "402"),
        (FaultKind.LOCKED, "403"),
        (FaultKind.OUTDATED, "405"),
        (FaultKind.BANNED, "406"),
        (FaultKind.BAD_USER_AGENT, "409"),
        (FaultKind.LOGIN_ERROR, "500"),
        (FaultKind.LOGIN_UNAVAILABLE, "503"),
    ],
)
def test_refused_logins_are_counted(world: World, client: MemoryClient, kind: FaultKind, reason: str) -> None:
    break_phone(world.network, world.bot, Breakage(kind, count=2, code=104, expire=60))
    assert client.outbox.ended == "aborted"
    client.disconnect()
    for _ in range(2):
        (failure,) = client.log_in()
        assert failure.text("reason") == reason
        assert failure.attrs.get("expire") == ("60" if kind is FaultKind.TEMPORARY_BAN else None)
        client.disconnect()
    assert client.log_in()[0].tag == "success"


def test_silence_keeps_the_connection_and_says_nothing(world: World, client: MemoryClient) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.SILENCE))
    client.request("w:p", "get")
    sent = send(world, world.ana, world.bot, "oi")
    assert (client.received(), client.outbox.ended) == ([], "")
    client.disconnect()
    assert [stanza.text("id") for stanza in messages(client.go_online())] == [sent]


def test_a_stream_that_cannot_be_decrypted_is_cut(world: World, client: MemoryClient) -> None:
    client.lose_a_frame()
    client.send(node("presence", {"type": "available"}))
    assert client.outbox.ended == "aborted"
    assert [violation.rule for violation in world.network.state.violations] == ["broken-stream"]
    world.network.state.violations.clear()


def test_listeners_hear_of_changes(world: World) -> None:
    heard: list[int] = []
    listener: Callable[[], None] = lambda: heard.append(1)  # noqa: E731 - its type is what matters
    world.network.listeners.append(listener)
    send(world, world.ana, world.bot, "oi")
    assert heard
