"""The library's own SQLite file: reads it, copies it, and sets a damaged one aside.

Credentials are never deleted: a damaged file gets another name. Tables and their meaning: whatsmeow,
store/sqlstore/upgrades/00-latest-schema.sql. It is read in another process; `session_reader` says why.
"""

import contextlib
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import structlog
from pydantic import ValidationError

from oxy_core.identity import LID_SERVER, PHONE_SERVER, Jid
from oxy_tenant.content.arrival import DIRECT_SERVERS
from oxy_tenant.errors import SessionError, UnlinkedError, VolumeError
from oxy_tenant.links.neonize.reader_process import run_reader
from oxy_tenant.links.protocol import LinkedDevice

_SIGNAL_ADDRESS: Final = re.compile(r"(?P<user>\d+)(?P<agent>_1)?:\d+")
"""A device's name in Signal's protocol; the agent 1 stands for hidden addresses. Source: whatsmeow, types/jid.go,
SignalAddressUser."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A message that the library decrypted or was about to send, from its store."""

    chat: Jid
    sender: Jid
    from_me: bool
    """Whether the sender is the linked account, according to the store: there is no connection yet."""
    whatsapp_id: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class StoredSecrets:
    """The messages stored since some row, in direct chats only."""

    messages: tuple[StoredSecret, ...]
    newest_row: int
    linked: bool
    """Whether a device is linked with the session."""


@dataclass(frozen=True, slots=True)
class NewestSecret:
    """The newest message secret in the store."""

    row: int
    """0: there is none."""
    linked: bool
    """Whether a device is linked with the session."""


class SessionStore:
    """The session in `folder`: ``session.db`` and its last copy ``session.copy.db``. Methods block."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "session.db"
        self._files = tuple(folder / f"session.db{suffix}" for suffix in ("", "-wal", "-shm"))
        self._copy = folder / "session.copy.db"

    @property
    def size(self) -> int:
        """Bytes on the volume, with the write-ahead log."""
        files = (self.path, self.path.with_name("session.db-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    @property
    def has_content(self) -> bool:
        """Whether there is a file that is not empty."""
        return _has_content(self.path)

    @property
    def version(self) -> int:
        """Changes whenever the library writes; cheap, because no file is read."""
        log_file = self.path.with_name("session.db-wal")
        return log_file.stat().st_mtime_ns if log_file.exists() else 0

    def examine(self) -> LinkedDevice | None:
        """Check the session and return the device that is linked with it; None if there is none.

        Raises SessionError if it is damaged; VolumeError if the volume is full or unreadable, which is not damage, or
        if the session cannot be written: the library would connect, and lose whatever it cannot store a ratchet of.
        """
        for file in self._files:
            if file.exists() and not os.access(file, os.W_OK):
                message = f"the session {file} cannot be written; check the volume, and who may write its files"
                raise VolumeError(message)
        answer = self.ask("examine")
        devices = answer.get("devices", [])
        return device_of(devices[0], int(answer.get("peers", 0))) if devices else None

    def copy(self) -> None:
        """Copy a session that holds a linked device; raises SessionError, VolumeError.

        The last copy of a linked session stays until there is another: the library deletes its device when the server
        says that it was removed, locked or banned.
        """
        self.ask("copy", str(self._copy))

    def newest_secret(self) -> NewestSecret:
        """Return the newest row of message secrets; raises SessionError, VolumeError."""
        answer = self.ask("newest")
        return NewestSecret(int(answer.get("row", 0)), linked=bool(answer.get("linked", False)))

    def secrets_after(self, row: int) -> StoredSecrets:
        """Return the messages stored after `row`; raises SessionError, VolumeError."""
        answer = self.ask("secrets_after", row)
        own = frozenset(Jid.parse(address).user for address in answer.get("own", []))
        found = (_stored(own, *columns[1:]) for columns in answer.get("secrets", []))
        return StoredSecrets(
            messages=tuple(secret for secret in found if secret is not None),
            newest_row=int(answer.get("row", 0)),
            linked=bool(answer.get("linked", False)),
        )

    def id_of(self, secrets: Sequence[bytes]) -> str | None:
        """Return the WhatsApp id of the newest message with one of these secrets; None if none is stored.

        Raises UnlinkedError if nothing can be concluded from that; SessionError, VolumeError.
        """
        answer = self.ask("id_of", [secret.hex() for secret in secrets])
        if not answer.get("linked", False):
            message = f"the session {self.path} holds no linked device"
            raise UnlinkedError(message)
        found = answer.get("id")
        return None if found is None else str(found)

    def forget(self, is_theirs: Callable[[Jid], bool]) -> tuple[str, ...]:
        """Delete what the session, its copy and those set aside keep of a person; return the files that cannot be read.

        These are damaged, or logs without their database. Raises VolumeError.
        """
        files = [self.path, self._copy, *self.kept_aside()]
        damaged = []
        for file in files:
            try:
                named = self.ask("people", path=file)
                rows = rows_of_person(named.get("people", []), named.get("pairs", []), is_theirs)
                self.ask("forget", rows, path=file)
            except SessionError:
                damaged.append(file.name)
        return (*damaged, *self._orphaned_logs())

    def _orphaned_logs(self) -> list[str]:
        """Return the logs of missing sessions, which are all that was left of them."""
        logs = sorted(self.path.parent.glob("session.*-*Z.db-wal"))
        return [log.name for log in logs if log.stat().st_size and not _has_content(log.with_suffix(".db"))]

    def kept_aside(self) -> list[Path]:
        """Return the sessions that were set aside, for whatever reason; only a person deletes them."""
        return sorted(file for file in self.path.parent.glob("session.*-*Z.db"))

    def ask(self, question: str, *arguments: object, path: Path | None = None) -> dict[str, Any]:
        """Return the reader's answer about the session, or about another file; it is empty if there is none.

        A file without content counts as none: if SQLite opened it, it would delete the log beside it.
        """
        path = path or self.path
        if not _has_content(path):
            return {}
        try:
            output = run_reader(json.dumps([str(path), question, *arguments]))
        except (OSError, subprocess.SubprocessError) as error:
            message = f"the session {path} could not be read: {error}"
            raise VolumeError(message) from error
        answer: dict[str, Any] = json.loads(output)
        if "damage" in answer:
            message = f"the session {path} is damaged: {answer['damage']}"
            raise SessionError(message)
        if "failure" in answer:
            message = f"the session {path} cannot be read: {answer['failure']}; check the volume"
            raise VolumeError(message)
        return answer

    def set_aside(self, now: datetime) -> None:
        """Rename a damaged session, or what is left of one under its name, without deleting it."""
        self.set_aside_as(f"session.bad-{now:%Y%m%dT%H%M%SZ}.db")

    def set_aside_foreign(self, now: datetime) -> None:
        """Rename a session that belongs to another account, without deleting it."""
        self.set_aside_as(f"session.foreign-{now:%Y%m%dT%H%M%SZ}.db")

    def set_aside_rest(self, now: datetime) -> None:
        """Rename what is left of a session that has lost its device, if anything, without deleting it."""
        if any(file.exists() for file in self._files):
            self.set_aside_as(f"session.missing-{now:%Y%m%dT%H%M%SZ}.db")

    def set_aside_as(self, name: str) -> None:
        """Rename the session, without deleting it."""
        for file in self._files:
            if file.exists():
                file.rename(self.path.with_name(file.name.replace(self.path.name, name)))
        self.flush_folder()
        log.info("session_renamed", name=name)

    def set_log_aside(self) -> None:
        """Rename the log of a session that was set aside, if that was interrupted before it came to the log."""
        aside = self.kept_aside()
        for suffix in ("-wal", "-shm"):
            file = self.path.with_name(f"session.db{suffix}")
            if file.exists() and aside:
                newest = max(aside, key=lambda kept: kept.stem.rpartition("-")[2])
                file.rename(newest.with_name(f"{newest.name}{suffix}"))
        self.flush_folder()

    def flush_folder(self) -> None:
        """Force to disk what was renamed."""
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def device_of(address: str, peers: int = 0) -> LinkedDevice:
    """Return a device by its address as the library writes it."""
    return LinkedDevice(_address(address), hashlib.sha256(address.encode()).hexdigest(), peers)


def rows_of_person(
    people: Sequence[Sequence[str]], pairs: Sequence[Sequence[str]], is_theirs: Callable[[Jid], bool]
) -> list[Sequence[str]]:
    """Return those of the named people, as table, column and value, who are one person.

    `pairs` are hidden addresses with their numbers: who has one, has the other.
    """
    addresses = {(column, value): _named(column, value) for _, column, value in people}
    theirs = {jid for jid in addresses.values() if jid is not None and is_theirs(jid)}
    for lid, phone in pairs:
        pair = {Jid(user=lid, server=LID_SERVER), Jid(user=phone, server=PHONE_SERVER)}
        theirs |= pair if any(jid in theirs or is_theirs(jid) for jid in pair) else set()
    return [row for row in people if addresses[row[1], row[2]] in theirs]


def _named(column: str, value: str) -> Jid | None:
    """Return the address of a person as a column of the library has it."""
    if column in {"lid", "pn"}:
        return _bare(f"{value}@{LID_SERVER if column == 'lid' else PHONE_SERVER}")
    signal = _SIGNAL_ADDRESS.fullmatch(value)
    if signal is not None:
        return _bare(f"{signal['user']}@{LID_SERVER if signal['agent'] else PHONE_SERVER}")
    return _bare(value)


def _bare(text: str) -> Jid | None:
    address = _address(text)
    return None if address is None else address.bare


def _address(text: str) -> Jid | None:
    with contextlib.suppress(ValidationError):
        return Jid.parse(text)
    return None


def _stored(own: frozenset[str], chat: str, sender: str, whatsapp_id: str, secret: str) -> StoredSecret | None:
    try:
        chat_jid, sender_jid = Jid.parse(chat).bare, Jid.parse(sender).bare
    except ValidationError:
        return None
    if chat_jid.server not in DIRECT_SERVERS:
        return None
    return StoredSecret(chat_jid, sender_jid, sender_jid.user in own, whatsapp_id, bytes.fromhex(secret))
