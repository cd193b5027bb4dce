"""Outages are distinguished from errors; both are logged without quoting what customers wrote."""

import asyncio

import asyncpg
import pytest
from asyncpg.exceptions import _base
from nats.errors import TimeoutError as NatsTimeoutError
from pydantic import ValidationError

from oxy_ai.engine.outages import discreet, is_outage
from oxy_ai.errors import ModelRejectedError
from oxy_ai.records import Input
from oxy_core.errors import BusError


def client_side_data_error() -> Exception:
    """What asyncpg raises for an argument that it cannot encode: named like PostgreSQL's own error, but no such one."""
    return _base.DataError("value out of int64 range")


@pytest.mark.parametrize(
    ("error", "outage"),
    [
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (NatsTimeoutError(), True),
        (BusError("away"), True),
        (asyncpg.ConnectionDoesNotExistError(), True),
        (asyncpg.AdminShutdownError(), True),
        (asyncpg.CannotConnectNowError(), True),
        (asyncpg.TooManyConnectionsError(), True),
        (asyncpg.DeadlockDetectedError(), True),
        (asyncpg.InterfaceError("pool is closed"), True),
        (ExceptionGroup("two", [OSError(), TimeoutError()]), True),
        (ExceptionGroup("two", [OSError(), ValueError()]), False),
        (asyncpg.InvalidPasswordError(), True),
        (asyncpg.InvalidAuthorizationSpecificationError(), True),
        (asyncpg.InsufficientPrivilegeError(), True),
        (asyncpg.UndefinedFunctionError(), True),
        (asyncpg.UndefinedTableError(), True),
        (asyncpg.InvalidCatalogNameError(), True),
        (asyncpg.PostgresIOError(), True),
        (asyncpg.InvalidSQLStatementNameError(), True),
        (asyncpg.DuplicatePreparedStatementError(), True),
        (asyncpg.UnknownPostgresError(), True),
        (asyncpg.ProtocolError(), True),
        (asyncpg.UniqueViolationError(), False),
        (asyncpg.NumericValueOutOfRangeError(), False),
        (asyncpg.StatementTooComplexError(), False),
        (client_side_data_error(), False),
        (ModelRejectedError("x"), False),
        (ValueError(), False),
        (asyncio.InvalidStateError(), False),
    ],
)
def test_outages_are_distinguished_from_errors(error: Exception, outage: bool) -> None:  # noqa: FBT001 a parametrized value
    assert is_outage(error) is outage


def test_what_customers_wrote_is_in_no_logged_error() -> None:
    rejected = asyncpg.NotNullViolationError("null value in column")
    rejected.detail = "Failing row contains (segredo)"
    group = ExceptionGroup("two", [rejected, ValueError()])
    assert "segredo" in str(group.exceptions[0])
    assert "segredo" not in str(discreet(group).exceptions[0])  # type: ignore[attr-defined]  # the group itself
    with pytest.raises(ValidationError) as raised:
        Input.model_validate_json('{"kind": "text", "text": ["segredo"], "age_seconds": 1}')
    assert "segredo" not in str(raised.value)
