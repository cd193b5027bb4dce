"""Files of messages as values, as the SQL functions in `oxy_ai/schema/media.sql` take and return them."""

from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from oxy_ai.records import Record
from oxy_core.jetstream import CHUNK_BYTES
from oxy_core.message_kinds import MessageKind

DATABASE: Final = "database"
"""Location of a file whose bytes are in PostgreSQL; any other is a key in the object store."""


class FileState(StrEnum):
    """What became of a file."""

    ANNOUNCED = "announced"
    """Its message is known; the pod has not fetched it."""
    ARRIVING = "arriving"
    """Its chunks are on the bus."""
    STORED = "stored"
    FAILED = "failed"
    DELETED = "deleted"
    """It was kept for as long as files are kept, or was to be deleted."""


class FileKey(NamedTuple):
    """Names a file. Pods choose the ids of received ones, so an id alone names none."""

    organization: UUID
    instance: UUID
    file: UUID


class DueFile(NamedTuple):
    """A file that this worker has claimed."""

    key: FileKey
    account: str | None
    """The account that published its chunks; None: they are not wanted."""
    claims: int
    """How often it was claimed in a row."""
    held: datetime
    """End of the lease, by PostgreSQL's clock; another one tells that something has happened to the file since."""


class KeptFile(Record):
    """A file's row."""

    id: UUID
    instance: str
    """Name of its instance."""
    state: FileState
    location: str | None = None
    chunks: int | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    seconds: float
    """For how long it has been in this state."""
    expired: bool = False
    """Whether its bytes are to be deleted."""


class OutboundFile(Record):
    """A file to be sent, as `oxy_core.outbound.FileContent` will name it."""

    id: UUID
    kind: MessageKind | str
    mime: str
    name: str | None = None
    size_bytes: int
    sha256: str

    @property
    def chunks(self) -> int:
        """Number of its chunks."""
        return -(-self.size_bytes // CHUNK_BYTES)
