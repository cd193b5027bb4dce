"""Checks of what is stored in the end. What a dialogue does not name must be as before. Pure.

That something expected is missing is the model's fault. That something is there which was neither there before nor is
expected, or that something is gone, is a fault of the guards: nobody asked for it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from oxy_ai.evaluation.observed import BookedNow, ChangeNow, PersonNow, StateSeen
from oxy_ai.evaluation.verdicts import Check, guard, quality
from oxy_ai.golden.dialogue import After, Booked, Change, Dialogue, Fields, HandOver, PersonAfter
from oxy_ai.golden.patterns import folded, is_meant

T = TypeVar("T")
E = TypeVar("E")


def check_state(dialogue: Dialogue, before: StateSeen, after: StateSeen) -> Iterator[Check]:
    """Check what is stored after a dialogue."""
    wanted = dialogue.after
    for number, (was, now) in enumerate(zip(before.people, after.people, strict=False)):
        expected: PersonAfter | None = wanted
        if number:
            expected = next((other for other in wanted.others if other.phone == was.phone), None)
        yield from _person("" if number == 0 else f"{was.phone}: ", expected or PersonAfter(), was, now)
    yield from _hand_over(wanted, after)
    yield from _changes(wanted, before, after)
    yield from _settings(wanted, before, after)
    for kind in wanted.owner_told:
        told = kind in after.owner_told
        yield quality(f"the owner is told: {kind}", None if told else ", ".join(after.owner_told) or "of nothing")


def _person(whose: str, expected: PersonAfter, was: PersonNow, now: PersonNow) -> Iterator[Check]:
    yield from _list(f"{whose}bookings", _Lists(expected.bookings, was.bookings, now.bookings), _is_booked, _booking)
    yield from _list(f"{whose}records", _Lists(expected.records, was.records, now.records), _is_record, str)
    opt_out = was.opt_out if expected.opt_out is None else expected.opt_out
    wanted = None if opt_out == "none" else opt_out
    yield guard(f"{whose}opt_out is {wanted or 'none'}", None if now.opt_out == wanted else now.opt_out or "none")
    private = was.private if expected.private is None else expected.private
    yield guard(f"{whose}private is {private}", None if now.private == private else str(now.private))
    if expected.taken_over is not None:
        found = None if now.taken_over == expected.taken_over else str(now.taken_over)
        yield quality(f"{whose}taken_over is {expected.taken_over}", found)


class _Lists:
    """What is expected of a list, what there was, and what there is."""

    def __init__(self, expected: Sequence[Any] | None, before: Sequence[Any], after: Sequence[Any]) -> None:
        self.expected, self.before, self.after = expected, before, after


def _list(
    name: str, lists: _Lists, is_meant_by: Callable[[Any, Any], bool], shown: Callable[[Any], str]
) -> Iterator[Check]:
    left = list(lists.after)
    if lists.expected is None:
        gone, added = _difference(lists.before, left)
        found = "; ".join([*(f"gone: {shown(item)}" for item in gone), *(f"new: {shown(item)}" for item in added)])
        yield guard(f"{name} are as before", found or None)
        return
    for wanted in lists.expected:
        match = next((item for item in left if is_meant_by(wanted, item)), None)
        if match is not None:
            left.remove(match)
        present = "; ".join(map(shown, lists.after)) or "none"
        yield quality(f"{name} have {_wanted(wanted)}", None if match is not None else present)
    surprising = [item for item in left if item not in lists.before]
    yield guard(f"{name} have nothing else", "; ".join(map(shown, surprising)) or None)
    kept = [item for item in lists.before if any(is_meant_by(wanted, item) for wanted in lists.expected)]
    gone = [item for item in kept if item not in lists.after]
    yield guard(f"{name} that stay are not lost", "; ".join(map(shown, gone)) or None)
    former = [item for item in left if item in lists.before]
    yield quality(f"{name} that go are gone", "; ".join(map(shown, former)) or None)


def _difference(before: Sequence[T], after: Sequence[T]) -> tuple[list[T], list[T]]:
    added = list(after)
    gone = []
    for item in before:
        if item in added:
            added.remove(item)
        else:
            gone.append(item)
    return gone, added


def _wanted(wanted: object) -> str:
    if isinstance(wanted, Booked):
        return f"{wanted.service} for {wanted.subject} at {wanted.at:%Y-%m-%d %H:%M} ({wanted.status})"
    if isinstance(wanted, Change):
        return f"{wanted.kind} {wanted.begins:%Y-%m-%d %H:%M} to {wanted.ends:%Y-%m-%d %H:%M}"
    return str(wanted)


def _booking(found: BookedNow) -> str:
    return f"{found.service} for {found.subject} at {found.at:%Y-%m-%d %H:%M} ({found.status})"


def _is_booked(wanted: Booked, found: BookedNow) -> bool:
    return (
        is_meant(wanted.service, found.service)
        and is_meant(wanted.subject, found.subject)
        and (wanted.at, wanted.status) == (found.at, found.status)
    )


def _is_record(wanted: Fields, found: Fields) -> bool:
    """Whether a record has the fields that are named; null: it has none of that name."""
    return all(
        found.get(name) is not None and is_meant(value, str(found[name]))
        if isinstance(value, str)
        else found.get(name) == value
        for name, value in wanted.items()
    )


def _hand_over(wanted: After, after: StateSeen) -> Iterator[Check]:
    found = after.hand_over
    shown = "nobody was promised a person" if found is None else f"{found.reason}, {found.urgency}: {found.summary}"
    match wanted.hand_over:
        case "any":
            return
        case None:
            yield quality("nobody is promised a person", None if found is None else shown)
        case HandOver(reason=reason, urgency=urgency):
            reasons = (reason,) if isinstance(reason, str) else reason
            fits = (
                found is not None and (reasons is None or found.reason in reasons) and urgency in {None, found.urgency}
            )
            named = " or ".join(reasons or ("any reason",))
            yield quality(f"a person is promised: {named}{f', {urgency}' if urgency else ''}", None if fits else shown)


def _changes(wanted: After, before: StateSeen, after: StateSeen) -> Iterator[Check]:
    lists = _Lists(wanted.changes, before.changes, after.changes)
    yield from _list("changes of the agenda", lists, _is_change, _change)


def _is_change(wanted: Change, found: ChangeNow) -> bool:
    return (wanted.kind, wanted.begins, wanted.ends) == (found.kind, found.begins, found.ends) and (
        not wanted.hours or wanted.hours == found.hours
    )


def _change(found: ChangeNow) -> str:
    return f"{found.kind} {found.begins:%Y-%m-%d %H:%M} to {found.ends:%Y-%m-%d %H:%M} {' '.join(found.hours)}".strip()


def _settings(wanted: After, before: StateSeen, after: StateSeen) -> Iterator[Check]:
    for path, value in _leaves(wanted.settings or {}):
        found = _at(after.settings, path)
        is_so = found == value or (isinstance(value, str) and folded(str(found)) == folded(value))
        yield quality(f"settings: {'.'.join(path)} is {value}", None if is_so else str(found))
    if wanted.settings is None:
        yield guard("settings are as before", None if after.settings == before.settings else "they have changed")
    asked = "none" if after.proposal is None else "open"
    yield quality(
        f"an act is asked about: {wanted.proposal}", None if asked == wanted.proposal else str(after.proposal)
    )


def _leaves(values: Fields, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*path, name))
        else:
            yield (*path, name), value


def _at(values: object, path: Sequence[str]) -> object:
    for name in path:
        values = values.get(name) if isinstance(values, dict) else None
    return values
