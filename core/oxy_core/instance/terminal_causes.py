"""Why a connection ends for good: exit code, reason, phase, and advice to people, each defined once.

A runtime exits with the code and leaves the explanation in its termination message; the operator shows the explanation
in the instance's conditions, and starts no pod until a person has acted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final

from oxy_core.instance.custom_resource import Phase


class ExitCode(IntEnum):
    """Exit codes of a runtime. All but 70 end the epoch: nothing connects again until a person acts."""

    LOGGED_OUT = 64
    CONNECTION_REPLACED = 65
    TEMPORARY_BAN = 66
    CLIENT_OUTDATED = 67
    BAD_SESSION = 68
    ACCOUNT_LOCKED = 69
    ATTEMPTS_EXHAUSTED = 70
    """No connection after all attempts; the kubelet starts the runtime again, so the epoch continues."""
    ACCOUNT_BANNED = 71
    LINKED_TO_ANOTHER_NUMBER = 72

    @property
    def ends_epoch(self) -> bool:
        """Whether the operator scales to zero and waits for a person."""
        return self in TERMINAL_CAUSES


@dataclass(frozen=True, slots=True)
class TerminalCause:
    """A cause after which a runtime does not connect again in its epoch."""

    exit_code: ExitCode
    reason: str
    """CamelCase, for conditions."""
    phase: Phase
    happened: str
    """What happened, as a sentence without its full stop."""
    advice: str
    """What to do, as the beginning of a sentence that ends in the command to run."""
    unpairs: bool = False
    """Whether the session is useless, so that the phone must be linked again."""

    def explain(self, instance: str, ban_expires_at: datetime | None = None, detail: str = "") -> str:
        """Return what happened to `instance` and what to do.

        `ban_expires_at` is when a temporary ban ends, in UTC; `detail` continues the sentence that says what happened.
        """
        until = "" if ban_expires_at is None else f" until {ban_expires_at:%Y-%m-%d %H:%M} UTC"
        return f"{self.happened}{until}{detail}. {self.advice}: oxy pair {instance}"


_CAUSES: Final = (
    TerminalCause(
        ExitCode.LOGGED_OUT,
        "LoggedOut",
        Phase.LOGGED_OUT,
        "The linked device was removed on the phone",
        "To link it again, run",
        unpairs=True,
    ),
    TerminalCause(
        ExitCode.CONNECTION_REPLACED,
        "ConnectionReplaced",
        Phase.PAUSED,
        "Another client connected with the same session",
        "Oxy does not compete with it. Stop the other client, then run",
    ),
    TerminalCause(
        ExitCode.TEMPORARY_BAN,
        "TemporaryBan",
        Phase.FAILED,
        "WhatsApp has temporarily banned this number",
        "Send fewer messages, wait until the ban ends, then run",
    ),
    TerminalCause(
        ExitCode.CLIENT_OUTDATED,
        "ClientOutdated",
        Phase.FAILED,
        "WhatsApp no longer accepts this client version",
        "Upgrade Oxy, then run",
    ),
    TerminalCause(
        ExitCode.BAD_SESSION,
        "BadSession",
        Phase.FAILED,
        "The stored session was damaged twice within a day",
        "Check the volume. To link the phone again, run",
        unpairs=True,
    ),
    TerminalCause(
        ExitCode.ACCOUNT_LOCKED,
        "AccountLocked",
        Phase.FAILED,
        "WhatsApp has locked this account and unlinked its devices",
        "Linking again does not help while it is locked. Open WhatsApp on the phone and do what it asks, then run",
        unpairs=True,
    ),
    TerminalCause(
        ExitCode.ACCOUNT_BANNED,
        "AccountBanned",
        Phase.FAILED,
        "WhatsApp has banned this account and unlinked its devices",
        "Linking again does not help while it is banned. Request a review in WhatsApp on the phone. Once the ban is "
        "lifted, run",
        unpairs=True,
    ),
    TerminalCause(
        ExitCode.LINKED_TO_ANOTHER_NUMBER,
        "LinkedToAnotherNumber",
        Phase.FAILED,
        "The phone that was linked has another number than this instance",
        "Nothing was read or answered there. For that number, create another instance. To link the right phone, run",
        unpairs=True,
    ),
)

TERMINAL_CAUSES: Final[Mapping[int, TerminalCause]] = {cause.exit_code: cause for cause in _CAUSES}
"""By exit code."""


def terminal_cause(exit_code: int) -> TerminalCause | None:
    """Return the cause that an exit code stands for; None if it does not end the epoch."""
    return TERMINAL_CAUSES.get(exit_code)
