"""What the bus holds of a person: parked reports and dead letters, which are handed out, and deleted by their place.

Reports that nobody has stored yet need not be: whoever stores them looks whether the person was forgotten.
"""

import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from uuid import UUID

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError

from oxy_ai.engine.arrivals import waited_before
from oxy_ai.engine.dead_reports import WHOLE_HEADER
from oxy_ai.engine.stream_pages import stream_pages
from oxy_ai.engine.unstorable import addresses_of
from oxy_core import subjects
from oxy_core.envelopes import WAITED_HEADER
from oxy_core.identity import LID_SERVER, PHONE_SERVER, Jid, PersonDigest, person_digest
from oxy_core.jetstream import DEAD_LETTER_STREAM, MEDIA_STREAM, PARKED_STREAM

_PAGE: Final = 200
_ANY: Final = "*"

_OVERLAP: Final = 64
"""Bytes of a part that are looked at again with the next one: an address may stand across two."""

_NUMBER: Final = re.compile(rb"\d{5,20}")
"""What may be the user of an address: a number, or what stands for a hidden one."""

_BRAZIL: Final = "55"


class PersonOnBus(NamedTuple):
    """Whose messages are looked for: of one instance, by digests, which are kept after everything else is gone."""

    account: str
    instance_name: str
    salt: UUID
    """The instance."""
    digests: frozenset[PersonDigest]

    def is_named_by(self, data: bytes) -> bool:
        """Whether one of the person's numbers or hidden addresses is in `data`, its digits together."""
        return any(_digests(self.salt, number) & self.digests for number in set(_NUMBER.findall(data)))

    def is_of(self, report: bytes) -> bool:
        """Whether the person wrote it, or it was written to the person."""
        return any(self.is_named_by(address.encode()) for address in addresses_of(report))


@lru_cache(maxsize=4096)
def _digests(salt: UUID, number: bytes) -> frozenset[PersonDigest]:
    digits = number.decode()
    users = ((digits, PHONE_SERVER), (_BRAZIL + digits, PHONE_SERVER), (digits, LID_SERVER))
    return frozenset(person_digest(salt, Jid.parse(f"{user}@{server}")) for user, server in users)


@dataclass
class Letter:
    """A message, or the parts of a larger one, as far as they were read."""

    stream: str
    sequences: list[int] = field(default_factory=list)
    end: bytes = b""
    names_person: bool = False

    def add(self, message: Msg, person: PersonOnBus) -> None:
        """Read a part."""
        data = self.end + message.data
        self.names_person = self.names_person or person.is_named_by(data)
        self.sequences.append(message.metadata.sequence.stream)
        self.end = data[-_OVERLAP:]


class KeptOnBus:
    """The streams that keep reports, and files."""

    def __init__(self, client: Client) -> None:
        self._jetstream = client.jetstream()

    async def forget(self, person: PersonOnBus, before: datetime) -> int:
        """Delete what was written before a moment and names the person; return how many messages."""
        deleted = 0
        async for letter in self.letters(person, before):
            for sequence in letter.sequences:
                deleted += await self._delete(letter.stream, sequence)
        return deleted

    async def forget_chunks(self, account: str, instance: str, file: object) -> None:
        """Delete the chunks of a file that has not been stored."""
        await self._jetstream.purge_stream(MEDIA_STREAM, subject=subjects.media(account, instance, str(file), _ANY))

    async def letters(self, person: PersonOnBus, before: datetime) -> AsyncIterator[Letter]:
        """Yield the reports written before a moment that name the person."""
        sender = subjects.SubjectSender(person.account, person.instance_name)
        kept = (
            (PARKED_STREAM, subjects.parked(_ANY, sender)),
            (DEAD_LETTER_STREAM, subjects.dead_letter(_ANY, person.account)),
        )
        for stream, subject in kept:
            for letter in await self._read(stream, subject, person, before):
                yield letter

    async def content(self, letter: Letter) -> bytes:
        """Return the bytes of a report, without the parts that are gone by now."""
        return b"".join([await self._part(letter.stream, sequence) for sequence in letter.sequences])

    async def _read(self, stream: str, subject: str, person: PersonOnBus, before: datetime) -> Collection[Letter]:
        letters: dict[str, Letter] = defaultdict(lambda: Letter(stream))
        async with stream_pages(self._jetstream, stream, subject, page=_PAGE) as pages:
            async for page in pages:
                for message in (message for message in page if written_at(message) <= before):
                    letters[_whole(message)].add(message, person)
        return [letter for letter in letters.values() if letter.names_person]

    async def _part(self, stream: str, sequence: int) -> bytes:
        try:
            return (await self._jetstream.get_msg(stream, sequence)).data or b""
        except NotFoundError:
            return b""

    async def _delete(self, stream: str, sequence: int) -> bool:
        """Delete a message; the server overwrites its bytes. False: somebody was faster."""
        try:
            return await self._jetstream.delete_msg(stream, sequence)
        except NotFoundError:
            return False


def written_at(message: Msg) -> datetime:
    """Return when the report in a message was written: it has waited before it was parked, or died."""
    waited = waited_before((message.headers or {}).get(WAITED_HEADER))
    return message.metadata.timestamp - timedelta(seconds=waited)


def _whole(message: Msg) -> str:
    """Return what the parts of one report have in common."""
    return (message.headers or {}).get(WHOLE_HEADER) or json.dumps(message.metadata.sequence.stream)
