"""What a call counts for once it is over: by what the endpoint says it used, else in full. Pure."""

from collections.abc import Iterable, Mapping

from oxy_ai.errors import ModelInvalidError, ModelOutageError, ModelRefusalError, ModelRejectedError, TurnError
from oxy_ai.records import CallOutcome, NewCall
from oxy_ai.usage import Usage
from oxy_core.identity import new_id

Bounds = Mapping[str, int] | None
"""What is reserved for each model that may be asked, in micro-dollars; None: there is no budget."""


def settled(call: NewCall, bounds: Bounds, usage: Usage, outcome: CallOutcome) -> NewCall:
    """Return a call that was answered.

    An endpoint that does not say what it used has no known cost, and counts in full.
    """
    silent = call.kind != "transcription" and 0 in (usage.prompt_tokens, usage.completion_tokens)
    figures = usage.model_dump()
    if silent or usage.cost_microdollars is None:
        figures |= {"cost_microdollars": _full(bounds, [usage.model]), "price_source": None}
    return call.model_copy(update={**figures, "outcome": outcome})


def unsettled(call: NewCall, bounds: Bounds, models: Iterable[str]) -> list[NewCall]:
    """Return a call for each model that was asked as well and may have cost something, though no answer arrived."""
    return [
        call.model_copy(
            update={
                "id": new_id(),
                "model": model,
                "outcome": CallOutcome.OUTAGE,
                "cost_microdollars": _full(bounds, [model]),
                "reserved_microdollars": None,
            }
        )
        for model in models
    ]


def settled_failure(call: NewCall, bounds: Bounds, models: tuple[str, ...], error: TurnError) -> NewCall:
    """Return a call whose answer is of no use; `models` are those of its route.

    A request that was rejected costs nothing. If other models were asked before, nobody knows whether they took it.
    """
    outcome, usage = outcome_of(error), error.usage
    if usage is not None:
        failed = settled(call, bounds, usage, outcome)
        earlier = _full(bounds, models[: models.index(usage.model)] if usage.model in models else models)
        known = failed.cost_microdollars
        total = None if known is None else known + (earlier or 0)
        return failed.model_copy(update={"cost_microdollars": total})
    cost = 0 if outcome is CallOutcome.REJECTED and len(models) == 1 else _full(bounds, models)
    return call.model_copy(update={"cost_microdollars": cost, "outcome": outcome})


def outcome_of(error: TurnError | ModelOutageError) -> CallOutcome:
    """Return what became of a call that raised this."""
    match error:
        case ModelOutageError():
            return CallOutcome.OUTAGE
        case ModelRefusalError():
            return CallOutcome.REFUSED
        case ModelRejectedError():
            return CallOutcome.REJECTED
        case ModelInvalidError():
            return CallOutcome.INVALID
        case _:
            return CallOutcome.DISCARDED


def _full(bounds: Bounds, models: Iterable[str]) -> int | None:
    return None if bounds is None else sum(bounds.get(model, 0) for model in models)
