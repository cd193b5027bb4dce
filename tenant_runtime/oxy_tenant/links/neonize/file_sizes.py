"""How large a file on WhatsApp's media servers is, asked before the library reads it into memory, whole.

Whoever sends a file claims its size; a stranger may claim one byte and send 2 GiB. The servers know better.
"""

import base64
import functools
from http.client import HTTPException, HTTPMessage
from typing import IO, Final
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

import structlog

from oxy_tenant.content.media import MediaPointer

_HOST: Final = "https://mmg.whatsapp.net"
"""Where every file is found by its path. Source: Baileys src/Utils/messages-media.ts, DEF_MEDIA_HOST."""

_HEADERS: Final = {"Origin": "https://web.whatsapp.com", "Referer": "https://web.whatsapp.com/"}
"""Source: whatsmeow download.go, doMediaDownloadRequest."""

_SECONDS: Final = 10.0
"""Longest wait for the answer."""

OVERHEAD_BYTES: Final = 16 + 10
"""By how much encryption makes a file larger at most: padding and authentication. Source: whatsmeow download.go."""

log = structlog.get_logger()


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(  # noqa: PLR0913, PLR0917 the base class has these
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Follow nothing: a path that a stranger chose must not lead to another host."""


@functools.cache
def _opener() -> OpenerDirector:
    """Return what uses HTTPS_PROXY and SSL_CERT_FILE, as the library does."""
    return build_opener(_NoRedirects)


def stored_bytes(pointer: MediaPointer) -> int | None:
    """Return the size of an encrypted file; None if the servers do not say. Blocks; never raises."""
    token = base64.urlsafe_b64encode(pointer.encrypted_sha256).decode()
    path = pointer.direct_path
    url = f"{_HOST}{path}{'&' if '?' in path else '?'}hash={token}&mms-type=&__wa-mms="
    request = Request(url, method="HEAD", headers=_HEADERS)  # noqa: S310 https, to one host
    try:
        with _opener().open(request, timeout=_SECONDS) as answer:
            length = answer.headers.get("Content-Length", "")
            return int(length) if length.isdecimal() else None
    except (HTTPError, OSError, HTTPException, ValueError) as error:
        log.debug("file_size_unknown", error=type(error).__name__)
        return None
