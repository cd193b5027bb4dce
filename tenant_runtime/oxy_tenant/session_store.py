"""The library's own SQLite file: what this runtime reads of it, and how it is kept safe.

Credentials are never deleted: a damaged file is set aside under another name. Tables and their meaning: whatsmeow,
store/sqlstore/upgrades/00-latest-schema.sql.
"""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog
from pydantic import ValidationError

from oxy_core.identity import Jid
from oxy_tenant.classification import DIRECT_SERVERS
from oxy_tenant.errors import SessionError, VolumeError

AGAIN_WITHIN: Final = timedelta(days=1)
"""A session damaged twice within this time is given up."""

_WAIT_SECONDS: Final = 5.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A message that the library decrypted or was about to send, as its store remembers it."""

    row: int
    chat: Jid
    sender: Jid
    whatsapp_id: str
    secret: bytes


class SessionStore:
    """The session in `folder`: ``session.db`` and its last copy ``session.copy.db``."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "session.db"
        self._copy = folder / "session.copy.db"

    @property
    def size(self) -> int:
        """Bytes on the volume, with the write-ahead log."""
        files = (self.path, self.path.with_name("session.db-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def is_paired(self) -> bool:
        """Whether the store holds a linked device; raises SessionError, VolumeError."""
        return bool(self._query("SELECT 1 FROM whatsmeow_device LIMIT 1"))

    def copy(self) -> None:
        """Check the store and copy it, replacing the last copy; raises SessionError if it is damaged.

        A full volume is no damage: the last copy then stays.
        """
        if not self.path.exists():
            return
        unfinished = self._copy.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        try:
            with closing(sqlite3.connect(self.path, timeout=_WAIT_SECONDS)) as source:
                findings = source.execute("PRAGMA quick_check(1)").fetchone()[0]
                if findings != "ok":
                    message = f"the session {self.path} is damaged: {findings}"
                    raise SessionError(message)
                with closing(sqlite3.connect(unfinished)) as target:
                    source.backup(target)
        except sqlite3.OperationalError as error:
            log.warning("session_not_copied", error=str(error))
            return
        except sqlite3.DatabaseError as error:
            message = f"the session {self.path} is damaged: {error}"
            raise SessionError(message) from error
        unfinished.replace(self._copy)

    def set_aside(self, now: datetime) -> bool:
        """Move a damaged store out of the way, keeping it; returns whether it is the second one within a day."""
        again = any(now - moment < AGAIN_WITHIN for moment in self._set_aside_at())
        name = f"session.bad-{now:%Y%m%dT%H%M%SZ}.db"
        for suffix in ("", "-wal", "-shm"):
            file = self.path.with_name(f"session.db{suffix}")
            if file.exists():
                file.rename(self.path.with_name(f"{name}{suffix}"))
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        log.error("session_set_aside", name=name, again=again)
        return again

    def _set_aside_at(self) -> list[datetime]:
        names = (file.name for file in self.path.parent.glob("session.bad-*.db"))
        return [datetime.strptime(f"{name}+0000", "session.bad-%Y%m%dT%H%M%SZ.db%z") for name in names]

    def newest_secret(self) -> int:
        """Return the newest row of message secrets; 0: there is none."""
        rows = self._query("SELECT coalesce(max(rowid), 0) FROM whatsmeow_message_secrets")
        return int(rows[0][0]) if rows else 0

    def secrets_after(self, row: int) -> list[StoredSecret]:
        """Return the messages of direct chats stored after `row`."""
        query = f"SELECT {_COLUMNS} FROM whatsmeow_message_secrets WHERE rowid > ? ORDER BY rowid"  # noqa: S608 a constant
        found = (_stored(columns) for columns in self._query(query, row))
        return [secret for secret in found if secret is not None]

    def id_of(self, secrets: Sequence[bytes]) -> str | None:
        """Return the WhatsApp id chosen for the newest of these secrets, None if the library stored none of them."""
        marks = ", ".join("?" * len(secrets))
        query = f"SELECT message_id FROM whatsmeow_message_secrets WHERE key IN ({marks}) ORDER BY rowid DESC LIMIT 1"  # noqa: S608 only question marks
        rows = self._query(query, *secrets)
        return str(rows[0][0]) if rows else None

    def _query(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Read from the store, which the library may have open; a store that was never made is empty."""
        if not self.path.exists():
            return []
        try:
            with closing(sqlite3.connect(self.path, timeout=_WAIT_SECONDS)) as database:
                return database.execute(query, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            message = f"the session {self.path} cannot be read: {error}; check the volume"
            raise VolumeError(message) from error
        except sqlite3.DatabaseError as error:
            message = f"the session {self.path} is damaged: {error}"
            raise SessionError(message) from error


_COLUMNS: Final = "rowid, chat_jid, sender_jid, message_id, key"


def _stored(columns: tuple[Any, ...]) -> StoredSecret | None:
    row, chat, sender, whatsapp_id, secret = columns
    try:
        stored = StoredSecret(row, Jid.parse(chat).bare, Jid.parse(sender).bare, whatsapp_id, secret)
    except ValidationError:
        return None
    return stored if stored.chat.server in DIRECT_SERVERS else None
