"""docs/guarantees.md names, for each promise, tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
GUARANTEES = (ROOT / "docs" / "guarantees.md").read_text()
NAMED = re.compile(r"`((?:[\w/]+/)?test_\w+\.py)(?:::(test_\w+))?`")


def test_each_promise_names_a_test() -> None:
    promises = [line for line in GUARANTEES.splitlines() if line.startswith("| ") and line.count("|") == 4]
    rows = [line for line in promises if "counted by" not in line and not line.startswith("| part |")]
    configuration = GUARANTEES.index("## Messages")
    counted = [line for line in rows if GUARANTEES.index(line) > configuration]
    assert counted
    assert [line for line in counted if "`test" not in line.rpartition(" | ")[2]] == []


def test_the_named_tests_exist() -> None:
    files = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / "tests").rglob("test_*.py")}
    for name, function in NAMED.findall(GUARANTEES):
        found = [path for known, path in files.items() if known == name or known.endswith(f"/{name}")]
        assert found, name
        assert not function or any(f"def {function}(" in path.read_text() for path in found), function
