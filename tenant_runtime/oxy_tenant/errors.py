"""Errors of the tenant runtime.

OxyError
├── JournalError     the journal cannot be used; nothing may be received or sent without it
│   └── JournalFullError  the volume has no room left for it
├── SessionError     the stored WhatsApp session cannot be read
│   ├── SessionMissingError  it is gone or empty, although its device is known
│   └── UnlinkedError  it holds no linked device, so it has forgotten what it sent
├── VolumeError      the session volume is used by another runtime, or cannot be written
├── BackupError      a backup was not made, or not restored
│   ├── BackupUnavailableError  the bus, or whoever serves backups, cannot be reached; it is tried again
│   ├── BackupRefusedError      the platform will not store, or give, a chunk
│   ├── BackupKeyError          there is no key, or not the one that is needed
│   └── BackupDamagedError      what came back is not what was encrypted
├── LinkError …      a request to the WhatsApp link failed (`oxy_tenant.links.errors`)
├── LinkBrokenError  the library stopped delivering events; only a new process helps (also there)
└── EndedError       a terminal cause: the process writes a termination message and exits (`connection.ending`)
"""

import traceback
from pathlib import Path

from oxy_core.errors import OxyError


class JournalError(OxyError):
    """The journal cannot be used."""


class JournalFullError(JournalError):
    """The volume has no room left for what should be journalled."""


class SessionError(OxyError):
    """The stored WhatsApp session cannot be read."""


class SessionMissingError(SessionError):
    """The session is gone or empty, although its device is known."""


class UnlinkedError(SessionError):
    """The session holds no linked device, so it has forgotten what it sent."""


class VolumeError(OxyError):
    """The session volume is used by another runtime, or cannot be written."""


class BackupError(OxyError):
    """A backup was not made, or not restored."""

    reason = "BackupFailed"
    """CamelCase, for conditions."""


class BackupUnavailableError(BackupError):
    """The bus, or whoever serves backups, cannot be reached."""

    reason = "BackupUnavailable"


class BackupRefusedError(BackupError):
    """The platform will not store, or give, a chunk."""

    reason = "BackupRefused"


class BackupKeyError(BackupError):
    """There is no key, or not the one that is needed."""

    reason = "BackupKeyMissing"


class BackupDamagedError(BackupError):
    """What came back is not what was encrypted."""

    reason = "BackupDamaged"


def first_cause(error: BaseException) -> BaseException:
    """Return the first error of a group, however deep, or the error itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def description_of(error: BaseException) -> str:
    """Say what failed and where. The text of a foreign error is left out: it may quote a message or a number."""
    if isinstance(error, OxyError):
        return str(error) or type(error).__name__
    stack = stack_of(error)
    return type(error).__name__ + (f" in {stack[-1]}" if stack else "")


def stack_of(error: BaseException) -> list[str]:
    """Return where an error was raised, outermost call first, without its text."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
