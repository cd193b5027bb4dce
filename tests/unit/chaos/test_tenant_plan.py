"""The plan of a run with one tenant is a function of its seed, and knows every fault of the simulator."""

import itertools

import pytest
from chaos.plan import Fault, table
from chaos.tenant.plan import FILES, LAST_ENDS, NATS, VOLUME, WHATSAPP, draw
from hypothesis import given
from hypothesis import strategies as st

from oxy_simulator.faultkind import FaultKind
from oxy_simulator.mediadesk import MediaFaultKind
from oxy_simulator.requests import Fault as FaultRequest
from oxy_simulator.requests import MediaFault as MediaFaultRequest

SEEDS = st.integers(min_value=0, max_value=2**32 - 1)
RUNS = st.sampled_from([(30, 30.0), (300, 600.0)])


@given(SEEDS, RUNS)
def test_a_seed_repeats_its_plan(seed: int, run: tuple[int, float]) -> None:
    assert draw(seed, *run) == draw(seed, *run)


def test_another_seed_is_another_plan() -> None:
    assert draw(1, 30, 30) != draw(2, 30, 30)


@given(SEEDS, RUNS)
def test_a_run_has_as_many_events_as_it_should(seed: int, run: tuple[int, float]) -> None:
    events, seconds = run
    plan = draw(seed, *run)
    assert len(plan) == events
    assert all(0 <= fault.at < seconds for fault in plan)


@given(SEEDS)
def test_every_fault_of_the_simulator_occurs_in_a_full_run(seed: int) -> None:
    plan = draw(seed, 300, 600)
    assert {fault.kind for fault in plan if fault.target == WHATSAPP} == set(FaultKind) - {FaultKind.UP}
    assert {fault.kind for fault in plan if fault.target == FILES} == set(MediaFaultKind)


@given(SEEDS, RUNS)
def test_the_simulator_takes_every_fault_as_it_is_drawn(seed: int, run: tuple[int, float]) -> None:
    for fault in draw(seed, *run):
        if fault.target == WHATSAPP:
            FaultRequest.model_validate({"kind": fault.kind.value, **dict(fault.options)})
        elif fault.target == FILES:
            MediaFaultRequest.model_validate({"kind": fault.kind.value, **dict(fault.options)})


@given(seed=SEEDS, run=RUNS)
@pytest.mark.parametrize("target", [NATS, VOLUME])
def test_what_has_one_fault_at_a_time_recovers_before_the_next(seed: int, run: tuple[int, float], target: str) -> None:
    faults = [fault for fault in draw(seed, *run) if fault.target == target]
    assert all(earlier.at + earlier.seconds < later.at for earlier, later in itertools.pairwise(faults))


@given(SEEDS)
def test_faults_overlap_even_in_a_short_run(seed: int) -> None:
    plan = [fault for fault in draw(seed, 30, 30) if fault.seconds]
    pairs = (
        (one, other)
        for one, other in itertools.combinations(plan, 2)
        if one.target != other.target and one.at < other.at < one.at + one.seconds
    )
    assert len(list(pairs)) >= 5


@given(SEEDS)
def test_a_short_run_ends_a_connection_for_good_once(seed: int) -> None:
    assert sum(fault.kind in LAST_ENDS and fault.target == WHATSAPP for fault in draw(seed, 30, 30)) == 1


def test_the_table_shows_options() -> None:
    fault = Fault(1.0, FaultKind.LOGIN_FAILURE, WHATSAPP, 0.0, options=(("code", 429),))
    assert table([fault]) == "    1.0 s  login-failure               whatsapp                code 429"
