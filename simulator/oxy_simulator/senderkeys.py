"""Sender keys: one ciphertext for everyone in a group, read with a key that each got pairwise.

Source: libsignal's version 3 group messages (SenderKeyMessage, SenderKeyDistributionMessage; key
derivation label "WhisperGroup").
"""

import secrets
from dataclasses import dataclass, field
from typing import ClassVar, Final

from google.protobuf.message import DecodeError
from pydantic import ConfigDict

from oxy_simulator import curve
from oxy_simulator.curve import DJB_TYPE, SIGNATURE_SIZE, KeyPair
from oxy_simulator.errors import DecryptionError, DuplicateCiphertextError
from oxy_simulator.kdf import cbc_decrypt, cbc_encrypt, hkdf, hmac_sha256
from oxy_simulator.proto.signal_pb2 import SenderKeyDistributionMessage, SenderKeyMessage
from oxy_simulator.signal import MAX_SKIPPED, VERSION, pad, unpad
from oxy_simulator.stored import STORED, StoredKeyPair

_KEY_ID_BITS: Final = 31  # the simulator's own: positive numbers of libsignal's GenerateSenderKeyID, which has 32 bits
_IV_SIZE: Final = 16  # bytes; libsignal `groups/ratchet/SenderMessageKey.go`


@dataclass(slots=True)
class SenderKey:
    """A phone's own key of one group, and the devices that have it already."""

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    id: int = field(default_factory=lambda: secrets.randbits(_KEY_ID_BITS))
    iteration: int = 0
    chain_key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    signing: StoredKeyPair = field(default_factory=KeyPair.generate)
    holders: set[str] = field(default_factory=set)

    def distribution(self) -> bytes:
        """Return the message that lets others read from here on."""
        message = SenderKeyDistributionMessage(
            id=self.id, iteration=self.iteration, chain_key=self.chain_key, signing_key=self.signing.serialized
        )
        return VERSION + message.SerializeToString()

    def encrypt(self, plaintext: bytes) -> bytes:
        """Encrypt and sign the next message."""
        iv, cipher = _message_keys(self.chain_key)
        ciphertext = cbc_encrypt(cipher, iv, pad(plaintext))
        message = SenderKeyMessage(id=self.id, iteration=self.iteration, ciphertext=ciphertext)
        self.chain_key, self.iteration = _next_chain(self.chain_key), self.iteration + 1
        body = VERSION + message.SerializeToString()
        return body + self.signing.sign(body)


@dataclass(slots=True)
class ReceivedSenderKey:
    """Someone else's key of one group, with the keys of messages skipped in its chain."""

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    id: int
    iteration: int
    chain_key: bytes
    signing_key: bytes
    skipped: dict[int, bytes] = field(default_factory=dict)

    @classmethod
    def read(cls, data: bytes) -> "ReceivedSenderKey":
        """Read a distribution message; raise DecryptionError if it is malformed."""
        try:
            message = SenderKeyDistributionMessage.FromString(data[1:])
        except DecodeError as error:
            msg = "a sender key distribution message cannot be parsed"
            raise DecryptionError(msg) from error
        if data[:1] != VERSION or message.signing_key[:1] != DJB_TYPE:
            msg = "a sender key distribution message is malformed"
            raise DecryptionError(msg)
        return cls(message.id, message.iteration, message.chain_key, message.signing_key[1:])

    def decrypt(self, data: bytes) -> bytes:
        """Check and decrypt a message; raise DecryptionError and change nothing if that fails."""
        body, signature = data[:-SIGNATURE_SIZE], data[-SIGNATURE_SIZE:]
        try:
            message = SenderKeyMessage.FromString(body[1:])
        except DecodeError as error:
            msg = "a group message cannot be parsed"
            raise DecryptionError(msg) from error
        if message.id != self.id or not curve.verify(self.signing_key, body, signature):
            msg = "a group message has another sender key, or its signature is wrong"
            raise DecryptionError(msg)
        chain_key, skipped = self._advance(message.iteration)
        iv, cipher = _message_keys(chain_key)
        plaintext = unpad(cbc_decrypt(cipher, iv, message.ciphertext))
        self.skipped = {iteration: key for iteration, key in skipped.items() if iteration != message.iteration}
        if message.iteration >= self.iteration:
            self.iteration, self.chain_key = message.iteration + 1, _next_chain(chain_key)
        return plaintext

    def _advance(self, iteration: int) -> tuple[bytes, dict[int, bytes]]:
        """Return the chain key of an iteration, and the keys skipped on the way."""
        if iteration < self.iteration:
            if iteration not in self.skipped:
                msg = f"group message {iteration} was read before (old counter)"
                raise DuplicateCiphertextError(msg)
            return self.skipped[iteration], self.skipped
        if iteration - self.iteration > MAX_SKIPPED:
            msg = f"{iteration - self.iteration} group messages are missing, more than {MAX_SKIPPED}"
            raise DecryptionError(msg)
        chain_key, skipped = self.chain_key, dict(self.skipped)
        for missing in range(self.iteration, iteration):
            skipped[missing] = chain_key
            chain_key = _next_chain(chain_key)
        return chain_key, skipped


def _message_keys(chain_key: bytes) -> tuple[bytes, bytes]:
    material = hkdf(hmac_sha256(chain_key, b"\1"), None, b"WhisperGroup", 48)
    return material[:_IV_SIZE], material[_IV_SIZE:]


def _next_chain(chain_key: bytes) -> bytes:
    return hmac_sha256(chain_key, b"\2")
