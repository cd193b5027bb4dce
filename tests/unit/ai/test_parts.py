"""Small decisions of the worker's parts."""

import asyncio
import json

import asyncpg
import pytest
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError
from pydantic import ValidationError

from oxy_ai.engine.ingest import _NUL, Arrival, in_journal_order, read
from oxy_ai.engine.outages import discreet, is_outage
from oxy_ai.errors import ModelUnreachableError
from oxy_ai.records import Input
from oxy_core.envelopes import ConnectionChanged, ConnectionState, Report
from oxy_core.errors import BusError, ContractError
from oxy_core.identity import new_id
from oxy_core.tasks import end_tasks
from oxy_core.trace import new_trace

EPOCHS = [new_id() for _ in range(2)]


def message(number: int, sequence: int, *, account: str = "A", epoch: int = 0, instance: str = "main") -> Msg:
    report = Report(
        id=new_id(),
        organization="petshop",
        instance="main",
        journal_epoch=EPOCHS[epoch],
        journal_sequence=sequence,
        occurred_at="2026-11-22T10:00:00Z",
        trace=new_trace(),
        body=ConnectionChanged(state=ConnectionState.CONNECTED),
    )
    reply = f"$JS.ACK.OXY_INBOUND.ingest.1.{number}.{number}.1700000000000000000.0"
    return Msg(_client=None, subject=f"oxy.in.{account}.{instance}", reply=reply, data=report.encode())  # type: ignore[arg-type]  # never sent


def test_a_batch_is_sorted_by_journal_and_journals_by_their_first_appearance() -> None:
    arrivals = [
        read(message(5, 1, epoch=1)),
        read(message(4, 3)),
        read(message(1, 2)),
        read(message(6, 2, epoch=1)),
        read(message(9, 1, account="B")),
    ]
    ordered = in_journal_order(arrivals)
    assert [arrival.message.metadata.sequence.stream for arrival in ordered] == [1, 4, 5, 6, 9]


def test_a_report_from_another_instances_subject_is_refused() -> None:
    with pytest.raises(ContractError, match="another instance"):
        read(message(1, 1, instance="other"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a\x00b", "ab"), ("\x00\x00", ""), ("\\u0000", "\\u0000"), ("\\\x00", "\\"), ("\\\\\x00x", "\\\\x")],
)
def test_only_the_character_that_postgresql_refuses_is_removed(text: str, expected: str) -> None:
    assert json.loads(_NUL.sub(rb"\1", json.dumps({"t": text}).encode()))["t"] == expected


def test_an_item_names_the_identities_that_its_envelope_claims() -> None:
    arrival: Arrival = read(message(1, 1))
    item = json.loads(arrival.item)
    assert item["account"] == "A"
    assert item["report"]["journal_sequence"] == 1


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
def test_an_outage_is_told_from_an_error(error: Exception, outage: bool) -> None:  # noqa: FBT001 a parametrized value
    assert is_outage(error) is outage


def test_what_customers_wrote_is_in_no_logged_error() -> None:
    rejected = asyncpg.NotNullViolationError("null value in column")
    rejected.detail = "Failing row contains (segredo)"
    group = ExceptionGroup("two", [rejected, ValueError()])
    assert "segredo" in str(group.exceptions[0])
    assert "segredo" not in str(discreet(group).exceptions[0])  # type: ignore[attr-defined]  # the group itself
    with pytest.raises(ValidationError) as raised:
        Input.model_validate_json('{"content": "segredo", "age_seconds": 1}')
    assert "segredo" not in str(raised.value)


async def test_a_task_that_swallows_a_cancellation_is_ended_all_the_same() -> None:
    swallowed = []

    async def stubborn() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if swallowed:
                    raise
                swallowed.append(1)

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await end_tasks(task)
    assert task.cancelled()
    assert swallowed
