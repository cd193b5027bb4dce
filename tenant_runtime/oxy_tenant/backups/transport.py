"""Puts the chunks of a backup on the bus, and fetches them back from the platform."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.js.errors import APIError

from oxy_core import subjects
from oxy_core.bus import connected
from oxy_core.errors import BusError
from oxy_core.jetstream import BACKUP_STREAM
from oxy_core.session_backups import BACKUP_REFUSED_HEADER, MANIFEST, BackupChunkRequest, BackupManifest
from oxy_tenant.errors import BackupRefusedError, BackupUnavailableError
from oxy_tenant.settings import RuntimeSettings

ANSWER_SECONDS: Final = 10.0
"""Time limit for an acknowledgement, or for a chunk."""

ASK_SECONDS: Final = 60.0
"""How long a chunk is asked for while nobody answers: the operator that serves them may just be changing."""

CONNECT_SECONDS: Final = 10.0

_ASK_AGAIN_SECONDS: Final = 1.0


class BackupTransport:
    """One connection to the bus, for one backup of one instance."""

    def __init__(self, client: Client, environment: RuntimeSettings, *, ask_seconds: float = ASK_SECONDS) -> None:
        self._client = client
        self._account = environment.account
        self._instance = environment.instance
        self._ask_seconds = ask_seconds

    async def publish(self, backup: UUID, number: int, chunk: bytes) -> None:
        """Store a chunk; raises BackupRefusedError if the stream is full, BackupUnavailableError."""
        await self._store(subjects.backup(self._account, self._instance, backup, number), chunk)

    async def publish_manifest(self, manifest: BackupManifest) -> None:
        """Store the manifest, by which the backup begins to exist; raises as `publish`."""
        await self._store(subjects.backup(self._account, self._instance, manifest.id, MANIFEST), manifest.encode())

    async def _store(self, subject: str, data: bytes) -> None:
        try:
            await self._client.jetstream(timeout=ANSWER_SECONDS).publish(subject, data, stream=BACKUP_STREAM)
        except APIError as error:
            message = f"the bus takes no more backups: {error.description}"
            raise BackupRefusedError(message) from error
        except (NatsError, TimeoutError) as error:
            raise _unavailable(error) from error

    async def fetch(self, backup: UUID, number: int, owner: str | None = None) -> bytes:
        """Return a chunk of a backup of `owner`, by default of this instance.

        Raises BackupRefusedError if the platform will not answer with it, BackupUnavailableError if nobody answers.
        """
        request = BackupChunkRequest(backup_id=backup, number=number, instance=owner or self._instance)
        try:
            async with asyncio.timeout(self._ask_seconds):
                return await self._asked(request.model_dump_json().encode())
        except (NatsError, TimeoutError) as error:
            raise _unavailable(error) from error

    async def _asked(self, request: bytes) -> bytes:
        subject = subjects.restore_request(self._account, self._instance)
        while True:
            try:
                answer = await self._client.request(subject, request, timeout=ANSWER_SECONDS)
            except (NoRespondersError, TimeoutError):
                await asyncio.sleep(_ASK_AGAIN_SECONDS)
                continue
            refusal = (answer.headers or {}).get(BACKUP_REFUSED_HEADER)
            if refusal is not None:
                raise BackupRefusedError(refusal[:200])
            return answer.data


@asynccontextmanager
async def transport(
    environment: RuntimeSettings, *, ask_seconds: float = ASK_SECONDS
) -> AsyncIterator[BackupTransport]:
    """Connect to the bus for one backup: large chunks in the connection of the reports would delay them.

    Raises BackupUnavailableError.
    """
    name = f"{environment.label}-backup"
    try:
        async with connected(
            environment.nats_url, environment.nats_credentials, name=name, within=CONNECT_SECONDS
        ) as client:
            yield BackupTransport(client, environment, ask_seconds=ask_seconds)
    except (BusError, NatsError) as error:
        raise _unavailable(error) from error


def _unavailable(error: Exception) -> BackupUnavailableError:
    return BackupUnavailableError(f"the bus does not serve: {str(error) or type(error).__name__}")
