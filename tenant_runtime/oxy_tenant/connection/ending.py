"""Why a runtime stops connecting, and the termination message that it writes.

Exit codes, reasons and advice are in `oxy_core.instance.terminal_causes`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog

from oxy_core.errors import OxyError
from oxy_core.identity import tell_apart
from oxy_core.instance.connection_causes import CONNECTION_CAUSES, connection_cause
from oxy_core.instance.terminal_causes import TERMINAL_CAUSES, ExitCode
from oxy_core.tenant import TerminationMessage
from oxy_tenant.connection.diagnosis import Trouble
from oxy_tenant.links.events import (
    AccountBanned,
    AccountLocked,
    Banned,
    LinkEvent,
    LoggedOut,
    LoginRefused,
    Outdated,
    Replaced,
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a run: this process will not connect again."""

    code: ExitCode
    reason: str
    """CamelCase, for conditions."""
    message: str
    """What happened and what to do, for people."""
    ban_expires_at: datetime | None = None

    def to_message(self, *, epoch: int, pod_uid: str, ended_at: datetime) -> TerminationMessage:
        """Return the termination message for the operator."""
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
    """The connection ended, and this process must not open another."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.message)
        self.ending = ending


def terminal_ending(reason: str, instance: str, ban_expires_at: datetime | None = None, *, detail: str = "") -> Ending:
    """Return the ending of `instance` by a terminal cause; `reason` must be that of one."""
    cause = TERMINAL_CAUSES[reason]
    known = f": {detail}" if detail else ""
    return Ending(cause.exit_code, reason, cause.explain(instance, ban_expires_at, known), ban_expires_at)


def left(*, was_linked: bool) -> Ending:
    """Return the ending of an instance that has given its session up, because it is deleted."""
    cause = TERMINAL_CAUSES["LoggedOut"]
    done = "Oxy has unlinked the device on the phone" if was_linked else "No phone was linked"
    return Ending(cause.exit_code, cause.reason, f"{done}: the instance is deleted with deletionPolicy Delete.")


def linked_to_another(instance: str, expected: str, linked: str, *, unlinked: bool) -> Ending:
    """Return the ending of `instance`, which expects one number, with a session of another; both E.164.

    `unlinked`: whether its device was removed from that phone again.
    """
    wanted, found = tell_apart(expected, linked)
    rest = "" if unlinked else "; on that phone, remove the device that was linked"
    cause = TERMINAL_CAUSES["LinkedToAnotherNumber"]
    message = cause.explain(instance, detail=f": {found} instead of {wanted}{rest}")
    return Ending(cause.exit_code, cause.reason, message)


def attempts_exhausted(attempts: int, trouble: Trouble, instance: str) -> Ending:
    """Return the ending after too many failed attempts; the kubelet restarts the runtime."""
    times = "1 attempt" if attempts == 1 else f"{attempts} attempts"
    cause = connection_cause(trouble.reason)
    last = cause.explain(instance, trouble.detail) if cause else f"{trouble.reason}."
    return Ending(
        ExitCode.ATTEMPTS_EXHAUSTED,
        "AttemptsExhausted",
        f"No connection to WhatsApp after {times}; Oxy goes on with a new process. {trouble.reason}: {last}",
    )


ABORTED: Final = 134
"""Exit code of a process that Go ends after a panic: 128 and the number of SIGABRT.

As part of a C program it aborts whatever GOTRACEBACK says. Source: Go runtime/runtime1.go, setTraceback.
"""

ABORTED_IN_CONTAINER: Final = 2
"""The same of a container's first process, which that signal does not end.

Source: Go runtime/signal_unix.go, dieFromSignal.
"""


def last_words(
    refused: LoginRefused, instance: str, *, epoch: int, pod_uid: str, ended_at: datetime
) -> TerminationMessage:
    """Return the message of a process that the library ends over a refusal; the kubelet starts another, ever later."""
    return TerminationMessage(
        epoch=epoch,
        pod_uid=pod_uid,
        exit_code=ABORTED_IN_CONTAINER if os.getpid() == 1 else ABORTED,
        reason=refused.reason,
        message=CONNECTION_CAUSES[refused.reason].explain(instance, refused.detail),
        ended_at=ended_at,
    )


_REASONS: Final[Mapping[type[LinkEvent], str]] = {
    LoggedOut: "LoggedOut",
    AccountLocked: "AccountLocked",
    AccountBanned: "AccountBanned",
    Replaced: "ConnectionReplaced",
    Banned: "TemporaryBan",
    Outdated: "ClientOutdated",
}
"""Reasons of terminal causes."""


def ending_of(event: LinkEvent, instance: str) -> Ending | None:
    """Return the ending of `instance` that an event causes; None if it causes none."""
    reason = _REASONS.get(type(event))
    if reason is None:
        return None
    if isinstance(event, Banned):
        return terminal_ending(reason, instance, event.expires_at, detail=event.detail)
    return terminal_ending(reason, instance)


def write_termination_message(path: Path, message: TerminationMessage) -> None:
    """Write the message where the kubelet reads it. A failure is only logged: the exit code still shows the cause."""
    try:
        path.write_bytes(message.encode())
    except OSError as error:
        log.warning("termination_message_unwritable", error=str(error))
