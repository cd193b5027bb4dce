"""The figures of an evaluation: pass rates, tokens, cost and latency. Pure."""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Final

from oxy_ai.evaluation.judging import Judged
from oxy_ai.evaluation.observed import Seen

_P50: Final = 50
_P95: Final = 95


class Rate(Seen):
    """How many of some dialogues passed."""

    of: str
    """A skill, an intent, or everything."""
    passed: int
    played: int
    guarded: int
    """In how many all guards held."""

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.passed / self.played if self.played else 0.0


class Latency(Seen):
    """Seconds by percentile; None: there is nothing to measure."""

    p50: float | None
    p95: float | None


class Figures(Seen):
    """What one variant came to."""

    variant: str
    total: Rate
    by_skill: tuple[Rate, ...]
    by_intent: tuple[Rate, ...]
    understood: int
    """In how many dialogues that asked a model the platform noted the intent that they are about."""
    asked: int
    """How many asked a model."""
    calls: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost_microdollars: int | None
    """None: the price of the model is unknown."""
    answer_seconds: Latency
    """From a message to the end of its turn."""
    model_seconds: Latency
    """Of one response of the model."""


def figures_of(judged: Sequence[Judged]) -> tuple[Figures, ...]:
    """Return the figures of each variant, in the order in which they were played."""
    variants = dict.fromkeys(item.variant for item in judged)
    return tuple(_figures(name, [item for item in judged if item.variant == name]) for name in variants)


def _figures(variant: str, judged: Sequence[Judged]) -> Figures:
    seen = list(chain.from_iterable(item.played.exchanges for item in judged))
    usages = [exchange.usage for exchange in seen]
    costs = [usage.cost_microdollars for usage in usages]
    return Figures(
        variant=variant,
        total=_rate("all", judged),
        by_skill=_rates(judged, lambda item: item.skill.value),
        by_intent=_rates(judged, lambda item: item.intent.value),
        understood=sum(item.understood for item in judged),
        asked=sum(any(exchange.usage.calls for exchange in item.played.exchanges) for item in judged),
        calls=sum(usage.calls for usage in usages),
        prompt_tokens=sum(usage.prompt_tokens for usage in usages),
        cached_tokens=sum(usage.cached_tokens for usage in usages),
        completion_tokens=sum(usage.completion_tokens for usage in usages),
        cost_microdollars=None if None in costs else sum(cost for cost in costs if cost is not None),
        answer_seconds=_latency(exchange.seconds for exchange in seen if exchange.sent),
        model_seconds=_latency(ms / 1000 for usage in usages for ms in usage.model_ms),
    )


def _rates(judged: Sequence[Judged], group: Callable[[Judged], str]) -> tuple[Rate, ...]:
    return tuple(
        _rate(name, [item for item in judged if group(item) == name]) for name in sorted(set(map(group, judged)))
    )


def _rate(of: str, judged: Sequence[Judged]) -> Rate:
    return Rate(
        of=of,
        passed=sum(item.passed for item in judged),
        played=len(judged),
        guarded=sum(item.guarded for item in judged),
    )


def _latency(seconds: Iterable[float]) -> Latency:
    ordered = sorted(seconds)
    return Latency(p50=percentile(ordered, _P50), p95=percentile(ordered, _P95))


def percentile(ordered: Sequence[float], percent: int) -> float | None:
    """Return the smallest of some ordered values that so many per cent of them do not exceed; None: there are none."""
    if not ordered:
        return None
    return ordered[max(-(-len(ordered) * percent // 100) - 1, 0)]
