"""The rows of files, and their chunks in PostgreSQL: one method per SQL function (`oxy_ai/schema/media.sql`)."""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from asyncpg import Pool, Record

from oxy_ai.database import Connection, organization_transaction
from oxy_ai.media.records import DueFile, FileKey, FileState, KeptFile, OutboundFile
from oxy_core.files import FileFailure


class Pause(NamedTuple):
    """When a claimed file is looked at again."""

    time: timedelta
    settled: bool
    """Whether the claims in a row end: nothing went wrong."""


class FileTable:
    """The rows of files. Methods with a `connection` are part of the caller's transaction."""

    def __init__(self, pool: "Pool[Record]") -> None:
        self._pool = pool

    async def claim(self, how_many: int, lease: timedelta) -> list[DueFile]:
        """Claim files to look at, for `lease`."""
        rows = await self._pool.fetch(
            "select organization, instance, file, sender, claimed, held from claim_due_files($1, $2)", how_many, lease
        )
        return [DueFile(FileKey(*row[:3]), *row[3:]) for row in map(tuple, rows)]

    async def postpone(self, due: DueFile, pause: Pause) -> None:
        """Look at a claimed file again after a pause, unless something happens to it meanwhile."""
        _, instance, file = due.key
        await self._pool.execute("select postpone_file($1, $2, $3, $4, $5)", instance, file, due.held, *pause)

    async def forget(self, due: DueFile) -> None:
        """Look at a claimed file no more, unless something happened to it meanwhile: its state is final."""
        await self._pool.execute("select forget_file($1, $2, $3)", due.key.instance, due.key.file, due.held)

    async def find(self, key: FileKey) -> KeptFile | None:
        """Return a file's row; None: there is none."""
        async with organization_transaction(self._pool, key.organization) as connection:
            return await self.find_in(connection, key)

    async def find_in(self, connection: Connection, key: FileKey, *, keep: bool = False) -> KeptFile | None:
        """Return a file's row; with `keep`, nobody else changes it before the transaction ends."""
        document = await connection.fetchval("select find_file($1, $2, $3, $4)", *key, keep)
        return None if document is None else KeptFile.model_validate_json(document)

    async def fail(self, key: FileKey, reason: FileFailure, was: FileState) -> bool:
        """Note that a received file cannot be had; False: it is not in the state `was`."""
        async with organization_transaction(self._pool, key.organization) as connection:
            failed: bool = await connection.fetchval("select fail_file($1, $2, $3, $4, $5)", *key, reason, was)
        return failed

    async def set_stored(self, connection: Connection, key: FileKey, location: str) -> bool:
        """Note that all bytes of a received file are stored; False: another worker was faster."""
        stored: bool = await connection.fetchval("select file_stored($1, $2, $3, $4)", *key, location)
        return stored

    async def add_outbound(self, connection: Connection, key: FileKey, file: OutboundFile, location: str) -> bool:
        """Add a file to be sent; False: it was added before."""
        document = file.model_dump_json(exclude={"chunks"})
        added: bool = await connection.fetchval(
            "select add_outbound_file($1, $2, $3, $4, $5)", *key[:2], document, file.chunks, location
        )
        return added

    async def delete(self, key: FileKey) -> None:
        """Forget a file's bytes; what an object store has of it must be gone already."""
        async with organization_transaction(self._pool, key.organization) as connection:
            await connection.execute("select delete_file($1, $2, $3)", *key)

    async def owner_of(self, account: str) -> tuple[UUID, UUID] | None:
        """Return organization and instance of an account of the bus; None: nobody has it."""
        row = await self._pool.fetchrow("select organization, instance from owner_of_account($1)", account)
        return None if row is None else (row["organization"], row["instance"])

    # -- bytes in PostgreSQL

    async def add_chunk(self, connection: Connection, key: FileKey, number: int, chunk: bytes) -> None:
        """Add a chunk, unless it is there."""
        await connection.execute(
            "insert into media_chunks (organization_id, instance_id, media_id, number, bytes) "
            "values ($1, $2, $3, $4, $5) on conflict do nothing",
            *key,
            number,
            chunk,
        )

    async def chunk(self, key: FileKey, number: int) -> bytes | None:
        """Return a chunk; None: there is none of this number."""
        async with organization_transaction(self._pool, key.organization) as connection:
            found: bytes | None = await connection.fetchval(
                "select bytes from media_chunks where organization_id = $1 and instance_id = $2 and media_id = $3 "
                "and number = $4",
                *key,
                number,
            )
        return found

    async def database_bytes(self, connection: Connection, organization: UUID) -> int:
        """Return how many bytes of an organization's files are in PostgreSQL."""
        total: int = await connection.fetchval("select database_file_bytes($1)", organization)
        return total
