"""Limits of the product come to SQL as arguments, from `oxy_ai.settings.WorkerSettings` or an instance's settings."""

import re
from collections import Counter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[3] / "ai/oxy_ai"
FUNCTIONS = sorted(path for path in PACKAGE.rglob("schema/*.sql") if path.name not in {"tables.sql", "access.sql"})
COMMENT = re.compile(r"--[^\n]*| cost \d+$", re.MULTILINE)
"""And what the planner is told that a function costs, which limits nothing."""
NUMBER = re.compile(r"(?<![\w$.])\d+(?:\.\d+)?(?![\w.])|interval '[^']*'")
ARITHMETIC = {"0", "1", "2", "interval '0'"}
FORM = {
    "relay.sql": {"20"},
    "contacts.sql": {"7"},
    "proactive.sql": {"8"},
    "pauses.sql": {"100", "1000000"},
    "standing.sql": {"3"},
    "addresses.sql": {"55", "9", "6", "7"},
    "mentions.sql": {"55", "5", "9", "3", "10", "11"},
    "positions.sql": {"12", "20", "32", "1000"},
}
"""No limits of the product: the largest exponent of a doubled interval, the parts of the outbox of attachments and of
what nobody asked for, the whole of a percentage, how many microseconds a second has, which part of a job's reason says
why, the lengths of ids and numbers as text, and how Brazilian numbers are written."""


def test_functions_are_found() -> None:
    assert len(FUNCTIONS) > 10


def test_no_two_functions_have_the_same_name() -> None:
    """Workers call them with parameters of no known type: of two, PostgreSQL may not know which is meant."""
    names = Counter(
        re.findall(r"create or replace function ([a-z_]+)\(", "".join(path.read_text() for path in FUNCTIONS))
    )
    assert len(names) > 100
    assert {name for name, times in names.items() if times > 1} == set()


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_limit_of_the_product_is_a_literal(path: Path) -> None:
    literals = set(NUMBER.findall(COMMENT.sub("", path.read_text())))
    assert literals - ARITHMETIC - FORM.get(path.name, set()) == set()


@pytest.mark.parametrize("text", ["now() - interval '10 minutes'", "make_interval(hours => 24)", "limit 5", "2.5 * x"])
def test_a_limit_would_be_found(text: str) -> None:
    assert set(NUMBER.findall(text)) - ARITHMETIC
