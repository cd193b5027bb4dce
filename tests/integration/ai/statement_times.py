"""How long the statements of one database took, as PostgreSQL logs them."""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

_ENTRY = re.compile(r"^(?=\d{4}-\d\d-\d\d )", re.MULTILINE)
_DURATION = re.compile(r"LOG:  duration: ([\d.]+) ms  (?:execute [^:]*|statement): (.*)", re.DOTALL)


@dataclass(frozen=True)
class StatementTimes:
    """Of one statement, in milliseconds."""

    statement: str
    calls: int
    median: float
    p99: float
    worst: float


def statement_times(log: Path, since: int) -> list[StatementTimes]:
    """What was logged from this byte on, where `log_min_duration_statement` is 0; the slowest first (p99).

    Without planning, which PostgreSQL logs apart, and without what parameters were.
    """
    with log.open("rb") as file:
        file.seek(since)
        entries = _ENTRY.split(file.read().decode(errors="replace"))
    times = defaultdict[str, list[float]](list)
    for entry in entries:
        found = _DURATION.search(entry)
        if found is not None:
            times[" ".join(found[2].split())].append(float(found[1]))
    return sorted((_summed_up(*item) for item in times.items()), key=lambda item: -item.p99)


def _summed_up(statement: str, times: list[float]) -> StatementTimes:
    ordered = sorted(times)
    last = len(ordered) - 1
    return StatementTimes(statement, len(ordered), ordered[last // 2], ordered[last * 99 // 100], ordered[last])


def as_table(times: list[StatementTimes]) -> str:
    """Lines of text, a statement each."""
    lines = [f"{'calls':>7} {'median':>9} {'p99':>9} {'worst':>9}  statement (milliseconds)"]
    lines += [
        f"{item.calls:7} {item.median:9.1f} {item.p99:9.1f} {item.worst:9.1f}  {item.statement[:120]}" for item in times
    ]
    return "\n".join(lines) + "\n"
