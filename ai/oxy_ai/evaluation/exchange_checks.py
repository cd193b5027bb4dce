"""Checks of what came of one exchange: the model's calls, and the texts that left. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

from oxy_ai.evaluation.observed import CallSeen, ExchangeSeen
from oxy_ai.evaluation.verdicts import Check, guard, quality
from oxy_ai.golden.dialogue import Exchange, ExpectedCall
from oxy_ai.golden.patterns import found_in, is_meant

_SHOWN: Final = 300
"""Characters of a text that a failed check repeats."""


def check_exchange(number: int, expected: Exchange, seen: ExchangeSeen | None) -> Iterator[Check]:
    """Check an exchange, counted from 1; None: it did not take place."""
    name = f"turn {number}"
    if seen is None:
        yield quality(f"{name}: takes place", "the dialogue ended before it")
        return
    yield from _calls(name, expected, seen)
    if expected.silent:
        yield guard(f"{name}: nobody is answered", _quoted(seen) if seen.sent else None)
        return
    yield quality(f"{name}: is answered", None if seen.text.strip() else _why_unanswered(seen))
    yield from _texts(name, expected, seen)


def _calls(name: str, expected: Exchange, seen: ExchangeSeen) -> Iterator[Check]:
    left = list(seen.calls)
    for call in expected.calls:
        found = next((made for made in left if _is_call(call, made)), None)
        if found is not None:
            left.remove(found)
        yield quality(f"{name}: calls {_named(call)}", None if found else listed(seen.calls))
    for tool in expected.calls_not:
        made = [call for call in seen.calls if call.tool == tool]
        yield quality(f"{name}: does not call {tool}", listed(made) if made else None)


def _is_call(expected: ExpectedCall, made: CallSeen) -> bool:
    if made.tool != expected.tool:
        return False
    given = made.arguments if isinstance(made.arguments, dict) else {}
    return all(_is_argument(wanted, given.get(name)) for name, wanted in expected.arguments.items())


def _is_argument(wanted: str | float | bool | None, given: object) -> bool:  # noqa: FBT001 the argument may be one
    if isinstance(wanted, str):
        return given is not None and is_meant(wanted, str(given))
    return wanted == given and isinstance(wanted, bool) == isinstance(given, bool)


def _named(call: ExpectedCall) -> str:
    return f"{call.tool}({', '.join(f'{name}={value}' for name, value in call.arguments.items())})"


def listed(calls: Iterable[CallSeen]) -> str:
    """Return calls as people read them."""
    return "; ".join(f"{call.tool}({call.arguments})" for call in calls) or "no call"


def _texts(name: str, expected: Exchange, seen: ExchangeSeen) -> Iterator[Check]:
    answer, text = expected.answer, seen.text
    for wanted in answer.has:
        any_of = (wanted,) if isinstance(wanted, str) else wanted
        is_there = any(found_in(pattern, text) for pattern in any_of)
        yield quality(f"{name}: the answer has {' or '.join(any_of)}", None if is_there else _quoted(seen))
    for pattern in answer.lacks:
        yield guard(f"{name}: the answer lacks {pattern}", _quoted(seen) if found_in(pattern, text) else None)
    if answer.image:
        pictured = any(sent.image for sent in seen.sent)
        yield quality(f"{name}: a picture leaves with the answer", None if pictured else _quoted(seen))


def _quoted(seen: ExchangeSeen) -> str:
    text = seen.text.strip()
    return f"“{text[:_SHOWN]}{'…' if len(text) > _SHOWN else ''}”" if text else _why_unanswered(seen)


def _why_unanswered(seen: ExchangeSeen) -> str:
    return f"no text ({', '.join(seen.states) or 'no turn'})"
