"""What an error of ``SendMessage()`` means for the message. Pure."""

import re
from typing import Final

from oxy_core.identity import mask
from oxy_tenant.links.errors import (
    LinkError,
    LinkUnavailableError,
    SendDeferredError,
    SendRefusedError,
    SendUnconfirmedError,
)

_LONG_NUMBER: Final = re.compile(r"\d{6,}")
"""Phone numbers and LIDs in the library's errors; masked, because errors are logged and reported."""

_DEFERRED: Final = re.compile(r"server returned error (?:429|463|5\d\d)\b")
"""Refusals that pass: the rate limit, the limit on writing first to strangers ("reach-out lock"), the server's own
errors."""

_REFUSED: Final = ("server returned error", "no LID found", "can't send", "unknown server")

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
    if _DEFERRED.match(error):
        return SendDeferredError(error)
    if error.startswith(_REFUSED):
        return SendRefusedError(error)
    if error.startswith(_BEFORE_SENDING):
        return LinkUnavailableError(error)
    return SendUnconfirmedError(error)
