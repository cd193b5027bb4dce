"""The packet log."""

import pytest
from unit.simulator.memory import MemoryClient, World

from oxy_simulator import linking, sessions
from oxy_simulator.jid import Jid
from oxy_simulator.network import Network
from oxy_simulator.node import node
from oxy_simulator.packets import PacketLog, render


@pytest.fixture
def packets(world: World) -> PacketLog:
    world.network.packets = PacketLog(world.network.clock)
    return world.network.packets


def companion(world: World) -> MemoryClient:
    client = MemoryClient(world.network, world.identity)
    client.link(world.bot)
    client.go_online()
    return client


def test_a_stanza_is_one_readable_line() -> None:
    receipt = node("receipt", {"to": Jid("1", "lid"), "note": 'a "<b>" & c\n'}, [node("enc", content=b"\x00\xff" * 40)])
    assert render(receipt) == (
        '<receipt to="1@lid" note="a &quot;&lt;b>&quot; &amp; c&#10;"><enc>0x'
        + "00ff" * 24
        + "… (80 bytes)</enc></receipt>"
    )
    assert render(node("ref", content=b"2@abc")) == "<ref>2@abc</ref>"
    assert render(node("active")) == "<active/>"


def test_everything_said_on_a_connection_is_logged_in_order(world: World, packets: PacketLog) -> None:
    client = companion(world)
    sessions.lost(world.network, client.connection)
    lines = [str(packet) for packet in packets.after(0)]
    pairing, online = [[line for line in lines if f"#{number} " in line] for number in (1, 2)]
    assert pairing[0].endswith("#1 - · connected")
    assert "#1 - → <iq" in pairing[1]
    assert "<pair-device>" in pairing[1]
    assert any("#1 - ← <iq" in line and "<pair-device-sign>" in line for line in pairing)
    assert any(f"#2 {world.bot.phone}:1 → <success" in line for line in online)
    assert online[-1].endswith(f"#2 {world.bot.phone}:1 · disconnected")
    assert packets.after(3)[0].number == 4


def test_what_becomes_of_linked_devices_is_noted(world: World, packets: PacketLog) -> None:
    first, second, third = (companion(world) for _ in range(3))
    second.request("md", "set", node("remove-companion-device", {"jid": third.jid}))
    second.request("md", "set", node("remove-companion-device", {"jid": second.jid}))
    linking.unlink(world.network, world.bot, first.jid.device)
    notes = [packet.text for packet in packets.after(0) if packet.direction == "note" and "device " in packet.text]
    assert notes == [
        *(f"device {number} of +{world.bot.phone} was linked" for number in (1, 2, 3)),
        f"device 3 of +{world.bot.phone} was removed by device 2",
        f"device 2 of +{world.bot.phone} logged itself out",
        f"device 1 of +{world.bot.phone} was removed by its phone",
    ]


def test_a_stanza_is_logged_as_it_was_when_it_was_sent(world: World, packets: PacketLog) -> None:
    client = companion(world)
    stanza = node("message", {"id": "X", "from": world.ana.lid})
    world.network.post(world.bot, world.bot.devices[1], stanza)
    client.disconnect()
    client.log_in()
    client.request("passive", "set", node("active"))
    first, again = [packet.text for packet in packets.after(0) if 'id="X"' in packet.text]
    assert "offline" not in first
    assert 'offline="0"' in again


def test_only_the_newest_are_kept_and_a_sink_gets_all(world: World) -> None:
    lines: list[str] = []
    log = PacketLog(world.clock, size=3, sink=lines.append)
    for number in range(1, 6):
        log.note(f"note {number}")
    assert [packet.text for packet in log.after(0)] == ["note 3", "note 4", "note 5"]
    assert [packet.text for packet in log.after(4)] == ["note 5"]
    assert log.after(5) == []
    assert [line.split("· ")[1] for line in lines] == [f"note {number}" for number in range(1, 6)]


def test_without_a_log_nothing_taps(world: World) -> None:
    network: Network = world.network
    assert network.packets is None
    assert companion(world).connection.tap is None
