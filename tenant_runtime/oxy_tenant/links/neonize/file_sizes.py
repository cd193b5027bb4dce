"""How large a file on WhatsApp's media servers is, asked before the library reads it into memory, whole.

Whoever sends a file claims its size; a stranger may claim one byte and send 2 GiB. The servers know better.
"""

import asyncio
import base64
import re
from typing import Final

import structlog

from oxy_core.instance.proxy_url import ProxyUrl
from oxy_tenant.content.media import MediaPointer
from oxy_tenant.links.neonize.tunnel import open_tunnel

_HOST: Final = "mmg.whatsapp.net"
"""Where every file is found by its path. Source: Baileys src/Utils/messages-media.ts, DEF_MEDIA_HOST."""

_HEAD: Final = (
    "HEAD {path} HTTP/1.1\r\n"
    f"Host: {_HOST}\r\n"
    "User-Agent: Go-http-client/1.1\r\n"
    "Origin: https://web.whatsapp.com\r\n"
    "Referer: https://web.whatsapp.com/\r\n"
    "Connection: close\r\n"
    "\r\n"
)
"""A request as the library's. Source: whatsmeow download.go, doMediaDownloadRequest."""

_PATH: Final = re.compile(r"[\x21-\x7e]+")
"""A sender chooses it: it must not end the line that it stands in."""

_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
_FOUND: Final = re.compile(rb"HTTP/1\.[01] 200\b")
"""No redirect is followed: a path that a stranger chose must not lead to another host."""

_SECONDS: Final = 10.0
"""Longest wait for the answer."""

OVERHEAD_BYTES: Final = 16 + 10
"""By how much encryption makes a file larger at most: padding and authentication. Source: whatsmeow download.go."""

log = structlog.get_logger()


async def stored_bytes(pointer: MediaPointer, proxy: ProxyUrl | None) -> int | None:
    """Return the size of an encrypted file; None if the servers do not say. Never raises."""
    token = base64.urlsafe_b64encode(pointer.encrypted_sha256).decode()
    path = f"{pointer.direct_path}{'&' if '?' in pointer.direct_path else '?'}hash={token}&mms-type=&__wa-mms="
    if not _PATH.fullmatch(path):
        return None
    try:
        async with asyncio.timeout(_SECONDS):
            answer = await _answer(_HEAD.format(path=path).encode(), proxy)
    except (OSError, EOFError, asyncio.LimitOverrunError) as error:
        log.debug("file_size_unknown", error=type(error).__name__)
        return None
    length = _LENGTH.search(answer) if _FOUND.match(answer) else None
    return None if length is None else int(length[1])


async def _answer(request: bytes, proxy: ProxyUrl | None) -> bytes:
    reader, writer = await open_tunnel(proxy, _HOST)
    try:
        writer.write(request)
        return await reader.readuntil(b"\r\n\r\n")
    finally:
        writer.transport.abort()
