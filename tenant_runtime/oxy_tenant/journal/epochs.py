"""Where one journal ends and the next begins. Its epoch tells the platform which sequences can be compared.

A volume that is restored or copied holds a journal whose newest sequences may have been used already, for reports that
are not in it. Only something outside of the volume can tell: the name of the volume itself, which the operator passes
to the pod. When it changes, a new journal begins, and sequences count from 1 again.
"""

import secrets
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import uuid4

_STEP_SECONDS: Final = 0.001
"""By how much a journal begins after its predecessor at least, even if the clock went back."""


@dataclass(frozen=True, slots=True)
class Restored:
    """The session that was last restored from a backup."""

    name: str
    """Tells one restore from another."""
    newest_secret: int
    """Newest row of message secrets that it had."""


def begin_first(database: sqlite3.Connection, organization: str, instance: str, now: datetime) -> None:
    """Begin the first journal in an empty file."""
    database.execute(
        "INSERT INTO identity (organization, instance, secret, epoch, started_at) VALUES (?, ?, ?, ?, ?)",
        (organization, instance, secrets.token_bytes(32), str(uuid4()), now.timestamp()),
    )


def follow_volume(database: sqlite3.Connection, volume: str | None, now: datetime) -> bool:
    """Begin a new journal if this is not the volume that the current one began on; return whether one began.

    None: nobody can name the volume.
    """
    known = database.execute("SELECT volume FROM identity").fetchone()[0]
    if volume in {None, known}:
        return False
    if known is not None:
        _begin_next(database, now)
    database.execute("UPDATE identity SET volume = ?", (volume,))
    return known is not None


def follow_restore(database: sqlite3.Connection, restored: Restored | None, now: datetime) -> bool:
    """Begin a new journal if another session was restored since the current one began; return whether one began.

    Only the old session could tell whether what was being sent has left.
    """
    known = database.execute("SELECT restored FROM identity").fetchone()[0]
    if restored is None or restored.name == known:
        return False
    _begin_next(database, now)
    database.execute("UPDATE identity SET restored = ?, audited_secret = ?", (restored.name, restored.newest_secret))
    return True


def _begin_next(database: sqlite3.Connection, now: datetime) -> None:
    database.execute(
        "UPDATE identity SET epoch = ?, started_at = max(?, started_at + ?), last_sequence = 0",
        (str(uuid4()), now.timestamp(), _STEP_SECONDS),
    )
    database.execute("UPDATE chats SET last_sequence = 0, own_sequence = 0")
