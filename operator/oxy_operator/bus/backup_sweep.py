"""Keeps room in the stream of backups: deletes what was never finished, and what an instance has too much of.

A pod may publish as many chunks as it likes under its own name, and the bus bounds them for all instances together.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Final, Never
from uuid import UUID

import structlog
from nats.aio.client import Client
from nats.js.errors import NotFoundError

from oxy_core import subjects
from oxy_core.jetstream import BACKUP_STREAM
from oxy_core.session_backups import MANIFEST
from oxy_core.subjects import SubjectSender
from oxy_operator.bus.backups import delete, failing
from oxy_operator.bus.streams import stream_use, subjects_of
from oxy_operator.decide.backups import HeldBackup, StreamUse, abandoned, excess, is_flood
from oxy_operator.metrics import BACKUP_BYTES, BACKUP_FULLNESS

LOOK_SECONDS: Final = 10.0
"""How often it is seen how full the stream is."""

SWEEP_SECONDS: Final = 900.0
"""How often everything in it is looked at, even if it is not nearly full; and how often that it is so is told."""

AT_ONCE: Final = 16
"""Backups that are deleted at the same time."""

Finished = Mapping[str, AbstractSet[str]]
"""Ids of the backups that have a manifest, by account."""

log = structlog.get_logger()


class BackupSweep:
    """Looks at the stream; `on_swept` gets what there is after each sweep, which spares what `restoring` returns."""

    def __init__(self, on_swept: Callable[[Finished], None], restoring: Callable[[], Collection[UUID]]) -> None:
        self._on_swept = on_swept
        self._restoring = restoring
        self._swept_at = self._told_at = float("-inf")
        self._swept_to = 0

    async def run(self, client: Client) -> Never:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look(client)
            except Exception as error:  # noqa: BLE001 the edge of a task: it is tried again
                log.warning("backups_not_swept", error=str(error) or type(error).__name__)

    async def look(self, client: Client) -> None:
        """See how full the stream is, tell it, and sweep if it is time or something new has nearly filled it."""
        use = await stream_use(client, BACKUP_STREAM)
        if use is None:
            return
        BACKUP_BYTES.set(use.size)
        BACKUP_FULLNESS.set(use.fullness)
        if use.is_nearly_full:
            self._tell(use)
        if time.monotonic() - self._swept_at < SWEEP_SECONDS and not (use.is_nearly_full and use.last > self._swept_to):
            return
        self._on_swept(await sweep(client, datetime.now(UTC), self._restoring))
        self._swept_at, self._swept_to = time.monotonic(), use.last

    def _tell(self, use: StreamUse) -> None:
        if time.monotonic() - self._told_at < SWEEP_SECONDS:
            return
        self._told_at = time.monotonic()
        log.warning(
            "backups_nearly_full",
            percent=round(100 * use.fullness),
            advice=f"raise max_bytes of {BACKUP_STREAM}, or keep less (oxy sessions delete, spec.session.backup.keep): "
            "once it is full, no session is backed up",
        )


async def sweep(client: Client, now: datetime, restoring: Callable[[], Collection[UUID]]) -> Finished:
    """Delete what is too much, but nothing that is to be restored; return what is left that was finished.

    Raises BusError.
    """
    async with failing("sweep backups"):
        held = _held(await subjects_of(client, BACKUP_STREAM, subjects.BACKUP_ALL))
        for sender, items in held.items():
            await _delete(client, sender, items, abandoned(await _with_times(client, sender, items), now))
        # Whoever has most first, and only until there is room again: a flood must not cost others their backups.
        for sender, items in sorted(held.items(), key=lambda item: _chunks(item[1]), reverse=True):
            use = await stream_use(client, BACKUP_STREAM)
            if use is None or not use.is_nearly_full or _chunks(items) <= use.share:
                break
            dated, wanted = await _with_times(client, sender, items), {str(backup_id) for backup_id in restoring()}
            await _delete(client, sender, items, excess(dated, use.share, wanted))
    return {sender.account: {id_ for id_, item in items.items() if item.finished} for sender, items in held.items()}


def _held(present: Mapping[str, int]) -> dict[SubjectSender, dict[str, HeldBackup]]:
    """Return the backups of which anything is there, by sender and id."""
    chunks: defaultdict[SubjectSender, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    finished: set[tuple[SubjectSender, str]] = set()
    for subject in present:
        *_, account, instance, backup_id, number = subject.split(".")
        sender = SubjectSender(account, instance)
        chunks[sender][backup_id] += 1
        if number == MANIFEST:
            finished.add((sender, backup_id))
    return {
        sender: {id_: HeldBackup(id_, count, finished=(sender, id_) in finished) for id_, count in found.items()}
        for sender, found in chunks.items()
    }


def _chunks(items: Mapping[str, HeldBackup]) -> int:
    return sum(item.chunks for item in items.values())


async def _with_times(client: Client, sender: SubjectSender, items: Mapping[str, HeldBackup]) -> list[HeldBackup]:
    """Return an instance's backups with their times; without those of what is unfinished, if that is a flood."""
    flooded = is_flood(list(items.values()))
    return [
        item if flooded and not item.finished else item.dated(await _since(client, sender, item))
        for item in items.values()
    ]


async def _since(client: Client, sender: SubjectSender, item: HeldBackup) -> datetime | None:
    """Return when a backup was finished, or its last chunk came; None: it is gone."""
    number = MANIFEST if item.finished else "*"
    try:
        subject = subjects.backup(sender.account, sender.instance, item.id, number)
        return (await client.jetstream().get_last_msg(BACKUP_STREAM, subject)).time
    except NotFoundError:
        return None


async def _delete(
    client: Client, sender: SubjectSender, items: dict[str, HeldBackup], backup_ids: tuple[str, ...]
) -> None:
    """Delete backups; those that are unfinished at once, if all of the instance's are, else several at a time."""
    gone = [items.pop(backup_id) for backup_id in backup_ids]
    unfinished = [backup.id for backup in gone if not backup.finished]
    for backup in gone:
        if backup.finished:
            await delete(client, sender.account, sender.instance, backup.id)
    if len(unfinished) > 1 and not items:
        unfinished = ["*"]
    patterns = [subjects.backup(sender.account, sender.instance, backup_id, "*") for backup_id in unfinished]
    for start in range(0, len(patterns), AT_ONCE):
        some = patterns[start : start + AT_ONCE]
        await asyncio.gather(*(client.jetstream().purge_stream(BACKUP_STREAM, subject=pattern) for pattern in some))
    if gone:
        log.warning("backups_swept", instance=sender.instance, backups=len(gone), unfinished=len(unfinished))
