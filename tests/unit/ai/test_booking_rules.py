"""Why a day has nothing free."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from oxy_ai.scheduling.booking_rules import BookingRules, Calendar, Unavailable, why_unavailable
from oxy_ai.scheduling.opening_hours import OpeningHours, SpecialDay
from oxy_ai.scheduling.periods import Period

ZONE = ZoneInfo("America/Sao_Paulo")
MONDAY = date(2026, 11, 23)
HOLIDAY = date(2026, 12, 8)
WEEKDAYS = dict.fromkeys(range(1, 6), (Period(time(9), time(18)),))
CALENDAR = Calendar(
    OpeningHours(ZONE, WEEKDAYS, {HOLIDAY: SpecialDay("Imaculada Conceição")}),
    BookingRules(timedelta(minutes=30), timedelta(hours=1), timedelta(days=60), timedelta(hours=2), 5),
)


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        (MONDAY - timedelta(days=1), Unavailable.PAST),
        (MONDAY, Unavailable.FULL),
        (MONDAY + timedelta(days=5), Unavailable.CLOSED),
        (HOLIDAY, Unavailable.CLOSED),
        (MONDAY + timedelta(days=60), Unavailable.FULL),
        (MONDAY + timedelta(days=61), Unavailable.BEYOND_HORIZON),
        (MONDAY + timedelta(days=62), Unavailable.BEYOND_HORIZON),
    ],
    ids=["past", "full", "closed on Saturdays", "holiday", "last day", "the day after", "closed, and too far away"],
)
def test_the_first_reason_that_holds_is_given(day: date, reason: Unavailable) -> None:
    assert why_unavailable(CALENDAR, day, datetime.combine(MONDAY, time(12), ZONE)) is reason
