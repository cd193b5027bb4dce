"""``python -m oxy_tenant``: one WhatsApp connection and its journal."""

import asyncio
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NoReturn

import structlog

from oxy_core.errors import OxyError, SettingsError
from oxy_core.logs import configure_logging
from oxy_core.tenant import TerminationMessage
from oxy_tenant.connection.ending import write_termination_message
from oxy_tenant.runtime import run
from oxy_tenant.settings import RuntimeSettings

LIBRARY_ENVIRONMENT: Final = {
    "GOGC": "50",  # half the default garbage: there are many pods to a node
    "MALLOC_ARENA_MAX": "2",  # as above, for what C allocates
    "NEONIZE_BOT_TAG": "off",  # neonize marks messages to phone numbers as a bot's otherwise
}
"""What the Go library reads from the environment that the process was started with, before Python runs."""

log = structlog.get_logger()


def missing_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the library needs and the process was not started with."""
    return {name: value for name, value in LIBRARY_ENVIRONMENT.items() if name not in environment}


def main() -> NoReturn:
    """Run until told to stop or a terminal cause; the exit code tells which (`oxy_core.tenant.ExitCode`)."""
    missing = missing_environment(os.environ)
    if missing:
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **missing})  # noqa: S606 itself, with a fuller environment
    configure_logging("tenant")
    try:
        environment = RuntimeSettings.read()
    except SettingsError as error:
        log.error("settings_unusable", error=str(error))  # noqa: TRY400 the message says it all
        _leave(1)
    configure_logging("tenant", environment.log_level)
    _silence_standard_output()
    structlog.contextvars.bind_contextvars(organization=environment.organization, instance=environment.instance)
    asyncio.run(_run_and_leave(environment))
    _leave(1)


def _silence_standard_output() -> None:
    """Drop what the Go library prints there: errors with phone numbers in them. Our own logs go to standard error."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


async def _run_and_leave(environment: RuntimeSettings) -> NoReturn:
    """Exit from inside the event loop: ending it would wait for threads that never return from the library."""
    try:
        code = await run(environment)
    except* OxyError as errors:
        for error in errors.exceptions:
            log.error("runtime_failed", error=str(error), kind=type(error).__name__)  # noqa: TRY400 the message says it all
        code = _failed(environment, errors)
    except* Exception as errors:
        log.exception("runtime_crashed")
        code = _failed(environment, errors)
    _leave(code)


def _failed(environment: RuntimeSettings, errors: BaseExceptionGroup[BaseException]) -> int:
    cause: BaseException = errors
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    message = TerminationMessage(
        epoch=environment.epoch,
        pod_uid=environment.pod_uid,
        exit_code=1,
        reason=type(cause).__name__.removesuffix("Error"),
        message=str(cause) or type(cause).__name__,
        ended_at=datetime.now(UTC),
    )
    write_termination_message(environment.termination_log, message)
    return 1


def _leave(code: int) -> NoReturn:
    """End the process now. Source of the need: threads inside neonize outlive every orderly end."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
