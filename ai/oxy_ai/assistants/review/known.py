"""Which prices, days and times the evidence contains, and which days and times it names together. Pure."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta
from functools import lru_cache
from itertools import product
from typing import Final

from oxy_ai.assistants.review.spotted import days_in, days_of, prices_in, times_in, times_of
from oxy_ai.portuguese.sentences import sentences
from oxy_ai.portuguese.words import fold

_PRICE_KEYS: Final = ("preco", "valor", "total", "receita", "taxa", "price")
"""Beginnings of the names under which tools give prices; anything else may repeat what customers wrote."""

_MINUTES: Final = re.compile(r"\b(\d{1,3}) ?(min|minutos?|h|horas?)\b")
_MINUTES_KEY: Final = "minutos"


@dataclass(frozen=True, slots=True)
class Known:
    """Days, times, and which of them were named together."""

    days: frozenset[date] = frozenset()
    times: frozenset[time] = frozenset()
    pairs: frozenset[tuple[date, time]] = frozenset()
    """Without the ends of periods: a shop that opens at 9:00 has nobody booked then."""

    def __or__(self, other: "Known") -> "Known":
        return Known(self.days | other.days, self.times | other.times, self.pairs | other.pairs)


@lru_cache(maxsize=512)
def known_of(text: str, today: date) -> Known:
    """Return what a text names; days and times of one sentence, or of one item of a list, belong together."""
    found = Known()
    for sentence in (item for line in sentences(text) for item in line.split(";")):
        days, spots = days_of(days_in(sentence, today)), times_in(sentence)
        exact = times_of(spot for spot in spots if not spot.bound)
        found |= Known(days, times_of(spots), frozenset(product(days, exact)))
    return found


def known_of_all(texts: Iterable[str], today: date) -> Known:
    """Return what any of the texts names."""
    found = Known()
    for text in texts:
        found |= known_of(text, today)
    return found


@lru_cache(maxsize=256)
def known_of_result(result: str, today: date) -> Known:
    """Return what a tool's result names: in an object with a single day, its times are of that day."""
    return _known_of_node(_parsed(result), today)


def _known_of_node(node: object, today: date) -> Known:
    children = [_known_of_node(child, today) for child in _children(node)]
    found = known_of(node, today) if isinstance(node, str) else Known()
    for child in children:
        found |= child
    if len(found.days) == 1:
        return Known(found.days, found.times, found.pairs | frozenset(product(found.days, found.times)))
    return found


def prices_of_result(result: str) -> frozenset[int]:
    """Return the prices, in cents, that a tool gave as such: not those in a name or a remark that it repeats."""
    return frozenset(_prices_of_node(_parsed(result), named=False))


def _prices_of_node(node: object, *, named: bool) -> Iterator[int]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _prices_of_node(value, named=fold(str(key)).startswith(_PRICE_KEYS))
    elif isinstance(node, list):
        for value in node:
            yield from _prices_of_node(value, named=named)
    elif isinstance(node, str) and named:
        yield from (price.cents for price in prices_in(node))


def durations_of(texts: Iterable[str]) -> frozenset[timedelta]:
    """Return the durations that texts name, in words or as a field of minutes."""
    found = {_duration(number, unit) for text in texts for number, unit in _MINUTES.findall(fold(text))}
    fields = re.findall(rf'"\w*{_MINUTES_KEY}": ?(\d+)', " ".join(texts))
    return frozenset(found | {timedelta(minutes=int(minutes)) for minutes in fields})


def _duration(number: str, unit: str) -> timedelta:
    return timedelta(hours=int(number)) if unit.startswith("h") else timedelta(minutes=int(number))


def _children(node: object) -> Iterable[object]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def _parsed(result: str) -> object:
    try:
        parsed: object = json.loads(result)
    except ValueError:
        return None
    return parsed
