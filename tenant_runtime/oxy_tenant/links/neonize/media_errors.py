"""What an error of ``DownloadMediaWithPath()`` and ``Upload()`` means for the file. Pure."""

import re
from typing import Final

from oxy_tenant.links.errors import (
    MediaCorruptError,
    MediaError,
    MediaExpiredError,
    MediaTooLargeError,
    MediaUnavailableError,
)

_EXPIRED: Final = re.compile(r"download failed with status code (?:403|404|410)\b")
"""WhatsApp's media servers no longer have a file, or no longer hand it out under this path."""

_TOO_LARGE: Final = re.compile(r"upload failed with status code 413\b")
"""WhatsApp's media servers take no file of this size and kind, however often it is sent."""

_CORRUPT: Final = (
    "doesn't match",
    "file too short",
    "invalid media hmac",
    "invalid checksum length",
    "failed to decrypt file",
    "path does not start with slash",
)
"""Parts of errors about what was announced or downloaded. Source: whatsmeow errors.go, download.go."""

_QUERY: Final = re.compile(r"(https?://[^?\s\"]+)\?[^\s\"]*")
"""A URL with its query, in which WhatsApp's media servers expect the authorisation."""


def media_error(error: str) -> MediaError:
    """Return the exception for an error message. What is not known may pass: it is tried again for some time.

    Errors are logged and reported, so URLs lose their query, which would authorise whoever reads it.
    """
    error = _QUERY.sub(r"\1", error)
    if _EXPIRED.search(error):
        return MediaExpiredError(error)
    if _TOO_LARGE.search(error):
        return MediaTooLargeError(error)
    if any(part in error for part in _CORRUPT):
        return MediaCorruptError(error)
    return MediaUnavailableError(error)
