"""Opens what is encrypted with the secret of the message that it is about: votes, answers to events, edits. Pure.

Source: whatsmeow msgsecret.go, generateMsgSecretKey and decryptMsgSecret.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Final, Literal

from nacl.bindings import crypto_aead_aes256gcm_decrypt
from nacl.exceptions import CryptoError

from oxy_core.content import Edit, EventAnswer, Notice, PlaceholderReason, Vote
from oxy_core.identity import Jid
from oxy_core.message_kinds import MessageKind
from oxy_core.message_limits import MAX_TEXT
from oxy_tenant.content.bounds import bounded_text, cleaned_text
from oxy_tenant.content.received import EditReader, IncomingMessage, SealedAnswer, SecretUse
from oxy_tenant.content.wire import wire_fields

IV_BYTES: Final = 12
"""Size of the initialisation vector of AES-GCM. Source: whatsmeow gcmutil.go."""

MOST_SEALED: Final = 1 << 20
"""Largest answer or edit in bytes that is opened; the longest text has a quarter of it. Votes have some hundred."""

MOST_GUESTS: Final = 1_000
"""More guests than this are none that somebody brings."""

_AUTHENTICATED: Final = frozenset({SecretUse.POLL_VOTE, SecretUse.EVENT_RESPONSE})
"""What is encrypted with additional data. Source: whatsmeow msgsecret.go, generateMsgSecretKey."""

Response = Literal["going", "not_going", "maybe"]

_RESPONSES: Final[Mapping[int, Response]] = {1: "going", 2: "not_going", 3: "maybe"}
"""Source: WAWebProtobufsE2E, EventResponseMessage.EventResponseType."""


@dataclass(frozen=True, slots=True)
class Answerable:
    """A poll or an event that can be answered, or a message that can be edited."""

    secret: bytes
    options: tuple[str, ...] = ()
    """Of a poll."""


def opened(message: IncomingMessage, answerable: Answerable) -> IncomingMessage:
    """Return a message with what its sealed answer says; unchanged if that cannot be opened."""
    sealed, details = message.sealed, message.details
    plain = None if sealed is None else unseal(sealed, answerable.secret)
    if plain is None:
        return message
    if isinstance(details, Edit):
        return _edited(message, sealed.read_edit, plain) if sealed is not None else message
    if isinstance(details, Vote):
        options = voted_options(plain, answerable.options)
        if options is None:
            return message
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


def _edited(message: IncomingMessage, read: EditReader | None, plain: bytes) -> IncomingMessage:
    found = None if read is None else read(plain)
    if found is None:
        return message
    text = cleaned_text(found[0])
    edited = replace(message, details=found[1], text=bounded_text(text) or None, sealed=None)
    if len(text) <= MAX_TEXT:
        return edited
    return replace(edited, original_length=len(text), placeholder_reason=PlaceholderReason.TOO_LARGE)


def left_sealed(message: IncomingMessage) -> IncomingMessage:
    """Return a message that could not be opened as what is known of it: of an edit, that there was one."""
    if message.sealed is None or not isinstance(message.details, Edit):
        return message
    # As an edit it would replace the text that it names by none.
    notice = Notice(name="sealed_edit", target=message.details.target)
    return replace(message, kind=MessageKind.NOTICE, details=notice, sealed=None)


def voted_options(vote: bytes, options: Iterable[str]) -> tuple[str, ...] | None:
    """Return the options that a vote (a waE2E ``PollVoteMessage``) names by their hashes, in the poll's order.

    None if it names one that is not known, such as one that was added later: without it the vote would be another one.
    """
    hashes = {value for field, value in wire_fields(vote) if field == 1 and isinstance(value, bytes)}
    known = {hashlib.sha256(option.encode()).digest(): option for option in options}
    return tuple(option for digest, option in known.items() if digest in hashes) if hashes <= known.keys() else None


def unseal(sealed: SealedAnswer, secret: bytes) -> bytes | None:
    """Decrypt an answer; None if nobody in the chat gave it to the message with this secret."""
    if len(sealed.iv) != IV_BYTES or len(sealed.ciphertext) > MOST_SEALED:
        return None
    # Which of their addresses the apps encrypt for is not said. The right pair alone opens it.
    for author, voter in product(sealed.parties, repeat=2):
        key = _key(sealed.use, secret, sealed.target_id, author, voter)
        extra = f"{sealed.target_id}\0{voter.bare}".encode() if sealed.use in _AUTHENTICATED else None
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
