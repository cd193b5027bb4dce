"""What the bus holds of a person: parked reports and dead letters are deleted one by one, by their place in the stream.

Reports that nobody has stored yet need not be: whoever stores them looks whether the person was forgotten.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError

from oxy_ai.engine.dead_reports import WHOLE_HEADER
from oxy_ai.engine.stream_pages import stream_pages
from oxy_core import subjects
from oxy_core.jetstream import DEAD_LETTER_STREAM, MEDIA_STREAM, PARKED_STREAM

_PAGE: Final = 200
_ANY: Final = "*"

_OVERLAP: Final = 64
"""Bytes of a part that are looked at again with the next one: an address may stand across two."""


@dataclass
class _Letter:
    """A message, or the parts of a larger one, as far as they were read."""

    sequences: list[int] = field(default_factory=list)
    end: bytes = b""
    names_person: bool = False

    def add(self, message: Msg, users: Iterable[bytes]) -> None:
        data = self.end + message.data
        self.names_person = self.names_person or any(user in data for user in users)
        self.sequences.append(message.metadata.sequence.stream)
        self.end = data[-_OVERLAP:]


class BusForgetter:
    """Deletes messages of the streams that keep reports."""

    def __init__(self, client: Client) -> None:
        self._jetstream = client.jetstream()

    async def forget(self, account: str, instance: str, users: Collection[str], before: datetime) -> int:
        """Delete what was published before a moment and names one of these users of WhatsApp; return how many."""
        sender = subjects.SubjectSender(account, instance)
        kept = (
            (PARKED_STREAM, subjects.parked(_ANY, sender)),
            (DEAD_LETTER_STREAM, subjects.dead_letter(_ANY, account)),
        )
        deleted = 0
        for stream, subject in kept:
            for sequence in await self._naming(stream, subject, [user.encode() for user in users], before):
                deleted += await self._delete(stream, sequence)
        return deleted

    async def forget_chunks(self, account: str, instance: str, file: object) -> None:
        """Delete the chunks of a file that has not been stored."""
        await self._jetstream.purge_stream(MEDIA_STREAM, subject=subjects.media(account, instance, str(file), _ANY))

    async def _naming(self, stream: str, subject: str, users: Collection[bytes], before: datetime) -> list[int]:
        """Return where messages are that name a user; those of one report together."""
        letters: dict[str, _Letter] = defaultdict(_Letter)
        async with stream_pages(self._jetstream, stream, subject, page=_PAGE) as pages:
            async for page in pages:
                for message in (message for message in page if message.metadata.timestamp <= before):
                    letters[_whole(message)].add(message, users)
        return sorted(place for letter in letters.values() if letter.names_person for place in letter.sequences)

    async def _delete(self, stream: str, sequence: int) -> bool:
        """Delete a message; the server overwrites its bytes. False: somebody was faster."""
        try:
            return await self._jetstream.delete_msg(stream, sequence)
        except NotFoundError:
            return False


def _whole(message: Msg) -> str:
    """Return what the parts of one report have in common."""
    return (message.headers or {}).get(WHOLE_HEADER) or json.dumps(message.metadata.sequence.stream)
