"""The matrix of `make e2e-node-matrix` leaves out no cause, and expects what the documentation says."""

import re
from pathlib import Path

import pytest
from e2e.cause_table import ELSEWHERE, SHOWN
from e2e.matrix_rows import ROWS

from oxy_core.instance.connection_causes import CONNECTION_CAUSES
from oxy_dev.connection_faults import FINAL, OF_SERVER, PASSING, SILENT

REPOSITORY = Path(__file__).parents[3]
DOCUMENTED = (REPOSITORY / "docs" / "architecture.md").read_text().partition("## Connection life cycle")[2]
LINES = [line for line in DOCUMENTED.partition("\n## ")[0].splitlines() if line.startswith("|")]

ALWAYS = """
    restart unavailable unknown-error rate-limited stream-end abort close corrupt-frame garbage oversized-frame silence
    half-open login-error login-unavailable bad-user-agent not-found login-rate-limited generic-failure unknown-failure
    login-413 login-414 login-unanswered unlinked logged-out locked banned temporary-ban unknown-ban outdated replaced
    tls-untrusted tls-expired tls-wrong-name tls-plain tls-cut tls-hangs impostor name-not-resolved proxy-dead
    proxy-refuses proxy-password proxy-secret proxy-hangs requests-limited exhausted unsteady unacknowledged
    code-refused pairing-interrupted linking-refused session-damaged session-missing volume-full
"""
"""Instances that the matrix has had: 515, 503, 500 and so on, each in every place where it can come."""


def test_every_cause_is_met_on_a_node_or_named_with_the_test_that_has_it() -> None:
    assert {*SHOWN} | {*ELSEWHERE} == {*CONNECTION_CAUSES}
    assert not SHOWN.keys() & ELSEWHERE.keys()
    assert {row.reason for row in ROWS} == {*SHOWN}
    assert {path for reason, path in ELSEWHERE.items() if reason not in (REPOSITORY / path).read_text()} == set()


def test_every_fault_has_an_instance_of_its_own() -> None:
    names = [row.name for row in ROWS]
    assert len(names) == len(set(names))
    assert {fault.name for fault in (*PASSING, *OF_SERVER, *SILENT, *FINAL)} <= set(names)
    assert set(ALWAYS.split()) <= set(names)


@pytest.mark.parametrize("reason", SHOWN)
def test_phases_and_exit_codes_are_those_of_the_documentation(reason: str) -> None:
    shown = SHOWN[reason]
    about = [line.split("|") for line in LINES if re.search(rf"\b{reason}\b", line)]
    assert any(re.search(rf"\b{shown.phase}\b", cells[-2]) for cells in about), about
    code = "" if shown.exit_code is None else rf"exits with {shown.exit_code}\b"
    assert any(re.search(code, cells[-3]) for cells in about), about


@pytest.mark.parametrize("reason", SHOWN)
def test_the_words_are_those_that_people_are_told(reason: str) -> None:
    place = "petshop -n shops"
    told = CONNECTION_CAUSES[reason].explain(place)
    assert told.count(SHOWN[reason].advice_to(place)) == 1
    assert told.count(SHOWN[reason].happened.removesuffix(" until")) == 1


def test_a_process_ends_with_the_code_that_its_row_names() -> None:
    [fatal] = [line for line in LINES if "413 or 414" in line]
    codes = {row.name: row.exit_code for row in ROWS if row.exit_code is not None}
    assert codes == {"login-413": 2, "login-414": 2, "exhausted": 70}
    assert "exits with 2 " in fatal
