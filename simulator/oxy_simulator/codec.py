"""Nodes as bytes: the token-compressed form in which stanzas travel.

Source of the format and its constants: whatsmeow `binary/encoder.go` and `binary/decoder.go`. What was a token on the
wire is text again after reading.
"""

import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from oxy_simulator.errors import FrameError
from oxy_simulator.jid import (
    HOSTED_LID_SERVER,
    HOSTED_SERVER,
    INTEROP_SERVER,
    LID_SERVER,
    MESSENGER_SERVER,
    PHONE_SERVER,
    Jid,
)
from oxy_simulator.node import AttributeValue, Content, Node
from oxy_simulator.tokens import CURRENT, DICTIONARIES, FIRST_DICTIONARY, Dictionary

MAX_INFLATED: Final = 1 << 24  # no more than a frame may hold uncompressed: frames.MAX_FRAME

_TABLES: Final = 4
_MAX_DEPTH: Final = 64  # real stanzas need less than a quarter
_LIST_EMPTY: Final = 0
_INTEROP_JID: Final = 245
_MESSENGER_JID: Final = 246
_DEVICE_JID: Final = 247
_LIST_8: Final = 248
_LIST_16: Final = 249
_JID_PAIR: Final = 250
_HEX_8: Final = 251
_BINARY_8: Final = 252
_BINARY_20: Final = 253
_BINARY_32: Final = 254
_NIBBLE_8: Final = 255
_BINARY_WIDTHS: Final = {_BINARY_8: 1, _BINARY_20: 3, _BINARY_32: 4}

_PACKED_MAX: Final = 127
_NIBBLES: Final = "0123456789-."
_HEX_DIGITS: Final = "0123456789ABCDEF"
_NIBBLES_AS_HEX: Final = str.maketrans("-.", "ab")
_HEX_AS_NIBBLES: Final = str.maketrans("abcdef", "-.????")
_PACKED_PAD: Final = "f"
_REMEMBERED: Final = 1 << 15  # two addresses and a name of each of 10,000 accounts; some 200 bytes each
_FLAG_COMPRESSED: Final = 2
_SIZE_8: Final = 1 << 8
_SIZE_16: Final = 1 << 16
_SIZE_20: Final = 1 << 20
_JID_DOMAINS: Final = {PHONE_SERVER: 0, LID_SERVER: 1, HOSTED_SERVER: 128, HOSTED_LID_SERVER: 129}
_HOSTED: Final = frozenset({HOSTED_SERVER, HOSTED_LID_SERVER})
_JID_SERVERS: Final = {domain: server for server, domain in _JID_DOMAINS.items()}


def encode(stanza: Node, dictionary: Dictionary = CURRENT) -> bytes:
    """Write a stanza, uncompressed, with its leading flag byte."""
    out = bytearray(b"\0")
    _WRITERS[dictionary.version].node(out, stanza)
    return bytes(out)


def decode(data: bytes, dictionary: Dictionary = CURRENT) -> Node:
    """Read one stanza with its flag byte; raise FrameError if it is not exactly one valid node."""
    if not data:
        msg = "an empty frame holds no node"
        raise FrameError(msg)
    body = data[1:]
    try:
        reader = _Reader(_inflate(body) if data[0] & _FLAG_COMPRESSED else body, dictionary)
        stanza = reader.node()
    except (IndexError, RecursionError, UnicodeDecodeError, zlib.error) as error:
        msg = f"the binary node is cut or corrupt: {error}"
        raise FrameError(msg) from error
    if reader.remaining:
        msg = f"{reader.remaining} bytes follow the node <{stanza.tag}>"
        raise FrameError(msg)
    return stanza


def _inflate(data: bytes) -> bytes:
    inflater = zlib.decompressobj()
    inflated = inflater.decompress(data, MAX_INFLATED)
    if inflater.unconsumed_tail:
        msg = f"a frame of {len(data)} bytes inflates to more than {MAX_INFLATED}"
        raise FrameError(msg)
    if not inflater.eof:
        msg = "the compressed node is cut short"
        raise FrameError(msg)
    return inflated


def _write_list_size(out: bytearray, size: int) -> None:
    if size == 0:
        out.append(_LIST_EMPTY)
    elif size < _SIZE_8:
        out += bytes((_LIST_8, size))
    else:
        out.append(_LIST_16)
        out += size.to_bytes(2, "big")


def _write_bytes(out: bytearray, data: bytes) -> None:
    size = len(data)
    if size < _SIZE_8:
        out += bytes((_BINARY_8, size))
    elif size < _SIZE_20:
        out.append(_BINARY_20)
        out += size.to_bytes(3, "big")
    else:
        out.append(_BINARY_32)
        out += size.to_bytes(4, "big")
    out += data


def _packed(kind: int, digits: str) -> bytes:
    """Pack hexadecimal digits; an odd number of them is filled up, and said to be odd."""
    odd = len(digits) % 2
    data = bytes.fromhex(digits + _PACKED_PAD if odd else digits)
    return bytes((kind, len(data) | odd << 7)) + data


class _Writer:
    """Writes nodes with the tokens of a dictionary, and remembers how what comes again and again is written."""

    def __init__(self, dictionary: Dictionary) -> None:
        self._codes = dictionary.codes
        # Tags, addresses and names; ids would only drive them out.
        self._text = lru_cache(_REMEMBERED)(self._written_text)
        self._jid = lru_cache(_REMEMBERED)(self._written_jid)

    def node(self, out: bytearray, stanza: Node) -> None:
        text, jid = self._text, self._jid
        _write_list_size(out, 1 + 2 * len(stanza.attrs) + (stanza.content is not None))
        out += text(stanza.tag)
        for key, value in stanza.attrs.items():
            out += text(key)
            if isinstance(value, Jid):
                out += jid(value)
            else:
                out += self._written_text(value) if key == "id" else text(value)
        if isinstance(stanza.content, bytes):
            _write_bytes(out, stanza.content)
        elif stanza.content is not None:
            _write_list_size(out, len(stanza.content))
            for child in stanza.content:
                self.node(out, child)

    def _written_text(self, text: str) -> bytes:
        """Return a text as its token, packed two characters a byte, or as it is."""
        token = self._codes.get(text)
        if token is not None:
            return token
        if 0 < len(text) <= _PACKED_MAX:
            # What is left after stripping starts with a character that does not fit.
            if not text.strip(_NIBBLES):
                return _packed(_NIBBLE_8, text.translate(_NIBBLES_AS_HEX))
            if not text.strip(_HEX_DIGITS):
                return _packed(_HEX_8, text)
        out = bytearray()
        _write_bytes(out, text.encode())
        return bytes(out)

    def _written_jid(self, jid: Jid) -> bytes:
        if jid.server in _HOSTED or (jid.server in _JID_DOMAINS and (jid.device or jid.agent)):
            return bytes((_DEVICE_JID, jid.agent or _JID_DOMAINS[jid.server], jid.device)) + self._text(jid.user)
        if jid.server in {MESSENGER_SERVER, INTEROP_SERVER}:
            return self._foreign_jid(jid)
        user = self._text(jid.user) if jid.user else bytes((_LIST_EMPTY,))
        return bytes((_JID_PAIR,)) + user + self._text(jid.server)

    def _foreign_jid(self, jid: Jid) -> bytes:
        """Write an address of another messenger: two bytes a device, and one more number for interop."""
        kind = _MESSENGER_JID if jid.server == MESSENGER_SERVER else _INTEROP_JID
        number = jid.integrator.to_bytes(2, "big") if jid.server == INTEROP_SERVER else b""
        user, server = self._text(jid.user), self._text(jid.server)
        return bytes((kind,)) + user + jid.device.to_bytes(2, "big") + number + server


_WRITERS: Final = {version: _Writer(dictionary) for version, dictionary in DICTIONARIES.items()}


class _Reader:
    """A cursor over an uncompressed node; short input raises IndexError."""

    def __init__(self, data: bytes, dictionary: Dictionary) -> None:
        self._data = data
        self._single = dictionary.single
        self._double = dictionary.double
        self._position = 0
        self._depth = 0

    @property
    def remaining(self) -> int:
        return len(self._data) - self._position

    def node(self) -> Node:
        size = self._list_size(self._byte())
        if size == 0:
            msg = "a node has no tag"
            raise FrameError(msg)
        text, value = self.text, self.value
        tag = text()
        attrs = {text(): value() for _ in range((size - 1) // 2)}
        return Node(tag, attrs, None if size % 2 else self._content())

    def value(self) -> AttributeValue:
        kind = self._data[self._position]
        self._position += 1
        return self._single[kind] or _READERS[kind](self)

    def text(self) -> str:
        kind = self._data[self._position]
        self._position += 1
        value = self._single[kind] or _READERS[kind](self)
        if type(value) is str:
            return value
        msg = f"the address {value} stands where text must"
        raise FrameError(msg)

    def double_token(self) -> str:
        table = self._data[self._position - 1] - FIRST_DICTIONARY
        return self._double[table][self._byte()]

    def binary_text(self) -> str:
        return self._binary(self._data[self._position - 1]).decode()

    def nibbles(self) -> str:
        head = self._byte()
        return _read_nibbles(self._take(head & _PACKED_MAX), odd=head > _PACKED_MAX)

    def hexadecimal(self) -> str:
        head = self._byte()
        text = self._take(head & _PACKED_MAX).hex().upper()
        return text[:-1] if head > _PACKED_MAX else text

    def jid_pair(self) -> Jid:
        if self._data[self._position] == _LIST_EMPTY:
            self._position += 1
            return Jid("", self.text())
        return Jid(self.text(), self.text())

    def device_jid(self) -> Jid:
        domain, device = self._byte(), self._byte()
        server = _JID_SERVERS.get(domain)
        return Jid(self.text(), server, device) if server else Jid(self.text(), PHONE_SERVER, device, domain)

    def messenger_jid(self) -> Jid:
        user, device = self.text(), self._number(2)
        return Jid(user, self._server(MESSENGER_SERVER), device)

    def interop_jid(self) -> Jid:
        user, device, integrator = self.text(), self._number(2), self._number(2)
        return Jid(user, self._server(INTEROP_SERVER), device, integrator=integrator)

    def nothing(self) -> str:
        """Read the empty token as an empty text. Source: Baileys `src/WABinary/encode.ts`, TOKEN_MAP."""
        return ""

    def unknown(self) -> AttributeValue:
        msg = f"tag {self._data[self._position - 1]} at byte {self._position} is unknown"
        raise FrameError(msg)

    def _server(self, expected: str) -> str:
        server = self.text()
        if server != expected:
            msg = f"an address of {expected} names the server {server!r}"
            raise FrameError(msg)
        return server

    def _content(self) -> Content:
        kind = self._byte()
        if kind in _BINARY_WIDTHS:
            return self._binary(kind)
        if kind == _LIST_EMPTY:
            return None
        if kind in {_LIST_8, _LIST_16}:
            self._depth += 1
            if self._depth > _MAX_DEPTH:
                msg = f"nodes are nested more than {_MAX_DEPTH} deep"
                raise FrameError(msg)
            children = [self.node() for _ in range(self._list_size(kind))]
            self._depth -= 1
            return children
        return str(self._single[kind] or _READERS[kind](self)).encode()

    def _byte(self) -> int:
        value = self._data[self._position]
        self._position += 1
        return value

    def _take(self, size: int) -> bytes:
        end = self._position + size
        if end > len(self._data):
            msg = f"{size} bytes announced, {self.remaining} left"
            raise IndexError(msg)
        data = self._data[self._position : end]
        self._position = end
        return data

    def _number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "big")

    def _list_size(self, kind: int) -> int:
        if kind == _LIST_8:
            return self._byte()
        if kind == _LIST_EMPTY:
            return 0
        if kind == _LIST_16:
            return self._number(2)
        msg = f"tag {kind} does not start a list"
        raise FrameError(msg)

    def _binary(self, kind: int) -> bytes:
        if kind == _BINARY_8:
            return self._take(self._byte())
        size = self._number(_BINARY_WIDTHS[kind])
        return self._take(size & (_SIZE_20 - 1) if kind == _BINARY_20 else size)


# How the text or address that each byte announces is read; single tokens are texts themselves.
_READERS: Final[list[Callable[[_Reader], AttributeValue]]] = [_Reader.unknown] * 256
_READERS[_LIST_EMPTY] = _Reader.nothing
_READERS[FIRST_DICTIONARY : FIRST_DICTIONARY + _TABLES] = [_Reader.double_token] * _TABLES
_READERS[_INTEROP_JID] = _Reader.interop_jid
_READERS[_MESSENGER_JID] = _Reader.messenger_jid
_READERS[_DEVICE_JID] = _Reader.device_jid
_READERS[_JID_PAIR] = _Reader.jid_pair
_READERS[_HEX_8] = _Reader.hexadecimal
_READERS[_BINARY_8] = _READERS[_BINARY_20] = _READERS[_BINARY_32] = _Reader.binary_text
_READERS[_NIBBLE_8] = _Reader.nibbles


@lru_cache(_REMEMBERED)
def _read_nibbles(data: bytes, *, odd: bool) -> str:
    """Read a packed number, which mostly is the user of an address and comes again; raise FrameError if it is none."""
    text = data.hex()[:-1] if odd else data.hex()
    text = text.translate(_HEX_AS_NIBBLES)
    if "?" in text:
        msg = "a packed number holds a character that is none"
        raise FrameError(msg)
    return text
