"""Restores a backup before the runtime opens the session, if its settings ask for one that it has not restored yet."""

import asyncio
from datetime import UTC, datetime
from typing import Final

import structlog

from oxy_core.envelopes import ConnectionState
from oxy_core.instance.session_states import RestoreOutcome, RestoreState, shortened
from oxy_core.session_backups import RestoreWish
from oxy_core.tasks import wait_for
from oxy_tenant.backups.restorer import Restorer, waiting_reason
from oxy_tenant.errors import BackupKeyError, BackupUnavailableError, VolumeError
from oxy_tenant.lobby import Lobby
from oxy_tenant.session_metadata import MetadataFile
from oxy_tenant.settings_file import SettingsFile
from oxy_tenant.volume.files import usable_files

RETRY_SECONDS: Final = 5.0
"""Pause before a restore that could not be carried out is tried again."""

RESTORING: Final = "RestoringBackup"
"""Why the runtime is not connected meanwhile."""

log = structlog.get_logger()


async def restore_if_wished(settings: SettingsFile, metadata: MetadataFile, lobby: Lobby) -> bool:
    """Carry out the wish of the settings, for as long as that takes; return False after a signal.

    It does not connect meanwhile: a person has asked for another session than the present one.
    """
    from oxy_tenant.links.neonize.session_archive import NeonizeArchive  # noqa: PLC0415 an ended epoch needs none of it
    from oxy_tenant.links.neonize.session_store import SessionStore  # noqa: PLC0415 likewise

    folder = lobby.environment.session
    archive = NeonizeArchive(folder)
    # What a process that was killed has left.
    with usable_files():
        archive.finish_adopting()
        archive.discard()
    if _open_wish(settings, metadata) is None:
        return True
    restorer = Restorer(lobby.environment, archive, SessionStore(folder), metadata)
    lobby.board.update(connection=ConnectionState.STARTING, last_reason=RESTORING)
    async with lobby.waiting():
        while not lobby.stop.is_set() and (wish := _open_wish(settings, metadata)) is not None:
            if not await _attempt(wish, settings, restorer, lobby):
                await wait_for(lobby.stop, RETRY_SECONDS)
                settings.reload()
        await lobby.board.publish_now()
    return not lobby.stop.is_set()


def _open_wish(settings: SettingsFile, metadata: MetadataFile) -> RestoreWish | None:
    wish = settings.current.restore
    return None if wish is None or metadata.current.settled(wish.id) else wish


async def _attempt(wish: RestoreWish, settings: SettingsFile, restorer: Restorer, lobby: Lobby) -> bool:
    """Carry out a wish, or be told to stop; return whether it is settled."""
    work = asyncio.create_task(restorer.carry_out(wish, settings.current.phone_number))
    stopped = asyncio.create_task(lobby.stop.wait())
    try:
        await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            return False
        lobby.board.update(restore=work.result().state)
    except (BackupUnavailableError, BackupKeyError, VolumeError, OSError) as error:
        log.warning("restore_postponed", error=str(error), kind=type(error).__name__)
        state = RestoreState(
            wish=wish.id,
            outcome=RestoreOutcome.WAITING,
            at=datetime.now(UTC),
            reason=waiting_reason(error),
            detail=shortened(str(error)),
        )
        lobby.board.update(restore=state)
        return False
    else:
        return True
    finally:
        for task in (work, stopped):
            task.cancel()
        await asyncio.wait({work, stopped})
