"""Backups of sessions for the rest of the operator and for pods: what there is of an instance, and its chunks.

A pod has no rights on the stream. It asks for a chunk, and gets those of its own backups, and those of an instance of
the same organization that had the same number: a session may move with its number, and with nothing else.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from pydantic import ValidationError

from oxy_core import subjects
from oxy_core.envelopes import InstanceSettings
from oxy_core.errors import BusError
from oxy_core.identity import number_digest
from oxy_core.session_backups import BACKUP_REFUSED_HEADER, MANIFEST, BackupChunkRequest
from oxy_core.tasks import end_tasks
from oxy_operator.bus import backups
from oxy_operator.bus.backup_sweep import BackupSweep, Finished
from oxy_operator.bus.nkeys import PlatformKeys
from oxy_operator.decide.backups import StoredBackup

MOST_AT_ONCE: Final = 4
"""Chunks that are read at the same time: half a MiB each, with its form as text."""

MOST_WAITING: Final = 1_024
"""Requests that wait; nats-py drops those beyond them, and their pods ask again."""

log = structlog.get_logger()


class BackupDesk:
    """Answers about backups while the bus is connected."""

    def __init__(
        self,
        keys: PlatformKeys,
        *,
        settings_of: Callable[[str], InstanceSettings | None],
        on_backup: Callable[[str], None],
        restoring: Callable[[], Collection[UUID]],
    ) -> None:
        """`settings_of` returns what was published of the instance with an account; `on_backup` gets accounts.

        `restoring` returns the backups that instances are to restore.
        """
        self._keys = keys
        self._settings_of = settings_of
        self._on_backup = on_backup
        self._client: Client | None = None
        self._held: dict[str, tuple[StoredBackup, ...]] = {}
        self._outdated: set[str] = set()
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._sweep = BackupSweep(self._swept, restoring)
        self._served: set[str] = set()
        """Accounts that are being answered: each waits for its own, so that none keeps the others waiting."""

    @asynccontextmanager
    async def serving(self, client: Client) -> AsyncIterator[None]:
        """Answer pods until the context ends."""
        tasks: set[asyncio.Task[None]] = {asyncio.create_task(self._sweep.run(client))}

        async def take(message: Msg) -> None:
            task = asyncio.create_task(self._answer(client, message))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        self._client = client
        await client.subscribe(f"oxy.backup.*.*.*.{MANIFEST}", cb=self._note)
        await client.subscribe(subjects.RESTORE_ALL, cb=take, pending_msgs_limit=MOST_WAITING)
        try:
            yield
        finally:
            self._client = None
            await end_tasks(*tasks)

    def refresh(self) -> None:
        """Read everything again: the bus may have another stream."""
        self._outdated |= self._held.keys()

    def forget(self, account: str) -> None:
        """Forget what is known of an instance; its backups stay."""
        self._held.pop(account, None)
        self._outdated.discard(account)

    async def of(self, organization: str, instance: str, *, now: bool = False) -> tuple[StoredBackup, ...] | None:
        """Return an instance's backups, newest first; the last known ones while the bus is down, None if none are.

        `now`: what the bus says now, and None if it does not. A session is deleted, or taken offline to be replaced,
        only if a backup is there.
        """
        account = self._keys.tenant_account(organization, instance).public
        known = None if now else self._held.get(account)
        client = self._client
        if client is None or not client.is_connected or (known is not None and account not in self._outdated):
            return known
        self._outdated.discard(account)
        try:
            found = await backups.stored(client, account, instance)
        except BusError as error:
            self._outdated.add(account)
            log.warning("backups_not_listed", instance=instance, error=str(error))
            return known
        self._held[account] = tuple(backup for backup in found if backup.manifest.organization == organization)
        return self._held[account]

    def is_behind(self, organization: str, instance: str) -> bool:
        """Whether the bus, though connected, did not list an instance's backups when `of` asked last."""
        account = self._keys.tenant_account(organization, instance).public
        return account in self._outdated and self._client is not None and self._client.is_connected

    async def delete(self, organization: str, instance: str, backup_ids: tuple[UUID, ...]) -> None:
        """Delete backups of an instance. Raises BusError."""
        if not backup_ids:
            return
        if self._client is None or not self._client.is_connected:
            message = "NATS is not connected"
            raise BusError(message)
        account = self._keys.tenant_account(organization, instance).public
        for backup_id in backup_ids:
            await backups.delete(self._client, account, instance, backup_id)
        self._outdated.add(account)

    async def _note(self, message: Msg) -> None:
        """Note that a manifest was published, whether or not the stream took it."""
        account = message.subject.split(".")[2]
        self._outdated.add(account)
        self._on_backup(account)

    def _swept(self, finished: Finished) -> None:
        """Note what is gone: swept, or deleted by a person (`oxy sessions delete`)."""
        for account, held in list(self._held.items()):
            if not {str(backup.manifest.id) for backup in held} <= finished.get(account, set()):
                self._outdated.add(account)
                self._on_backup(account)

    # -- pods

    async def _answer(self, client: Client, message: Msg) -> None:
        """Answer one request; one that cannot be answered now is left alone, and comes again."""
        account = message.subject.split(".")[2]
        if account in self._served:
            return
        self._served.add(account)
        try:
            async with self._room:
                await self._hand_out(client, message)
        except Exception as error:  # noqa: BLE001 the edge of a task: its pod asks again
            log.warning("chunk_not_handed_out", subject=message.subject, error=str(error) or type(error).__name__)
        finally:
            self._served.discard(account)

    async def _hand_out(self, client: Client, message: Msg) -> None:
        sender = subjects.sender_of(message.subject)
        try:
            request = BackupChunkRequest.model_validate_json(message.data)
        except ValidationError:
            await _refuse(client, message, "unreadable")
            return
        source = await self._source(client, sender, request)
        if source is None:
            await _refuse(client, message, "not_yours")
            return
        found = await backups.chunk(client, source, request.instance, request.backup_id, request.number)
        if found is None:
            await _refuse(client, message, "unknown")
        else:
            await client.publish(message.reply, found)

    async def _source(self, client: Client, sender: subjects.SubjectSender, request: BackupChunkRequest) -> str | None:
        """Return the account whose backup a pod may read; None: it may not."""
        if request.instance == sender.instance:
            return sender.account
        settings = self._settings_of(sender.account)
        if settings is None:
            message = "the instance that asks for another's backup is not known yet"
            raise BusError(message)
        account = self._keys.tenant_account(settings.organization, request.instance).public
        found = await backups.find(client, account, request.instance, request.backup_id)
        same = found is not None and found.manifest.number == number_digest(settings.phone_number)
        return account if same else None


async def _refuse(client: Client, message: Msg, why: str) -> None:
    log.warning("chunk_refused", subject=message.subject, reason=why)
    await client.publish(message.reply, headers={BACKUP_REFUSED_HEADER: why})
