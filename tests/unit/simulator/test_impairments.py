"""Delivery faults, in memory: what arrives, and what the accounting says about it."""

import pytest
from pydantic import ValidationError
from unit.simulator.memory import MemoryClient, World

from oxy_simulator import sending
from oxy_simulator.accounts import Account
from oxy_simulator.errors import HandshakeError
from oxy_simulator.faultkind import OPTIONS
from oxy_simulator.faults import Breakage, FaultKind, break_phone
from oxy_simulator.ledger import LifeLine
from oxy_simulator.mediadesk import MEDIA_OPTIONS, MediaFaultKind
from oxy_simulator.node import Node, node
from oxy_simulator.proto.message_pb2 import Message
from oxy_simulator.requests import Fault, MediaFault
from oxy_simulator.restart import restart


def say(world: World, *texts: str, sender: Account | None = None) -> list[str]:
    return [
        sending.send_message(
            world.network, sender or world.ana, world.bot, sending.text_message(text), sending.new_message_id()
        )
        for text in texts
    ]


def add_bia(world: World, client: MemoryClient) -> Account:
    """Add a contact with whom the client has a session already."""
    bia = Account("5511922222222", "Bia")
    world.network.add_account(bia)
    client.encrypt(bia, Message())
    return bia


def pass_time(world: World, seconds: float) -> None:
    world.clock.now += seconds
    world.network.schedule.run_due()


def texts(client: MemoryClient) -> list[str]:
    return [client.read(stanza).conversation for stanza in client.received() if stanza.tag == "message"]


def acks(stanzas: list[Node]) -> list[tuple[str, str | None]]:
    return [(stanza.text("id"), stanza.text("error", "") or None) for stanza in stanzas if stanza.tag == "ack"]


def line(world: World, message_id: str) -> LifeLine:
    (found,) = [line for line in world.network.state.ledger if line.id == message_id]
    return found


def test_dropped_messages_are_counted_and_never_come(world: World, client: MemoryClient) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.DROP, count=2))
    ids = say(world, "um", "dois", "três")
    assert texts(client) == ["três"]
    assert [set(line(world, message_id).stages) for message_id in ids] == [
        {"sent", "dropped"},
        {"sent", "dropped"},
        {"sent", "relayed"},
    ]
    assert set(world.bot.devices[1].mailbox) == {f"message/{ids[2]}/{world.ana.lid}/"}


def test_a_dropped_answer_is_acknowledged_and_reaches_nobody(world: World, client: MemoryClient) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.DROP, direction="outbound"))
    client.write(world.ana, "olá", "3EB001")
    client.write(world.ana, "ainda aí?", "3EB002")
    assert acks(client.received()) == [("3EB001", None), ("3EB002", None)]
    assert [entry.text for entry in world.ana.inbox] == ["ainda aí?"]
    assert set(line(world, "3EB001").stages) == {"received", "acked", "dropped"}


def test_a_duplicate_arrives_twice_with_one_ciphertext(world: World, client: MemoryClient) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.DUPLICATE))
    (message_id,) = say(world, "oi")
    first, second = client.received()
    assert first == second
    assert line(world, message_id).deliveries == 2
    client.confirm(first)
    client.confirm(second)
    assert not world.bot.devices[1].mailbox
    assert "receipted" in line(world, message_id).stages


def test_a_duplicated_answer_is_shown_once_and_flagged(world: World, client: MemoryClient) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.DUPLICATE, direction="outbound"))
    client.write(world.ana, "olá", "3EB001")
    assert [entry.text for entry in world.ana.inbox] == ["olá"]
    assert line(world, "3EB001").duplicates == 1


def test_a_delayed_message_is_overtaken(world: World, client: MemoryClient) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.DELAY, delay=3))
    late, _ = say(world, "um", "dois")
    assert texts(client) == ["dois"]
    assert set(line(world, late).stages) == {"sent"}
    pass_time(world, 2.9)
    assert texts(client) == []
    pass_time(world, 0.1)
    assert texts(client) == ["um"]
    assert "relayed" in line(world, late).stages


def test_a_delayed_message_waits_for_a_device_that_left_meanwhile(world: World, client: MemoryClient) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.DELAY, delay=3))
    say(world, "um")
    client.disconnect()
    pass_time(world, 3)
    client.log_in()
    client.request("passive", "set", node("active"))
    assert "um" in texts(client)


def test_a_delayed_message_to_a_device_that_was_unlinked_goes_nowhere(world: World, client: MemoryClient) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.DELAY, delay=3))
    say(world, "um")
    break_phone(world.network, world.bot, Breakage(FaultKind.UNLINKED))
    pass_time(world, 3)
    assert world.bot.devices == {}


def test_messages_come_in_reverse(world: World, client: MemoryClient) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.REORDER, count=3))
    say(world, "um", "dois")
    assert texts(client) == []
    say(world, "três", "quatro")
    assert texts(client) == ["três", "dois", "um", "quatro"]


def test_reordering_does_not_wait_for_ever(world: World, client: MemoryClient) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.REORDER, count=3, delay=4))
    say(world, "um", "dois")
    pass_time(world, 4)
    assert texts(client) == ["dois", "um"]


def test_clearing_releases_what_is_held(world: World, client: MemoryClient) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.REORDER, count=3))
    say(world, "um", "dois")
    assert world.network.impairments.clear(world.ana.phone) == 0
    assert world.network.impairments.clear(world.bot.phone) == 1
    assert texts(client) == ["dois", "um"]
    assert world.network.impairments.active() == []


def test_a_rule_is_listed_while_it_holds_something_and_its_end_releases_that_in_order(
    world: World, client: MemoryClient
) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.DELAY, count=2, delay=60))
    say(world, "um", "dois", "três")
    assert texts(client) == ["três"]
    assert [(rule.kind, rule.left, rule.held) for rule in world.network.impairments.active()] == [
        (FaultKind.DELAY, 0, 2)
    ]
    assert world.network.impairments.holds_messages
    assert world.network.impairments.clear() == 1
    assert texts(client) == ["um", "dois"]
    assert not world.network.impairments.holds_messages
    pass_time(world, 60)
    assert texts(client) == []


def test_late_acknowledgements_come_when_the_fault_ends(world: World, client: MemoryClient) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.LATE_ACK, delay=60))
    client.write(world.ana, "oi", "3EB001")
    assert acks(client.received()) == []
    assert not world.network.impairments.holds_messages
    world.network.impairments.clear()
    assert acks(client.received()) == [("3EB001", None)]


def test_what_is_held_is_no_offline_mail_and_keeps_its_turn(world: World, client: MemoryClient) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.DELAY, delay=60))
    client.disconnect()
    say(world, "um", "dois")
    client.log_in()
    client.request("passive", "set", node("active"))
    assert texts(client) == ["dois"]
    world.network.impairments.clear()
    assert texts(client) == ["um"]


@pytest.mark.parametrize("memory", [True, False])
def test_a_restart_without_memory_loses_what_is_held(world: World, client: MemoryClient, *, memory: bool) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.DELAY, count=2, delay=60))
    (inbound,) = say(world, "um")
    client.write(world.ana, "dois", "3EB001")
    client.disconnect()
    restart(world.network, world.network.state, memory=memory)
    pass_time(world, 60)
    ends = {"queued", "delivered"} if memory else {"dropped"}
    reached = {stage for name in (inbound, "3EB001") for stage in line(world, name).stages}
    assert reached & {"queued", "delivered", "dropped"} == ends
    assert len(world.bot.devices[1].mailbox) > 0 if memory else not world.bot.devices[1].mailbox


def test_a_rule_may_concern_one_contact_and_one_direction(world: World, client: MemoryClient) -> None:
    bia = add_bia(world, client)
    break_phone(world.network, world.bot, Breakage(FaultKind.DROP, count=9, peer=bia.phone, direction="inbound"))
    say(world, "de Ana")
    say(world, "de Bia", sender=bia)
    client.write(bia, "olá", "3EB001")
    assert texts(client) == ["de Ana"]
    assert [entry.text for entry in bia.inbox] == ["olá"]


def test_a_rule_may_hold_for_some_seconds(world: World, client: MemoryClient) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.DROP, duration=10))
    say(world, "um", "dois")
    pass_time(world, 10)
    say(world, "três")
    assert texts(client) == ["três"]


def test_an_acknowledgement_may_never_come(world: World, client: MemoryClient) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.NO_ACK))
    client.write(world.ana, "um", "3EB001")
    client.write(world.ana, "dois", "3EB002")
    assert acks(client.received()) == [("3EB002", None)]
    assert [entry.text for entry in world.ana.inbox] == ["um", "dois"]
    assert "acked" not in line(world, "3EB001").stages


def test_an_acknowledgement_may_come_late(world: World, client: MemoryClient) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.LATE_ACK, delay=30))
    client.write(world.ana, "um", "3EB001")
    assert acks(client.received()) == []
    pass_time(world, 30)
    assert acks(client.received()) == [("3EB001", None)]
    assert line(world, "3EB001").stages["acked"] == world.clock.now


def test_refused_messages_reach_nobody(world: World, client: MemoryClient) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.REFUSE, code=479))
    client.write(world.ana, "um", "3EB001")
    assert acks(client.received()) == [("3EB001", "479")]
    assert world.ana.inbox == []
    assert (set(line(world, "3EB001").stages), line(world, "3EB001").error) == ({"received", "refused"}, "479")


def test_the_reachout_lock_spares_who_has_written_before(world: World, client: MemoryClient) -> None:
    bia = add_bia(world, client)
    client.encrypt(world.ana, Message())
    say(world, "oi")
    client.received()
    break_phone(world.network, world.bot, Breakage(FaultKind.REACHOUT_LOCK))
    client.write(world.ana, "olá", "3EB001")
    client.write(bia, "promoção", "3EB002")
    client.write(bia, "promoção!", "3EB003")
    assert acks(client.received()) == [("3EB001", None), ("3EB002", "463"), ("3EB003", "463")]
    say(world, "quem é?", sender=bia)
    client.received()
    client.write(bia, "somos nós", "3EB004")
    assert acks(client.received()) == [("3EB004", None)]


def test_messages_beyond_the_rate_are_refused_until_the_window_ends(world: World, client: MemoryClient) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.RATE_LIMIT, limit=2, window=60))
    for number in range(3):
        client.write(world.ana, "oi", f"3EB00{number}")
    assert acks(client.received()) == [("3EB000", None), ("3EB001", None), ("3EB002", "429")]
    pass_time(world, 60)
    client.write(world.ana, "oi", "3EB003")
    assert acks(client.received()) == [("3EB003", None)]


def test_the_next_requests_may_be_over_the_limit(world: World, client: MemoryClient) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.RATE_LIMIT_REQUESTS, count=2))
    answers = [client.ask("w:p", "get") for _ in range(3)]
    errors = [answer.find("error") for answer in answers]
    assert [(error.text("code"), error.text("text")) if error else None for error in errors] == [
        ("429", "rate-overlimit"),
        ("429", "rate-overlimit"),
        None,
    ]


def test_a_corrupt_frame_cannot_be_authenticated_and_its_message_comes_again(
    world: World, client: MemoryClient
) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.CORRUPT_FRAME, stanza="message"))
    (message_id,) = say(world, "oi")
    with pytest.raises(HandshakeError, match="authenticated"):
        client.received()
    client.disconnect()
    client.log_in()
    client.request("passive", "set", node("active"))
    assert "oi" in texts(client)
    assert "redelivered" in line(world, message_id).stages


def test_a_client_is_told_again_that_it_has_logged_in(world: World, client: MemoryClient) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.LOGGED_IN_AGAIN, count=2))
    told = [(stanza.tag, stanza.jid("lid")) for stanza in client.received()]
    assert told == [("success", client.lid)] * 2
    assert client.outbox.ended == ""


def test_an_oversized_frame_is_just_beyond_what_clients_read(world: World, client: MemoryClient) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.OVERSIZED_FRAME))
    (frame,) = client.outbox.frames
    assert len(frame) == (1 << 24) + 2
    client.outbox.frames.clear()


def test_the_rules_in_force_are_listed(world: World) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.DROP, count=2))
    break_phone(world.network, world.bot, Breakage(FaultKind.REACHOUT_LOCK))
    break_phone(world.network, world.bot, Breakage(FaultKind.NO_ACK, duration=5))
    world.clock.now += 5
    assert [(rule.kind, rule.left) for rule in world.network.impairments.active()] == [
        (FaultKind.DROP, 2),
        (FaultKind.REACHOUT_LOCK, None),
    ]


def test_every_kind_says_which_options_it_takes_and_all_of_them_exist() -> None:
    assert set(OPTIONS) == set(FaultKind)
    assert set(MEDIA_OPTIONS) == set(MediaFaultKind)
    assert {name for names in OPTIONS.values() for name in names} == set(Fault.model_fields) - {"kind", "phone"}
    assert {name for names in MEDIA_OPTIONS.values() for name in names} == set(MediaFault.model_fields) - {"kind"}


@pytest.mark.parametrize("kind", OPTIONS)
def test_a_fault_refuses_the_options_of_other_kinds(kind: FaultKind) -> None:
    values = {"direction": "inbound", "peer": "5511900000001", "stanza": "message", "tls": "cut"}
    every = set(Fault.model_fields) - {"kind", "phone"}
    Fault.model_validate({"kind": kind, **{name: values.get(name, 1) for name in OPTIONS[kind]}})
    for name in every - set(OPTIONS[kind]):
        with pytest.raises(ValidationError, match=f"not {name}"):
            Fault.model_validate({"kind": kind, name: values.get(name, 1)})
