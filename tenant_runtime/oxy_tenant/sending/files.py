"""Fetches the files that are to be sent from the platform: chunk by chunk, each asked for on the bus."""

import asyncio
import hashlib
from io import BytesIO
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError

from oxy_core import subjects
from oxy_core.errors import OxyError
from oxy_core.file_types import Objection, objection_to
from oxy_core.files import FILE_REFUSED_HEADER, ChunkRequest
from oxy_core.jetstream import CHUNK_BYTES
from oxy_core.outbound import FileContent, SendRefusal
from oxy_tenant.settings import RuntimeSettings

CHUNK_SECONDS: Final = 10.0
"""Time limit for one chunk. A worker reads it from PostgreSQL or an object store."""


class FileDelayedError(OxyError):
    """No worker answers now: the file may be had later."""


class FileRefusedError(OxyError):
    """The file cannot be sent."""

    def __init__(self, objection: Objection) -> None:
        super().__init__(objection.remedy)
        self.objection = objection


class FileSource:
    """The platform's files; whole in memory, so fetch one at a time."""

    def __init__(self, environment: RuntimeSettings, *, chunk_seconds: float = CHUNK_SECONDS) -> None:
        self._subject = subjects.file_request(environment.account, environment.instance)
        self._chunk_seconds = chunk_seconds
        self._client: Client | None = None

    async def run(self, client: Client) -> None:
        """Lend the connection until cancelled."""
        self._client = client
        try:
            await asyncio.Event().wait()
        finally:
            self._client = None

    async def fetch(self, content: FileContent) -> bytes:
        """Return a file that may be sent as what it is to be; raises FileDelayedError, FileRefusedError."""
        self._require_sendable(content, None)
        # Its buffer becomes the result without being copied.
        file, digest = BytesIO(), hashlib.sha256()
        for number in range(-(-content.size // CHUNK_BYTES)):
            chunk = await self._chunk(ChunkRequest(media_id=content.media_id, number=number))
            if number == 0:
                self._require_sendable(content, chunk)
            digest.update(chunk)
            file.write(chunk)
        if file.tell() != content.size or digest.hexdigest() != content.sha256:
            remedy = "the file is not the one that the request describes; store it again and ask again"
            raise FileRefusedError(Objection(SendRefusal.FILE_UNAVAILABLE, remedy))
        return file.getvalue()

    def _require_sendable(self, content: FileContent, head: bytes | None) -> None:
        """Check size and, once there is a `head`, type."""
        objection = objection_to(content.kind, content.size, head)
        if objection is not None:
            raise FileRefusedError(objection)

    async def _chunk(self, request: ChunkRequest) -> bytes:
        if self._client is None:
            message = "there is no connection to the bus"
            raise FileDelayedError(message)
        try:
            answer = await self._client.request(
                self._subject, request.model_dump_json().encode(), timeout=self._chunk_seconds
            )
        except (NatsError, TimeoutError) as error:
            message = f"no worker hands out the file: {type(error).__name__}"
            raise FileDelayedError(message) from error
        if (answer.headers or {}).get(FILE_REFUSED_HEADER):
            remedy = "the platform does not keep this file any more; store it again and ask again"
            raise FileRefusedError(Objection(SendRefusal.FILE_UNAVAILABLE, remedy))
        return answer.data
