"""Whether an instance's monthly budget can hold: each model that it may ask needs a price."""

from collections.abc import Iterator

from oxy_core.prices import KnownPrice, price_of
from oxy_operator.decide.instance import Instance
from oxy_operator.problems import Problem


def budget_problem(instance: Instance) -> Problem | None:
    """Return the models that are not asked because nobody knows what they cost; None if there are none."""
    if instance.spec.ai.monthly_budget_microdollars is None:
        return None
    unknown = list(dict.fromkeys(_without_price(instance)))
    if not unknown:
        return None
    message = (
        f"spec.ai.monthlyBudgetUsd is set, but nobody knows the price of {', '.join(unknown)}. A model without a price "
        "is not asked, because it could cost more than the budget. Add its price to spec.ai.prices, or name another."
    )
    return Problem("PriceUnknown", message)


def _without_price(instance: Instance) -> Iterator[str]:
    """Yield each model whose price is unknown, named with its field."""
    ai = instance.spec.ai
    asked = [("spec.ai.model", ai.model), *(("spec.ai.fallbackModels", model) for model in ai.fallback_models)]
    if ai.aurora.enabled:
        asked.append(("spec.ai.aurora.model", ai.aurora.model))
    for field, model in asked:
        if not _prices_text(price_of(model, ai.prices, ai.base_url)):
            yield f"{model} ({field})"
    if ai.vision.enabled and not _prices_text(price_of(ai.vision.model, ai.prices, ai.vision.base_url or ai.base_url)):
        yield f"{ai.vision.model} (spec.ai.vision.model)"
    hearing = ai.transcription
    if hearing.enabled and not _prices_audio(price_of(hearing.model, ai.prices, hearing.base_url or ai.base_url)):
        yield f"{hearing.model} (spec.ai.transcription.model)"


def _prices_text(price: KnownPrice | None) -> bool:
    return price is not None and price.prompt is not None and price.completion is not None


def _prices_audio(price: KnownPrice | None) -> bool:
    """Whether a recording has a price: endpoints charge by the minute or by tokens."""
    return _prices_text(price) or (price is not None and price.audio_minute is not None)
