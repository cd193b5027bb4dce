"""A network in memory, and clients that speak the whole protocol to it without any I/O."""

import base64
import os
from dataclasses import dataclass, field

from oxy_simulator import linking, sessions
from oxy_simulator.accounts import Account
from oxy_simulator.codec import decode, encode
from oxy_simulator.connection import Connection, NoiseIdentity
from oxy_simulator.curve import KeyPair
from oxy_simulator.frames import CONNECTION_HEADER, FrameBuffer, pack_frame
from oxy_simulator.jid import SERVER_JID, Jid
from oxy_simulator.kdf import hmac_sha256
from oxy_simulator.network import Network
from oxy_simulator.node import Attrs, Node, node
from oxy_simulator.noise import CipherStream, ClientHandshake
from oxy_simulator.pairing import DEVICE_SIGNATURE_PREFIX
from oxy_simulator.prekeys import prekey_node
from oxy_simulator.proto.handshake_pb2 import ClientPayload
from oxy_simulator.proto.message_pb2 import Message
from oxy_simulator.proto.pairing_pb2 import SignedDeviceIdentity, SignedDeviceIdentityHmac
from oxy_simulator.signal import PhoneKeys, PreKeyBundle, Session, SessionRecord, pad

ROOT = KeyPair.generate()
BOT, ANA = "5511900000001", "5511911111111"
PREKEYS = 30
WEB, USER_ACTIVATED = 14, 1


@dataclass
class MemoryOutbox:
    """Collects what the server writes."""

    frames: list[bytes] = field(default_factory=list)
    ended: str = ""
    full: bool = False

    def write(self, frame: bytes) -> None:
        self.frames.append(frame)

    def close(self, *, linger: bool) -> None:
        self.ended = "closed after a pause" if linger else "closed"

    def abort(self) -> None:
        self.ended = "aborted"


@dataclass
class MemoryClient:
    """A linked device: its keys, its Signal sessions, and at most one connection."""

    network: Network
    identity: NoiseIdentity
    noise_key: KeyPair = field(default_factory=KeyPair.generate)
    keys: PhoneKeys = field(default_factory=PhoneKeys.generate)
    adv_secret: bytes = field(default_factory=lambda: os.urandom(32))
    records: dict[str, SessionRecord] = field(default_factory=dict)
    jid: Jid = SERVER_JID
    lid: Jid = SERVER_JID
    version: tuple[int, int, int] = (2, 3000, 1023223821)
    header: bytes = CONNECTION_HEADER

    def connect(self, payload: ClientPayload) -> None:
        self.outbox = MemoryOutbox()
        self.connection: Connection = sessions.open_connection(self.network, self.outbox, self.identity)
        self._buffer = FrameBuffer()
        self._buffer.feed(self.header)
        handshake = ClientHandshake(self.noise_key, ROOT.public, KeyPair.generate(), self.header)
        self._receive_bytes(self.header + pack_frame(handshake.hello()))
        (hello,) = self._frames()
        finish, self._receiving, self._sending = handshake.finish(hello, payload)
        self._receive_bytes(pack_frame(finish))

    def register(self) -> None:
        """Connect as a device that is not linked yet."""
        self.connect(
            ClientPayload(
                user_agent=self.user_agent(),
                device_pairing_data=ClientPayload.DevicePairingData(
                    registration_id=self.keys.registration_id.to_bytes(4, "big"),
                    identity=self.keys.identity.public,
                    signed_prekey_id=self.keys.signed_prekey_id.to_bytes(3, "big"),
                    signed_prekey=self.keys.signed_prekey.public,
                    signed_prekey_signature=self.keys.signed_prekey_signature,
                ),
            )
        )

    def qr(self, offer: Node, index: int = 0) -> str:
        """Return the text of one QR code of an offer."""
        keys = (self.noise_key.public, self.keys.identity.public, self.adv_secret)
        ref = offer.require("pair-device").children[index].data.decode()
        return ",".join([ref, *(base64.b64encode(key).decode() for key in keys), "1"])

    def counter_sign(self, success: Node) -> None:
        """Accept the account that the server offers."""
        container = SignedDeviceIdentityHmac.FromString(success.require("pair-success", "device-identity").data)
        assert container.hmac == hmac_sha256(self.adv_secret, container.details)
        signed = SignedDeviceIdentity.FromString(container.details)
        message = DEVICE_SIGNATURE_PREFIX + signed.details + self.keys.identity.public + signed.account_signature_key
        signed.device_signature = self.keys.identity.sign(message)
        device = success.require("pair-success", "device")
        self.jid, self.lid = device.jid("jid"), device.jid("lid")
        content = node("pair-device-sign", content=[node("device-identity", content=signed.SerializeToString())])
        self.send(node("iq", {"to": SERVER_JID, "type": "result", "id": success.text("id")}, [content]))

    def link(self, account: Account) -> None:
        """Register, be scanned, and accept."""
        self.register()
        (offer,) = self.received()
        linking.scan_qr(self.network, account, self.qr(offer))
        (success,) = self.received()
        self.counter_sign(success)
        self.disconnect()

    def log_in(self) -> list[Node]:
        """Log in as the linked device; return what the server says before <active/>."""
        self.connect(
            ClientPayload(
                username=int(self.jid.user),
                device=self.jid.device,
                passive=True,
                user_agent=self.user_agent(),
                connect_reason=USER_ACTIVATED,
            )
        )
        return self.received()

    def user_agent(self) -> ClientPayload.UserAgent:
        primary, secondary, tertiary = self.version
        version = ClientPayload.UserAgent.AppVersion(primary=primary, secondary=secondary, tertiary=tertiary)
        return ClientPayload.UserAgent(platform=WEB, app_version=version)

    def go_online(self) -> list[Node]:
        """Log in, upload prekeys and become active; return what comes then."""
        self.log_in()
        bundles = [self.keys.issue_bundle() for _ in range(PREKEYS)]
        listing = [prekey_node("key", bundle.prekey_id or 0, bundle.prekey or b"") for bundle in bundles]
        self.ask("encrypt", "set", node("list", content=list(listing)))
        self.request("passive", "set", node("active"))
        return self.received()

    def disconnect(self) -> None:
        sessions.lost(self.network, self.connection)

    def send(self, stanza: Node) -> None:
        self.send_bytes(encode(stanza, self._buffer.dictionary))

    def send_bytes(self, plaintext: bytes) -> None:
        """Send a frame with any content."""
        self._receive_bytes(pack_frame(self._sending.encrypt(plaintext)))

    def lose_a_frame(self) -> None:
        """Encrypt a frame that never reaches the server."""
        self._sending.encrypt(b"lost")

    def received(self) -> list[Node]:
        """Return what the server has sent since the last call."""
        return [decode(self._receiving.decrypt(frame), self._buffer.dictionary) for frame in self._frames()]

    def request(self, xmlns: str, kind: str, *content: Node) -> None:
        attrs: Attrs = {"to": SERVER_JID, "id": os.urandom(4).hex(), "xmlns": xmlns, "type": kind}
        self.send(node("iq", attrs, list(content) or None))

    def ask(self, xmlns: str, kind: str, *content: Node) -> Node:
        """Send an IQ and return its answer, the only thing that comes."""
        self.request(xmlns, kind, *content)
        (answer,) = self.received()
        return answer

    def read(self, message: Node) -> Message:
        """Decrypt a message stanza."""
        record = self.records.setdefault(str(message.jid("from").bare), SessionRecord())
        enc = message.require("enc")
        return Message.FromString(record.decrypt(self.keys, enc.text("type"), enc.data))

    def encrypt(self, to: Account, message: Message) -> Node:
        """Encrypt a message for an account's phone."""
        record = self.records.setdefault(str(to.lid), SessionRecord())
        if record.current is None:
            answer = self.ask("encrypt", "get", node("key", content=[node("user", {"jid": to.lid})]))
            record.promote(Session.initiate(self.keys, bundle_of(answer.require("list", "user"))))
        session = record.current
        assert session is not None
        encrypted = session.encrypt(self.keys, pad(message.SerializeToString()))
        return node("enc", {"v": "2", "type": encrypted.kind}, encrypted.data)

    def write(self, to: Account, text: str, message_id: str, enc: Node | None = None) -> None:
        """Send a text to an account's phone."""
        participant = node("to", {"jid": to.lid}, [enc or self.encrypt(to, Message(conversation=text))])
        attrs: Attrs = {"to": to.lid, "id": message_id, "type": "text"}
        self.send(node("message", attrs, [node("participants", content=[participant])]))

    def confirm(self, stanza: Node, kind: str | None = None, *content: Node) -> None:
        """Send a receipt for a message."""
        attrs: Attrs = {
            "to": stanza.jid("from"),
            "id": stanza.text("id"),
            "type": kind,
            "recipient": stanza.attrs.get("recipient"),
        }
        self.send(node("receipt", attrs, list(content) or None))

    def acknowledge(self, stanza: Node, error: int | None = None) -> None:
        attrs: Attrs = {
            "class": stanza.tag,
            "id": stanza.text("id"),
            "to": stanza.attrs["from"],
            "error": error,
            "type": None if stanza.tag == "message" else stanza.attrs.get("type"),
        }
        self.send(node("ack", attrs))

    def _receive_bytes(self, data: bytes) -> None:
        sessions.receive(self.network, self.connection, data)

    def _frames(self) -> list[bytes]:
        frames = [frame for data in self.outbox.frames for frame in self._buffer.feed(data)]
        self.outbox.frames.clear()
        return frames

    _sending: CipherStream = field(init=False, repr=False)
    _receiving: CipherStream = field(init=False, repr=False)
    _buffer: FrameBuffer = field(init=False, repr=False)


def bundle_of(user: Node) -> PreKeyBundle:
    """Read a prekey bundle as a client does."""

    def number(found: Node) -> int:
        return int.from_bytes(found.require("id").data, "big")

    signed, prekey = user.require("skey"), user.require("key")
    return PreKeyBundle(
        int.from_bytes(user.require("registration").data, "big"),
        user.require("identity").data,
        number(signed),
        signed.require("value").data,
        number(prekey),
        prekey.require("value").data,
    )


@dataclass
class Clock:
    """Time that a test moves."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class World:
    """A network with the accounts of a bot and of Ana."""

    network: Network
    clock: Clock
    identity: NoiseIdentity
    bot: Account
    ana: Account

    def client(self) -> MemoryClient:
        return MemoryClient(self.network, self.identity)

    def linked(self) -> MemoryClient:
        client = self.client()
        client.link(self.bot)
        return client

    def online(self) -> MemoryClient:
        client = self.linked()
        client.go_online()
        return client
