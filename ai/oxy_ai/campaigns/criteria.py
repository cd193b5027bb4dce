"""Segments of customers: what they have in common, as criteria from a fixed list. Pure.

The text of a query is made of constants of the code alone; what a model or an owner writes only ever becomes a
parameter.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel

VALUE: Final = "{}"
"""Stands for the parameter in the SQL of a criterion."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """A condition that a customer fulfils, or not."""

    name: str
    """Of the segment's field with its value."""
    sql: str
    """SqlCondition on the row `c` of contacts, or the row that the group is about, with `VALUE` for the parameter."""
    words: Callable[[Any], str]
    """As owners read it; called with the value."""
    parameter: Callable[[Any, datetime], object] = lambda value, _: value
    """Called with the value and now, in the business's time zone."""


@dataclass(frozen=True, slots=True)
class Group:
    """Criteria that one row has to fulfil together: the customer's own, or one of his."""

    criteria: tuple[Criterion, ...]
    sql: str = VALUE
    """SqlCondition on `c`, with `VALUE` for the criteria."""


@dataclass(frozen=True, slots=True)
class SqlCondition:
    """A part of a query, and its parameters."""

    sql: str
    parameters: tuple[object, ...]


def condition_of(groups: Sequence[Group], segment: BaseModel, now: datetime, first: int) -> SqlCondition:
    """Return what the customers of a segment fulfil; the first parameter has the number `first`."""
    conditions: list[str] = []
    parameters: list[object] = []
    for group in groups:
        chosen = [(criterion, getattr(segment, criterion.name)) for criterion in group.criteria]
        held = [(criterion, value) for criterion, value in chosen if value is not None]
        parts = [c.sql.replace(VALUE, f"${first + len(parameters) + number}") for number, (c, _) in enumerate(held)]
        parameters.extend(criterion.parameter(value, now) for criterion, value in held)
        if held:
            conditions.append(group.sql.replace(VALUE, " and ".join(parts)))
    return SqlCondition(" and ".join(conditions) or "true", tuple(parameters))


def words_of(groups: Sequence[Group], segment: BaseModel) -> str:
    """Return who is in a segment, as an owner reads it."""
    criteria = [criterion for group in groups for criterion in group.criteria]
    told = [c.words(value) for c in criteria if (value := getattr(segment, c.name)) is not None]
    return "clientes " + ", ".join(told) if told else "todos os clientes"
