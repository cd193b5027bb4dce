"""Distinguish outages from errors, and report either without quoting what customers wrote."""

from typing import Final

import asyncpg
import structlog
from nats.errors import Error as NatsError

from oxy_ai import metrics
from oxy_core.errors import BusError

_DATA_ERRORS: Final = ("21", "22", "23", "54")
"""SQLSTATE classes for which data can be at fault: cardinality, data exception, integrity constraint, program limit."""

log = structlog.get_logger()


def is_data_error(error: BaseException) -> bool:
    """Whether the database rejected the data of a statement, as opposed to the login, the rights or the statement."""
    match error:
        case asyncpg.PostgresError():
            # Not every error has a state: asyncpg declares it for the classes that PostgreSQL documents.
            return (getattr(error, "sqlstate", None) or "")[:2] in _DATA_ERRORS
        case asyncpg.ClientConfigurationError():
            return False
        case asyncpg.InterfaceError():
            return isinstance(error, ValueError)  # asyncpg itself could not encode an argument
        case _:
            return False


def is_outage(error: BaseException) -> bool:
    """Whether PostgreSQL or NATS does not serve us now, as opposed to a fault in data or code.

    A database that refuses the login, a right or a function is an outage too: an administrator will mend it.
    """
    match error:
        case BaseExceptionGroup():
            return all(is_outage(inner) for inner in error.exceptions)
        case asyncpg.PostgresError() | asyncpg.InterfaceError():
            return not is_data_error(error)
        case asyncpg.InternalClientError() | OSError() | TimeoutError() | NatsError() | BusError():
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
