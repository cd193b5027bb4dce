"""What a call counts for once it is over."""

from datetime import date
from uuid import UUID

import pytest

from oxy_ai.engine.settlement import settled, settled_failure, unsettled
from oxy_ai.errors import ModelInvalidError, ModelRefusalError, ModelRejectedError, TurnError
from oxy_ai.records import CallOutcome, NewCall
from oxy_ai.usage import Usage
from oxy_core.prices import PriceSource

BOUNDS = {"first": 100, "second": 200}
ID = UUID(int=7)


def used(model: str = "first", cost: int | None = 9, prompt: int = 50, written: int = 5) -> Usage:
    source = None if cost is None else PriceSource.TABLE
    return Usage(
        model=model,
        prompt_tokens=prompt,
        cached_tokens=0,
        completion_tokens=written,
        cost_microdollars=cost,
        latency_ms=1,
        price_source=source,
    )


def begun(kind: str = "chat") -> NewCall:
    usage = used(cost=None, prompt=0).model_dump()
    fields = {"id": ID, "instance_id": ID, "conversation_id": 1, "kind": kind, "assistant": "customer"}
    return NewCall.model_validate(
        usage | fields | {"outcome": "reserved", "month": date(2026, 11, 1), "reserved_microdollars": 300}
    )


@pytest.mark.parametrize(
    ("usage", "kind", "bounds", "cost"),
    [
        (used(), "chat", BOUNDS, 9),
        (used(), "chat", None, 9),
        (used("second", prompt=0, cost=0), "chat", BOUNDS, 200),
        (used(prompt=0, cost=0), "chat", None, None),
        (used(written=0), "chat", BOUNDS, 100),
        (used(prompt=0, cost=4), "transcription", BOUNDS, 4),
        (used(cost=None), "chat", None, None),
        (used(cost=None), "chat", BOUNDS, 100),
    ],
    ids=[
        "used",
        "no budget",
        "silent endpoint",
        "silent, no budget",
        "half silent",
        "by the minute",
        "no price",
        "no price, budget",
    ],
)
def test_an_answer_counts_what_the_endpoint_says_or_in_full(
    usage: Usage, kind: str, bounds: dict[str, int] | None, cost: int | None
) -> None:
    call = settled(begun(kind), bounds, usage, CallOutcome.ANSWERED)
    assert (call.cost_microdollars, call.model, call.outcome) == (cost, usage.model, "answered")
    assert call.id == ID


def error_of(kind: type[TurnError], usage: Usage | None = None) -> TurnError:
    error = kind("no")
    error.usage = usage
    return error


@pytest.mark.parametrize(
    ("error", "models", "bounds", "expected"),
    [
        (error_of(ModelRejectedError), ("first",), BOUNDS, ("rejected", 0)),
        (error_of(ModelRejectedError), ("first",), None, ("rejected", 0)),
        (error_of(ModelRejectedError), ("first", "second"), BOUNDS, ("rejected", 300)),
        (error_of(ModelInvalidError), ("first",), BOUNDS, ("invalid", 100)),
        (error_of(ModelInvalidError), ("first",), None, ("invalid", None)),
        (error_of(ModelRefusalError, used()), ("first", "second"), BOUNDS, ("refused", 9)),
        (error_of(ModelRefusalError, used("second")), ("first", "second"), BOUNDS, ("refused", 109)),
        (error_of(ModelRefusalError, used(cost=None)), ("first",), None, ("refused", None)),
    ],
)
def test_an_answer_of_no_use_counts_what_it_cost(
    error: TurnError, models: tuple[str, ...], bounds: dict[str, int] | None, expected: tuple[str, int | None]
) -> None:
    call = settled_failure(begun(), bounds, models, error)
    assert (call.outcome, call.cost_microdollars) == expected


@pytest.mark.parametrize(("bounds", "costs"), [(BOUNDS, [100, 200]), (None, [None, None])])
def test_each_model_that_was_asked_in_vain_has_a_call_of_its_own(
    bounds: dict[str, int] | None, costs: list[int | None]
) -> None:
    calls = unsettled(begun(), bounds, ("first", "second"))
    assert [call.cost_microdollars for call in calls] == costs
    assert len({ID, *(call.id for call in calls)}) == 3
    assert {(call.outcome, call.reserved_microdollars) for call in calls} == {("outage", None)}
