"""Hands out the files that pods are to send, chunk by chunk (`oxy_core.files.ChunkRequest`).

Any worker answers. The bus proves which account asks, and that account's instance gets its own files alone. A request
that cannot be answered now is not answered at all: the pod asks again.
"""

import asyncio
from typing import Final

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from pydantic import ValidationError

from oxy_ai.engine.outages import report_failure
from oxy_ai.media.library import FileLibrary
from oxy_ai.media.records import FileKey
from oxy_core import subjects
from oxy_core.errors import ContractError
from oxy_core.files import FILE_REFUSED_HEADER, ChunkRequest

QUEUE: Final = "files"
"""Queue group of all workers: one of them answers."""

MOST_WAITING: Final = 64
"""Requests that wait in a worker, each for a quarter of a MiB; the pods repeat what is dropped beyond them."""

log = structlog.get_logger()


class FileService:
    """Answers the requests of all pods, one at a time."""

    def __init__(self, client: Client, library: FileLibrary) -> None:
        self._client = client
        self._library = library

    async def run(self) -> None:
        """Answer until cancelled."""
        requests = await self._client.subscribe(
            subjects.FILE_REQUEST_ALL, QUEUE, cb=self._answer, pending_msgs_limit=MOST_WAITING
        )
        try:
            await asyncio.Event().wait()
        finally:
            await requests.unsubscribe()

    async def _answer(self, message: Msg) -> None:
        try:
            chunk = await self._chunk(message)
            if chunk is None:
                log.warning("file_refused", account=message.subject.split(".")[2])
                await self._client.publish(message.reply, headers={FILE_REFUSED_HEADER: "unknown"})
            else:
                await self._client.publish(message.reply, chunk)
        except Exception as error:  # noqa: BLE001 the edge of a callback: reported; the pod asks again
            report_failure("file_service", error)

    async def _chunk(self, message: Msg) -> bytes | None:
        """Return what is asked for; None: the instance has no such file."""
        try:
            sender = subjects.sender_of(message.subject)
            request = ChunkRequest.model_validate_json(message.data)
        except (ContractError, ValidationError):
            return None
        owner = await self._library.table.owner_of(sender.account)
        if owner is None:
            return None
        return await self._library.read_chunk(FileKey(*owner, request.media_id), request.number)
