"""Bounds for what strangers choose: ids, names, texts, addresses, times. Pure, and nothing here raises.

The sender's client chooses the ids and the content of a message, and nobody checks them on the way. WhatsApp's
protobuf does not even promise UTF-8: a string that is not arrives as bytes. What is kept here fits the envelopes, is
valid UTF-8 without NUL (which PostgreSQL cannot store), and is the same for the same input, so that a repeated id is
still recognised as a repeat.
"""

import hashlib
import re
from datetime import UTC, datetime
from typing import Final

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

StrangeText = str | bytes
"""A string from outside: bytes if it is not valid UTF-8."""


def bounded_text(text: StrangeText, limit: int = MAX_TEXT) -> str:
    """Return at most `limit` characters, with `CUT` at the end if there were more."""
    clean = _decoded(text)
    return clean if len(clean) <= limit else clean[: limit - len(CUT)] + CUT


def bounded_name(name: StrangeText) -> str | None:
    """Return a push name; None if there is none, which WhatsApp shows as a hyphen."""
    return bounded_text(_decoded(name).strip("-"), MAX_NAME) or None


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
    return _encoded(text).decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


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
