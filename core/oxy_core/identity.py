"""Identities that cross component borders: organizations, instances, accounts, chats, phones, ids."""

import hashlib
import re
from typing import Annotated, Final, Self
from uuid import UUID

import uuid_utils.compat
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_serializer, model_validator

SLUG_PATTERN: Final = r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$"
"""Names of organizations and instances: at most 40 characters, safe as a DNS label and as a bus token."""

OrganizationName = Annotated[str, StringConstraints(pattern=SLUG_PATTERN)]
"""``spec.organizationId`` of a WhatsAppInstance."""

InstanceName = Annotated[str, StringConstraints(pattern=SLUG_PATTERN)]
"""``metadata.name`` of a WhatsAppInstance."""

AccountKey = Annotated[str, StringConstraints(pattern=r"^A[A-Z2-7]{55}$")]
"""Public key of a tenant's NATS account: proves the sender of a bus message."""

PHONE_PATTERN: Final = r"^\+[1-9][0-9]{6,14}$"
"""A phone number in E.164 form."""

Phone = Annotated[str, StringConstraints(pattern=PHONE_PATTERN)]
"""A phone number in E.164 form."""

LID_PATTERN: Final = r"^[1-9][0-9]{4,19}@lid$"
"""A hidden address as people write it: without a device."""

Lid = Annotated[str, StringConstraints(pattern=LID_PATTERN)]
"""A hidden address, which does not tell the phone number."""

OwnerAddress = Annotated[str, StringConstraints(pattern=f"{PHONE_PATTERN}|{LID_PATTERN}")]
"""An owner, by number or by hidden address."""

PersonDigest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""What `person_digest` returns."""

NumberDigest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{24}$")]
"""What `number_digest` returns."""

PHONE_SERVER: Final = "s.whatsapp.net"
"""Server part of a JID that names a phone number. Source: whatsmeow types/jid.go, DefaultUserServer."""

LID_SERVER: Final = "lid"
"""Server part of a JID that hides the phone number. Source: whatsmeow types/jid.go, HiddenUserServer."""

_MAX_PART: Final = 64
"""Longest user or server part of a JID in characters; WhatsApp's own have up to 20."""

_JID: Final = re.compile(r"(?P<user>[^@:.]+)(?:\.\d+)?(?::(?P<device>\d{1,5}))?@(?P<server>[a-z0-9.-]+)")

_SHOWN: Final = 4
"""How many of its last digits a masked number shows."""

_PART: Final = 3
"""How many digits more it shows where its last digits do not tell it from another."""

_BRAZILIAN_MOBILE: Final = re.compile(r"(?P<area>\+55\d\d)9(?P<number>[6-9]\d{7})")


class Jid(BaseModel):
    """A WhatsApp address; on the wire the string ``user[:device]@server``."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    user: Annotated[str, StringConstraints(min_length=1, max_length=_MAX_PART)]
    server: Annotated[str, StringConstraints(min_length=1, max_length=_MAX_PART)]
    device: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        """Accept the wire form; raise ValueError for text that is not a JID."""
        if not isinstance(value, str):
            return value
        match = _JID.fullmatch(value)
        if match is None:
            message = "not a JID: expected user@server"
            raise ValueError(message)
        return {"user": match["user"], "server": match["server"], "device": int(match["device"] or 0)}

    @model_serializer
    def _to_text(self) -> str:
        return str(self)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``user[:device]@server``; raises pydantic.ValidationError."""
        return cls.model_validate(text)

    @classmethod
    def of_phone(cls, phone: str) -> Self:
        """Return the JID of an E.164 phone number."""
        return cls(user=phone.removeprefix("+"), server=PHONE_SERVER)

    @property
    def bare(self) -> Self:
        """The same address without its device."""
        return self if self.device == 0 else self.model_copy(update={"device": 0})

    @property
    def phone(self) -> str | None:
        """The E.164 phone number, or None if the address hides it."""
        return f"+{self.user}" if self.server == PHONE_SERVER else None

    @property
    def is_lid(self) -> bool:
        """Whether the address hides the phone number."""
        return self.server == LID_SERVER

    def __str__(self) -> str:
        device = f":{self.device}" if self.device else ""
        return f"{self.user}{device}@{self.server}"


def phone_key(phone: str) -> str:
    """Return one form for all E.164 numbers that reach the same WhatsApp account.

    WhatsApp knows many Brazilian mobiles without the ninth digit, the leading 9 with which they are dialled. It was
    added to the numbers that began with 6 to 9.

    >>> phone_key("+5511987651111") == phone_key("+551187651111")
    True
    """
    match = _BRAZILIAN_MOBILE.fullmatch(phone)
    return f"{match['area']}{match['number']}" if match else phone


def same_phone(one: str, other: str) -> bool:
    """Whether two E.164 numbers reach one WhatsApp account."""
    return phone_key(one) == phone_key(other)


def number_digest(phone: str) -> str:
    """Return the digest of a number for names, annotations and manifests; the same for all forms of the number.

    It tells numbers apart without showing them. It does not hide them: they are few enough to be tried one by one.
    """
    return hashlib.sha256(phone_key(phone).encode()).hexdigest()[:24]


def person_digest(salt: UUID, address: Jid) -> str:
    """Return what tells a person by an address without naming it: SHA-256, in hex, the same for spellings of a number.

    Numbers are few enough to be tried one by one, so a digest is kept no longer than it is needed.
    The SQL function `person_digest` computes the same.
    """
    phone = address.phone
    told = str(address.bare) if phone is None else str(Jid.of_phone(phone_key(phone)))
    return hashlib.sha256(salt.bytes + told.encode()).hexdigest()


def mask(text: str) -> str:
    """Return a phone number or JID with all but its last four digits hidden, safe for logs."""
    user, at, server = text.partition("@")
    return f"…{user[-_SHOWN:]}{at}{server}"


def tell_apart(one: str, other: str) -> tuple[str, str]:
    """Return two different phone numbers masked, and still different: with the first digits in which they differ.

    >>> tell_apart("+5511900000001", "+5521911112222")
    ('…0001', '…2222')
    >>> tell_apart("+5511900000001", "+5511911110001")
    ('…000…0001', '…111…0001')
    """
    if one[-_SHOWN:] != other[-_SHOWN:]:
        return mask(one), mask(other)
    differs = next((place for place, pair in enumerate(zip(one, other, strict=False)) if len(set(pair)) > 1), 0)
    return _with_part(one, differs), _with_part(other, differs)


def _with_part(text: str, start: int) -> str:
    return f"…{text[start : start + _PART]}{mask(text)}"


def new_id() -> UUID:
    """Return a UUIDv7: unique, and in order of creation within a process (RFC 9562)."""
    return uuid_utils.compat.uuid7()
