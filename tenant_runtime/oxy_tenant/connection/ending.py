"""How a runtime ends by itself: the terminal causes, the marker on the volume, the termination message.

A marker records that an epoch ended. It is pre-allocated, so that a full volume cannot keep it from being written, and
overwritten in place before the process exits. A runtime started again in an ended epoch repeats code and message
without opening a connection.
"""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog

from oxy_core.errors import ContractError, OxyError
from oxy_core.instance.terminal_causes import ExitCode
from oxy_core.tenant import TerminationMessage

MARKER_BYTES: Final = 4096
"""Size of the marker: one page, more than a termination message ever needs."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ending:
    """A cause after which this runtime opens no connection again."""

    code: ExitCode
    reason: str
    """CamelCase, for status conditions."""
    message: str
    """What happened and what to do, for people."""
    ban_expires_at: datetime | None = None

    def to_message(self, *, epoch: int, pod_uid: str, ended_at: datetime) -> TerminationMessage:
        """Return the contract form of this ending."""
        return TerminationMessage(
            epoch=epoch,
            pod_uid=pod_uid,
            exit_code=int(self.code),
            reason=self.reason,
            message=self.message,
            ended_at=ended_at,
            ban_expires_at=self.ban_expires_at,
        )


class EndedError(OxyError):
    """A terminal cause ended the connection; carries what the process says and exits with."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.message)
        self.ending = ending


def logged_out() -> Ending:
    """Return the ending after the device was removed on the phone."""
    return Ending(
        ExitCode.LOGGED_OUT,
        "LoggedOut",
        "The phone removed this linked device. Run `oxy pair` and link it again.",
    )


def connection_replaced() -> Ending:
    """Return the ending when another client uses the same session."""
    return Ending(
        ExitCode.CONNECTION_REPLACED,
        "ConnectionReplaced",
        "Another client connected with the same session. Stop the other one, then run `oxy pair`.",
    )


def temporary_ban(expires_at: datetime | None) -> Ending:
    """Return the ending when WhatsApp blocked the number for a while."""
    until = "" if expires_at is None else f" until {expires_at:%Y-%m-%d %H:%M} UTC"
    return Ending(
        ExitCode.TEMPORARY_BAN,
        "TemporaryBan",
        f"WhatsApp blocked this number{until}. Send less, wait until the block ends, then run `oxy pair`.",
        expires_at,
    )


def client_outdated() -> Ending:
    """Return the ending when WhatsApp refuses this version of the client library."""
    return Ending(
        ExitCode.CLIENT_OUTDATED,
        "ClientOutdated",
        "WhatsApp no longer accepts this client version. Update the tenant runtime's image.",
    )


def bad_session() -> Ending:
    """Return the ending when the stored session was unusable twice within a day."""
    return Ending(
        ExitCode.BAD_SESSION,
        "BadSession",
        "The stored session was damaged twice within a day. Check the volume, then run `oxy pair`.",
    )


def attempts_exhausted(attempts: int, reason: str) -> Ending:
    """Return the ending after the allowed number of failed attempts."""
    return Ending(
        ExitCode.ATTEMPTS_EXHAUSTED,
        "AttemptsExhausted",
        f"No connection to WhatsApp after {attempts} attempts (last: {reason}). It is tried again by itself.",
    )


class EndedMarker:
    """The file on the volume that says which epoch ended, and how."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def allocate(self) -> None:
        """Make sure that the marker exists in full size, on disk; raises OSError."""
        if self._path.exists() and self._path.stat().st_size == MARKER_BYTES:
            return
        self._write_through(b"", os.O_CREAT)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def write(self, message: TerminationMessage) -> None:
        """Overwrite the marker in place and force it to disk; raises OSError."""
        self._write_through(message.encode(), 0)

    def read(self) -> TerminationMessage | None:
        """Return what ended, or None if nothing did. An unreadable marker is reported and counts as none."""
        try:
            content = self._path.read_bytes().rstrip(b"\0")
        except FileNotFoundError:
            return None
        if not content:
            return None
        try:
            return TerminationMessage.decode(content)
        except ContractError as error:
            log.warning("ended_marker_unreadable", error=str(error))
            return None

    def _write_through(self, content: bytes, flags: int) -> None:
        file = os.open(self._path, os.O_WRONLY | flags, 0o600)
        try:
            os.pwrite(file, content.ljust(MARKER_BYTES, b"\0"), 0)
            os.fsync(file)
        finally:
            os.close(file)


def repeated_ending(marker: TerminationMessage | None, epoch: int, pod_uid: str) -> TerminationMessage | None:
    """Return what a start in `epoch` must repeat instead of connecting, or None if it may connect.

    The message speaks for the epoch asked for and for this pod, so that the operator does not take it for old news.
    """
    if marker is None or epoch > marker.epoch:
        return None
    return marker.model_copy(update={"epoch": epoch, "pod_uid": pod_uid})


def write_termination_message(path: Path, message: TerminationMessage) -> None:
    """Leave the message where the kubelet reads it; a failure is logged, the exit code still tells the cause."""
    try:
        path.write_bytes(message.encode())
    except OSError as error:
        log.warning("termination_message_unwritable", error=str(error))
