"""Why a connection ends for good: exit code, reason, phase, and advice to people, each defined once.

`connection_causes` lists them with the causes that pass.

A runtime exits with the code and leaves the explanation in its termination message; the operator shows the explanation
in the instance's conditions, and starts no pod until a person has acted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final

from oxy_core.instance.custom_resource import Phase

INSTANCE: Final = "{instance}"
"""Stands in an advice for the instance, as commands take it."""


class ExitCode(IntEnum):
    """Exit codes of a runtime. All but 70 end the epoch: nothing connects again until a person acts."""

    LOGGED_OUT = 64
    CONNECTION_REPLACED = 65
    TEMPORARY_BAN = 66
    CLIENT_OUTDATED = 67
    BAD_SESSION = 68
    """Damaged, or missing; the reason tells which."""
    ACCOUNT_LOCKED = 69
    """Locked or banned; the reason in the termination message tells which."""
    ATTEMPTS_EXHAUSTED = 70
    """No connection after all attempts; the kubelet starts the runtime again, so the epoch continues."""
    ACCOUNT_BANNED = 71
    """What older versions exit with if the account is banned; read, but no longer written."""
    LINKED_TO_ANOTHER_NUMBER = 72

    @property
    def ends_epoch(self) -> bool:
        """Whether the operator scales to zero and waits for a person."""
        return terminal_cause(self) is not None


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
    """What to do, as the beginning of a sentence that ends in the command to run.

    ``{instance}`` in it stands for the instance, for commands that it names itself; `advise` fills it in.
    """
    unpairs: bool = False
    """Whether the session is useless, so that the phone must be linked again."""
    sets_aside: bool = False
    """Whether the volume keeps it all the same, because its device may still be linked: WhatsApp did not unlink it."""

    def explain(self, instance: str, ban_expires_at: datetime | None = None, detail: str = "") -> str:
        """Return what happened to `instance` and what to do.

        `instance` is as commands take it: its name, with its namespace (``-n``) if that is known. `ban_expires_at` is
        when a temporary ban ends, in UTC; `detail` continues the sentence that says what happened.
        """
        until = "" if ban_expires_at is None else f" until {ban_expires_at:%Y-%m-%d %H:%M} UTC"
        return f"{self.happened}{until}{detail}. {self.advise(instance)}"

    def advise(self, instance: str) -> str:
        """Return what to do with `instance`, which is as `explain` takes it."""
        return f"{self.advice.replace(INSTANCE, instance)}: oxy pair {instance}"


_WITHOUT_SESSION: Final = (
    f"Restore the newest backup, for which no phone is needed: oxy sessions restore {INSTANCE}, or "
    "spec.session.restoreFrom with a new request. Without a backup of it, remove the old device on the phone, then run"
)

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
        "The stored session is damaged; it was set aside",
        f"Check the volume. {_WITHOUT_SESSION}",
        unpairs=True,
        sets_aside=True,
    ),
    TerminalCause(
        ExitCode.BAD_SESSION,
        "SessionMissing",
        Phase.FAILED,
        "The session on the volume is gone or empty, although a phone was linked with it and has not removed it",
        f"Find out what deletes files there. {_WITHOUT_SESSION}",
        unpairs=True,
        sets_aside=True,
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
        ExitCode.ACCOUNT_LOCKED,
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
        sets_aside=True,
    ),
)

TERMINAL_CAUSES: Final[Mapping[str, TerminalCause]] = {cause.reason: cause for cause in _CAUSES}
"""By reason."""

_FORMERLY: Final[Mapping[int, str]] = {ExitCode.ACCOUNT_BANNED: "AccountBanned"}
"""Reasons by the exit codes that older versions use."""


def terminal_cause(exit_code: int, reason: str = "") -> TerminalCause | None:
    """Return the cause that an exit code stands for; None if it does not end the epoch.

    `reason` is the one in the termination message. It decides between the causes that share an exit code; if it is
    unknown, or none of them, the first counts.
    """
    if exit_code in _FORMERLY:
        return TERMINAL_CAUSES[_FORMERLY[exit_code]]
    shared = [cause for cause in _CAUSES if cause.exit_code == exit_code]
    return next((cause for cause in shared if cause.reason == reason), shared[0] if shared else None)
