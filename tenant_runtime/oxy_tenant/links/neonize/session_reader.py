"""Reads a whatsmeow session, and deletes people from it; `session_store` runs it as a separate program.

The library that holds the session open has its own copy of SQLite. Two copies in one process do not see each other's
locks, and closing a file in one drops the locks of the other, which can corrupt the database
(https://www.sqlite.org/howtocorrupt.html, section 2.2). Locks work between processes, so this is a separate one.

It reads one request from standard input and prints one answer, both JSON. Standard library only: it starts in 20 ms.
"""

import ctypes
import errno
import hashlib
import json
import os
import re
import shutil
import signal
import sqlite3
import sys
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

WAIT_SECONDS: Final = 5.0
"""How long to wait for a lock that the library holds."""

PART_BYTES: Final = 256 << 10
"""How much of a file is in memory at once."""

LEVEL: Final = 6
"""zlib's own default: keys do not become smaller, their tables become half of it."""

SPARED_BYTES: Final = 4 << 20
"""What a copy leaves free."""

_PR_SET_PDEATHSIG: Final = 1
"""Source: linux/prctl.h."""

Answer = dict[str, Any]


def examine(database: sqlite3.Connection) -> Answer:
    """Check the session and return the addresses of its linked devices; the library uses the first."""
    findings = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if findings != "ok":
        return {"damage": findings}
    peers = _rows(database, "SELECT count(*) FROM whatsmeow_sessions")
    return {"devices": _devices(database), "peers": peers[0][0] if peers else 0}


def _devices(database: sqlite3.Connection) -> list[str]:
    return [row[0] for row in _rows(database, "SELECT jid FROM whatsmeow_device ORDER BY rowid")]


def copy(database: sqlite3.Connection, path: str) -> Answer:
    """Copy the session to `path` if it has a linked device; what is there otherwise stays."""
    # A reader that is killed leaves what it had copied, and while its volume hangs it does not end.
    unfinished = Path(f"{path}.{os.getpid()}.new")
    for abandoned in unfinished.parent.glob(f"{Path(path).name}.*new"):
        abandoned.unlink(missing_ok=True)
    _require_room(database, unfinished.parent)
    with closing(sqlite3.connect(unfinished)) as target:
        database.backup(target)
        # The library deletes its device when the server says so, perhaps while we copied.
        paired = bool(_rows(target, "SELECT 1 FROM whatsmeow_device LIMIT 1"))
    _flush(unfinished)
    if paired:
        unfinished.replace(path)
    else:
        unfinished.unlink()
    return {"copied": paired}


def _require_room(database: sqlite3.Connection, folder: Path) -> None:
    """Raise OSError unless a copy leaves some room: what is in use must not lack it because of a copy."""
    (size,) = database.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").fetchone()
    if shutil.disk_usage(folder).free < size + SPARED_BYTES:
        raise OSError(errno.ENOSPC, "no room for a copy")


def _flush(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def pack(database: sqlite3.Connection, path: str) -> Answer:
    """Compress a copy of the session to `path` if it has a linked device; the copy is checked before."""
    copied = Path(f"{path}.db")
    copied.unlink(missing_ok=True)
    _require_room(database, copied.parent)
    with closing(sqlite3.connect(copied)) as target:
        database.backup(target)
        found = examine(target)
    if not found.get("devices"):
        copied.unlink()
        return {"damage": found["damage"]} if "damage" in found else {}
    digest, size, compressor = hashlib.sha256(), 0, zlib.compressobj(LEVEL)
    with copied.open("rb") as source, Path(path).open("wb") as packed:
        while True:
            part = source.read(PART_BYTES)
            data = compressor.compress(part) if part else compressor.flush()
            digest.update(data)
            packed.write(data)
            if not part:
                break
            size += len(part)
        compressed = packed.tell()
    copied.unlink()
    device = found["devices"][0]
    return {"device": device, "database_bytes": size, "compressed_bytes": compressed, "sha256": digest.hexdigest()}


def unpack(path: str, target: str, limit: int) -> Answer:
    """Take a session of at most `limit` bytes out of what `pack` made, to `target`, and check it."""
    file = Path(target)
    _inflate(Path(path), file, limit)
    with closing(sqlite3.connect(file)) as database:
        found = examine(database)
        if not found.get("devices"):
            return {"damage": found.get("damage", "no device is linked")}
        answer = {"device": found["devices"][0], "row": newest(database)["row"]}
    _flush(file)
    return answer


def _inflate(packed: Path, target: Path, limit: int) -> None:
    inflater, size, part = zlib.decompressobj(), 0, b""
    with packed.open("rb") as source, target.open("wb") as file:
        data = source.read(PART_BYTES)
        while (data or part) and not inflater.eof and size <= limit:
            part = inflater.decompress(data, PART_BYTES)
            size += file.write(part)
            data = inflater.unconsumed_tail or source.read(PART_BYTES)
    if size > limit or not inflater.eof or data or inflater.unused_data:
        message = "the packed session does not end where it should"
        raise zlib.error(message)


def drop_ratchets(database: sqlite3.Connection) -> Answer:
    """Delete the ratchets with other devices, and our own of groups, so that new ones begin with the next message."""
    own = [address for row in _rows(database, "SELECT jid, lid FROM whatsmeow_device") for address in row if address]
    query = "DELETE FROM whatsmeow_sender_keys WHERE sender_id GLOB ? OR sender_id GLOB ?"
    with database:
        for user in {re.split("[@:.]", address)[0] for address in own}:
            _rows(database, query, f"{user}:*", f"{user}_1:*")
        _rows(database, "DELETE FROM whatsmeow_sessions")
    # The file is renamed next, without a log beside it.
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return {}


def newest(database: sqlite3.Connection) -> Answer:
    """Return the newest row of message secrets, 0 if there is none, and whether a device is linked."""
    rows = _rows(database, "SELECT coalesce(max(rowid), 0) FROM whatsmeow_message_secrets")
    linked = bool(_rows(database, "SELECT 1 FROM whatsmeow_device LIMIT 1"))
    return {"row": rows[0][0] if rows else 0, "linked": linked}


def secrets_after(database: sqlite3.Connection, row: int) -> Answer:
    """Return the message secrets stored after `row`, the newest row, and the addresses of the linked account."""
    query = (
        "SELECT rowid, chat_jid, sender_jid, message_id, hex(key) FROM whatsmeow_message_secrets "
        "WHERE rowid > ? ORDER BY rowid"
    )
    own = [
        address for device in _rows(database, "SELECT jid, lid FROM whatsmeow_device") for address in device if address
    ]
    return {"secrets": _rows(database, query, row), "own": own, **newest(database)}


def id_of(database: sqlite3.Connection, secrets: list[str]) -> Answer:
    """Return the message id stored with the newest of these secrets, in hexadecimal, and whether a device is linked."""
    # One pass: the library has no index on keys.
    places = ", ".join("?" * len(secrets))
    query = f"SELECT rowid, message_id FROM whatsmeow_message_secrets WHERE key IN ({places})"  # noqa: S608 only places
    rows = _rows(database, query, *(bytes.fromhex(secret) for secret in secrets))
    # With its device, the library deletes the secrets of everything that the device sent.
    linked = bool(_rows(database, "SELECT 1 FROM whatsmeow_device LIMIT 1"))
    return {"id": max(rows)[1] if rows else None, "linked": linked}


PEOPLE: Final = {
    "whatsmeow_contacts": ("their_jid",),
    "whatsmeow_chat_settings": ("chat_jid",),
    "whatsmeow_message_secrets": ("chat_jid", "sender_jid"),
    "whatsmeow_privacy_tokens": ("their_jid",),
    "whatsmeow_retry_buffer": ("chat_jid",),
    "whatsmeow_sessions": ("their_id",),
    "whatsmeow_identity_keys": ("their_id",),
    "whatsmeow_sender_keys": ("sender_id",),
    "whatsmeow_lid_map": ("lid", "pn"),
}
"""Where the library names people, by table. Source: whatsmeow, store/sqlstore/upgrades/00-latest-schema.sql."""


def people(database: sqlite3.Connection) -> Answer:
    """Return whom the session names, each as table, column and value; and which hidden address has which number."""
    named = [
        [table, column, value]
        for table, columns in PEOPLE.items()
        for column in columns
        for (value,) in _rows(database, f"SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL")  # noqa: S608 constants
    ]
    return {"people": named, "pairs": _rows(database, "SELECT lid, pn FROM whatsmeow_lid_map")}


def forget(database: sqlite3.Connection, rows: list[list[str]]) -> Answer:
    """Delete the rows that have these values, each as table, column and value, and write the file anew without them.

    A message's secret only loses its names: whoever audits the secrets goes by their rows.
    """
    database.execute("PRAGMA secure_delete = ON")
    with database:
        for table, column, value in rows:
            if column in PEOPLE.get(table, ()):
                database.execute(_forgetting(table, column), (value.encode(errors="surrogateescape"),))
    # Also what the library has deleted before is in the file, as long as nothing is written over it.
    database.execute("VACUUM")
    busy = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    return {"failure": "the library uses the log of the session"} if busy else {"forgotten": len(rows)}


def _forgetting(table: str, column: str) -> str:
    if table == "whatsmeow_message_secrets":
        return f"UPDATE OR REPLACE {table} SET chat_jid = '', sender_jid = '' WHERE {column} = CAST(? AS TEXT)"  # noqa: S608 constants
    return f"DELETE FROM {table} WHERE {column} = CAST(? AS TEXT)"  # noqa: S608 constants


def _rows(database: sqlite3.Connection, query: str, *values: object) -> list[Any]:
    """Query a session whose tables may not exist yet."""
    try:
        return database.execute(query, values).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return []
        raise


QUESTIONS: Final[dict[str, Callable[..., Answer]]] = {
    "examine": examine,
    "copy": copy,
    "pack": pack,
    "drop_ratchets": drop_ratchets,
    "newest": newest,
    "secrets_after": secrets_after,
    "id_of": id_of,
    "people": people,
    "forget": forget,
}


FILE_QUESTIONS: Final[dict[str, Callable[..., Answer]]] = {"unpack": unpack}
"""About a file that is no database."""


def answer(path: str, question: str, *arguments: Any) -> Answer:  # noqa: ANN401 whatever JSON can hold
    """Answer one question about the session at `path`; if that is impossible, ``damage`` or ``failure`` says why."""
    try:
        if question in FILE_QUESTIONS:
            return FILE_QUESTIONS[question](path, *arguments)
        with closing(sqlite3.connect(path, timeout=WAIT_SECONDS)) as database:
            # Senders choose message ids, and nobody requires UTF-8. JSON carries the bytes as lone surrogates.
            database.text_factory = lambda text: text.decode(errors="surrogateescape")
            return QUESTIONS[question](database, *arguments)
    except sqlite3.OperationalError as error:
        return {"failure": str(error)}
    except (sqlite3.DatabaseError, zlib.error) as error:
        return {"damage": str(error)}
    except OSError as error:
        return {"failure": os.strerror(error.errno or 0)}


def end_with(parent: int) -> None:
    """End as soon as the process that asked is gone, even if it is killed: a copy would go on without it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the process that asked is gone")


if __name__ == "__main__":
    end_with(int(sys.argv[1]))
    json.dump(answer(*json.load(sys.stdin)), sys.stdout)
