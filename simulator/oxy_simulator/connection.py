"""One client's connection, without I/O: bytes in, stanzas out to a handler, bytes into an outbox."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from oxy_simulator.accounts import Account, Device
from oxy_simulator.codec import decode, encode
from oxy_simulator.curve import KeyPair
from oxy_simulator.errors import ProtocolError
from oxy_simulator.frames import MAX_FRAME, MAX_HANDSHAKE_FRAME, FrameBuffer, pack_frame
from oxy_simulator.jid import Jid
from oxy_simulator.node import Node
from oxy_simulator.noise import CipherStream, Established, ServerHandshake
from oxy_simulator.offline import OfflineQueue
from oxy_simulator.pace import Pace
from oxy_simulator.proto.handshake_pb2 import ClientPayload


class Outbox(Protocol):
    """Where a connection writes. Nothing here blocks or fails: a dead link just drops it."""

    @property
    def full(self) -> bool:
        """Whether what can wait should wait: the client reads more slowly than it is written to."""

    def write(self, frame: bytes) -> None:
        """Queue one WebSocket message."""

    def close(self, *, linger: bool) -> None:
        """Close the WebSocket properly once everything queued is written.

        With `linger` the client gets a moment to read the last stanza and to close by itself.
        """

    def abort(self) -> None:
        """Cut the TCP connection at once."""


class Tap(Protocol):
    """Is shown every stanza of a connection, as the client will read it or as it wrote it."""

    def __call__(self, connection: "Connection", stanza: Node, *, sent: bool) -> None:
        """Take a stanza that was sent to the client, or came from it."""


@dataclass(frozen=True, slots=True)
class NoiseIdentity:
    """What the server proves itself with: its static key and the certificate chain for it."""

    static: KeyPair
    certificate: bytes


@dataclass(frozen=True, slots=True)
class Candidate:
    """A companion that was offered an account and has not counter-signed yet."""

    account: Account
    device: Device
    details: bytes
    request_id: str


def _damages_nothing(_connection: "Connection", _stanza: Node) -> bool:
    return False


@dataclass(slots=True, eq=False)
class Connection:
    """The server's end of one connection: handshaking, then logged in or waiting to be linked."""

    outbox: Outbox
    identity: NoiseIdentity
    on_established: "Callable[[Connection], None]"
    on_stanza: "Callable[[Connection, Node], None]"
    account: Account | None = None
    device: Device | None = None
    active: bool = False
    closed: bool = False
    muted: bool = False
    refs: list[str] = field(default_factory=list)
    candidate: Candidate | None = None
    ignored_acks: set[str] = field(default_factory=set)
    queue: OfflineQueue = field(default_factory=OfflineQueue)
    available: bool = False
    watching: set[str] = field(default_factory=set)
    pace: Pace = field(default_factory=Pace)
    damages: "Callable[[Connection, Node], bool]" = _damages_nothing
    number: int = 0
    tap: Tap | None = None
    _frames: FrameBuffer = field(default_factory=lambda: FrameBuffer(MAX_HANDSHAKE_FRAME))
    _handshake: ServerHandshake | None = None
    _established: Established | None = None
    _next_id: int = 0

    @property
    def established(self) -> bool:
        """Whether the handshake is finished: the client is known by its key."""
        return self._established is not None

    @property
    def client_key(self) -> bytes:
        """The client's static Noise key, by which it is recognised."""
        return self._require_established().client_key

    @property
    def payload(self) -> ClientPayload:
        """What the client said about itself when it connected."""
        return self._require_established().payload

    @property
    def lid(self) -> Jid:
        """The LID of the device that is logged in."""
        account, device = self.require_login()
        return account.device_lid(device.id)

    def require_login(self) -> tuple[Account, Device]:
        """Return who is logged in; raise ProtocolError if nobody is."""
        if self.account is None or self.device is None:
            msg = "the client is not logged in"
            raise ProtocolError(msg)
        return self.account, self.device

    def receive(self, data: bytes) -> None:
        """Take bytes from the client; raise ProtocolError if the stream is broken beyond use."""
        for frame in self._frames.feed(data):
            if self.closed:
                return
            self._receive_frame(frame)

    def send(self, stanza: Node) -> None:
        """Send a stanza; a closed or silent connection swallows it."""
        if self.closed or self.muted:
            return
        if self.tap is not None:
            self.tap(self, stanza, sent=True)
        frame = self._encrypt(encode(stanza, self._frames.dictionary))
        if self.damages(self, stanza):
            frame = frame[:-1] + bytes((frame[-1] ^ 0xFF,))
        self.outbox.write(pack_frame(frame))

    def send_plaintext(self, plaintext: bytes) -> None:
        """Send a frame with any content, which need not be a stanza."""
        if not self.closed:
            self.outbox.write(pack_frame(self._encrypt(plaintext)))

    def next_id(self) -> str:
        """Return an id for a stanza of the server's own."""
        self._next_id += 1
        return f"srv-{self._next_id}"

    def close(self) -> None:
        """Close properly, at once."""
        if not self.closed:
            self.closed = True
            self.outbox.close(linger=False)

    def finish(self, farewell: Node | None = None) -> None:
        """Send a last stanza, if any, and close when the client had time to read what it was sent."""
        if farewell is not None:
            self.send(farewell)
        if not self.closed:
            self.closed = True
            self.outbox.close(linger=True)

    def abort(self) -> None:
        """Cut the connection without a word."""
        self.closed = True
        self.outbox.abort()

    def _receive_frame(self, frame: bytes) -> None:
        if self._established is not None:
            plaintext = self._established.receiving.decrypt(frame)
            if not self.muted:
                self._take(decode(plaintext, self._frames.dictionary))
        elif self._handshake is None:
            self._handshake = ServerHandshake(
                self.identity.static, self.identity.certificate, KeyPair.generate(), self._frames.header
            )
            self.outbox.write(pack_frame(self._handshake.hello(frame)))
        else:
            self._established = self._handshake.finish(frame)
            self._frames.limit = MAX_FRAME
            self.on_established(self)

    def _encrypt(self, plaintext: bytes) -> bytes:
        sending: CipherStream = self._require_established().sending
        return sending.encrypt(plaintext)

    def _take(self, stanza: Node) -> None:
        if self.tap is not None:
            self.tap(self, stanza, sent=False)
        self.on_stanza(self, stanza)

    def _require_established(self) -> Established:
        if self._established is None:
            msg = "the handshake is not finished"
            raise ProtocolError(msg)
        return self._established
