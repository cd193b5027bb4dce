"""The report as one HTML page that needs nothing else: no script from elsewhere, no font, no picture. Pure."""

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from typing import Final

from oxy_ai.evaluation.exchange_checks import listed
from oxy_ai.evaluation.figures import Figures, Rate
from oxy_ai.evaluation.judging import Judged
from oxy_ai.evaluation.observed import CallSeen, ExchangeSeen, RoundSeen
from oxy_ai.evaluation.report import EvaluationReport
from oxy_ai.evaluation.terminal import latency, money
from oxy_ai.evaluation.verdicts import Check, CheckKind, failures

_STYLE: Final = "page.css"


def page(report: EvaluationReport) -> str:
    """Return the report as an HTML document."""
    verdict = "good" if report.good else "not good"
    variants = "".join(_variant(found) for found in report.figures)
    dialogues = "".join(map(_dialogue, sorted(report.dialogues, key=lambda item: (item.passed, item.name))))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Evaluation: {verdict}</title><style>{_style()}</style></head><body><main>"
        f"<h1>Evaluation: {verdict}</h1>"
        f'<p class="about">{report.began:%Y-%m-%d %H:%M} UTC, {escape(report.base_url)}, '
        f"threshold {report.threshold:.0%}</p>"
        f"{variants}{_differences(report)}<h2>Dialogues</h2>{dialogues}</main></body></html>\n"
    )


def _style() -> str:
    return (files(__package__) / _STYLE).read_text(encoding="utf-8")


def _variant(found: Figures) -> str:
    total = found.total
    typical, _, slow = latency(found.answer_seconds).partition(", ")
    tiles = (
        (f"{total.share:.0%}", f"{total.passed} of {total.played} dialogues passed"),
        (f"{total.guarded}/{total.played}", "dialogues with all guards held"),
        (f"{found.prompt_tokens + found.completion_tokens:,}", f"tokens, {found.cached_tokens:,} of them cached"),
        (money(found.cost_microdollars).partition(" (")[0].partition(",")[0], f"for {found.calls} calls"),
        (typical, f"{slow} per answer"),
    )
    shown = "".join(
        f'<div class="tile"><b>{escape(value)}</b><span>{escape(what)}</span></div>' for value, what in tiles
    )
    tables = f'<div class="two">{_rates("Skill", found.by_skill)}{_rates("Intent", found.by_intent)}</div>'
    return f'<h2>{escape(found.variant)}</h2><div class="tiles">{shown}</div><h2>Pass rates</h2>{tables}'


def _rates(what: str, rates: Sequence[Rate]) -> str:
    rows = "".join(
        f"<tr><td>{escape(rate.of)}</td><td>{_bar(rate.share)}{rate.share:.0%}</td><td>{rate.passed}/{rate.played}</td></tr>"
        for rate in rates
    )
    return f"<div><table><tr><th>{what}</th><th>Passed</th><th></th></tr>{rows}</table></div>"


def _bar(share: float) -> str:
    low = " low" if share < 1 else ""
    return f'<span class="bar{low}"><i style="width:{share:.0%}"></i></span>'


def _differences(report: EvaluationReport) -> str:
    if not report.differences:
        return ""
    head = "".join(f"<th>{escape(found.variant)}</th>" for found in report.figures)
    rows = "".join(
        f"<tr><td>{escape(item.name)}</td>{''.join(f'<td>{_bar(share)}{share:.0%}</td>' for share in item.passed)}</tr>"
        for item in report.differences
    )
    return f"<h2>Differences</h2><table><tr><th>Dialogue</th>{head}</tr>{rows}</table>"


def _dialogue(judged: Judged) -> str:
    kind = "" if judged.passed else "failed" if judged.guarded else "unguarded"
    summary = (
        f'<summary><span class="mark">{"✓" if judged.passed else "✗"}</span>'
        f'<span class="title">{escape(judged.title)} <small>{escape(judged.name)}</small></span>'
        f"<small>{escape(judged.variant)}</small></summary>"
    )
    chat = "".join(map(_exchange, judged.played.exchanges))
    opened = "" if judged.passed else " open"
    return f'<details class="{kind}"{opened}>{summary}<div class="chat">{chat}</div>{_checks(judged.checks)}</details>'


def _exchange(seen: ExchangeSeen) -> str:
    said = "".join(f'<div class="bubble them">{escape(text)}</div>' for text in seen.said)
    rounds = "".join(map(_round, seen.rounds[:-1] if seen.sent else seen.rounds))
    sent = "".join(
        f'<div class="bubble us">{"🖼 " if item.image else ""}{escape(item.text)}</div>' for item in seen.sent
    )
    silence = "" if seen.sent else f'<div class="call">{escape(", ".join(seen.states) or "no turn")}</div>'
    took = f'<div class="at">{seen.at:%d/%m/%Y %H:%M} · {seen.seconds:.1f} s</div>'
    return f"{took}{said}{rounds}{sent}{silence}"


def _round(seen: RoundSeen) -> str:
    calls = "".join(map(_call, seen.calls))
    return calls or f'<div class="call">not sent: {escape(seen.text or "")}</div>'


def _call(call: CallSeen) -> str:
    return f'<div class="call">{escape(listed([call]))} → {escape(call.result)}</div>'


def _checks(checks: Iterable[Check]) -> str:
    every = list(checks)
    failed = "".join(map(_failure, failures(every)))
    passed = len(every) - len(failures(every))
    return f'<ul class="checks">{failed}<li>✓ {passed} checks passed</li></ul>'


def _failure(check: Check) -> str:
    kind = "guard" if check.kind is CheckKind.GUARD else "no"
    return f'<li class="{kind}">✗ {escape(check.name)}, but: {escape(check.found)}</li>'
