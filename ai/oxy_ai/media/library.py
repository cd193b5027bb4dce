"""Stores, reads and deletes the bytes of files, wherever they are kept."""

import hashlib
from collections.abc import AsyncIterator

from asyncpg import Pool, Record
from pydantic import Field

from oxy_ai.database import Connection, organization_transaction
from oxy_ai.errors import FileLostError, StoreMissingError
from oxy_ai.media.file_table import FileTable
from oxy_ai.media.object_store import ObjectStore, ObjectStoreSettings
from oxy_ai.media.records import DATABASE, FileKey, FileState, KeptFile, OutboundFile
from oxy_core.files import FileFailure
from oxy_core.jetstream import CHUNK_BYTES


class LibrarySettings(ObjectStoreSettings):
    """What PostgreSQL keeps of files. An object store has no such limits."""

    media_file_bytes: int = Field(default=16 << 20, ge=0, description="Largest file that PostgreSQL keeps.")
    media_organization_bytes: int = Field(
        default=1 << 30, ge=0, description="Most bytes of one organization's files that PostgreSQL keeps."
    )


class FileLibrary:
    """The files of all organizations. `table` has their rows."""

    def __init__(self, pool: "Pool[Record]", settings: LibrarySettings) -> None:
        self.table = FileTable(pool)
        self._pool = pool
        self._settings = settings
        self._store = ObjectStore.open(settings)

    async def store_inbound(self, key: FileKey, file: KeptFile, chunks: AsyncIterator[bytes]) -> bool:
        """Store a file that arrives; False: another worker was faster.

        Raises FileLostError if it cannot be had or kept; then nothing of it is stored.
        """
        checked = verified(file, chunks)
        if self._store is not None:
            place = object_key(key)
            await self._store.put(place, checked)
            async with organization_transaction(self._pool, key.organization) as connection:
                stored = await self.table.set_stored(connection, key, place)
                found = None if stored else await self.table.find_in(connection, key)
            if found is not None and found.state is FileState.DELETED:
                await self._store.delete(place)  # while it was on its way here
            return stored
        async with organization_transaction(self._pool, key.organization) as connection:
            await self._require_room(connection, key, file.size_bytes or 0)
            found = await self.table.find_in(connection, key, keep=True)
            if found is None or found.state is not FileState.ARRIVING:
                return False
            number = 0
            async for chunk in checked:
                await self.table.add_chunk(connection, key, number, chunk)
                number += 1
            return await self.table.set_stored(connection, key, DATABASE)

    async def add_outbound(self, key: FileKey, file: OutboundFile, content: memoryview) -> bool:
        """Store a file that is to be sent; False: it was stored before.

        Raises FileLostError if there is no room for it.
        """
        if self._store is not None:
            await self._store.put(object_key(key), _pieces(content))
        async with organization_transaction(self._pool, key.organization) as connection:
            return await self._add_row(connection, key, file, content)

    async def add_with(self, connection: Connection, key: FileKey, file: OutboundFile, content: memoryview) -> None:
        """Store a file that is to be sent, as a part of the caller's transaction.

        Raises FileLostError if it cannot be kept; the transaction can go on without it.
        """
        if self._store is not None:
            try:
                await self._store.put(object_key(key), _pieces(content))
            except Exception as error:
                raise FileLostError(FileFailure.NO_SPACE) from error
        await self._add_row(connection, key, file, content)

    async def _add_row(self, connection: Connection, key: FileKey, file: OutboundFile, content: memoryview) -> bool:
        """Add a file's row, and its bytes unless an object store has them; False: it was added before."""
        if self._store is not None:
            return await self.table.add_outbound(connection, key, file, object_key(key))
        await self._require_room(connection, key, file.size_bytes)
        added = await self.table.add_outbound(connection, key, file, DATABASE)
        for number in range(file.chunks if added else 0):
            start = number * CHUNK_BYTES
            await self.table.add_chunk(connection, key, number, bytes(content[start : start + CHUNK_BYTES]))
        return added

    async def read_chunk(self, key: FileKey, number: int) -> bytes | None:
        """Return a chunk of a stored file, received or to be sent; None: there is none."""
        file = await self.table.find(key)
        if file is None or file.location is None or not 0 <= number < (file.chunks or 0):
            return None
        if file.location == DATABASE:
            return await self.table.chunk(key, number)
        start = number * CHUNK_BYTES
        try:
            return await self._require_store().get(
                file.location, start, min(CHUNK_BYTES, (file.size_bytes or 0) - start)
            )
        except FileNotFoundError:
            return None

    async def read(self, key: FileKey) -> bytes | None:
        """Return a stored file whole; None: it is not there. The caller knows that it is not too large."""
        file = await self.table.find(key)
        if file is None or file.location is None:
            return None
        chunks = [await self.read_chunk(key, number) for number in range(file.chunks or 0)]
        return None if None in chunks else b"".join(chunk for chunk in chunks if chunk is not None)

    async def delete(self, key: FileKey, file: KeptFile) -> None:
        """Delete a file's bytes; its row stays."""
        if file.location not in {None, DATABASE}:
            await self._require_store().delete(str(file.location))
        await self.table.delete(key)

    async def forget(self, key: FileKey, location: str | None) -> None:
        """Delete what an object store has of a file, even if its row does not say so yet: it may just be arriving."""
        if location not in {None, DATABASE}:
            await self._require_store().delete(str(location))
        elif self._store is not None:
            await self._store.delete(object_key(key))

    def _require_store(self) -> ObjectStore:
        if self._store is None:
            message = "a file is in an object store, but OXY_MEDIA_STORE_URL is not set"
            raise StoreMissingError(message)
        return self._store

    async def _require_room(self, connection: Connection, key: FileKey, size: int) -> None:
        """Raise FileLostError if PostgreSQL shall not keep a file of this size."""
        if size > self._settings.media_file_bytes:
            raise FileLostError(FileFailure.TOO_LARGE)
        if (
            await self.table.database_bytes(connection, key.organization) + size
            > self._settings.media_organization_bytes
        ):
            raise FileLostError(FileFailure.NO_SPACE)


def object_key(key: FileKey) -> str:
    """Return where a file is in an object store."""
    return "/".join(map(str, key))


async def verified(file: KeptFile, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the chunks of a file; raises FileLostError at the end, or earlier, if they are not what was announced."""
    digest, size = hashlib.sha256(), 0
    async for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
        if size > (file.size_bytes or 0):
            break
        yield chunk
    if size != file.size_bytes or digest.hexdigest() != file.sha256:
        raise FileLostError(FileFailure.WRONG_HASH)


async def _pieces(content: memoryview) -> AsyncIterator[bytes]:
    for start in range(0, len(content), CHUNK_BYTES):
        yield bytes(content[start : start + CHUNK_BYTES])
