"""Why a runtime stops connecting, and the termination message that it writes.

Exit codes, reasons and advice are in `oxy_core.instance.terminal_causes`.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from oxy_core.errors import OxyError
from oxy_core.instance.terminal_causes import TERMINAL_CAUSES, ExitCode
from oxy_core.tenant import TerminationMessage
from oxy_tenant.links.events import Banned, LinkEvent, LoggedOut, Outdated, Replaced

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


def terminal_ending(code: ExitCode, instance: str, ban_expires_at: datetime | None = None) -> Ending:
    """Return the ending of `instance` by a terminal cause; `code` must be one that ends the epoch."""
    cause = TERMINAL_CAUSES[code]
    return Ending(code, cause.reason, cause.explain(instance, ban_expires_at), ban_expires_at)


def attempts_exhausted(attempts: int, reason: str) -> Ending:
    """Return the ending after too many failed attempts; the kubelet restarts the runtime."""
    return Ending(
        ExitCode.ATTEMPTS_EXHAUSTED,
        "AttemptsExhausted",
        f"No connection to WhatsApp after {attempts} attempts (last: {reason}). Oxy retries automatically.",
    )


def ending_of(event: LinkEvent, instance: str) -> Ending | None:
    """Return the ending of `instance` that an event causes; None if it causes none."""
    match event:
        case LoggedOut():
            return terminal_ending(ExitCode.LOGGED_OUT, instance)
        case Replaced():
            return terminal_ending(ExitCode.CONNECTION_REPLACED, instance)
        case Banned(expires_at):
            return terminal_ending(ExitCode.TEMPORARY_BAN, instance, expires_at)
        case Outdated():
            return terminal_ending(ExitCode.CLIENT_OUTDATED, instance)
    return None


def write_termination_message(path: Path, message: TerminationMessage) -> None:
    """Write the message where the kubelet reads it. A failure is only logged: the exit code still shows the cause."""
    try:
        path.write_bytes(message.encode())
    except OSError as error:
        log.warning("termination_message_unwritable", error=str(error))
