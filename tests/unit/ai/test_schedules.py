"""When Aurora's own reports are due, across clock changes, outages and changed settings."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from integration.ai.scene import settings_of

from oxy_ai.schedules.due import Timing
from oxy_ai.schedules.plan import Outage, ScheduleName, SchedulePlan, plan
from oxy_core.envelopes import InstanceSettings

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
MONDAY = datetime(2031, 3, 3, 12, tzinfo=SAO_PAULO)
"""In São Paulo at noon."""


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "at", "after", "due"),
    [
        # São Paulo, 4 November 2018: clocks went from 00:00 to 01:00.
        (SAO_PAULO, "20:00", "2018-11-03T12:00", "2018-11-03T23:00"),
        (SAO_PAULO, "20:00", "2018-11-03T23:00", "2018-11-04T22:00"),
        (SAO_PAULO, "00:30", "2018-11-03T12:00", "2018-11-04T03:00"),
        (SAO_PAULO, "00:30", "2018-11-04T03:00", "2018-11-05T02:30"),
        # São Paulo, 17 February 2019: clocks went from 00:00 to 23:00 of the day before.
        (SAO_PAULO, "23:30", "2019-02-16T12:00", "2019-02-17T01:30"),
        (SAO_PAULO, "23:30", "2019-02-17T01:30", "2019-02-18T02:30"),
        (SAO_PAULO, "23:30", "2019-02-17T02:10", "2019-02-18T02:30"),
        # New York: forward on 8 March, back on 1 November 2026, at two o'clock.
        (NEW_YORK, "02:30", "2026-03-08T00:00", "2026-03-08T07:00"),
        (NEW_YORK, "02:30", "2026-03-08T07:00", "2026-03-09T06:30"),
        (NEW_YORK, "01:30", "2026-11-01T00:00", "2026-11-01T05:30"),
        (NEW_YORK, "01:30", "2026-11-01T05:30", "2026-11-02T06:30"),
        (NEW_YORK, "01:30", "2026-11-01T06:10", "2026-11-02T06:30"),
        # Lord Howe: by half an hour, back on 5 April, forward on 4 October 2026, at two o'clock.
        (LORD_HOWE, "01:45", "2026-04-04T12:00", "2026-04-04T14:45"),
        (LORD_HOWE, "01:45", "2026-04-04T14:45", "2026-04-05T15:15"),
        (LORD_HOWE, "02:15", "2026-10-03T12:00", "2026-10-03T15:30"),
        (LORD_HOWE, "08:00", "2026-10-03T12:00", "2026-10-03T21:00"),
    ],
)
def test_when_a_daily_schedule_is_due_next(zone: ZoneInfo, at: str, after: str, due: str) -> None:
    found = Timing.daily(at, zone).next_after(utc(after))
    assert (found.astimezone(UTC), found.tzinfo) == (utc(due), zone)


@pytest.mark.parametrize(
    ("weekday", "due"), [(1, "2031-03-10"), (2, "2031-03-04"), (7, "2031-03-09"), (6, "2031-03-08")]
)
def test_when_a_weekly_schedule_is_due_next(weekday: int, due: str) -> None:
    assert Timing.weekly(weekday, "08:00", SAO_PAULO).next_after(MONDAY).isoformat() == f"{due}T08:00:00-03:00"


@pytest.mark.parametrize("zone", [SAO_PAULO, NEW_YORK, LORD_HOWE])
def test_each_day_of_twelve_years_has_one_time_in_order(zone: ZoneInfo) -> None:
    timing, at, days = Timing.daily("00:30", zone), datetime(2010, 1, 1, tzinfo=UTC), []
    for _ in range(12 * 365):
        following = timing.next_after(at)
        assert at < following <= at + timedelta(hours=25)
        at = following.astimezone(UTC)
        days.append(following.date())
    assert days == [days[0] + timedelta(days=number) for number in range(len(days))]


# -- what is done about them


def settings(**aurora: object) -> InstanceSettings:
    """Settings in which only what is named is on."""
    off = {name: {"enabled": False} for name in ("weekly_report", "empty_agenda", "opportunities", "warnings")}
    return settings_of("petshop", ai={"aurora": off | aurora})


def at(plan: SchedulePlan) -> list[str]:
    return [f"{row.name}: {row.due_at:%d %H:%M %Z}" for row in plan.rows]


def fired(plan: SchedulePlan) -> list[str]:
    return [f"{firing.name}: {firing.key[-2:]}" for firing in plan.firings]


def test_all_that_is_on_has_a_schedule() -> None:
    everything = settings_of("petshop", ai={"monthly_budget_microdollars": 1})
    assert at(plan(everything, (), MONDAY)) == [
        "daily_summary: 03 20:00 -03",
        "weekly_report: 10 08:00 -03",
        "empty_agenda: 04 11:00 -03",
        "opportunities: 05 10:00 -03",
        "budget_warning: 04 09:00 -03",
    ]
    without_budget = {row.name for row in plan(settings_of("petshop"), (), MONDAY).rows}
    assert without_budget == set(ScheduleName) - {ScheduleName.BUDGET_WARNING, ScheduleName.CONNECTION_WARNING}


@pytest.mark.parametrize(
    "changes",
    [
        {"suspended": True},
        {"ai": {"enabled": False}},
        {"ai": {"aurora": {"enabled": False}}},
    ],
)
def test_nothing_is_due_where_aurora_is_off(changes: dict[str, object]) -> None:
    off = plan(settings_of("petshop", **changes), plan(settings(), (), MONDAY).rows, MONDAY + timedelta(days=1))
    assert off == plan(None, (), MONDAY) == SchedulePlan((), ())
    assert off.wake_at is None


def test_owners_are_written_to_while_customers_are_not_answered() -> None:
    paused = settings_of("petshop", ai={"paused": True})
    assert plan(paused, (), MONDAY).rows == plan(settings_of("petshop"), (), MONDAY).rows


def test_a_schedule_fires_when_it_is_due_and_is_due_again_the_next_day() -> None:
    first = plan(settings(), (), MONDAY)
    assert first.wake_at == MONDAY.replace(hour=20)
    assert plan(settings(), first.rows, MONDAY.replace(hour=19, minute=59)) == first
    second = plan(settings(), first.rows, MONDAY.replace(hour=20))
    assert (fired(second), at(second)) == (["daily_summary: 03"], ["daily_summary: 04 20:00 -03"])
    assert second.rows[0].last_due_at == MONDAY.replace(hour=20)
    assert fired(plan(settings(), second.rows, MONDAY.replace(hour=23))) == []


@pytest.mark.parametrize(
    ("hours", "day", "due"), [(11, "03", "04"), (33, "04", "05"), (24 * 3, "05", "06"), (24 * 40, "11", "12")]
)
def test_what_was_missed_is_caught_up_once_for_the_last_time(hours: int, day: str, due: str) -> None:
    rows = plan(settings(), (), MONDAY).rows
    late = plan(settings(), rows, MONDAY + timedelta(hours=hours))
    assert (fired(late), at(late)) == ([f"daily_summary: {day}"], [f"daily_summary: {due} 20:00 -03"])


def test_a_changed_time_or_zone_moves_the_next_one() -> None:
    rows = plan(settings(), (), MONDAY).rows
    later = settings(daily_summary={"at": "21:30"})
    assert at(plan(later, rows, MONDAY)) == ["daily_summary: 03 21:30 -03"]
    moved = settings().model_copy(update={"timezone": "America/New_York"})
    assert at(plan(moved, rows, MONDAY)) == ["daily_summary: 03 20:00 EST"]
    assert fired(plan(later, rows, MONDAY.replace(hour=21))) == ["daily_summary: 03"]


def test_a_time_that_was_changed_after_it_had_come_is_one_of_the_same_day() -> None:
    rows = plan(settings(), plan(settings(), (), MONDAY).rows, MONDAY.replace(hour=20)).rows
    later = plan(settings(daily_summary={"at": "22:00"}), rows, MONDAY.replace(hour=21))
    again = plan(settings(daily_summary={"at": "22:00"}), later.rows, MONDAY.replace(hour=22))
    assert fired(again) == ["daily_summary: 03"]  # under the key of 20:00, which counts once


def test_what_is_switched_on_again_does_not_catch_up() -> None:
    rows = plan(settings(), (), MONDAY).rows
    off = plan(settings(daily_summary={"enabled": False}), rows, MONDAY.replace(hour=19))
    on = plan(settings(), off.rows, MONDAY.replace(hour=21))
    assert (off.rows, fired(on), at(on)) == ((), [], ["daily_summary: 04 20:00 -03"])


def test_a_clock_that_is_put_back_leads_to_the_same_keys() -> None:
    evening = plan(settings(), plan(settings(), (), MONDAY).rows, MONDAY.replace(hour=20))
    back = plan(settings(), evening.rows, MONDAY.replace(hour=18))
    assert at(back) == ["daily_summary: 03 20:00 -03"]
    assert fired(plan(settings(), back.rows, MONDAY.replace(hour=20))) == fired(evening)


@pytest.mark.parametrize(
    ("lost", "back", "keys"),
    [(30, 10, ["connection_warning: 03"]), (24, 10, []), (60 * 30, 60 * 24 - 1, ["connection_warning: 02"])],
)
def test_a_long_outage_is_news_for_a_day(lost: int, back: int, keys: list[str]) -> None:
    """In minutes before noon."""
    outage = Outage(MONDAY - timedelta(minutes=lost), MONDAY - timedelta(minutes=back))
    everything = settings_of("petshop")
    assert fired(plan(everything, (), MONDAY, outage)) == keys
    assert fired(plan(everything, (), MONDAY + timedelta(days=1), outage)) == []
    assert fired(plan(settings(), (), MONDAY, outage)) == []
