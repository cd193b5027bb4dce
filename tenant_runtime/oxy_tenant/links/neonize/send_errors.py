"""What an error of ``SendMessage()`` means for the message. Pure."""

import re
from typing import Final

from oxy_core.identity import mask
from oxy_tenant.links.errors import LinkError, LinkUnavailableError, SendRefusedError, SendUnconfirmedError

_LONG_NUMBER: Final = re.compile(r"\d{6,}")
"""Phone numbers and LIDs in errors of the library: they are hidden, since errors are logged and reported."""

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
    """Return the class of an error, by how it begins.

    Source: whatsmeow send.go. Preparing (device list, sessions, encryption) comes before the message's frame is
    written, so those errors mean that nothing was sent; so does having no socket when it would be written. A message
    whose frame was written and not answered may or may not have arrived.
    """
    error = _LONG_NUMBER.sub(lambda number: mask(number[0]), error)
    if error.startswith(_REFUSED):
        return SendRefusedError(error)
    if error.startswith(_BEFORE_SENDING):
        return LinkUnavailableError(error)
    return SendUnconfirmedError(error)
