"""The process around a run: its settings, its logs, its exit code."""

import asyncio
import os
import sys
from datetime import UTC, datetime
from typing import NoReturn

import structlog

from oxy_core.errors import OxyError, SettingsError
from oxy_core.logs import configure_logging
from oxy_core.tenant import TerminationMessage
from oxy_tenant.connection.ending import write_termination_message
from oxy_tenant.errors import description_of, first_cause, stack_of
from oxy_tenant.runtime import run
from oxy_tenant.settings import RuntimeSettings
from oxy_tenant.stop_signals import StopSignals, leave

log = structlog.get_logger()


def run_process() -> NoReturn:
    """Run the runtime and exit with its exit code."""
    configure_logging("tenant")
    stop = StopSignals()
    stop.install()
    try:
        environment = RuntimeSettings.read()
    except SettingsError as error:
        log.error("settings_unusable", error=str(error))  # noqa: TRY400 the message says it all
        leave(1)
    configure_logging("tenant", environment.log_level)
    _silence_standard_output()
    structlog.contextvars.bind_contextvars(organization=environment.organization, instance=environment.instance)
    asyncio.run(_run_and_leave(environment, stop))
    leave(1)


def _silence_standard_output() -> None:
    """Discard standard output: the Go library prints errors with phone numbers there. Our logs go to standard error."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


async def _run_and_leave(environment: RuntimeSettings, stop: StopSignals) -> NoReturn:
    """Exit from inside the event loop: closing it would wait for threads that never return from the library."""
    try:
        stop.follow()
        code = await run(environment, stop.requested)
    except* OxyError as errors:
        cause = first_cause(errors)
        log.error("runtime_failed", error=str(cause), kind=type(cause).__name__)  # noqa: TRY400 the message says it all
        code = _failed(environment, errors)
    except* Exception as errors:  # noqa: BLE001 the edge of the process
        cause = first_cause(errors)
        log.error("runtime_crashed", error=description_of(cause), stack=stack_of(cause))  # noqa: TRY400 no values
        code = _failed(environment, errors)
    leave(code)


def _failed(environment: RuntimeSettings, errors: BaseExceptionGroup[BaseException]) -> int:
    """Write a termination message for the first error and return the exit code."""
    cause = first_cause(errors)
    message = TerminationMessage(
        epoch=environment.epoch,
        pod_uid=environment.pod_uid,
        exit_code=1,
        reason=type(cause).__name__.removesuffix("Error"),
        message=description_of(cause),
        ended_at=datetime.now(UTC),
    )
    write_termination_message(environment.termination_log, message)
    return 1
