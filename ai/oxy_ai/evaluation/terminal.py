"""The report in a terminal: plain text, so that it can be read in a log. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from oxy_ai.evaluation.figures import Figures, Latency, Rate
from oxy_ai.evaluation.judging import Judged
from oxy_ai.evaluation.report import EvaluationReport
from oxy_ai.evaluation.verdicts import CheckKind, failures

_BAR: Final = 20
"""Characters of a bar that means all."""
_MICRO: Final = 1_000_000
_CENTS: Final = 10_000
"""Micro-dollars in a cent."""


def progress(judged: Judged, number: int, total: int) -> str:
    """Return a line about a dialogue that has just ended."""
    verdict = "passed" if judged.passed else "FAILED" if judged.guarded else "GUARD FAILED"
    return f"[{number:>{len(str(total))}}/{total}] {verdict:<12} {judged.name} ({judged.variant})"


def shown(report: EvaluationReport) -> str:
    """Return the whole report."""
    return "\n".join([*_failed(report.dialogues), *_tables(report.figures), *_compared(report), _verdict(report)])


def _failed(dialogues: Iterable[Judged]) -> Iterator[str]:
    for judged in dialogues:
        failed = failures(judged.checks)
        if failed:
            yield f"\n✗ {judged.name}: {judged.title} ({judged.variant})\n  {judged.file}"
        for check in failed:
            yield f"  {'GUARD: ' if check.kind is CheckKind.GUARD else ''}{check.name}\n    but: {check.found}"


def _tables(figures: Sequence[Figures]) -> Iterator[str]:
    for found in figures:
        yield f"\n{found.variant}"
        yield from _rates("skill", found.by_skill)
        yield from _rates("intent", found.by_intent)
        yield _rate("all", found.total)
        yield (
            f"  guards held in {found.total.guarded} of {found.total.played}; "
            f"intent noted rightly in {found.understood} of {found.asked} that asked the model"
        )
        yield (
            f"  {found.calls} calls, tokens: {found.prompt_tokens} in ({found.cached_tokens} cached), "
            f"{found.completion_tokens} out; cost: {money(found.cost_microdollars)}"
        )
        yield f"  answer {latency(found.answer_seconds)}; model {latency(found.model_seconds)}"


def _rates(what: str, rates: Sequence[Rate]) -> Iterator[str]:
    yield f"  by {what}"
    yield from (_rate(rate.of, rate) for rate in rates)


def _rate(name: str, rate: Rate) -> str:
    full = round(rate.share * _BAR)
    return f"    {name:<24} {'█' * full}{'·' * (_BAR - full)} {rate.share:>4.0%} ({rate.passed}/{rate.played})"


def _compared(report: EvaluationReport) -> Iterator[str]:
    if report.differences:
        yield f"\ndifferences between {' and '.join(found.variant for found in report.figures)}"
    for difference in report.differences:
        yield f"    {difference.name:<48} {' → '.join(f'{share:.0%}' for share in difference.passed)}"


def _verdict(report: EvaluationReport) -> str:
    if report.good:
        return f"\nGood: at least {report.threshold:.0%} of the dialogues passed, and all guards held."
    return f"\nNot good: below {report.threshold:.0%} of the dialogues passed, or a guard failed."


def money(microdollars: int | None) -> str:
    """Return an amount in dollars, and in cents beside where it is small."""
    if microdollars is None:
        return "unknown, the model has no known price"
    return f"US$ {microdollars / _MICRO:.4f} ({microdollars / _CENTS:.2f} cents)"


def latency(found: Latency) -> str:
    """Return percentiles in seconds."""
    if found.p50 is None or found.p95 is None:
        return "not measured"
    return f"p50 {found.p50:.2f} s, p95 {found.p95:.2f} s"
