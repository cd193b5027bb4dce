"""Frames: each message on the WebSocket is `length (3 bytes, big-endian) ‖ payload`.

The client's very first bytes are a 4-byte connection header, whose last byte is the version of its token
dictionary. A frame from the server must travel
in one WebSocket message: whatsmeow mis-parses a split one. Source: whatsmeow
`socket/framesocket.go`.
"""

from typing import Final

from oxy_simulator.errors import FrameError
from oxy_simulator.tokens import CURRENT, DICTIONARIES

CONNECTION_HEADER: Final = b"WA\x06" + bytes((CURRENT.version,))
MAX_FRAME: Final = 1 << 24  # bytes, exclusive; whatsmeow `socket/constants.go`, FrameMaxSize
MAX_HANDSHAKE_FRAME: Final = 1 << 16  # far more than a handshake needs, from a client that nobody knows yet

_LENGTH_SIZE: Final = 3  # whatsmeow `socket/constants.go`, FrameLengthSize


def pack_frame(payload: bytes) -> bytes:
    """Put the length before a payload; raise FrameError if it is 16 MiB or more."""
    if len(payload) >= MAX_FRAME:
        msg = f"a frame of {len(payload)} bytes is too large"
        raise FrameError(msg)
    return len(payload).to_bytes(_LENGTH_SIZE, "big") + payload


class FrameBuffer:
    """Collects received bytes and cuts them into frames."""

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self.limit = limit
        self.header = CONNECTION_HEADER
        self.dictionary = CURRENT
        self._buffer = bytearray()
        self._header_seen = False

    def feed(self, data: bytes) -> list[bytes]:
        """Add bytes and return the frames now complete; raise FrameError on a wrong header."""
        self._buffer += data
        if not self._header_seen and not self._take_header():
            return []
        frames = []
        while (frame := self._take_frame()) is not None:
            frames.append(frame)
        return frames

    def _take_header(self) -> bool:
        if len(self._buffer) < len(CONNECTION_HEADER):
            return False
        header = bytes(self._buffer[: len(CONNECTION_HEADER)])
        dictionary = DICTIONARIES.get(header[-1])
        if header[:-1] != CONNECTION_HEADER[:-1] or dictionary is None:
            msg = f"the connection starts with {header.hex()} instead of {CONNECTION_HEADER.hex()}"
            raise FrameError(msg)
        del self._buffer[: len(CONNECTION_HEADER)]
        self.header, self.dictionary = header, dictionary
        self._header_seen = True
        return True

    def _take_frame(self) -> bytes | None:
        if len(self._buffer) < _LENGTH_SIZE:
            return None
        size = int.from_bytes(self._buffer[:_LENGTH_SIZE], "big")
        if size > self.limit:
            msg = f"a frame of {size} bytes is announced where {self.limit} are the limit"
            raise FrameError(msg)
        end = _LENGTH_SIZE + size
        if len(self._buffer) < end:
            return None
        frame = bytes(self._buffer[_LENGTH_SIZE:end])
        del self._buffer[:end]
        return frame
