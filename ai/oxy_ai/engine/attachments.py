"""Keeps the pictures that a tool attaches to a turn's answer: their bytes as files, their order in the turn.

Both are parts of the transaction that stores the tool's result, so a call that is repeated attaches nothing twice.
"""

import hashlib
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

from oxy_ai.assistants.vertical import Attachments
from oxy_ai.database import Connection
from oxy_ai.media.library import FileLibrary
from oxy_ai.media.records import FileKey, OutboundFile
from oxy_ai.records import Attachment, Claim, Turn
from oxy_ai.sanitize import shorten, storable_text
from oxy_core.file_types import HEAD_BYTES, mime_of
from oxy_core.identity import new_id
from oxy_core.outbound import MAX_CAPTION, FileContent, FileKind

_ADD: Final = "select attach_to_turn($1, $2, $3)"


class CallAttachments:
    """The pictures of one call of a tool; `call` names it among all of its turn's rounds."""

    def __init__(self, library: FileLibrary, claim: Claim, turn: Turn, call: str) -> None:
        self._library = library
        self._organization = claim.organization
        self._turn = turn
        self._call = f"{turn.turn}:{turn.regenerations}:{call}"
        self._number = 0

    async def add(self, connection: Connection, image: bytes, caption: str) -> None:
        """Store a picture and its place among the others; raises FileLostError if there is no room for it."""
        file = _described(self._next_id(), image, caption)
        stored = OutboundFile(
            id=file.media_id, kind=file.kind.value, mime=file.mime, size_bytes=file.size, sha256=file.sha256
        )
        key = FileKey(self._organization, self._turn.instance, file.media_id)
        await self._library.add_with(connection, key, stored, memoryview(image))
        attached = Attachment(id=new_id(), content=file, keep_seconds=self._turn.settings.max_answer_age_seconds)
        await connection.execute(_ADD, self._organization, self._turn.turn, attached.model_dump_json(exclude_none=True))

    def _next_id(self) -> UUID:
        """Return the next file's id: the same when the call is repeated, so that an object store keeps one object."""
        self._number += 1
        return uuid5(self._turn.instance, f"{self._call}:{self._number}")


def _described(file: UUID, image: bytes, caption: str) -> FileContent:
    return FileContent(
        kind=FileKind.IMAGE,
        media_id=file,
        mime=mime_of(image[:HEAD_BYTES]),
        size=len(image),
        sha256=hashlib.sha256(image).hexdigest(),
        caption=shorten(storable_text(caption), MAX_CAPTION) or None,
    )


if TYPE_CHECKING:
    _: type[Attachments] = CallAttachments
