"""Errors of the tenant runtime.

OxyError
├── JournalError     the journal cannot be used; nothing may be received or sent without it
├── SessionError     the stored WhatsApp session cannot be read
│   └── UnlinkedError  it holds no linked device, so it has forgotten what it sent
├── VolumeError      the session volume is used by another runtime, or cannot be written
├── LinkError …      a request to the WhatsApp link failed (`oxy_tenant.links.errors`)
├── LinkBrokenError  the library stopped delivering events; only a new process helps (also there)
└── EndedError       a terminal cause: the process writes a termination message and exits (`connection.ending`)
"""

import traceback
from pathlib import Path

from oxy_core.errors import OxyError


class JournalError(OxyError):
    """The journal cannot be used."""


class SessionError(OxyError):
    """The stored WhatsApp session cannot be read."""


class UnlinkedError(SessionError):
    """The session holds no linked device, so it has forgotten what it sent."""


class VolumeError(OxyError):
    """The session volume is used by another runtime, or cannot be written."""


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
