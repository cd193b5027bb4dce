"""Which runs with one tenant prove too little, and which copies on the bus have no explanation."""

from uuid import UUID

import pytest
from chaos.breaking import Happened
from chaos.plan import Kind
from chaos.tenant.proof import copied_in_vain, missing

from oxy_simulator.faultkind import FaultKind

REPORT = UUID(int=1)
ONLINE = {"online": 139, "offline": 487}


def faults(met: int, in_vain: int) -> list[Happened]:
    """Return faults of a connection, and a fault of the process that found it."""
    kinds = [False] * met + [True] * in_vain
    ended = Happened(Kind.KILL, "tenant", 0.0, 1.0)
    return [ended, *(Happened(FaultKind.ABORT, "whatsapp", 0.0, 1.0, in_vain=vain) for vain in kinds)]


@pytest.mark.parametrize(
    ("said", "reported", "met", "in_vain"),
    [(2_399, 1_899, 35, 20), (2_702, 1_752, 28, 28), (2_465, 1_895, 21, 33), (170, 170, 0, 6), (292, 290, 6, 0)],
)
def test_runs_that_were_healthy_prove_enough(said: int, reported: int, met: int, in_vain: int) -> None:
    assert list(missing({"said": said, "reported": reported}, faults(met, in_vain), ONLINE)) == []


@pytest.mark.parametrize(("said", "reported"), [(2_326, 195), (2_097, 32), (624, 40), (0, 0)])
def test_a_run_that_reported_next_to_nothing_proves_too_little(said: int, reported: int) -> None:
    (found,) = missing({"said": said, "reported": reported}, faults(35, 20), ONLINE)
    assert f"{reported} of {said} messages" in found


def test_a_run_whose_faults_met_nothing_proves_too_little() -> None:
    (found,) = missing({"said": 1, "reported": 1}, faults(9, 46), ONLINE)
    assert "9 of 55 faults of a connection" in found
    ended = [Happened(Kind.KILL, "tenant", 0.0, 1.0, in_vain=True), *faults(6, 0)[1:]]
    (found,) = missing({"said": 1, "reported": 1}, ended, ONLINE)
    assert "0 of 1 other faults" in found


def test_a_run_that_was_hardly_online_proves_too_little() -> None:
    (found,) = missing({"said": 1, "reported": 1}, faults(30, 0), {"online": 2, "offline": 98})
    assert "2 of 100 seconds" in found
    (found,) = missing({"said": 1, "reported": 1}, faults(30, 0), {})
    assert "0 of 0 seconds" in found


def test_a_copy_within_the_window_is_explained_by_a_restart_of_the_server_alone() -> None:
    restart, pause = (Happened(kind, "nats", 10.0, 15.0) for kind in (Kind.TERMINATE, Kind.PAUSE))
    close, far, single = {7: 9.0, 8: 20.0}, {7: 9.0, 8: 129.1}, {7: 9.0}
    (found,) = copied_in_vain({REPORT: close}, [pause, Happened(Kind.KILL, "tenant", 10.0, 15.0)])
    assert str(REPORT) in found
    assert "11.0 s" in found
    assert list(copied_in_vain({REPORT: close}, [restart])) == []
    assert list(copied_in_vain({REPORT: far, UUID(int=2): single}, [])) == []
    assert len(list(copied_in_vain({REPORT: {7: 1.0, 8: 2.0, 9: 9.0}}, [restart]))) == 2
