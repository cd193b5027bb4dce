"""Distinguish outages from errors, and report either without quoting what customers wrote."""

from typing import Final

import asyncpg
import structlog
from nats.errors import Error as NatsError

from oxy_ai import metrics
from oxy_core.errors import BusError

_UNAVAILABLE: Final = ("08", "53", "57")
"""SQLSTATE classes of a server that cannot serve now: connection, resources, operator intervention (restart)."""

_TRANSIENT: Final = frozenset({"40001", "40P01", "25006", "55P03"})
"""Serialization failure, deadlock, read-only standby during a failover, lock not available."""

log = structlog.get_logger()


def is_outage(error: BaseException) -> bool:
    """Whether the error means that PostgreSQL or NATS is unavailable, as opposed to a fault in data or code."""
    match error:
        case asyncpg.PostgresError():
            state = getattr(error, "sqlstate", None) or ""
            return state[:2] in _UNAVAILABLE or state in _TRANSIENT
        case BaseExceptionGroup():
            return all(is_outage(inner) for inner in error.exceptions)
        case asyncpg.InterfaceError() | OSError() | TimeoutError() | NatsError() | BusError():
            return True
        case _:
            return False


def discreet(error: BaseException) -> BaseException:
    """Strip an error of PostgreSQL's details, in place, for the log: they quote rows, and so what customers wrote."""
    if isinstance(error, asyncpg.PostgresError):
        error.detail = None
    for inner in (*getattr(error, "exceptions", ()), error.__cause__, error.__context__):
        if inner is not None:
            discreet(inner)
    return error


def report_failure(part: str, error: Exception) -> None:
    """Count and log the failure of a part of the worker: an outage in one line, anything else with its traceback."""
    outage = is_outage(error)
    metrics.INTERRUPTIONS.labels(part=part, cause="outage" if outage else "error").inc()
    if outage:
        log.warning("part_interrupted", part=part, error=str(discreet(error)) or type(error).__name__)
    else:
        log.error("part_failed", part=part, exc_info=discreet(error))
