"""When automations are due: hours pass, days are of the calendar, and nothing is due in the night."""

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from unittest.mock import AsyncMock
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxy_ai.automations.definition import Automation
from oxy_ai.automations.delays import Delay, wall_time
from oxy_ai.automations.hours import SendingHours, Span
from oxy_ai.automations.occurrences import Due, Subject, anchors_of, born_on, due_of
from oxy_ai.automations.planner import AHEAD, GRACE, OVERLAP, Claimed, Planner, PlannerSettings, span_to_plan
from oxy_ai.automations.store import Kept
from oxy_ai.scheduling.periods import Period

NEW_YORK = ZoneInfo("America/New_York")
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
QUIET = (time(21), time(8))


def at(text: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("delay", "anchor", "before", "after"),
    [
        ("24h", "2026-03-08 12:00", "2026-03-07 11:00", "2026-03-09 12:00"),  # of 8 March an hour is left out
        ("1d", "2026-03-08 12:00", "2026-03-07 12:00", "2026-03-09 12:00"),
        ("24h", "2026-11-01 12:00", "2026-10-31 13:00", "2026-11-02 12:00"),  # 1 November has an hour twice
        ("1d", "2026-11-01 12:00", "2026-10-31 12:00", "2026-11-02 12:00"),
        ("1d", "2026-03-07 02:30", "2026-03-06 02:30", "2026-03-08 03:30"),  # 02:30 is left out
        ("30m", "2026-03-08 03:10", "2026-03-08 01:40", "2026-03-08 03:40"),
        ("0m", "2026-06-01 10:00", "2026-06-01 10:00", "2026-06-01 10:00"),
        ("365d", "2026-03-01 10:00", "2025-03-01 10:00", "2027-03-01 10:00"),
    ],
)
def test_hours_pass_and_days_are_of_the_calendar(delay: str, anchor: str, before: str, after: str) -> None:
    length = Delay.parse(delay)
    assert length.before(at(anchor), NEW_YORK) == at(before)
    assert length.after(at(anchor), NEW_YORK) == at(after)
    assert str(length) == delay


@pytest.mark.parametrize(
    ("delay", "anchor", "after", "before"),
    [
        ("0m", "2026-06-01 09:00", "2026-06-01 10:00", "2026-05-31 10:00"),
        ("0m", "2026-06-01 11:00", "2026-06-02 10:00", "2026-06-01 10:00"),
        ("1d", "2026-06-01 23:00", "2026-06-02 10:00", "2026-05-31 10:00"),
        ("30d", "2026-06-01 11:00", "2026-07-01 10:00", "2026-05-02 10:00"),
    ],
)
def test_a_time_of_day_is_never_on_the_wrong_side(delay: str, anchor: str, after: str, before: str) -> None:
    length = Delay.parse(delay)
    assert length.after(at(anchor), NEW_YORK, time(10)) == at(after)
    assert length.before(at(anchor), NEW_YORK, time(10)) == at(before)


def test_a_time_that_a_clock_shows_twice_is_the_first() -> None:
    assert wall_time(date(2026, 11, 1), time(1, 30), NEW_YORK) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert wall_time(date(2018, 11, 4), time(), SAO_PAULO) == datetime(
        2018, 11, 4, 3, tzinfo=UTC
    )  # midnight is left out


@pytest.mark.parametrize(
    ("due", "before", "moved"),
    [
        ("2026-06-01 12:00", None, "2026-06-01 12:00"),
        ("2026-06-01 08:00", None, "2026-06-01 08:00"),
        ("2026-06-01 21:00", None, "2026-06-02 08:00"),
        ("2026-06-01 03:00", None, "2026-06-01 08:00"),
        ("2026-06-01 07:00", "2026-06-01 09:00", "2026-06-01 08:00"),
        ("2026-06-01 06:00", "2026-06-01 08:00", "2026-05-31 20:30"),  # on the evening before
        ("2026-06-01 06:15", "2026-06-01 08:15", "2026-05-31 20:30"),
        ("2026-06-01 06:30", "2026-06-01 08:30", "2026-06-01 08:00"),
    ],
)
def test_nothing_is_due_in_quiet_hours(due: str, before: str | None, moved: str) -> None:
    hours = SendingHours.of(None, QUIET, NEW_YORK)
    assert hours.moved(at(due), None if before is None else at(before)) == at(moved)


def test_hours_may_be_quiet_at_noon_or_all_day() -> None:
    noon = SendingHours.of(Period(time(9), time(18)), (time(12), time(14)), NEW_YORK)
    assert noon.moved(at("2026-06-01 13:00")) == at("2026-06-01 14:00")
    assert noon.moved(at("2026-06-01 18:00")) == at("2026-06-02 09:00")
    always_quiet = SendingHours.of(Period(time(22), time(23)), QUIET, NEW_YORK)
    assert always_quiet.moved(at("2026-06-01 13:00")) is None
    open_all_day = SendingHours.of(None, None, NEW_YORK)
    assert open_all_day.moved(at("2026-03-08 02:59")) == at("2026-03-08 02:59")


def reminder(**changes: object) -> Automation:
    fields = {"name": "r", "trigger": "before_booking", "delay": "24h", "text": "Oi", "enabled": True}
    return Automation.model_validate(fields | changes)


def booked(starts: str, made: str) -> Subject:
    start = at(starts)
    return Subject(1, "booking:1", "x", start, known_since=at(made), booking=1, starts_at=start)


def due(automation: Automation, subject: Subject) -> Due | None:
    return due_of(automation, automation.rules[0], subject, SendingHours.of(None, QUIET, NEW_YORK))


@pytest.mark.parametrize(
    ("delay", "known_for", "made", "is_due"),
    [
        ("24h", "6h", "2026-05-30 09:00", True),
        ("24h", "6h", "2026-05-31 03:00", True),  # 32 hours ahead
        ("24h", "6h", "2026-05-31 09:00", False),  # 26 hours ahead: he has just booked
        ("24h", "0m", "2026-05-31 09:00", True),
        ("24h", "0m", "2026-06-01 09:30", False),  # 90 minutes ahead
        ("2h", "2h", "2026-06-01 07:00", True),
        ("2h", "2h", "2026-06-01 07:30", False),
    ],
)
def test_nobody_is_reminded_of_what_he_has_just_booked(delay: str, known_for: str, made: str, is_due: bool) -> None:  # noqa: FBT001 a column
    automation = reminder(delay=delay, condition={"booked_for": known_for})
    assert (due(automation, booked("2026-06-01 11:00", made)) is not None) is is_due


def test_a_reminder_is_of_no_use_once_the_booking_begins() -> None:
    soon = due(reminder(delay="2h"), booked("2026-06-01 11:00", "2026-05-01 11:00"))
    assert soon is not None
    assert (soon.at, soon.until) == (at("2026-06-01 09:00"), at("2026-06-01 10:00"))
    day = due(reminder(), booked("2026-06-01 11:00", "2026-05-01 11:00"))
    assert day is not None
    assert (day.at, day.until) == (at("2026-05-31 11:00"), at("2026-05-31 17:00"))
    late = due(reminder(delay="2h", late="10h"), booked("2026-06-01 11:00", "2026-05-01 11:00"))
    assert late is not None
    assert late.until == at("2026-06-01 11:00")


@pytest.mark.parametrize(
    ("day", "born"),
    [
        ("2026-02-28", ("02-28", "02-29")),
        ("2028-02-28", ("02-28",)),
        ("2028-02-29", ("02-29",)),
        ("2026-03-01", ("03-01", "03")),
        ("2026-12-31", ("12-31",)),
    ],
)
def test_who_was_born_on_29_february_has_a_birthday_every_year(day: str, born: tuple[str, ...]) -> None:
    assert born_on(date.fromisoformat(day)) == born


def test_of_whom_only_the_month_is_known_is_greeted_if_there_is_a_text_for_it() -> None:
    fields = {"name": "b", "trigger": "birthday", "at": "09:00", "text": "Oi"}
    subject = Subject(1, "child:1", "2026", at("2026-03-01 09:00"), name="Bia", month_only=True)
    assert due(Automation.model_validate(fields), subject) is None
    assert due(Automation.model_validate(fields | {"text_for_month": "Oi"}), subject) is not None


# -- what is looked for is found


TRIGGERS = st.sampled_from(["before_booking", "after_visit"])
DELAYS = st.sampled_from(["0m", "30m", "2h", "24h", "1d", "30d"])
CLOCKS = st.sampled_from([None, "00:00", "07:30", "10:00", "23:59"])
WINDOWS = st.sampled_from([None, Period(time(9), time(18))])
QUIETS = st.sampled_from([None, QUIET, (time(12), time(14))])
MOMENTS = st.datetimes(datetime(2026, 3, 1), datetime(2026, 11, 9)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001 of hypothesis


@given(TRIGGERS, DELAYS, CLOCKS, WINDOWS, QUIETS, MOMENTS, st.integers(0, 40))
def test_whatever_is_due_soon_has_its_anchor_where_it_is_looked_for(  # noqa: PLR0913, PLR0917 drawn
    trigger: str,
    delay: str,
    clock: str | None,
    window: Period | None,
    quiet: tuple[time, time] | None,
    anchor: datetime,
    minutes: int,
) -> None:
    if (trigger == "before_booking" and delay == "0m") or (clock and not delay.endswith("d")):
        return
    fields = {"name": "x", "trigger": trigger, "delay": delay, "at": clock, "text": "Oi"}
    automation = Automation.model_validate(fields).model_copy(update={"window": window})
    hours = SendingHours.of(window, quiet, NEW_YORK)
    subject = Subject(1, "booking:1", "x", anchor, starts_at=anchor)
    found = due_of(automation, automation.rules[0], subject, hours)
    if found is None:
        return
    now = found.at - timedelta(minutes=minutes)
    wanted = Span(now - OVERLAP, now + timedelta(minutes=minutes))
    anchors = anchors_of(automation, automation.rules[0], wanted, hours)
    assert anchors is not None
    assert anchor in anchors


def test_only_what_is_due_from_then_on_is_planned_when_an_automation_is_switched_on() -> None:
    now = at("2026-06-01 12:00")
    new = Kept(reminder(), now, "oxy")
    assert span_to_plan(new, None, now) == Span(now - GRACE, now + AHEAD)
    assert span_to_plan(new, now - timedelta(seconds=10), now) == Span(now - GRACE, now + AHEAD)
    old = Kept(reminder(), now - timedelta(days=9), "oxy")
    assert span_to_plan(old, now - timedelta(seconds=10), now).after == now - timedelta(seconds=10) - OVERLAP
    assert span_to_plan(old, None, now).after == now - timedelta(hours=6)  # as late as it may be
    assert span_to_plan(old, now - timedelta(hours=3), now).after == now - timedelta(hours=3) - OVERLAP
    assert span_to_plan(old, now - timedelta(days=3), now).after == now - timedelta(hours=6)
    put_back = span_to_plan(old, now + timedelta(days=1), now)
    assert put_back == Span(now - OVERLAP, now + AHEAD)


async def test_an_instance_that_cannot_be_planned_keeps_no_other_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    broken, whole = Claimed(uuid4(), uuid4(), None), Claimed(uuid4(), uuid4(), None)
    errors: list[Exception] = []

    async def plan(_: Planner, claimed: Claimed) -> None:
        raise ValueError if claimed == broken else asyncio.CancelledError

    pool = AsyncMock(**{"fetch.return_value": [broken, whole]})
    monkeypatch.setattr(Planner, "_plan", plan)
    with pytest.raises(asyncio.CancelledError):
        await Planner(pool, str, PlannerSettings(), errors.append).run()
    assert [type(error) for error in errors] == [ValueError]
