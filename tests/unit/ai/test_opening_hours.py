"""When a business is open: breaks, holidays, dated changes, the table of coming days and the next opening."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxy_ai.scheduling.opening_hours import DayRow, OpeningHours, SpecialDay, day_table, next_opening
from oxy_ai.scheduling.overlays import Overlay, OverlayKind, blocks, changed_days
from oxy_ai.scheduling.periods import Period, in_order, parse_period, without_breaks
from oxy_ai.scheduling.public_holidays import HolidayKind, PublicHolidays

ZONE = ZoneInfo("America/Sao_Paulo")
DAY = Period(time(9), time(18))
NATIONAL = PublicHolidays(frozenset({HolidayKind.NATIONAL}))
IN_SAO_PAULO = PublicHolidays(frozenset(HolidayKind), "SP", frozenset({"Carnaval"}))
HOURS = OpeningHours(
    ZONE,
    dict.fromkeys(range(1, 6), (Period(time(9), time(12)), Period(time(13), time(18)))),
    {
        date(2026, 12, 24): SpecialDay("Véspera de Natal", (Period(time(9), time(12)),)),
        date(2026, 12, 25): SpecialDay("Natal"),
    },
    IN_SAO_PAULO,
    {date(2026, 12, 23): SpecialDay("Dedetização"), date(2026, 12, 26): SpecialDay("Plantão", (DAY,))},
)


def periods(*texts: str) -> tuple[Period, ...]:
    return tuple(map(parse_period, texts))


@pytest.mark.parametrize(
    ("breaks", "left"),
    [
        ((), ("09:00-18:00",)),
        (("12:00-13:00",), ("09:00-12:00", "13:00-18:00")),
        (("08:00-10:00",), ("10:00-18:00",)),
        (("17:00-19:00",), ("09:00-17:00",)),
        (("09:00-18:00",), ()),
        (("06:00-07:00", "19:00-20:00"), ("09:00-18:00",)),
        (("10:00-11:00", "12:00-13:00", "12:30-14:00"), ("09:00-10:00", "11:00-12:00", "14:00-18:00")),
    ],
)
def test_breaks_leave_what_is_around_them(breaks: tuple[str, ...], left: tuple[str, ...]) -> None:
    assert without_breaks([DAY], periods(*breaks)) == periods(*left)


@given(st.lists(st.tuples(st.integers(0, 22), st.integers(1, 5)), max_size=5))
def test_nothing_of_a_break_is_left_and_nothing_else_is_lost(taken: list[tuple[int, int]]) -> None:
    breaks = [Period(time(start), time(min(23, start + hours))) for start, hours in taken]
    left = without_breaks([DAY], breaks)
    assert in_order(left) == left
    for hour in range(24):
        inside = any(period.opens.hour <= hour < period.closes.hour for period in left)
        in_a_break = any(pause.opens.hour <= hour < pause.closes.hour for pause in breaks)
        assert inside is (DAY.opens.hour <= hour < DAY.closes.hour and not in_a_break)


@pytest.mark.parametrize(
    ("day", "holidays", "name"),
    [
        (date(2026, 4, 3), NATIONAL, "Sexta-feira Santa"),
        (date(2026, 7, 9), NATIONAL, None),
        (date(2026, 7, 9), IN_SAO_PAULO, "Revolução Constitucionalista"),
        (date(2026, 7, 9), PublicHolidays(frozenset({HolidayKind.STATE}), "SP"), "Revolução Constitucionalista"),
        (date(2026, 12, 25), PublicHolidays(frozenset({HolidayKind.STATE}), "SP"), None),
        (date(2026, 2, 17), IN_SAO_PAULO, "Carnaval"),
        (date(2026, 2, 17), NATIONAL, None),
        (date(2026, 12, 31), IN_SAO_PAULO, None),
        (date(2023, 11, 20), NATIONAL, None),
        (date(2024, 11, 20), NATIONAL, "Dia Nacional de Zumbi e da Consciência Negra"),
        (date(2026, 12, 25), PublicHolidays(), None),
        (date(2100, 12, 25), NATIONAL, "Natal"),
    ],
)
def test_public_holidays_are_those_of_the_law_and_of_the_state(
    day: date, holidays: PublicHolidays, name: str | None
) -> None:
    assert holidays.name(day) == name


def test_a_change_comes_before_a_holiday_and_a_holiday_before_the_weekday() -> None:
    table = day_table(HOURS, datetime(2026, 12, 22, 23, 59, tzinfo=ZONE), 6)
    assert table == [
        DayRow(date(2026, 12, 22), 2, None, None, periods("09:00-12:00", "13:00-18:00")),
        DayRow(date(2026, 12, 23), 3, None, "Dedetização", ()),
        DayRow(date(2026, 12, 24), 4, "Véspera de Natal", None, periods("09:00-12:00")),
        DayRow(date(2026, 12, 25), 5, "Natal", None, ()),
        DayRow(date(2026, 12, 26), 6, None, "Plantão", periods("09:00-18:00")),
        DayRow(date(2026, 12, 27), 7, None, None, ()),
    ]


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-12-22 10:30", "2026-12-22 10:30"),
        ("2026-12-22 08:00", "2026-12-22 09:00"),
        ("2026-12-22 12:00", "2026-12-22 13:00"),
        ("2026-12-22 18:00", "2026-12-24 09:00"),
        ("2026-12-24 12:01", "2026-12-26 09:00"),
        ("2026-12-26 18:00", "2026-12-28 09:00"),
    ],
    ids=["open", "before hours", "in a break", "closed tomorrow", "after a short day, a holiday", "Sunday"],
)
def test_people_are_back_when_the_business_opens_next(now: str, opens: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=ZONE)
    assert next_opening(HOURS, moment) == datetime.fromisoformat(opens).replace(tzinfo=ZONE)


def test_a_business_that_never_opens_has_no_next_opening() -> None:
    assert next_opening(OpeningHours(ZONE, {}), datetime(2026, 12, 22, tzinfo=ZONE)) is None


def overlay(kind: OverlayKind, begins: str, ends: str, resource: int | None = None, hours: str = "") -> Overlay:
    bounds = (datetime.fromisoformat(text) for text in (begins, ends))
    return Overlay(1, kind, *bounds, periods(hours) if hours else (), resource, f"{kind} {begins}", "Ana")


def test_the_newest_change_of_a_day_counts_for_whom_it_was_made() -> None:
    made = [
        overlay(OverlayKind.CLOSED, "2026-12-20", "2026-12-24"),
        overlay(OverlayKind.HOURS, "2026-12-22", "2026-12-23", hours="09:00-10:00"),
        overlay(OverlayKind.CLOSED, "2026-12-22", "2026-12-23", resource=7),
        overlay(OverlayKind.BLOCKED, "2026-12-22 09:00", "2026-12-23 10:00"),
    ]
    days = changed_days(made, None)
    assert sorted(days) == [date(2026, 12, 20) + timedelta(days=offset) for offset in range(4)]
    assert days[date(2026, 12, 22)].periods == periods("09:00-10:00")
    assert days[date(2026, 12, 23)].periods == ()
    assert list(changed_days(made, 7)) == [date(2026, 12, 22)]
    assert changed_days(made, 8) == {}
    assert [(block.resource, block.begins.hour, block.ends.day) for block in blocks(made)] == [(None, 9, 23)]
    assert list(made[3].days()) == [date(2026, 12, 22), date(2026, 12, 23)]
