"""The sans-IO companion against the network, by bytes."""

import pytest
from unit.simulator.memory import ROOT, MemoryOutbox, World

from oxy_simulator import linking, sending, sessions
from oxy_simulator.accounts import Account
from oxy_simulator.companion import (
    Acknowledged,
    CodesShown,
    Companion,
    Ended,
    Event,
    Linked,
    Online,
    Receipt,
    Received,
    Unreadable,
)
from oxy_simulator.curve import KeyPair
from oxy_simulator.errors import HandshakeError, ProtocolError
from oxy_simulator.faults import Breakage, FaultKind, break_phone
from oxy_simulator.network import LOW_PREKEYS

PREKEYS = 16


class Line:
    """A companion and its connection to the world's network."""

    def __init__(self, world: World, root: bytes = ROOT.public) -> None:
        self.world = world
        self.sent: list[bytes] = []
        self.events: list[Event] = []
        self.companion = Companion(root, self.events.append, prekeys=PREKEYS)

    def plug_in(self) -> list[Event]:
        """Connect, and return what happens until both sides are silent."""
        self.outbox = MemoryOutbox()
        self.connection = sessions.open_connection(self.world.network, self.outbox, self.world.identity)
        self.companion.connect(self.sent.append)
        return self.run()

    def run(self) -> list[Event]:
        """Carry bytes to and fro until both sides are silent; return what happened since the last call."""
        while self.sent or self.outbox.frames:
            sent, self.sent[:] = list(self.sent), []
            for data in sent:
                sessions.receive(self.world.network, self.connection, data)
            frames, self.outbox.frames = self.outbox.frames, []
            for frame in frames:
                self.companion.receive(frame)
        events, self.events[:] = list(self.events), []
        return events

    def unplug(self) -> None:
        sessions.lost(self.world.network, self.connection)
        self.companion.disconnected()


@pytest.fixture
def line(world: World) -> Line:
    """A companion of the bot that was linked by QR code and is online."""
    made = Line(world)
    (shown,) = made.plug_in()
    assert isinstance(shown, CodesShown)
    linking.scan_qr(world.network, world.bot, shown.codes[0])
    linked, ended = made.run()
    assert isinstance(linked, Linked)
    assert isinstance(ended, Ended)
    made.unplug()
    online = made.plug_in()
    assert Online(0) in online
    return made


def say(world: World, sender: Account, to: Account, text: str) -> str:
    return sending.send_message(world.network, sender, to, sending.text_message(text), sending.new_message_id())


def texts(events: list[Event]) -> list[str]:
    return [event.message.conversation for event in events if isinstance(event, Received)]


def test_it_uploads_its_prekeys_and_confirms_what_it_reads(world: World, line: Line) -> None:
    (device,) = world.bot.devices.values()
    sent = say(world, world.ana, world.bot, "oi")
    (received,) = [event for event in line.run() if isinstance(event, Received)]
    assert (received.id, received.chat, received.sender) == (sent, world.ana.lid, world.ana.lid)
    assert received.message.conversation == "oi"
    assert len(device.prekeys) == PREKEYS - 2, "the phone's own message and Ana's opened a session each"
    assert not device.mailbox
    (inbound,) = world.network.state.ledger
    assert {"relayed", "receipted"} <= set(inbound.stages)


def test_it_writes_to_a_contact_and_shows_the_own_phone_a_copy(world: World, line: Line) -> None:
    for number in range(3):
        line.companion.send_text(world.ana.lid, f"olá {number}", f"3EB00{number}")
        events = line.run()
        assert Acknowledged(f"3EB00{number}", None) in events
        assert Receipt(f"3EB00{number}", "") in events
    assert [entry.text for entry in world.ana.inbox] == ["olá 0", "olá 1", "olá 2"]
    assert next((entry.text, entry.chat) for entry in world.bot.inbox) == ("olá 0", world.ana.phone)
    (device,) = world.bot.devices.values()
    assert not device.mailbox
    assert say(world, world.ana, world.bot, "tudo bem?")
    assert texts(line.run()) == ["tudo bem?"]


def test_what_the_phone_writes_arrives_as_own(world: World, line: Line) -> None:
    say(world, world.bot, world.ana, "deixa comigo")
    (received,) = [event for event in line.run() if isinstance(event, Received)]
    assert (received.sender, received.chat) == (world.bot.lid, world.ana.lid)
    assert received.message.conversation == "deixa comigo"
    assert not world.bot.devices[1].mailbox


def test_a_contact_may_be_addressed_by_number(world: World, line: Line) -> None:
    world.ana.addressing = "pn"
    say(world, world.ana, world.bot, "oi")
    assert texts(line.run()) == ["oi"]
    assert not world.bot.devices[1].mailbox


def test_what_waited_comes_when_it_is_back(world: World, line: Line) -> None:
    line.unplug()
    for number in range(5):
        say(world, world.ana, world.bot, f"m{number}")
    events = line.plug_in()
    assert texts(events) == [f"m{number}" for number in range(5)]
    assert any(isinstance(event, Online) for event in events)
    assert not world.bot.devices[1].mailbox


def test_a_damaged_message_is_asked_for_again(world: World, line: Line) -> None:
    break_phone(world.network, world.bot, Breakage(FaultKind.CORRUPT))
    say(world, world.ana, world.bot, "oi")
    events = line.run()
    assert any(isinstance(event, Unreadable) for event in events)
    assert texts(events) == ["oi"]
    assert not world.bot.devices[1].mailbox


def test_prekeys_are_replenished_when_the_server_asks(world: World, line: Line) -> None:
    (device,) = world.bot.devices.values()
    for number in range(len(device.prekeys) - LOW_PREKEYS):
        other = Account(f"55119000010{number:02}", "Outra")
        world.network.add_account(other)
        say(world, other, world.bot, "oi")
        line.run()
    assert len(device.prekeys) > PREKEYS


def test_a_server_without_the_trusted_root_is_refused(world: World) -> None:
    with pytest.raises(HandshakeError):
        Line(world, KeyPair.generate().public).plug_in()


def test_nothing_can_be_sent_without_a_connection(world: World, line: Line) -> None:
    line.unplug()
    with pytest.raises(ProtocolError, match="not connected"):
        line.companion.send_text(world.ana.lid, "oi", "3EB0")
