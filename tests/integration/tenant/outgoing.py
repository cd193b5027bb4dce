"""The platform's side of files that a pod sends."""

import asyncio
import hashlib
from dataclasses import dataclass, field
from uuid import UUID

from integration.tenant.scene import Scene
from nats.aio.msg import Msg

from oxy_core.files import ChunkRequest
from oxy_core.identity import new_id
from oxy_core.jetstream import CHUNK_BYTES
from oxy_core.outbound import FileContent, FileKind


@dataclass
class Platform:
    """The workers' side of the bus, as `oxy_ai.engine.file_service` answers."""

    scene: Scene
    files: dict[UUID, bytes] = field(default_factory=dict)
    asked: list[ChunkRequest] = field(default_factory=list)
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    """Chunks are handed out while it is set."""

    async def answer(self, message: Msg) -> None:
        request = ChunkRequest.model_validate_json(message.data)
        self.asked.append(request)
        await self.answering.wait()
        start = request.number * CHUNK_BYTES
        await message.respond(self.files[request.media_id][start : start + CHUNK_BYTES])

    def document(self, data: bytes) -> FileContent:
        content = FileContent(
            kind=FileKind.DOCUMENT,
            media_id=new_id(),
            mime="application/pdf",
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            name="exame.pdf",
        )
        self.files[content.media_id] = data
        return content
