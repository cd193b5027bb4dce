"""Accounts with their phone and linked devices: the state that the server and phones keep."""

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar, Final, Literal

from pydantic import ConfigDict

from oxy_simulator.appstate import AppState
from oxy_simulator.chats import ChatLog, MediaFacts
from oxy_simulator.contents import AnyContent
from oxy_simulator.errors import PairingError
from oxy_simulator.jid import LID_SERVER, PHONE_SERVER, Jid
from oxy_simulator.logins import DeviceDescription
from oxy_simulator.node import Node
from oxy_simulator.senderkeys import ReceivedSenderKey, SenderKey
from oxy_simulator.signal import PhoneKeys, PreKeyBundle, SessionRecord
from oxy_simulator.stored import STORED, StoredNode
from oxy_simulator.tables import History, Table

Addressing = Literal["lid", "pn"]
SharedHistory = Literal["none", "recent", "full"]

PHONE_DEVICE: Final = 0  # whatsmeow `types/jid.go`, JID.String: addresses of device 0 do not name it
MAX_LINKED_DEVICES: Final = 4  # what WhatsApp allows per account
KEPT_SENT_MESSAGES: Final = 2000  # the simulator's own; whatsmeow keeps 256 (`retry.go`, recentMessagesSize)

_LAST_DEVICE_ID: Final = 99  # the simulator's own: ids are not reused soon, and stay in two digits
_LID_BASE: Final = 10**14  # the simulator's own: fifteen digits, as many as real LIDs often have
_LID_HEX_DIGITS: Final = 11
_REMEMBERED: Final = 1 << 15


@dataclass(frozen=True, slots=True)
class SignedPreKey:
    """A companion's signed prekey as it uploaded it."""

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    id: int
    public: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class PreKey:
    """A companion's one-time prekey."""

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    id: int
    public: bytes


@dataclass(slots=True)
class MailItem:
    """A stanza that a device has not acknowledged yet, kept with its ciphertext; not sent while a fault holds it."""

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    stanza: StoredNode
    line: str | None = None
    held: bool = False


@dataclass(slots=True)
class Device:
    """A linked device (companion) of an account."""

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    id: int
    noise_key: bytes
    identity: bytes
    registration_id: int
    signed_prekey: SignedPreKey
    platform: str = ""
    prekeys: list[PreKey] = field(default_factory=list)
    mailbox: Table[str, MailItem] = field(default_factory=Table)
    app_state_shared: bool = False
    described: DeviceDescription = field(default_factory=DeviceDescription)

    def sendable(self) -> list[str]:
        """Return the keys of the mail that no fault holds, in order."""
        return [key for key, item in self.mailbox.items() if not item.held]

    def take_bundle(self) -> PreKeyBundle:
        """Take a bundle with the oldest one-time prekey, or without one if none is left."""
        prekey = self.prekeys.pop(0) if self.prekeys else None
        return PreKeyBundle(
            self.registration_id,
            self.identity,
            self.signed_prekey.id,
            self.signed_prekey.public,
            prekey.id if prekey else None,
            prekey.public if prekey else None,
        )


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """A message as it came to a phone; times in Unix seconds, phones as digits.

    `content` is None for a plain text, and for what could not be understood. What became of the
    message since (edits, reactions, votes) is in the account's `chats`.
    """

    number: int
    id: str
    chat: str
    sender: str
    from_me: bool
    kind: str
    text: str
    at: float
    quoted_id: str | None = None
    duplicate: bool = False
    content: AnyContent | None = None

    @property
    def target_id(self) -> str | None:
        """The id of the message that this one is about (reaction, edit, vote, ...), if there is one."""
        return getattr(self.content, "target", None)


@dataclass(slots=True)
class Profile:
    """What others may see of an account, and whom it blocked (by number); times in Unix seconds.

    `disappearing` is how long messages in new chats live, in seconds; 0 is for ever.
    """

    about: str = "Hey there! I am using WhatsApp."
    about_at: int = 0
    picture_id: str | None = None
    privacy: dict[str, str] = field(default_factory=dict)
    blocked: list[str] = field(default_factory=list)
    disappearing: int = 0
    disappearing_at: int = 0


@dataclass(slots=True)
class SentMessage:
    """A message that a phone sent to a device, kept so that it can be encrypted again.

    The header is an encoded stanza without content: there are many of these and they are saved often.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    header: bytes
    plaintext: bytes
    line: str | None = None
    retries: int = 0


@dataclass(slots=True)
class Account:
    """An account: its phone (device 0) and its linked devices."""

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    phone: str
    name: str
    addressing: Addressing = "lid"
    sends_read_receipts: bool = False
    keys: PhoneKeys = field(default_factory=PhoneKeys.generate)
    app_state: AppState = field(default_factory=AppState)
    devices: Table[int, Device] = field(default_factory=Table)
    last_device_id: int = 0
    sessions: Table[str, SessionRecord] = field(default_factory=Table)
    inbox: History[InboxMessage] = field(default_factory=History)
    seen: set[str] = field(default_factory=set)
    sent: Table[str, SentMessage] = field(default_factory=Table)
    chat_states: dict[str, str] = field(default_factory=dict)
    profile: Profile = field(default_factory=Profile)
    contacts: set[str] = field(default_factory=set)
    out_of_prekeys: bool = False
    available: bool = False
    last_seen: int = 0
    shares_history: SharedHistory = "none"
    sender_keys: dict[str, SenderKey] = field(default_factory=dict)
    received_keys: dict[str, ReceivedSenderKey] = field(default_factory=dict)
    chats: ChatLog = field(default_factory=ChatLog)
    files: dict[str, MediaFacts] = field(default_factory=dict)

    @property
    def lid_user(self) -> str:
        """The user part of the account's LID, derived from its number."""
        return _lid_user(self.phone)

    @property
    def lid(self) -> Jid:
        """The account's hidden identity."""
        return _address(_lid_user(self.phone), LID_SERVER, PHONE_DEVICE)

    @property
    def pn(self) -> Jid:
        """The account's address by phone number."""
        return _address(self.phone, PHONE_SERVER, PHONE_DEVICE)

    def device_lid(self, device: int) -> Jid:
        """Return the LID of one device."""
        return _address(_lid_user(self.phone), LID_SERVER, device)

    def device_pn(self, device: int) -> Jid:
        """Return the phone-number address of one device."""
        return _address(self.phone, PHONE_SERVER, device)

    def session(self, address: str) -> SessionRecord:
        """Return the phone's sessions with one device, by its LID."""
        return self.sessions.setdefault(address, SessionRecord())

    def next_device_id(self) -> int:
        """Reserve an id for a new device; raise PairingError if too many are linked."""
        if len(self.devices) >= MAX_LINKED_DEVICES:
            msg = f"{self.phone} already has {MAX_LINKED_DEVICES} linked devices; unlink one first"
            raise PairingError(msg)
        self.last_device_id = self.last_device_id % _LAST_DEVICE_ID + 1
        while self.last_device_id in self.devices:
            self.last_device_id = self.last_device_id % _LAST_DEVICE_ID + 1
        return self.last_device_id

    def remember_sent(self, key: str, message: SentMessage) -> None:
        """Keep a sent message for re-encryption, forgetting the oldest beyond the limit."""
        self.sent[key] = message
        if len(self.sent) > KEPT_SENT_MESSAGES:
            del self.sent[next(iter(self.sent))]


@lru_cache(_REMEMBERED)
def _lid_user(phone: str) -> str:
    digest = hashlib.sha256(phone.encode()).hexdigest()
    return str(_LID_BASE + int(digest[:_LID_HEX_DIGITS], 16))


_address = lru_cache(_REMEMBERED)(Jid)


def inbox_identity(entry: InboxMessage) -> str:
    """Name a message by what makes it a repetition: chat, sender and id."""
    return f"{entry.chat}/{entry.sender}/{entry.id}"


def mail_key(stanza: Node, peer: str) -> str:
    """Name a stanza by what its acknowledgement repeats: tag, id, `peer` (from or to) and a receipt's type."""
    participant = stanza.attrs.get("participant", "")
    kind = f"/{stanza.attrs.get('type', '')}" if stanza.tag == "receipt" else ""
    return f"{stanza.tag}/{stanza.text('id')}/{stanza.text(peer)}/{participant}{kind}"
