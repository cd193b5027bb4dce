import contextlib
import json
import zlib
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxy_simulator.codec import decode, encode
from oxy_simulator.errors import FrameError
from oxy_simulator.jid import SERVER_JID, Jid
from oxy_simulator.node import Node, node
from oxy_simulator.tokens import DICTIONARIES, Dictionary

TOKENS = json.loads(resources.files("oxy_simulator").joinpath("tokens.json").read_text("utf-8"))

TEXTS = st.one_of(
    st.sampled_from(["type", "get", "urn:xmpp:ping", "critical_block", "0", "true"]),
    st.text(min_size=1, max_size=40),
    st.text("0123456789-.", min_size=1, max_size=127),
    st.text("0123456789ABCDEF", min_size=1, max_size=127),
)
USERS = st.text("0123456789", min_size=1, max_size=15)
DEVICES, WORDS, NONE = st.integers(0, 255), st.integers(0, 65535), st.just(0)
DOMAINS = (0, 1, 128, 129)  # of numbers, LIDs and hosted ones; any other is an agent of old
JIDS = st.one_of(
    st.builds(Jid, USERS, st.sampled_from(["s.whatsapp.net", "lid", "hosted", "hosted.lid"]), DEVICES, NONE, NONE),
    st.builds(
        Jid, USERS, st.just("s.whatsapp.net"), DEVICES, st.integers(2, 255).filter(lambda it: it not in DOMAINS), NONE
    ),
    st.builds(Jid, USERS, st.sampled_from(["g.us", "broadcast", "newsletter", "bot", "c.us"]), NONE, NONE, NONE),
    st.builds(Jid, st.just(""), st.sampled_from(["s.whatsapp.net", "g.us", "broadcast"]), NONE, NONE, NONE),
    st.builds(Jid, USERS, st.just("msgr"), WORDS, NONE, NONE),
    st.builds(Jid, USERS, st.just("interop"), WORDS, NONE, WORDS),
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
        # A hosted number, an old agent, another messenger, and one with its integrator.
        (node("iq", {"to": Jid("5511", "hosted")}), "00 f8 03 19 11 f7 80 00 ff 02 55 11"),
        (node("iq", {"to": Jid("5511", "s.whatsapp.net", 0, 5)}), "00 f8 03 19 11 f7 05 00 ff 02 55 11"),
        (node("iq", {"to": Jid("5511", "msgr", 300)}), "00 f8 03 19 11 f6 ff 02 55 11 01 2c cc"),
        (
            node("iq", {"to": Jid("5511", "interop", 1, 0, 2)}),
            "00 f8 03 19 11 f5 ff 02 55 11 00 01 00 02 fc 07 69 6e 74 65 72 6f 70",
        ),
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


@given(NODES, st.sampled_from(list(DICTIONARIES.values())))
def test_every_dictionary_gives_the_same_node(stanza: Node, dictionary: Dictionary) -> None:
    assert decode(encode(stanza, dictionary), dictionary) == stanza


@pytest.mark.parametrize("kind", ["single", "double"])
@pytest.mark.parametrize("version", list(DICTIONARIES))
def test_every_token_of_the_dictionaries_is_written_as_its_number_and_read_again(version: int, kind: str) -> None:
    dictionary, tables = DICTIONARIES[version], TOKENS[str(version)]
    for number, texts in enumerate([tables["single"]] if kind == "single" else tables["double"]):
        for index, text in enumerate(texts):
            if not text:
                continue
            encoded = encode(node(text), dictionary)
            token = bytes((index,)) if kind == "single" else bytes((236 + number, index))
            assert encoded == b"\x00\xf8\x01" + token, text
            assert decode(encoded, dictionary).tag == text


@pytest.mark.parametrize(
    ("version", "single", "double"),
    [
        (2, "broadcast", ["media-for1-1.cdn.whatsapp.net", "group_call_discoverability_enabled"]),
        (3, "notification", ["read-self", "reject"]),
    ],
)
def test_the_dictionaries_have_the_sizes_and_beginnings_of_their_versions(
    version: int, single: str, double: list[str]
) -> None:
    dictionary = DICTIONARIES[version]
    assert (len(TOKENS[str(version)]["single"]), [len(texts) for texts in dictionary.double]) == (236, [256] * 4)
    assert dictionary.single[1:4] == ["xmlstreamstart", "xmlstreamend", "s.whatsapp.net"]
    assert dictionary.single[9] == single
    assert [texts[0] for texts in dictionary.double[:2]] == double


def test_an_address_of_another_messenger_on_a_wrong_server_is_refused() -> None:
    with pytest.raises(FrameError, match="names the server"):
        decode(bytes.fromhex("00 f8 03 19 11 f6 ff 01 12 01 2c 03"))


def test_what_a_node_lacks_is_named() -> None:
    with pytest.raises(FrameError, match=r"<iq> lacks <usync/list>"):
        node("iq", content=[node("usync")]).require("usync", "list")
    with pytest.raises(FrameError, match="lacks the attribute 'id'"):
        node("iq").text("id")
    with pytest.raises(FrameError, match="address in 'to'"):
        node("iq", {"to": "someone"}).jid("to")
    with pytest.raises(FrameError, match="number in 'count'"):
        node("iq", {"count": "many"}).number("count", 0)


@pytest.mark.parametrize("text", ["iq", "message", "5511900000001", "C0FFEE", "text that is no token"])
def test_content_that_came_as_text_is_read_as_bytes(text: str) -> None:
    # Clients write text content as they write attributes: as a token or packed, when that fits.
    as_attribute = encode(Node("a", {"b": text}))
    content = as_attribute.removeprefix(encode(Node("a", {"b": ""}))[:-2])
    data = b"\0\xf8\x02" + encode(Node("a"))[3:] + content
    assert decode(data) == Node("a", {}, text.encode())
