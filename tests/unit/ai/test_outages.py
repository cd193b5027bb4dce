"""Outages are distinguished from errors; both are logged without quoting what customers wrote."""

import asyncio

import asyncpg
import pytest
from nats.errors import TimeoutError as NatsTimeoutError
from pydantic import ValidationError

from oxy_ai.engine.outages import discreet, is_outage
from oxy_ai.errors import ModelUnreachableError
from oxy_ai.records import Input
from oxy_core.errors import BusError


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
        (asyncpg.UniqueViolationError(), False),
        (asyncpg.UndefinedTableError(), False),
        (ModelUnreachableError("x"), False),
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
        Input.model_validate_json('{"kind": "segredo", "age_seconds": 1}')
    assert "segredo" not in str(raised.value)
