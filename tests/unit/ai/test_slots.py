from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxy_ai.scheduling.booking_rules import Block, BookingRules, Calendar, Shifts
from oxy_ai.scheduling.opening_hours import OpeningHours, SpecialDay, day_bounds
from oxy_ai.scheduling.periods import Period
from oxy_ai.scheduling.slots import Busy, Need, free_slots

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
MONDAY = date(2026, 11, 23)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MORNING = Period(time(9), time(12))
AFTERNOON = Period(time(13), time(15))
NO_TIME = timedelta(0)


def opening(hours: OpeningHours, step: timedelta = HOUR, notice: timedelta = NO_TIME) -> Calendar:
    """A calendar that may be booked at any distance."""
    return Calendar(hours, BookingRules(step, notice, timedelta(days=100_000), NO_TIME, 5))


def calendar(
    zone: ZoneInfo = SAO_PAULO, *, holidays: tuple[date, ...] = (), step: int = 60, notice: timedelta = NO_TIME
) -> Calendar:
    every_day = dict.fromkeys(range(1, 7), (MORNING, AFTERNOON))
    return opening(
        OpeningHours(zone, every_day, {day: SpecialDay("Feriado") for day in holidays}), timedelta(minutes=step), notice
    )


def need(minutes: int = 60, buffer: int = 0, resources: tuple[int, ...] = (1,)) -> Need:
    return Need(timedelta(minutes=minutes), timedelta(minutes=buffer), (resources,))


def at(hour: int, minute: int = 0, day: date = MONDAY, zone: ZoneInfo = SAO_PAULO) -> datetime:
    return datetime.combine(day, time(hour, minute), zone)


def times(when: Calendar, day: date, wanted: Need, busy: list[Busy], now: datetime) -> list[str]:
    return [f"{slot.starts_at:%H:%M}" for slot in free_slots(when, day, wanted, busy, now)]


@pytest.mark.parametrize(
    ("wanted", "busy", "expected"),
    [
        (need(), [], ["09:00", "10:00", "11:00", "13:00", "14:00"]),
        (need(90), [], ["09:00", "10:00", "13:00"]),
        (need(180), [], ["09:00"]),
        (need(181), [], []),
        (need(), [Busy(1, at(10), at(11))], ["09:00", "11:00", "13:00", "14:00"]),
        (need(), [Busy(1, at(10, 30), at(11, 15))], ["09:00", "13:00", "14:00"]),
        (need(buffer=30), [Busy(1, at(10), at(11))], ["11:00", "13:00", "14:00"]),
        (need(resources=(1, 2)), [Busy(1, at(10), at(11))], ["09:00", "10:00", "11:00", "13:00", "14:00"]),
        (need(resources=(1, 2)), [Busy(1, at(9), at(15)), Busy(2, at(9), at(12))], ["13:00", "14:00"]),
        (need(), [Busy(3, at(9), at(15))], ["09:00", "10:00", "11:00", "13:00", "14:00"]),
    ],
    ids=[
        "open hours",
        "ends before closing",
        "exactly a period",
        "longer than any period",
        "taken",
        "partly taken",
        "buffer before the next booking",
        "another resource",
        "both partly",
        "a resource of another service",
    ],
)
def test_free_starts(wanted: Need, busy: list[Busy], expected: list[str]) -> None:
    assert times(calendar(), MONDAY, wanted, busy, LONG_AGO) == expected


def test_a_slot_names_a_resource_that_is_free() -> None:
    slots = free_slots(calendar(), MONDAY, need(resources=(1, 2)), [Busy(1, at(9), at(10))], LONG_AGO)
    assert [slot.resources for slot in slots[:2]] == [(2,), (1,)]


ROOMS = Need(HOUR, NO_TIME, ((1, 2), (2, 3)))
"""A person and a room; 2 is both, and cannot be both at once."""


@pytest.mark.parametrize(
    ("taken", "assigned"),
    [((), (1, 2)), ((1,), (2, 3)), ((2,), (1, 3)), ((3,), (1, 2)), ((1, 2), None), ((1, 3), None), ((2, 3), None)],
)
def test_one_resource_of_each_group_is_assigned_and_none_twice(
    taken: tuple[int, ...], assigned: tuple[int, int] | None
) -> None:
    busy = [Busy(resource, at(9), at(10)) for resource in taken]
    first = free_slots(calendar(), MONDAY, ROOMS, busy, LONG_AGO)[0]
    assert (first.resources if first.starts_at == at(9) else None) == assigned


@pytest.mark.parametrize(
    ("wish", "groups"),
    [(None, ((1, 2), (2, 3))), (1, ((1,), (2, 3))), (2, ((2,), (2, 3))), (3, ((1, 2), (3,))), (4, None)],
)
def test_a_wish_narrows_the_group_that_has_it(
    wish: int | None, groups: tuple[tuple[int, ...], tuple[int, ...]] | None
) -> None:
    wished = ROOMS.wishing(wish)
    assert (None if wished is None else wished.groups) == groups


@pytest.mark.parametrize(
    ("shifts", "blocks", "expected"),
    [
        ({1: Shifts({1: (Period(time(10), time(12)),)})}, (), ["10:00", "11:00"]),
        ({1: Shifts({2: (Period(time(10), time(12)),)})}, (), []),
        ({1: Shifts(None, {MONDAY: ()})}, (), []),
        ({1: Shifts({}, {MONDAY: (Period(time(13), time(14)),)})}, (), ["13:00"]),
        ({2: Shifts({}, {})}, (), ["09:00", "10:00", "11:00", "13:00", "14:00"]),
        ({}, ((None, "09:30", "13:01"),), ["14:00"]),
        ({}, ((1, "10:00", "11:00"),), ["09:00", "11:00", "13:00", "14:00"]),
        ({}, ((2, "00:00", "23:00"),), ["09:00", "10:00", "11:00", "13:00", "14:00"]),
    ],
    ids=[
        "own hours",
        "another weekday",
        "a day off",
        "other hours on one day",
        "another's hours",
        "the business is blocked",
        "it is blocked",
        "another is blocked",
    ],
)
def test_a_resource_serves_while_it_is_there(
    shifts: dict[int, Shifts], blocks: tuple[tuple[int | None, str, str], ...], expected: list[str]
) -> None:
    blocked = [
        Block(resource, *(datetime.combine(MONDAY, time.fromisoformat(text)) for text in bounds))
        for resource, *bounds in blocks
    ]
    changed = replace(calendar(), shifts=shifts, blocks=blocked)
    assert times(changed, MONDAY, need(buffer=0), [], LONG_AGO) == expected


def test_the_buffer_may_reach_into_a_break_or_a_block() -> None:
    noon = Block(1, datetime.combine(MONDAY, time(10)), datetime.combine(MONDAY, time(12)))
    morning = replace(calendar(), blocks=(noon,), shifts={1: Shifts({1: (Period(time(9), time(10)),)})})
    assert times(morning, MONDAY, need(buffer=30), [], LONG_AGO) == ["09:00"]


def test_nothing_starts_before_the_earliest_time() -> None:
    assert times(calendar(), MONDAY, need(), [], at(10, 30)) == ["11:00", "13:00", "14:00"]
    assert times(calendar(notice=HOUR), MONDAY, need(), [], at(9, 30)) == ["11:00", "13:00", "14:00"]
    assert times(calendar(notice=HOUR), MONDAY, need(), [], at(9)) == ["10:00", "11:00", "13:00", "14:00"]


def test_a_day_beyond_the_horizon_has_no_slot() -> None:
    near = Calendar(calendar().hours, BookingRules(HOUR, NO_TIME, timedelta(days=3), NO_TIME, 5))
    friday = MONDAY - timedelta(days=3)
    assert times(near, MONDAY, need(), [], at(0, day=friday))[0] == "09:00"
    assert times(near, MONDAY, need(), [], at(0, day=friday) - timedelta(minutes=1)) == []


def test_sundays_and_holidays_are_closed() -> None:
    assert times(calendar(), MONDAY - timedelta(days=1), need(), [], LONG_AGO) == []
    assert times(calendar(holidays=(MONDAY,)), MONDAY, need(), [], LONG_AGO) == []


def test_brazil_has_no_daylight_saving_since_2019() -> None:
    for day in (MONDAY, date(2026, 7, 20)):
        slots = free_slots(calendar(), day, need(), [], LONG_AGO)
        assert slots[0].starts_at.astimezone(UTC).hour == 12


def test_the_offset_of_brazils_last_summer_time_is_respected() -> None:
    slots = free_slots(calendar(), date(2019, 1, 14), need(), [], LONG_AGO)
    assert slots[0].starts_at.astimezone(UTC).hour == 11


def test_other_time_zones_of_brazil_keep_their_own_hours() -> None:
    manaus = ZoneInfo("America/Manaus")
    slots = free_slots(calendar(manaus), MONDAY, need(), [], LONG_AGO)
    assert slots[0].starts_at.astimezone(UTC).hour == 13


def test_hours_that_clocks_skip_are_not_offered() -> None:
    lisbon = ZoneInfo("Europe/Lisbon")
    day = date(2027, 3, 28)  # 01:00 becomes 02:00
    sunday = opening(OpeningHours(lisbon, {7: (Period(time(0), time(5)),)}))
    assert times(sunday, day, need(), [], LONG_AGO) == ["00:00", "02:00", "03:00", "04:00"]
    start, end = day_bounds(day, lisbon)
    assert end.astimezone(UTC) - start.astimezone(UTC) == timedelta(hours=23)


def test_a_booking_lasts_its_full_time_when_clocks_change() -> None:
    lisbon = ZoneInfo("Europe/Lisbon")
    day = date(2027, 3, 28)  # 01:00 becomes 02:00
    sunday = opening(OpeningHours(lisbon, {7: (Period(time(0), time(5)),)}))
    taken = Busy(1, at(2, day=day, zone=lisbon), at(3, day=day, zone=lisbon))
    assert times(sunday, day, need(60), [taken], LONG_AGO) == ["00:00", "03:00", "04:00"]
    assert times(sunday, day, need(120), [taken], LONG_AGO) == ["03:00"]


@pytest.mark.parametrize(
    ("day", "first", "hours"),
    [(date(2018, 11, 4), "01:00", 23), (date(2018, 2, 17), "00:00", 25), (date(2026, 11, 1), "00:00", 24)],
    ids=["starts at midnight", "ends at midnight", "is history"],
)
def test_brazils_daylight_saving_which_began_at_midnight(day: date, first: str, hours: int) -> None:
    """A booking across the change lasts its time, and the start that clocks skipped is not offered."""
    always = opening(OpeningHours(SAO_PAULO, dict.fromkeys(range(1, 8), (Period(time(0), time.max),))))
    slots = free_slots(always, day, need(), [], LONG_AGO)
    assert f"{slots[0].starts_at:%H:%M}" == first
    assert len({slot.starts_at for slot in slots}) == len(slots)
    start, end = day_bounds(day, SAO_PAULO)
    assert (end.astimezone(UTC) - start.astimezone(UTC)) == HOUR * hours


def test_the_last_period_may_end_just_before_midnight() -> None:
    late = opening(OpeningHours(SAO_PAULO, {1: (Period(time(22), time(23, 59)),)}))
    assert times(late, MONDAY, need(), [], LONG_AGO) == ["22:00"]


@given(
    minutes=st.integers(5, 240),
    buffer=st.integers(0, 60),
    step=st.sampled_from([15, 30, 60]),
    taken=st.lists(st.tuples(st.integers(1, 2), st.integers(0, 22), st.integers(1, 5)), max_size=8),
)
def test_no_slot_touches_a_booking_or_leaves_the_opening_hours(
    minutes: int, buffer: int, step: int, taken: list[tuple[int, int, int]]
) -> None:
    busy = [Busy(resource, at(start), at(start) + HOUR * hours) for resource, start, hours in taken]
    wanted = need(minutes, buffer, (1, 2))
    for slot in free_slots(calendar(step=step), MONDAY, wanted, busy, LONG_AGO):
        end = slot.starts_at + wanted.duration
        assert any(
            period.opens <= slot.starts_at.time() and end.time() <= period.closes for period in (MORNING, AFTERNOON)
        )
        for resource in slot.resources:
            for item in busy:
                assert (
                    item.resource != resource or item.until <= slot.starts_at or end + wanted.buffer <= item.starts_at
                )
