"""What a client journalled, compared with what it told the server that it has."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from oxy_simulator.errors import RequestError
from oxy_simulator.ledger import LifeLine, Stage

SETTLED: frozenset[Stage] = frozenset({"receipted", "acked", "rejected", "read"})
"""Stages after which the server never brings a message again."""


def unjournalled(lines: Iterable[LifeLine], account: str, journalled: set[str]) -> Iterator[LifeLine]:
    """Yield the messages to an account's devices that were acknowledged or rejected, but not journalled."""
    for line in lines:
        to_account = line.direction == "inbound" and line.account == account
        if to_account and SETTLED & line.stages.keys() and line.id not in journalled:
            yield line


def read_journal(path: Path, key: str) -> set[str]:
    """Read the ids of a file with one JSON object (its `key`) or string a line.

    The last line may be cut short: its writer may have been killed. Raise RequestError if another
    one cannot be read, or the file.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"the journal {path} cannot be read: {error}"
        raise RequestError(msg) from error
    ids = set()
    for number, line in enumerate(lines, start=1):
        if line.strip():
            found = _id(line, key)
            if found is not None:
                ids.add(found)
            elif number < len(lines):
                msg = f"{path}:{number} is no JSON object with {key!r} and no string: {line[:80]!r}"
                raise RequestError(msg)
    return ids


def _id(line: str, key: str) -> str | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    found = value.get(key) if isinstance(value, dict) else value
    return found if isinstance(found, str) else None
