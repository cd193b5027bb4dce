"""A file on the bus: in chunks, each sent after the one before it was acknowledged."""

import hashlib
from typing import Final
from uuid import UUID

from nats.aio.client import Client

from oxy_core import subjects
from oxy_core.file_types import HEAD_BYTES, UNKNOWN, mime_of
from oxy_core.files import MAX_MIME, FileArrived
from oxy_core.jetstream import CHUNK_BYTES, MEDIA_STREAM
from oxy_tenant import metrics

ANSWER_SECONDS: Final = 10.0
"""Time limit for the acknowledgement of a chunk."""


def described(media_id: UUID, content: memoryview) -> FileArrived:
    """Return what is reported of a file; reads all of it, so call it in a thread."""
    mime = mime_of(bytes(content[:HEAD_BYTES]))
    return FileArrived(
        media_id=media_id,
        chunks=-(-len(content) // CHUNK_BYTES),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        mime=None if mime == UNKNOWN else mime[:MAX_MIME],
    )


async def publish_chunks(client: Client, sender: subjects.SubjectSender, media_id: UUID, content: memoryview) -> None:
    """Publish a file; raises an error of NATS if the bus does not take all of it.

    A chunk that was published before replaces itself. A message id would only do harm: for two minutes, the bus would
    drop the repetition of a chunk that it has lost.
    """
    jetstream = client.jetstream(timeout=ANSWER_SECONDS)
    for number, start in enumerate(range(0, len(content), CHUNK_BYTES)):
        chunk = bytes(content[start : start + CHUNK_BYTES])
        await jetstream.publish(subjects.media(*sender, media_id, number), chunk, stream=MEDIA_STREAM)
        metrics.FILE_BYTES.inc(len(chunk))
