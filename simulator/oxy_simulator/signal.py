"""Signal protocol version 3 between two devices: X3DH key agreement and the double ratchet.

The simulated phones use it; it holds no I/O and no clock. Sources: signal.org specifications
"X3DH" and "Double Ratchet", libsignal's version 3 wire format and key derivation labels.
"""

import hmac
import secrets
from dataclasses import dataclass, field
from typing import ClassVar, Final, NamedTuple

from google.protobuf.message import DecodeError
from pydantic import ConfigDict

from oxy_simulator.curve import DJB_TYPE, KEY_SIZE, KeyPair
from oxy_simulator.errors import DecryptionError, DuplicateCiphertextError
from oxy_simulator.kdf import cbc_decrypt, cbc_encrypt, hkdf, hmac_sha256
from oxy_simulator.proto.signal_pb2 import PreKeySignalMessage, SignalMessage
from oxy_simulator.stored import STORED, StoredKeyPair

VERSION: Final = b"\x33"
MAX_SKIPPED: Final = 2000  # libsignal `session/SessionCipher.go`, maxFutureMessages

_MAC_SIZE: Final = 8  # libsignal `protocol/SignalMessage.go`, MacLength
_KEPT_CHAINS: Final = 5  # libsignal `state/record/SessionState.go`, maxReceiverChains
_KEPT_SESSIONS: Final = 8  # libsignal keeps 40 (archivedStatesMaxLength); fewer, for thousands of phones' memory
_MAX_PADDING: Final = 15  # whatsmeow `message.go`, padMessage
_DISCONTINUITY: Final = b"\xff" * KEY_SIZE
_REGISTRATION_IDS: Final = 16380  # libsignal `state/store/IdentityKeyStore.go`, GetLocalRegistrationID


class Encrypted(NamedTuple):
    """A ciphertext and its type on the wire: `msg`, or `pkmsg` while a session is being opened."""

    kind: str
    data: bytes


@dataclass(frozen=True, slots=True)
class PreKeyBundle:
    """What someone needs to open a session with a device that may be offline."""

    registration_id: int
    identity: bytes
    signed_prekey_id: int
    signed_prekey: bytes
    prekey_id: int | None
    prekey: bytes | None


@dataclass(slots=True)
class PhoneKeys:
    """A phone's own keys: identity, signed prekey and the one-time prekeys it handed out."""

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    identity: StoredKeyPair
    registration_id: int
    signed_prekey: StoredKeyPair
    signed_prekey_id: int = 1
    one_time: dict[int, StoredKeyPair] = field(default_factory=dict)
    next_prekey_id: int = 1

    @classmethod
    def generate(cls) -> "PhoneKeys":
        """Make the keys of a new phone."""
        registration_id = 1 + secrets.randbelow(_REGISTRATION_IDS)
        return cls(KeyPair.generate(), registration_id, KeyPair.generate())

    @property
    def signed_prekey_signature(self) -> bytes:
        """The identity's signature over the signed prekey."""
        return self.identity.sign(self.signed_prekey.serialized)

    def issue_bundle(self, *, one_time: bool = True) -> PreKeyBundle:
        """Hand out a bundle with a fresh one-time prekey, or without one."""
        if not one_time:
            public = self.signed_prekey.public
            return PreKeyBundle(self.registration_id, self.identity.public, self.signed_prekey_id, public, None, None)
        prekey_id, self.next_prekey_id = self.next_prekey_id, self.next_prekey_id + 1
        pair = self.one_time[prekey_id] = KeyPair.generate()
        return PreKeyBundle(
            self.registration_id,
            self.identity.public,
            self.signed_prekey_id,
            self.signed_prekey.public,
            prekey_id,
            pair.public,
        )


@dataclass(slots=True)
class Chain:
    """A symmetric chain: its key and the counter of the next message."""

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    key: bytes
    index: int = 0

    def step(self) -> "MessageKeys":
        """Return the keys of the next message and move on."""
        material = hkdf(hmac_sha256(self.key, b"\1"), None, b"WhisperMessageKeys", 80)
        self.key = hmac_sha256(self.key, b"\2")
        self.index += 1
        return MessageKeys(material[:32], material[32:64], material[64:])


@dataclass(frozen=True, slots=True)
class MessageKeys:
    """Keys of one message: AES-256-CBC, HMAC and initialisation vector."""

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    cipher: bytes
    mac: bytes
    iv: bytes


@dataclass(slots=True)
class ReceivingChain:
    """The chain of one of the other side's ratchet keys, with the keys of messages skipped in it."""

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    ratchet: bytes
    chain: Chain
    skipped: dict[int, MessageKeys] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PendingPreKey:
    """What every message repeats until the other side has answered in the session."""

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    prekey_id: int | None
    signed_prekey_id: int
    base_key: bytes


@dataclass(slots=True)
class Session:
    """One double-ratchet session. A failed decryption leaves it as it was.

    `answers` is the other side's new ratchet key, until our next message moves our own ratchet: who only reads makes
    no keys. Source: signal.org "Double Ratchet", deferring new ratchet key generation.

    A retired session is not used for sending until the other side moves its ratchet: its sending
    chain may have been rolled back, and a counter must never be used twice.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    remote_identity: bytes
    base_key: bytes
    root_key: bytes
    ratchet: StoredKeyPair
    sending: Chain
    receiving: list[ReceivingChain] = field(default_factory=list)
    previous_counter: int = 0
    pending: PendingPreKey | None = None
    retired: bool = False
    answers: bytes | None = None

    @classmethod
    def initiate(cls, keys: PhoneKeys, bundle: PreKeyBundle) -> "Session":
        """Open a session with the owner of a bundle."""
        base = KeyPair.generate()
        secret = _DISCONTINUITY + keys.identity.agree(bundle.signed_prekey)
        secret += base.agree(bundle.identity) + base.agree(bundle.signed_prekey)
        secret += base.agree(bundle.prekey) if bundle.prekey is not None else b""
        root, chain = _derive(secret)
        ratchet = KeyPair.generate()
        new_root, sending = _ratchet(root, ratchet, bundle.signed_prekey)
        return cls(
            remote_identity=bundle.identity,
            base_key=base.public,
            root_key=new_root,
            ratchet=ratchet,
            sending=sending,
            receiving=[ReceivingChain(bundle.signed_prekey, Chain(chain))],
            pending=PendingPreKey(bundle.prekey_id, bundle.signed_prekey_id, base.public),
        )

    @classmethod
    def respond(cls, keys: PhoneKeys, message: PreKeySignalMessage) -> "Session":
        """Accept a session that someone opened with a bundle of ours."""
        if message.signed_prekey_id != keys.signed_prekey_id:
            msg = f"the signed prekey {message.signed_prekey_id} is unknown"
            raise DecryptionError(msg)
        base, identity = _public(message.base_key), _public(message.identity_key)
        secret = _DISCONTINUITY + keys.signed_prekey.agree(identity)
        secret += keys.identity.agree(base) + keys.signed_prekey.agree(base)
        if message.HasField("prekey_id"):
            prekey = keys.one_time.get(message.prekey_id)
            if prekey is None:
                msg = f"the one-time prekey {message.prekey_id} is unknown or used"
                raise DecryptionError(msg)
            secret += prekey.agree(base)
        root, chain = _derive(secret)
        return cls(identity, base, root, keys.signed_prekey, Chain(chain))

    def encrypt(self, keys: PhoneKeys, plaintext: bytes) -> Encrypted:
        """Encrypt the next message."""
        if self.answers is not None:
            self._move_ratchet(self.answers)
        counter = self.sending.index
        message_keys = self.sending.step()
        body = (
            VERSION
            + SignalMessage(
                ratchet_key=self.ratchet.serialized,
                counter=counter,
                previous_counter=self.previous_counter,
                ciphertext=cbc_encrypt(message_keys.cipher, message_keys.iv, plaintext),
            ).SerializeToString()
        )
        identities = keys.identity.serialized + DJB_TYPE + self.remote_identity
        data = body + _mac(message_keys, identities, body)
        return Encrypted("msg", data) if self.pending is None else self._as_prekey_message(keys, data)

    def decrypt(self, keys: PhoneKeys, data: bytes) -> bytes:
        """Decrypt a message; raise DecryptionError and change nothing if that fails."""
        body, mac = data[:-_MAC_SIZE], data[-_MAC_SIZE:]
        message = _parse_message(body)
        step = self._find_step(_public(message.ratchet_key), message.counter)
        identities = DJB_TYPE + self.remote_identity + keys.identity.serialized
        if not hmac.compare_digest(_mac(step.keys, identities, body), mac):
            msg = "the message authentication code is wrong"
            raise DecryptionError(msg)
        plaintext = cbc_decrypt(step.keys.cipher, step.keys.iv, message.ciphertext)
        self._commit(step)
        return plaintext

    def _as_prekey_message(self, keys: PhoneKeys, data: bytes) -> Encrypted:
        pending = self.pending
        if pending is None:
            return Encrypted("msg", data)
        message = PreKeySignalMessage(
            prekey_id=pending.prekey_id,
            base_key=DJB_TYPE + pending.base_key,
            identity_key=keys.identity.serialized,
            message=data,
            registration_id=keys.registration_id,
            signed_prekey_id=pending.signed_prekey_id,
        )
        return Encrypted("pkmsg", VERSION + message.SerializeToString())

    def _find_step(self, ratchet: bytes, counter: int) -> "_Step":
        known = next((chain for chain in self.receiving if chain.ratchet == ratchet), None)
        if known is not None:
            return _Step(*_advance(known, counter))
        if self.answers is not None:
            msg = "the other side moved its ratchet twice without a message of ours between"
            raise DecryptionError(msg)
        root, chain = _ratchet(self.root_key, self.ratchet, ratchet)
        return _Step(*_advance(ReceivingChain(ratchet, chain), counter), root)

    def _commit(self, step: "_Step") -> None:
        others = [chain for chain in self.receiving if chain.ratchet != step.receiving.ratchet]
        self.receiving = [*others, step.receiving][-_KEPT_CHAINS:]
        if step.root_key is not None:
            self.root_key, self.answers = step.root_key, step.receiving.ratchet
            self.retired = False
        self.pending = None

    def _move_ratchet(self, theirs: bytes) -> None:
        """Begin a new sending chain, with a key of ours that answers theirs."""
        self.previous_counter = max(self.sending.index - 1, 0)
        self.ratchet, self.answers = KeyPair.generate(), None
        self.root_key, self.sending = _ratchet(self.root_key, self.ratchet, theirs)


class _Step(NamedTuple):
    """What a decryption will change once the message proved authentic."""

    receiving: ReceivingChain
    keys: MessageKeys
    root_key: bytes | None = None
    """The new root key if the other side moved its ratchet."""


@dataclass(slots=True)
class SessionRecord:
    """All sessions with one device, the current one first.

    Older ones stay readable: when both sides open a session at once, each may briefly write in
    the other's. A message in an older session makes that one current, as in libsignal.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    sessions: list[Session] = field(default_factory=list)

    @property
    def current(self) -> Session | None:
        """The session to encrypt with, if there is a usable one."""
        return self.sessions[0] if self.sessions and not self.sessions[0].retired else None

    def promote(self, session: Session) -> None:
        """Make a session the current one."""
        others = [other for other in self.sessions if other is not session]
        self.sessions = [session, *others][:_KEPT_SESSIONS]

    def retire(self) -> None:
        """Send nothing more in the present sessions, but keep reading in them."""
        for session in self.sessions:
            session.retired = True

    def decrypt(self, keys: PhoneKeys, kind: str, data: bytes) -> bytes:
        """Decrypt a `msg` or `pkmsg` and strip its padding; raise DecryptionError if none fits."""
        if kind == "pkmsg":
            return self._decrypt_prekey_message(keys, data)
        if kind == "msg":
            return unpad(self._decrypt_message(keys, data))
        msg = f"a phone cannot read an <enc> of type {kind!r}"
        raise DecryptionError(msg)

    def _decrypt_prekey_message(self, keys: PhoneKeys, data: bytes) -> bytes:
        message = _parse_prekey_message(data)
        base = _public(message.base_key)
        session = next((known for known in self.sessions if known.base_key == base), None)
        if session is None:
            session = Session.respond(keys, message)
        plaintext = unpad(session.decrypt(keys, message.message))
        keys.one_time.pop(message.prekey_id, None)
        self.promote(session)
        return plaintext

    def _decrypt_message(self, keys: PhoneKeys, data: bytes) -> bytes:
        failure: DecryptionError = DecryptionError("there is no session with this device")
        for session in list(self.sessions):
            try:
                plaintext = session.decrypt(keys, data)
            except DuplicateCiphertextError:
                raise
            except DecryptionError as error:
                failure = error
            else:
                self.promote(session)
                return plaintext
        raise failure


def pad(plaintext: bytes) -> bytes:
    """Add WhatsApp's padding of 1 to 15 bytes."""
    size = 1 + secrets.randbelow(_MAX_PADDING)
    return plaintext + bytes((size,)) * size


def unpad(padded: bytes) -> bytes:
    """Strip WhatsApp's padding; raise DecryptionError if it is malformed."""
    size = padded[-1] if padded else 0
    if not 0 < size <= len(padded) or padded[-size:] != bytes((size,)) * size:
        msg = "the message's padding is wrong"
        raise DecryptionError(msg)
    return padded[:-size]


def _derive(secret: bytes) -> tuple[bytes, bytes]:
    output = hkdf(secret, None, b"WhisperText", 2 * KEY_SIZE)
    return output[:KEY_SIZE], output[KEY_SIZE:]


def _ratchet(root: bytes, ours: KeyPair, theirs: bytes) -> tuple[bytes, Chain]:
    output = hkdf(ours.agree(theirs), root, b"WhisperRatchet", 2 * KEY_SIZE)
    return output[:KEY_SIZE], Chain(output[KEY_SIZE:])


def _advance(receiving: ReceivingChain, counter: int) -> tuple[ReceivingChain, MessageKeys]:
    """Return the chain after a counter, and its keys, leaving the given chain untouched."""
    chain, skipped = Chain(receiving.chain.key, receiving.chain.index), dict(receiving.skipped)
    if counter in skipped:
        keys = skipped.pop(counter)
        return ReceivingChain(receiving.ratchet, chain, skipped), keys
    if counter < chain.index:
        msg = f"message {counter} of this chain was read before (old counter)"
        raise DuplicateCiphertextError(msg)
    if counter - chain.index > MAX_SKIPPED:
        msg = f"{counter - chain.index} messages of this chain are missing, more than {MAX_SKIPPED}"
        raise DecryptionError(msg)
    while chain.index < counter:
        index = chain.index
        skipped[index] = chain.step()
    return ReceivingChain(receiving.ratchet, chain, skipped), chain.step()


def _mac(keys: MessageKeys, identities: bytes, body: bytes) -> bytes:
    return hmac_sha256(keys.mac, identities + body)[:_MAC_SIZE]


def _public(serialized: bytes) -> bytes:
    if len(serialized) != 1 + KEY_SIZE or serialized[:1] != DJB_TYPE:
        msg = "a public key in a Signal message is malformed"
        raise DecryptionError(msg)
    return serialized[1:]


def _parse_message(body: bytes) -> SignalMessage:
    _check_version(body)
    try:
        return SignalMessage.FromString(body[1:])
    except DecodeError as error:
        msg = "a Signal message cannot be parsed"
        raise DecryptionError(msg) from error


def _parse_prekey_message(data: bytes) -> PreKeySignalMessage:
    _check_version(data)
    try:
        return PreKeySignalMessage.FromString(data[1:])
    except DecodeError as error:
        msg = "a Signal prekey message cannot be parsed"
        raise DecryptionError(msg) from error


def _check_version(data: bytes) -> None:
    if data[:1] != VERSION:
        msg = f"Signal version byte {data[:1].hex() or 'missing'} instead of {VERSION.hex()}"
        raise DecryptionError(msg)
