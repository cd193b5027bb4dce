"""The media servers' HTTP side: uploads and downloads, on the connections that the proxy hands over.

Paths, parameters and answers follow whatsmeow upload.go (rawUpload) and download.go.
"""

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator
from typing import Final

import structlog
from aiohttp import web

from oxy_simulator.ledger import mark
from oxy_simulator.media import CHUNK, MEDIA_PATH, UPLOAD_LIMITS, MediaFile
from oxy_simulator.mediadesk import Authorisation, MediaFaultKind, MediaRule
from oxy_simulator.medialibrary import MediaLibrary, TooLargeError, Upload
from oxy_simulator.network import Network

_HOST: Final = "mmg.whatsapp.net"  # Baileys `src/Utils/messages-media.ts`, DEF_MEDIA_HOST
_OCTETS: Final = "application/octet-stream"

log = structlog.get_logger(__name__)


class MediaEndpoint:
    """Serves uploads and downloads."""

    def __init__(self, network: Network, library: MediaLibrary) -> None:
        self._network = network
        self._library = library

    @property
    def routes(self) -> list[web.RouteDef]:
        """What to add to the application that clients reach."""
        return [
            web.post("/mms/{kind}/{token}", self._upload),
            web.get(MEDIA_PATH + "/{id}", self._download),
        ]

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        kind = request.match_info["kind"]
        authorisation = self._network.media.authorisations.get(request.query.get("auth", ""))
        if authorisation is None:
            return self._refuse(None, 401, "media-auth", f"an upload of kind {kind!r} without a known auth")
        if kind not in UPLOAD_LIMITS:
            return self._refuse(authorisation.phone, 400, "media-kind", f"there are no uploads of kind {kind!r}")
        if refusal := self._refusal(request, authorisation):
            return web.json_response({"error": "the upload is refused"}, status=refusal)
        try:
            upload = await self._library.receive(request.content.iter_chunked(CHUNK), UPLOAD_LIMITS[kind])
        except TooLargeError as error:
            return web.json_response({"error": str(error)}, status=413)
        return self._take(request, authorisation.phone, upload)

    def _refusal(self, request: web.Request, authorisation: Authorisation) -> int:
        """Return the status that an upload is refused with before it is read, or 0."""
        if authorisation.expires_at <= self._network.clock():
            return 401
        if (request.content_length or 0) > UPLOAD_LIMITS[request.match_info["kind"]]:
            return 413
        rule = self._network.media.take(MediaFaultKind.UPLOAD_REFUSED)
        return rule.status if rule is not None else 0

    def _take(self, request: web.Request, phone: str, upload: Upload) -> web.Response:
        token, kind = request.match_info["token"], request.match_info["kind"]
        if _from_base64(token) != upload.sha256 or request.query.get("token") != token:
            self._library.discard(upload)
            return self._refuse(phone, 400, "media-hash", "the token of an upload is not the hash of its bytes")
        file = self._library.keep(upload, kind)
        log.info("media_uploaded", kind=kind, bytes=upload.size)
        if self._network.media.take(MediaFaultKind.UPLOAD_CUT) is not None and request.transport is not None:
            request.transport.abort()
        url = f"https://{_HOST}{file.direct_path}"
        return web.json_response({"url": url, "direct_path": file.direct_path, "handle": "", "object_id": ""})

    def _refuse(self, phone: str | None, status: int, rule: str, detail: str) -> web.Response:
        account = self._network.state.accounts.get(phone or "")
        connection = next(self._network.connections_of(account), None) if account else None
        self._network.violation(connection, rule, detail)
        return web.json_response({"error": detail}, status=status)

    async def _download(self, request: web.Request) -> web.StreamResponse:
        file = self._network.state.media.get(request.match_info["id"])
        if file is None or request.query.get("oh") != file.signature:
            return web.Response(status=404 if file is None else 403)
        wanted = request.query.get("hash")
        if wanted is not None and _from_base64(wanted) != file.sha256:
            return self._refuse(None, 404, "media-hash", f"a download of {file.id} asks for another hash")
        if request.method == "HEAD":  # asks for the size alone: the faults are for downloads
            return web.FileResponse(self._library.path_of(file)) if not file.gone else web.Response(status=file.gone)
        rule = self._network.media.take(
            MediaFaultKind.EXPIRED, MediaFaultKind.DAMAGED, MediaFaultKind.SLOW, MediaFaultKind.CUT
        )
        if rule is not None and rule.kind is MediaFaultKind.EXPIRED:
            file.gone = rule.status
            self._network.changed()
        if file.gone:
            return web.Response(status=file.gone)
        if rule is not None:
            return await self._impaired(request, file, rule)
        self._mark_downloaded(file)
        return web.FileResponse(self._library.path_of(file), headers={"Content-Type": _OCTETS})

    async def _impaired(self, request: web.Request, file: MediaFile, rule: MediaRule) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": _OCTETS, "Content-Length": str(file.size)})
        await response.prepare(request)
        sent = 0
        async for chunk in self._read(file, rule):
            await response.write(chunk)
            sent += len(chunk)
            if rule.kind is MediaFaultKind.CUT and request.transport is not None:
                request.transport.abort()
                break
        await response.write_eof()
        if sent == file.size:
            self._mark_downloaded(file)
        return response

    async def _read(self, file: MediaFile, rule: MediaRule) -> AsyncIterator[bytes]:
        with self._library.path_of(file).open("rb") as source:
            if rule.kind is MediaFaultKind.CUT:
                yield source.read(file.size // 2)
                return
            if rule.kind is MediaFaultKind.DAMAGED:
                yield bytes((source.read(1)[0] ^ 0xFF,))
            while chunk := source.read(rule.rate if rule.kind is MediaFaultKind.SLOW else CHUNK):
                yield chunk
                if rule.kind is MediaFaultKind.SLOW:
                    await asyncio.sleep(1.0)

    def _mark_downloaded(self, file: MediaFile) -> None:
        for key in self._network.media.lines.pop(file.direct_path, ()):
            mark(self._network.state.ledger.find(key), "downloaded", self._network.clock())


def _from_base64(text: str) -> bytes:
    """Read a token. whatsmeow (`upload.go`) fills it up with `=`, Baileys (`src/Utils/messages-media.ts`) does not."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
