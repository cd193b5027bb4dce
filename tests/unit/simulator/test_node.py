import contextlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxy_simulator.errors import FrameError
from oxy_simulator.jid import SERVER_JID, Jid
from oxy_simulator.node import Node, decode, encode, node

TEXTS = st.one_of(
    st.sampled_from(["type", "get", "urn:xmpp:ping", "critical_block", "0", "true"]),
    st.text(min_size=1, max_size=40),
    st.text("0123456789-.", min_size=1, max_size=127),
    st.text("0123456789ABCDEF", min_size=1, max_size=127),
)
JIDS = st.builds(
    Jid,
    st.text("0123456789", min_size=1, max_size=15),
    st.sampled_from(["s.whatsapp.net", "lid"]),
    st.integers(0, 255),
)
TAGS = st.sampled_from(["iq", "message", "receipt", "ib", "stream:error", "notatoken"])
LEAVES = st.builds(
    Node,
    TAGS,
    st.dictionaries(TEXTS, st.one_of(TEXTS, JIDS), max_size=4),
    st.one_of(st.none(), st.binary(max_size=300)),
)
NODES = st.recursive(
    LEAVES,
    lambda children: st.builds(
        Node,
        TAGS,
        st.dictionaries(TEXTS, st.one_of(TEXTS, JIDS), max_size=3),
        st.lists(children, min_size=1, max_size=3),
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("stanza", "data"),
    [
        # Single-byte tokens: iq=25, type=4, get=41 (0x29).
        (node("iq", {"type": "get"}), "00 f8 03 19 04 29"),
        # A token of dictionary 0 and packed digits with odd length: id "123".
        (node("iq", {"id": "123"}), "00 f8 03 19 08 ff 82 12 3f"),
        # Packed capitals in hexadecimal: id "3AF0".
        (node("iq", {"id": "3AF0"}), "00 f8 03 19 08 fb 02 3a f0"),
        # The server's address: a pair without user; s.whatsapp.net=3.
        (node("iq", {"to": SERVER_JID}), "00 f8 03 19 11 fa 00 03"),
        # A user's address: a pair with packed digits.
        (node("iq", {"to": Jid("5511", "s.whatsapp.net")}), "00 f8 03 19 11 fa ff 02 55 11 03"),
        # A device: domain 1 is LID.
        (node("iq", {"to": Jid("5511", "lid", 7)}), "00 f8 03 19 11 f7 01 07 ff 02 55 11"),
        # Bytes, and a list of children.
        (node("iq", content=b"\x01\x02"), "00 f8 02 19 fc 02 01 02"),
        (node("iq", content=[node("iq"), node("iq")]), "00 f8 02 19 f8 02 f8 01 19 f8 01 19"),
        # Text that no dictionary has.
        (node("iq", {"type": "é"}), "00 f8 03 19 04 fc 02 c3 a9"),
    ],
)
def test_a_node_has_the_bytes_that_whatsapp_web_uses(stanza: Node, data: str) -> None:
    assert encode(stanza).hex(" ") == data
    assert decode(bytes.fromhex(data)) == stanza


@given(NODES)
def test_encoding_and_decoding_gives_the_same_node(stanza: Node) -> None:
    assert decode(encode(stanza)) == stanza


@given(NODES)
def test_a_compressed_node_is_read_too(stanza: Node) -> None:
    assert decode(b"\x02" + zlib.compress(encode(stanza)[1:])) == stanza


@pytest.mark.parametrize("size", [0, 255, 256, (1 << 20) - 1, 1 << 20])
def test_bytes_of_every_length_class_survive(size: int) -> None:
    stanza = node("enc", content=bytes(size))
    assert decode(encode(stanza)).data == bytes(size)


@pytest.mark.parametrize("count", [1, 255, 256, 1000])
def test_lists_of_every_length_class_survive(count: int) -> None:
    stanza = node("list", content=[node("item", {"id": index}) for index in range(count)])
    assert decode(encode(stanza)) == stanza


@given(st.binary(max_size=60))
def test_garbage_is_refused_as_a_frame_error_or_is_a_node(data: bytes) -> None:
    with contextlib.suppress(FrameError):
        assert isinstance(decode(data), Node)


@given(NODES, st.data())
def test_a_cut_node_is_refused(stanza: Node, data: st.DataObject) -> None:
    encoded = encode(stanza)
    size = data.draw(st.integers(0, len(encoded) - 1))
    with pytest.raises(FrameError):
        decode(encoded[:size])


def test_bytes_after_the_node_are_refused() -> None:
    with pytest.raises(FrameError, match="1 bytes follow"):
        decode(encode(node("iq")) + b"\x00")


def test_numbers_become_text_and_missing_values_are_left_out() -> None:
    assert node("iq", {"t": 5, "id": None}).attrs == {"t": "5"}


def test_what_a_node_lacks_is_named() -> None:
    with pytest.raises(FrameError, match=r"<iq> lacks <usync/list>"):
        node("iq", content=[node("usync")]).require("usync", "list")
    with pytest.raises(FrameError, match="lacks the attribute 'id'"):
        node("iq").text("id")
    with pytest.raises(FrameError, match="address in 'to'"):
        node("iq", {"to": "someone"}).jid("to")
    with pytest.raises(FrameError, match="number in 'count'"):
        node("iq", {"count": "many"}).number("count", 0)
