import pytest

from oxy_core.identity import Jid
from oxy_tenant.links.neonize.library import load_messages
from oxy_tenant.links.neonize.peer_messages import REMEMBERED, PeerMessages, is_peer_entry

ENVELOPES, _ = load_messages()
OWN = Jid.parse("999@lid")


def node(whatsapp_id: str, sender: str = "999:0@lid") -> str:
    return f'<message category="peer" from="{sender}" id="{whatsapp_id}" type="text"><enc/></message>'


def noted(*nodes: str) -> PeerMessages:
    peers = PeerMessages(lambda jid: jid == OWN)
    for one in nodes:
        peers.note(one)
    return peers


def test_what_the_own_phone_tells_its_device_is_remembered() -> None:
    peers = noted(node("3A01"), node("3A02", "999@lid"))
    assert [peers.includes(whatsapp_id) for whatsapp_id in ("3A01", "3A02", "3A03")] == [True, True, False]


@pytest.mark.parametrize(
    "message",
    [
        node("3A01", "111@lid"),  # somebody else only says so
        node("3A01", "nobody"),
        '<message from="999@lid" id="3A01" type="text"/>',
        f"quoted {node('3A01')}",
        "",
    ],
)
def test_no_other_message_is_excused(message: str) -> None:
    assert not noted(message).includes("3A01")


def test_only_the_newest_are_remembered() -> None:
    peers = noted(*(node(str(number)) for number in range(REMEMBERED + 1)))
    assert (peers.includes("0"), peers.includes("1"), peers.includes(str(REMEMBERED))) == (False, True, True)


def entry(message: str) -> bytes:
    data: bytes = ENVELOPES.LogEntry(Message=message, Level="DEBUG", Name="Client/Recv").SerializeToString()
    return data


def test_they_are_found_among_the_entries_of_the_log() -> None:
    assert is_peer_entry(entry(node("3A01")))
    assert is_peer_entry(entry(node("x" * 300)))
    assert not is_peer_entry(entry('<message from="999@lid" id="3A01"/>'))
    assert not is_peer_entry(b"")
