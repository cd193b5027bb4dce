"""Bounds for what strangers choose: ids, names, texts, addresses, times. Pure, and nothing here raises.

The sender's client chooses the ids and the content of a message, and nobody checks them on the way. WhatsApp's
protobuf does not even promise UTF-8: a string that is not arrives as bytes. What is kept here fits the envelopes, is
valid UTF-8 without control characters (PostgreSQL cannot store NUL, and JSON takes six bytes for others), shows nothing
in another order than it is read, and is the same for the same input, so that a repeated id is still recognised as a
repeat.
"""

import hashlib
import re
from datetime import UTC, datetime
from typing import Final

from oxy_core.content import MAX_INTEGER, MAX_LINE
from oxy_core.identity import Jid
from oxy_core.message_limits import MAX_NAME, MAX_TEXT, MAX_WHATSAPP_ID

CUT: Final = "…"
"""Ends a text that was cut."""

SECRET_BYTES: Final = 32
"""Size of a message secret. Source: whatsmeow msgsecret.go."""

EARLIEST: Final = datetime(2009, 1, 1, tzinfo=UTC)
"""Nothing was sent on WhatsApp before."""

LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)

_MILLISECONDS: Final = 100_000_000_000
"""From here on a number of seconds would lie beyond the year 5138, and is one of milliseconds since 1973."""

_USER: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_SERVER: Final = re.compile(r"[a-z0-9.-]{1,64}")
_LARGEST_DEVICE: Final = 99_999

_NEWLINES: Final = re.compile(r"\r\n?|[\u2028\u2029\x85]")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control characters except tab and newline."""

_DIRECTIONS: Final = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Characters that change the direction of what follows, so that a text reads otherwise than it is stored."""

_TEXT_JID: Final = re.compile(r"(?P<user>[0-9A-Za-z_-]{1,64})(?::(?P<device>\d{1,5}))?@(?P<server>[a-z0-9.-]{1,64})")

StrangeText = str | bytes
"""A string from outside: bytes if it is not valid UTF-8."""


def cleaned_text(text: StrangeText) -> str:
    """Return a text without characters that cannot be shown or that show the others in a wrong order."""
    plain = _DIRECTIONS.sub("", _NEWLINES.sub("\n", _decoded(text)))
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", plain)


def bounded_text(text: StrangeText, limit: int = MAX_TEXT) -> str:
    """Return a clean text of at most `limit` characters, with `CUT` at the end if there were more."""
    clean = cleaned_text(text)
    return clean if len(clean) <= limit else clean[: limit - len(CUT)] + CUT


def bounded_line(text: StrangeText, limit: int = MAX_LINE) -> str | None:
    """Return a label or the like; None if there is none."""
    return bounded_text(text, limit).strip() or None


def bounded_count(number: float) -> int:
    """Return a size, a duration or a number of things; 0 instead of a negative one."""
    return int(min(max(number, 0), MAX_INTEGER))


def bounded_amount(number: int) -> int:
    """Return an amount of money."""
    return max(-MAX_INTEGER, min(number, MAX_INTEGER))


def bounded_name(name: StrangeText) -> str | None:
    """Return a push name; None if there is none, which WhatsApp shows as a hyphen."""
    return bounded_text(cleaned_text(name).strip("-").strip(), MAX_NAME) or None


def bounded_id(whatsapp_id: StrangeText) -> str:
    """Return a message id; one that is empty, too long or not printable is replaced by its hash."""
    if isinstance(whatsapp_id, str) and 0 < len(whatsapp_id) <= MAX_WHATSAPP_ID and whatsapp_id.isprintable():
        return whatsapp_id
    return f"sha256:{_digest(whatsapp_id)}"


def bounded_jid(user: StrangeText, server: StrangeText, device: int = 0) -> Jid:
    """Return an address; a part of it that no address on WhatsApp has is replaced by its hash."""
    return Jid(
        user=_part(user, _USER), server=_part(server, _SERVER), device=device if 0 <= device <= _LARGEST_DEVICE else 0
    )


def jid_in(text: StrangeText) -> Jid | None:
    """Read an address, without its device; None if it is none."""
    match = _TEXT_JID.fullmatch(text) if isinstance(text, str) else None
    return None if match is None else Jid(user=match["user"], server=match["server"])


def bounded_secret(secret: bytes) -> bytes | None:
    """Return a message secret; None for anything of another size."""
    return secret if len(secret) == SECRET_BYTES else None


def plausible_moment(timestamp: int) -> datetime | None:
    """Read milliseconds or seconds since 1970; None for a time at which nobody can have sent a message."""
    seconds = timestamp / 1000 if timestamp >= _MILLISECONDS else timestamp
    if not EARLIEST.timestamp() <= seconds < LATEST.timestamp():
        return None
    return datetime.fromtimestamp(seconds, UTC)


def escaped(text: StrangeText) -> str:
    """Return a string in which undecodable bytes are escaped as surrogates, so that `bounded_id` still sees them."""
    return text if isinstance(text, str) else text.decode(errors="surrogateescape")


def _decoded(text: StrangeText) -> str:
    return _encoded(text).decode(errors="replace")


def _encoded(text: StrangeText) -> bytes:
    """Return the bytes that arrived; undoes `escaped`."""
    if isinstance(text, bytes):
        return text
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return text.encode(errors="replace")


def _part(text: StrangeText, form: re.Pattern[str]) -> str:
    if isinstance(text, str) and form.fullmatch(text):
        return text
    return f"sha256-{_digest(text)[:40]}"


def _digest(text: StrangeText) -> str:
    return hashlib.sha256(_encoded(text)).hexdigest()
