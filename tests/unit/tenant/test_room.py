"""What a volume's room means for the runtime."""

import pytest

from oxy_core.instance.stored_session import VolumeProblem
from oxy_tenant.volume.room import (
    EASY,
    EASY_LOOK_SECONDS,
    LEAST_RESERVE,
    LOOK_SECONDS,
    MOST_RESERVE,
    VolumeUsage,
    excess_of,
    reserve_of,
    seconds_to_next_look,
    share_of,
    stopping_problem,
)

MIB = 1 << 20
TOTAL = 1024 * MIB
SHARE = 500 * MIB
RESERVE = reserve_of(TOTAL)


@pytest.mark.parametrize(
    ("total", "reserve"),
    [(0, LEAST_RESERVE), (24 * MIB, LEAST_RESERVE), (200 * MIB, 10 * MIB), (1 << 40, MOST_RESERVE)],
)
def test_a_twentieth_is_reserved_within_limits(total: int, reserve: int) -> None:
    assert reserve_of(total) == reserve


@pytest.mark.parametrize(
    ("total", "claimed", "share"), [(1000, None, 500), (1000, 100, 50), (1000, 5000, 500), (0, None, 0)]
)
def test_the_journal_s_share_is_of_what_was_claimed_if_the_volume_is_larger(
    total: int, claimed: int | None, share: int
) -> None:
    assert share_of(total, 50, claimed) == share


@pytest.mark.parametrize(
    ("free", "journal", "lacking", "before", "problem"),
    [
        (RESERVE, 0, 0, None, None),
        (RESERVE - 1, 0, 0, None, VolumeProblem.VOLUME_FULL),
        (0, 2 * SHARE, SHARE, VolumeProblem.JOURNAL_FULL, VolumeProblem.VOLUME_FULL),
        (RESERVE * 1.4, 0, 0, VolumeProblem.VOLUME_FULL, VolumeProblem.VOLUME_FULL),
        (RESERVE * 1.6, 0, 0, VolumeProblem.VOLUME_FULL, None),
        (TOTAL, SHARE, SHARE, None, None),
        (TOTAL, SHARE + 1, SHARE, None, VolumeProblem.JOURNAL_FULL),
        (TOTAL, 2 * SHARE, SHARE * 0.1, None, None),  # the bus has nearly all
        (TOTAL, SHARE * 0.95, SHARE * 0.2, VolumeProblem.JOURNAL_FULL, VolumeProblem.JOURNAL_FULL),
        (TOTAL, SHARE * 0.95, 0, VolumeProblem.JOURNAL_FULL, None),
        (TOTAL, SHARE * 0.9, SHARE * 0.9, VolumeProblem.JOURNAL_FULL, None),
    ],
)
def test_what_stops_the_runtime_is_over_only_with_more_room_than_began_it_or_once_all_is_published(
    free: float, journal: float, lacking: float, before: VolumeProblem | None, problem: VolumeProblem | None
) -> None:
    usage = VolumeUsage(TOTAL, int(free), int(journal), int(lacking))
    assert stopping_problem(usage, SHARE, before) is problem


@pytest.mark.parametrize(("journal", "excess"), [(0, 0), (1000, 0), (1001, 101), (5000, 4100)])
def test_a_journal_beyond_its_share_is_trimmed_some_way_below_it(journal: int, excess: int) -> None:
    assert excess_of(VolumeUsage(TOTAL, TOTAL, journal), 1000) == excess


def test_only_what_fills_the_volume_stops_the_runtime() -> None:
    assert {problem for problem in VolumeProblem if problem.stops} == {
        VolumeProblem.VOLUME_FULL,
        VolumeProblem.JOURNAL_FULL,
    }


@pytest.mark.parametrize(
    ("free", "seconds"), [(EASY * RESERVE, EASY_LOOK_SECONDS), (EASY * RESERVE - 1, LOOK_SECONDS), (0, LOOK_SECONDS)]
)
def test_a_volume_is_watched_closely_long_before_it_is_full(free: int, seconds: float) -> None:
    assert seconds_to_next_look(VolumeUsage(TOTAL, free, SHARE // 2), SHARE) == seconds
    assert seconds_to_next_look(VolumeUsage(TOTAL, free, SHARE // 2 + 1), SHARE) == LOOK_SECONDS
    assert seconds_to_next_look(None, SHARE) == LOOK_SECONDS
