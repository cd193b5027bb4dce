"""The plan of a chaos run is a function of its seed, and even a short one holds every fault."""

import itertools

import pytest
from chaos.plan import CLOCK_MOVES, Cast, Fault, Kind, draw, table, tracks
from hypothesis import given
from hypothesis import strategies as st

CAST = Cast(
    workers=("worker-0", "worker-1", "worker-2"),
    operators=("operator-0", "operator-1", "operator-2"),
    tenants=("shop-0", "shop-1", "shop-2", "shop-3"),
)
SEEDS = st.integers(min_value=0, max_value=2**32 - 1)


@given(SEEDS)
def test_a_seed_repeats_its_plan(seed: int) -> None:
    assert draw(seed, 120, CAST) == draw(seed, 120, CAST)


def test_another_seed_is_another_plan() -> None:
    assert draw(1, 120, CAST) != draw(2, 120, CAST)


@given(SEEDS, st.sampled_from([120.0, 600.0]))
def test_every_kind_of_fault_occurs(seed: int, seconds: float) -> None:
    assert {fault.kind for fault in draw(seed, seconds, CAST)} == set(Kind)


@given(SEEDS, st.sampled_from([120.0, 600.0]))
def test_faults_begin_within_the_run_in_order(seed: int, seconds: float) -> None:
    moments = [fault.at for fault in draw(seed, seconds, CAST)]
    assert moments == sorted(moments)
    assert moments[0] >= 0
    assert moments[-1] < seconds


@given(SEEDS)
def test_no_pause_is_longer_than_30_seconds(seed: int) -> None:
    assert max(fault.seconds for fault in draw(seed, 600, CAST)) <= 30


@given(SEEDS)
@pytest.mark.parametrize("server", ["nats", "postgres"])
def test_a_server_has_recovered_before_its_next_fault(server: str, seed: int) -> None:
    ended = [fault for fault in draw(seed, 600, CAST) if fault.target == server and fault.kind is not Kind.CLOCK]
    assert all(earlier.at + earlier.seconds < later.at for earlier, later in itertools.pairwise(ended))


@given(SEEDS)
def test_faults_of_different_parts_overlap(seed: int) -> None:
    plan = draw(seed, 120, CAST)
    pairs = [
        (one, other)
        for one, other in itertools.combinations(plan, 2)
        if one.target != other.target and one.at < other.at < one.at + one.seconds
    ]
    assert len(pairs) > 20


@given(SEEDS)
def test_clocks_alone_are_moved(seed: int) -> None:
    for fault in draw(seed, 600, CAST):
        assert (fault.moved in CLOCK_MOVES) == (fault.kind is Kind.CLOCK)


def test_a_track_has_draws_of_its_own() -> None:
    fewer = Cast(CAST.workers, CAST.operators[:1], CAST.tenants)
    assert [fault for fault in draw(3, 600, CAST) if fault.target == "nats"] == [
        fault for fault in draw(3, 600, fewer) if fault.target == "nats"
    ]


def test_each_part_is_hit_in_ten_minutes() -> None:
    hit = {fault.target for fault in draw(7, 600, CAST)}
    assert hit == {target for track in tracks(CAST) for target in track.targets}


def test_the_table_shows_a_fault_on_a_line() -> None:
    shown = table([Fault(3.25, Kind.CLOCK, "worker-1", 12.0, -45), Fault(4.0, Kind.SETTINGS, "shop-0", 0.0)])
    assert shown.splitlines() == [
        "    3.2 s  clock moved                 worker-1                12.0 s  by -45 s",
        "    4.0 s  settings edited             shop-0                ",
    ]
