"""A companion device without I/O: it links itself, logs in, reads, confirms and writes, as fast as Python can.

For load, and for protocol tests for which a real client is too heavy: bytes go in by `receive`, come out by the
`write` it was connected with, and what happens is told to `on_event`. It does what whatsmeow does on the wire
(`pair.go`, `handshake.go`, `message.go`, `receipt.go`, `retry.go`, `send.go`), and nothing more.
"""

import base64
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from oxy_simulator.codec import decode, encode
from oxy_simulator.companion_media import retry_request
from oxy_simulator.curve import KeyPair
from oxy_simulator.errors import DecryptionError, DuplicateCiphertextError, PairingError, ProtocolError
from oxy_simulator.frames import CONNECTION_HEADER, FrameBuffer, pack_frame
from oxy_simulator.jid import SERVER_JID, Jid
from oxy_simulator.kdf import hmac_sha256
from oxy_simulator.node import AttributeValue, Node, node
from oxy_simulator.noise import CipherStream, ClientHandshake
from oxy_simulator.pairing import DEVICE_SIGNATURE_PREFIX
from oxy_simulator.prekeys import bundle_nodes, prekey_node, read_bundle
from oxy_simulator.proto.handshake_pb2 import ClientPayload
from oxy_simulator.proto.message_pb2 import Message
from oxy_simulator.proto.pairing_pb2 import DeviceProps, SignedDeviceIdentity, SignedDeviceIdentityHmac
from oxy_simulator.signal import PhoneKeys, Session, SessionRecord, pad

WANTED_PREKEYS: Final = 812  # what a new companion uploads. Source: Baileys Defaults, INITIAL_PREKEY_COUNT
VERSION: Final = (2, 3000, 1023223821)  # a version of WhatsApp Web; any from logins.VERSION_FLOOR on does
WEB: Final = 14  # ClientPayload.UserAgent.Platform. Source: whatsmeow `proto/waWa6`

_MAX_RETRIES: Final = 4  # whatsmeow `retry.go`, sendRetryReceipt: the fifth is not sent


@dataclass(frozen=True, slots=True)
class CodesShown:
    """The client shows these QR codes, one after the other."""

    codes: list[str]


@dataclass(frozen=True, slots=True)
class Linked:
    """The companion belongs to an account now, and has to connect again to log in."""

    jid: Jid


@dataclass(frozen=True, slots=True)
class Online:
    """The companion is active, and `waited` stanzas had waited for it."""

    waited: int


@dataclass(frozen=True, slots=True)
class Received:
    """A message was read; `chat` and `sender` are addresses without device, `at` is when it was sent (Unix seconds)."""

    id: str
    chat: Jid
    sender: Jid
    at: int
    message: Message


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message could not be read, and was asked for again; the reason says why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The server took a message, or refused it with an error code."""

    id: str
    error: str | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt for a message; the type is empty for delivery."""

    id: str
    type: str


@dataclass(frozen=True, slots=True)
class Notified:
    """The server told something that was not asked for, like a file's new path."""

    stanza: Node


@dataclass(frozen=True, slots=True)
class Ended:
    """The server ended the stream, or refused the login, with this stanza."""

    stanza: Node


Event: TypeAlias = CodesShown | Linked | Online | Received | Unreadable | Acknowledged | Receipt | Notified | Ended
_OnAnswer: TypeAlias = Callable[[Node], None]


@dataclass(slots=True)
class _Link:
    """What belongs to one connection."""

    write: Callable[[bytes], None]
    handshake: ClientHandshake
    frames: FrameBuffer
    receiving: CipherStream | None = None
    sending: CipherStream | None = None
    answers: dict[str, _OnAnswer] = field(default_factory=dict)
    next_id: int = 0


class Companion:
    """One companion device, which survives its connections: its keys, Signal sessions and addresses."""

    def __init__(self, noise_root: bytes, on_event: Callable[[Event], None], prekeys: int = WANTED_PREKEYS) -> None:
        """Make a device that is not linked yet and trusts a Noise root key; it will upload so many prekeys."""
        self.jid: Jid | None = None
        self.lid: Jid | None = None
        self._root = noise_root
        self._on_event = on_event
        self._wanted_prekeys = prekeys
        self._noise_key = KeyPair.generate()
        self._keys = PhoneKeys.generate()
        self._adv_secret = os.urandom(32)
        self._identity = b""
        self._sessions: dict[str, SessionRecord] = {}
        self._unreadable: dict[str, int] = {}
        self._link: _Link | None = None

    def connect(self, write: Callable[[bytes], None]) -> None:
        """Begin a connection: to be linked, or to log in when that was done; each write is one WebSocket message."""
        frames = FrameBuffer()
        frames.feed(CONNECTION_HEADER)  # only clients send it
        handshake = ClientHandshake(self._noise_key, self._root, KeyPair.generate())
        self._link = _Link(write, handshake, frames)
        write(CONNECTION_HEADER + pack_frame(handshake.hello()))

    def disconnected(self) -> None:
        """Take note that the connection ended."""
        self._link = None

    def receive(self, data: bytes) -> None:
        """Take bytes from the server; raise ProtocolError if they break the protocol."""
        link = self._connected()
        for frame in link.frames.feed(data):
            if link.receiving is None:
                finish, link.receiving, link.sending = link.handshake.finish(frame, self._payload())
                link.write(pack_frame(finish))
            else:
                self._on_stanza(decode(link.receiving.decrypt(frame)))

    def send_text(self, to: Jid, text: str, message_id: str) -> None:
        """Send a text to a contact's phone, and a copy to the account's own phone; addresses are LIDs."""
        message = Message(conversation=text)
        own = self._own_lid().bare
        copy = Message()
        copy.device_sent_message.destination_jid = str(to)
        copy.device_sent_message.message.CopyFrom(message)
        plaintexts = {to: message.SerializeToString()}
        if own != to:
            plaintexts[own] = copy.SerializeToString()
        missing = [jid for jid in plaintexts if self._session(jid).current is None]
        if not missing:
            self._send_message(to, message_id, plaintexts)
            return

        def opened(answer: Node) -> None:
            for user in answer.require("list").all("user"):
                self._session(user.jid("jid")).promote(Session.initiate(self._keys, read_bundle(user)))
            self._send_message(to, message_id, plaintexts)

        self._ask("encrypt", "get", [node("key", content=[node("user", {"jid": jid}) for jid in missing])], opened)

    def ask_for_file(self, chat: Jid, message_id: str, media_key: bytes) -> None:
        """Ask the account's phone for a contact's file that expired; `retry_answer` reads the notification."""
        if self.jid is not None:
            self._send(retry_request(self.jid.bare, chat, message_id, media_key))

    def ping(self) -> None:
        """Send a keep-alive."""
        self._ask("w:p", "get", None, _ignored)

    def _connected(self) -> _Link:
        if self._link is None:
            msg = "the companion is not connected"
            raise ProtocolError(msg)
        return self._link

    def _own_lid(self) -> Jid:
        if self.lid is None:
            msg = "the companion is not linked"
            raise ProtocolError(msg)
        return self.lid

    def _session(self, jid: Jid) -> SessionRecord:
        return self._sessions.setdefault(str(jid), SessionRecord())

    def _send(self, stanza: Node) -> None:
        link = self._connected()
        if link.sending is not None:
            link.write(pack_frame(link.sending.encrypt(encode(stanza))))

    def _ask(self, namespace: str, kind: str, content: list[Node] | None, then: _OnAnswer) -> None:
        link = self._connected()
        link.next_id += 1
        request_id = f"{link.next_id}"
        link.answers[request_id] = then
        self._send(node("iq", {"id": request_id, "xmlns": namespace, "type": kind, "to": SERVER_JID}, content))

    def _payload(self) -> ClientPayload:
        primary, secondary, tertiary = VERSION
        version = ClientPayload.UserAgent.AppVersion(primary=primary, secondary=secondary, tertiary=tertiary)
        agent = ClientPayload.UserAgent(platform=WEB, app_version=version)
        if self.jid is not None:
            return ClientPayload(username=int(self.jid.user), device=self.jid.device, passive=True, user_agent=agent)
        keys = self._keys
        registration = ClientPayload.DevicePairingData(
            registration_id=keys.registration_id.to_bytes(4, "big"),
            identity=keys.identity.public,
            signed_prekey_id=keys.signed_prekey_id.to_bytes(3, "big"),
            signed_prekey=keys.signed_prekey.public,
            signed_prekey_signature=keys.signed_prekey_signature,
            device_props=DeviceProps(os="Companion").SerializeToString(),
        )
        return ClientPayload(user_agent=agent, device_pairing_data=registration)

    def _on_stanza(self, stanza: Node) -> None:
        match stanza.tag:
            case "message":
                self._on_message(stanza)
            case "receipt":
                self._on_receipt(stanza)
            case "ack":
                self._on_ack(stanza)
            case "iq":
                self._on_iq(stanza)
            case "notification":
                self._on_notification(stanza)
            case "ib":
                self._on_information(stanza)
            case "success":
                self._on_success(stanza)
            case "stream:error" | "failure" | "xmlstreamend":
                self._on_event(Ended(stanza))
            case _:
                pass

    def _on_iq(self, iq: Node) -> None:
        answer = self._connected().answers.pop(iq.text("id"), None)
        if answer is not None:
            answer(iq)
        elif iq.find("pair-device") is not None:
            self._show_codes(iq)
        elif iq.find("pair-success") is not None:
            self._accept(iq)

    def _show_codes(self, iq: Node) -> None:
        self._send(node("iq", {"to": SERVER_JID, "id": iq.text("id"), "type": "result"}))
        keys = (self._noise_key.public, self._keys.identity.public, self._adv_secret)
        suffix = ",".join([*(base64.b64encode(key).decode() for key in keys), "1"])
        refs = iq.require("pair-device").all("ref")
        self._on_event(CodesShown([f"{ref.data.decode()},{suffix}" for ref in refs]))

    def _accept(self, iq: Node) -> None:
        """Counter-sign the account's offer. Source: whatsmeow `pair.go`, handlePair."""
        success = iq.require("pair-success")
        container = SignedDeviceIdentityHmac.FromString(success.require("device-identity").data)
        if container.hmac != hmac_sha256(self._adv_secret, container.details):
            msg = "the offered device identity was not made by whoever scanned the code"
            raise PairingError(msg)
        signed = SignedDeviceIdentity.FromString(container.details)
        message = DEVICE_SIGNATURE_PREFIX + signed.details + self._keys.identity.public + signed.account_signature_key
        signed.device_signature = self._keys.identity.sign(message)
        device = success.require("device")
        self.jid, self.lid = device.jid("jid"), device.jid("lid")
        self._identity = signed.SerializeToString()
        reply = node("pair-device-sign", content=[node("device-identity", content=self._identity)])
        self._send(node("iq", {"to": SERVER_JID, "type": "result", "id": iq.text("id")}, [reply]))
        self._on_event(Linked(self.jid))

    def _on_success(self, _stanza: Node) -> None:
        def counted(answer: Node) -> None:
            if answer.require("count").number("value", 0) == 0:
                self._upload_prekeys(activate)
            else:
                activate(answer)

        def activate(_answer: Node) -> None:
            self._ask("passive", "set", [node("active")], _ignored)

        self._ask("encrypt", "get", [node("count")], counted)

    def _upload_prekeys(self, then: _OnAnswer) -> None:
        keys = self._keys
        bundles = [keys.issue_bundle() for _ in range(self._wanted_prekeys)]
        content = [
            node("registration", content=keys.registration_id.to_bytes(4, "big")),
            node("type", content=b"\x05"),
            node("identity", content=keys.identity.public),
            node("list", content=[prekey_node("key", each.prekey_id or 0, each.prekey or b"") for each in bundles]),
            prekey_node("skey", keys.signed_prekey_id, keys.signed_prekey.public, keys.signed_prekey_signature),
        ]
        self._ask("encrypt", "set", content, then)

    def _on_information(self, stanza: Node) -> None:
        offline = stanza.find("offline")
        if offline is not None:
            self._on_event(Online(offline.number("count", 0)))

    def _on_notification(self, stanza: Node) -> None:
        self._acknowledge(stanza)
        if stanza.text("type", "") == "encrypt" and stanza.find("count") is not None:
            self._upload_prekeys(_ignored)
        self._on_event(Notified(stanza))

    def _on_message(self, stanza: Node) -> None:
        enc = stanza.find("enc")
        if enc is None:
            self._acknowledge(stanza)
            return
        address = stanza.jid("from")
        sender = stanza.jid("sender_lid") if "sender_lid" in stanza.attrs else address
        try:
            plaintext = self._session(sender).decrypt(self._keys, enc.text("type"), enc.data)
        except DuplicateCiphertextError:
            self._confirm(stanza)
            return
        except DecryptionError as error:
            self._ask_again(stanza, str(error))
            return
        self._confirm(stanza)
        message = Message.FromString(plaintext)
        chat = address.bare
        if message.HasField("device_sent_message"):
            chat, message = stanza.jid("recipient").bare, message.device_sent_message.message
        self._on_event(Received(stanza.text("id"), chat, address.bare, stanza.number("t", 0), message))

    def _confirm(self, stanza: Node) -> None:
        """Send the delivery receipt and the acknowledgement. Source: whatsmeow `receipt.go`, sendMessageReceipt."""
        own = "recipient" in stanza.attrs
        kind = "peer_msg" if stanza.text("category", "") == "peer" else "sender" if own else None
        self._send(node("receipt", {**_addressed(stanza), "type": kind}))
        self._acknowledge(stanza)

    def _ask_again(self, stanza: Node, reason: str) -> None:
        """Send a retry receipt with a fresh bundle. Source: whatsmeow `retry.go`, sendRetryReceipt."""
        message_id = stanza.text("id")
        count = self._unreadable[message_id] = self._unreadable.get(message_id, 0) + 1
        if count <= _MAX_RETRIES:
            retry = node("retry", {"count": count, "id": message_id, "t": stanza.text("t", "0"), "v": 1})
            registration = node("registration", content=self._keys.registration_id.to_bytes(4, "big"))
            bundle = bundle_nodes(self._keys.issue_bundle(), self._keys.signed_prekey_signature)
            keys = node("keys", content=[*bundle, node("device-identity", content=self._identity)])
            content = [retry, registration, keys]
            self._send(node("receipt", {**_addressed(stanza), "type": "retry"}, content))
        self._acknowledge(stanza)
        self._on_event(Unreadable(message_id, reason))

    def _on_receipt(self, stanza: Node) -> None:
        self._acknowledge(stanza)
        self._on_event(Receipt(stanza.text("id"), stanza.text("type", "")))

    def _on_ack(self, stanza: Node) -> None:
        if stanza.text("class", "") == "message":
            error = stanza.text("error") if "error" in stanza.attrs else None
            self._on_event(Acknowledged(stanza.text("id"), error))

    def _acknowledge(self, stanza: Node) -> None:
        """Acknowledge a stanza. Source: whatsmeow `receipt.go`, sendAck."""
        kind = stanza.attrs.get("type") if stanza.tag != "message" else None
        self._send(node("ack", {"class": stanza.tag, **_addressed(stanza), "type": kind}))

    def _send_message(self, to: Jid, message_id: str, plaintexts: dict[Jid, bytes]) -> None:
        participants, opening = [], False
        for jid, plaintext in plaintexts.items():
            session = self._session(jid).current
            if session is None:
                msg = f"there is no session with {jid}"
                raise ProtocolError(msg)
            encrypted = session.encrypt(self._keys, pad(plaintext))
            opening = opening or encrypted.kind == "pkmsg"
            enc = node("enc", {"v": "2", "type": encrypted.kind}, encrypted.data)
            participants.append(node("to", {"jid": jid}, [enc]))
        content = [node("participants", content=participants)]
        if opening:
            content.append(node("device-identity", content=self._identity))
        self._send(node("message", {"id": message_id, "type": "text", "to": to}, content))


def _addressed(stanza: Node) -> dict[str, AttributeValue | int | None]:
    """Return what receipts and acknowledgements repeat of a stanza."""
    attrs = stanza.attrs
    return {
        "id": stanza.text("id"),
        "to": attrs["from"],
        "participant": attrs.get("participant"),
        "recipient": attrs.get("recipient"),
    }


def _ignored(_answer: Node) -> None:
    """Take an answer that says nothing."""
