"""What an error of ``SendMessage()`` means for the message. Pure."""

import re
from collections.abc import Mapping
from typing import Final

from oxy_core.identity import mask
from oxy_tenant.links.errors import (
    LinkError,
    LinkUnavailableError,
    RateLimitedError,
    ReachOutLockedError,
    RefusalReason,
    SendDeferredError,
    SendRefusedError,
    SendUnconfirmedError,
)

_LONG_NUMBER: Final = re.compile(r"\d{6,}")
"""Phone numbers and LIDs in the library's errors; masked, because errors are logged and reported."""

_BY_SERVER: Final = re.compile(r"server returned error (\d+)\b")

_RATE_LIMITED: Final = 429
_REACH_OUT_LOCKED: Final = 463
_SERVER_ERRORS: Final = range(500, 600)

RATE_LIMIT_SECONDS: Final = 10.0
"""Shortest pause after a rate limit. WhatsApp tells no time; the sender's own pauses double up to minutes."""

SERVER_ERROR_SECONDS: Final = 5.0
"""Pause after an error of WhatsApp's own."""

_REASONS: Final[Mapping[int, RefusalReason]] = {
    400: RefusalReason.INVALID,
    401: RefusalReason.FORBIDDEN,
    403: RefusalReason.FORBIDDEN,
    404: RefusalReason.NOT_ON_WHATSAPP,
    405: RefusalReason.INVALID,
    406: RefusalReason.INVALID,
    479: RefusalReason.INVALID,
}
"""By the server's code. Source: whatsmeow errors.go (iq errors); 479: a stanza that fails WhatsApp's validation."""

_REFUSED: Final[Mapping[str, RefusalReason]] = {
    "no LID found": RefusalReason.NOT_ON_WHATSAPP,
    "can't send": RefusalReason.INVALID,
    "unknown server": RefusalReason.INVALID,
}

_BEFORE_SENDING: Final = (
    "the store doesn't contain a device JID",
    "failed to get",
    "failed to fetch",
    "failed to prefetch",
    "failed to marshal",
    "failed to send message node: websocket not connected",
)


def send_error(error: str) -> LinkError:
    """Return the exception for an error message, judged by its first words.

    Source: whatsmeow send.go. The device list, sessions and encryption come before the message's frame is written, so
    errors there mean that nothing was sent, and so does a missing socket. Once the frame is written, a message without
    an answer may or may not have arrived.
    """
    error = _LONG_NUMBER.sub(lambda number: mask(number[0]), error)
    if (refused := _BY_SERVER.match(error)) is not None:
        return _refusal(int(refused[1]), error)
    for beginning, reason in _REFUSED.items():
        if error.startswith(beginning):
            return SendRefusedError(error, reason=reason)
    if error.startswith(_BEFORE_SENDING):
        return LinkUnavailableError(error)
    return SendUnconfirmedError(error)


def _refusal(code: int, error: str) -> LinkError:
    """Return what the server's code means. Rate limits, the reach-out lock and the server's own errors pass."""
    if code == _REACH_OUT_LOCKED:
        return ReachOutLockedError(error)
    if code == _RATE_LIMITED:
        return RateLimitedError(error, retry_after=RATE_LIMIT_SECONDS)
    if code in _SERVER_ERRORS:
        return SendDeferredError(error, retry_after=SERVER_ERROR_SECONDS)
    return SendRefusedError(error, reason=_REASONS.get(code, RefusalReason.OTHER))
