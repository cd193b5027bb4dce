"""What is to be heard and seen, as the SQL functions in `oxy_ai/schema/readings.sql` take and return it."""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from asyncpg import Pool, Record
from pydantic import ValidationError

from oxy_ai.database import organization_transaction
from oxy_ai.media.library import FileLibrary
from oxy_ai.media.records import FileKey, FileState
from oxy_ai.messages import ReadingFailure
from oxy_ai.records import Contact, Wish
from oxy_ai.records import Record as Value
from oxy_core.envelopes import InstanceSettings


class DueReading(NamedTuple):
    """A file that this worker has claimed, to read it."""

    key: FileKey
    claims: int
    """How often it was claimed in a row without an end."""
    held: datetime
    """End of the lease, by PostgreSQL's clock; another one tells that it was claimed again, or its file came anew."""


class ReadingTask(Value):
    """Everything that decides whether and how a file is read."""

    settings: InstanceSettings
    closed: bool
    conversation: int
    self_chat: bool
    owner: bool = False
    """Whether its sender is one of the owners, by number or hidden address."""
    contact: Contact
    message: int
    trace: str | None = None
    message_state: str
    """The column messages.state."""
    revoked: bool
    forwarded: bool
    age_seconds: float
    """Of the message."""
    claimed_seconds: int | None = None
    """How long its sender says that it is."""
    way: Literal["heard", "seen"]
    attempts: int
    file_state: FileState
    size_bytes: int | None = None
    lately: int = 0
    """Files of the same conversation that were read within an hour."""


class ReadingResult(Value):
    """What became of a file for good: a text, or a failure."""

    text: str | None = None
    failure: ReadingFailure | None = None
    wish: Wish | None = None
    """What the message as a whole asks for."""
    urgent: bool = False
    """Whether a customer seems to speak of an emergency."""


class ReadingTable:
    """The readings: one method per SQL function, and the bytes. What ends a claim returns False if it does not hold."""

    def __init__(self, pool: "Pool[Record]", library: FileLibrary) -> None:
        self._pool = pool
        self._library = library

    async def claim(self, how_many: int, lease: timedelta, most_each: int) -> list[DueReading]:
        """Claim files to read, for `lease`; no organization has more than `most_each` in hand."""
        rows = await self._pool.fetch(
            "select organization, instance, file, claimed, held_until from claim_readings($1, $2, $3)",
            how_many,
            lease,
            most_each,
        )
        return [DueReading(FileKey(*row[:3]), *row[3:]) for row in map(tuple, rows)]

    async def task(self, key: FileKey) -> ReadingTask | None:
        """Return what is to be read; None: nothing, or what this version cannot understand."""
        async with organization_transaction(self._pool, key.organization) as connection:
            document = await connection.fetchval("select reading_task($1, $2, $3)", *key)
        if document is None:
            return None
        try:
            return ReadingTask.model_validate_json(document)
        except ValidationError:
            return None

    async def content(self, key: FileKey) -> bytes | None:
        """Return the file whole; None: it is not there."""
        return await self._library.read(key)

    async def settle(self, due: DueReading, message: int, result: ReadingResult | None) -> bool:
        """Store what was read, or why nothing was; None: nobody may read it, and nothing is known of it."""
        document = None if result is None else result.model_dump_json()
        settled: bool = await self._pool.fetchval(
            "select settle_reading($1, $2, $3, $4, $5, $6)", *due.key, due.held, message, document
        )
        return settled

    async def put_off(self, due: DueReading, message: int, pause: timedelta, *, counts: bool) -> bool:
        """Try again after a pause; the message is kept waiting no longer than for more to be written."""
        put_off: bool = await self._pool.fetchval(
            "select put_off_reading($1, $2, $3, $4, $5, $6, $7)", *due.key, due.held, message, pause, counts
        )
        return put_off

    async def leave(self, due: DueReading, pause: timedelta | None) -> bool:
        """Look at it again after a pause, or (None) not before something becomes of its file."""
        left: bool = await self._pool.fetchval(
            "select end_reading_claim($1, $2, $3, $4)", due.key.instance, due.key.file, due.held, pause
        )
        return left
