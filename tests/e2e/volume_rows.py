"""The rows of the matrix that are about a session's volume: damaged, deleted, or full."""

import asyncio
from typing import Final

from e2e.fleet import Fleet, Member
from e2e.row import Row
from e2e.volumes import damage_session, delete_session, volume_of

MIB: Final = 1 << 20

CRASHED: Final = frozenset({"Crashed"})
"""Reason of the event over a process that was killed."""


def _damaged() -> Row:
    """The session is damaged."""
    return Row("session-damaged", "BadSession", damage_session, also=CRASHED)


def _missing() -> Row:
    """The session is deleted."""
    return Row("session-missing", "SessionMissing", delete_session, also=CRASHED)


def _full() -> Row:
    """Something fills the volume, and is removed again."""
    name = "volume-full"

    async def inflict(fleet: Fleet, member: Member) -> None:
        await asyncio.to_thread(volume_of(name).fill, leaving=2 * MIB)

    async def mend(fleet: Fleet, member: Member) -> None:
        volume_of(name).free()

    return Row(name, "VolumeFull", inflict, mend, by_live_state=True, volume=32 * MIB)


VOLUME_ROWS: Final = (_damaged(), _missing(), _full())
