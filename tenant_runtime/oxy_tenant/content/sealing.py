"""Opens answers that are encrypted with the secret of the message that they answer: votes, answers to events. Pure.

Source: whatsmeow msgsecret.go, generateMsgSecretKey and decryptMsgSecret.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Final, Literal

from nacl.bindings import crypto_aead_aes256gcm_decrypt
from nacl.exceptions import CryptoError

from oxy_core.content import EventAnswer, Vote
from oxy_core.identity import Jid
from oxy_tenant.content.received import IncomingMessage, SealedAnswer, SecretUse

IV_BYTES: Final = 12
"""Size of the initialisation vector of AES-GCM. Source: whatsmeow gcmutil.go."""

MOST_GUESTS: Final = 1_000
"""More guests than this are none that somebody brings."""

Response = Literal["going", "not_going", "maybe"]

_RESPONSES: Final[Mapping[int, Response]] = {1: "going", 2: "not_going", 3: "maybe"}
"""Source: WAWebProtobufsE2E, EventResponseMessage.EventResponseType."""


@dataclass(frozen=True, slots=True)
class Answerable:
    """A poll or an event that can be answered."""

    secret: bytes
    options: tuple[str, ...] = ()
    """Of a poll."""


def opened(message: IncomingMessage, answerable: Answerable) -> IncomingMessage:
    """Return a message with what its sealed answer says; unchanged if that cannot be opened."""
    sealed, details = message.sealed, message.details
    plain = None if sealed is None else unseal(sealed, answerable.secret)
    if plain is None:
        return message
    if isinstance(details, Vote):
        options = voted_options(plain, answerable.options)
        resolved = details.model_copy(update={"resolved": True, "options": options})
        return _replaced(message, resolved, ", ".join(options))
    if isinstance(details, EventAnswer):
        numbers = {field: value for field, value in wire_fields(plain) if isinstance(value, int)}
        guests = numbers.get(3, 0)
        answer = {"response": _RESPONSES.get(numbers.get(1, 0)), "extra_guests": min(guests, MOST_GUESTS) or None}
        return _replaced(message, details.model_copy(update=answer), None)
    return message


def _replaced(message: IncomingMessage, details: Vote | EventAnswer, text: str | None) -> IncomingMessage:
    return replace(message, details=details, text=text or None, sealed=None)


def voted_options(vote: bytes, options: Iterable[str]) -> tuple[str, ...]:
    """Return the options that a vote (a waE2E ``PollVoteMessage``) names by their hashes, in the poll's order."""
    hashes = {value for field, value in wire_fields(vote) if field == 1 and isinstance(value, bytes)}
    return tuple(option for option in options if hashlib.sha256(option.encode()).digest() in hashes)


def unseal(sealed: SealedAnswer, secret: bytes) -> bytes | None:
    """Decrypt an answer; None if nobody in the chat gave it to the message with this secret."""
    if len(sealed.iv) != IV_BYTES:
        return None
    # Which of their addresses the apps encrypt for is not said. The right pair alone opens it.
    for author, voter in product(sealed.parties, repeat=2):
        key = _key(sealed.use, secret, sealed.target_id, author, voter)
        extra = f"{sealed.target_id}\0{voter.bare}".encode()
        try:
            return crypto_aead_aes256gcm_decrypt(sealed.ciphertext, extra, sealed.iv, key)
        except (CryptoError, ValueError):
            continue
    return None


def _key(use: SecretUse, secret: bytes, target_id: str, author: Jid, voter: Jid) -> bytes:
    """Derive a key of 32 bytes by HKDF (RFC 5869) with SHA-256, no salt, and one block of output."""
    extracted = hmac.digest(bytes(32), secret, "sha256")
    info = f"{target_id}{author.bare}{voter.bare}{use.value}".encode()
    return hmac.digest(extracted, info + b"\x01", "sha256")


def wire_fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Read the varint and length-delimited fields of a protobuf message; stops at what it cannot read."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        value, at = _varint(data, at)
        if tag & 7 == 0:
            yield tag >> 3, value
        elif tag & 7 == 2:  # noqa: PLR2004 length-delimited
            yield tag >> 3, data[at : at + value]
            at += value
        else:
            return


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number and the place after it."""
    value, shift = 0, 0
    while at < len(data):
        byte, at = data[at], at + 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            break
    return value, at
