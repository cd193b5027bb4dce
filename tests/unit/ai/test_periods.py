"""Which days a period has, what it is compared with, and how both are called."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxy_ai.aurora.figures.parts import TimePart, beginnings, begun, busy, in_order, names_of, part_of
from oxy_ai.aurora.figures.periods import Period, PeriodName, Span, period_of
from oxy_ai.aurora.figures.wording import before_words, change, period_words

ZONE = ZoneInfo("America/Sao_Paulo")
NOW = datetime(2026, 3, 18, 14, 30, tzinfo=ZONE)
"""A Wednesday."""


def period(name: str, now: datetime = NOW, days: tuple[str, str] | None = None, zone: ZoneInfo = ZONE) -> Period:
    span = None if days is None else Span(*map(date.fromisoformat, days))
    return period_of(PeriodName(name), span, now, zone)


def told(name: str, now: datetime = NOW, days: tuple[str, str] | None = None) -> tuple[str, str | None]:
    found = period(name, now, days)
    return period_words(found), before_words(found)


UNTIL = "até agora (quarta-feira, 18/03/2026 às 14:30)"
SAME = "mesmo trecho do período anterior:"


@pytest.mark.parametrize(
    ("name", "days", "words", "compared"),
    [
        ("hoje", None, f"hoje: 18/03/2026, {UNTIL}", f"{SAME} 17/03/2026, até terça-feira, 17/03/2026 às 14:30"),
        ("ontem", None, "ontem: 17/03/2026", "período anterior: 16/03/2026"),
        (
            "semana_atual",
            None,
            f"esta semana do calendário, de segunda a domingo: 16/03/2026 a 22/03/2026, {UNTIL}",
            f"{SAME} 09/03/2026 a 15/03/2026, até quarta-feira, 11/03/2026 às 14:30",
        ),
        (
            "semana_passada",
            None,
            "a semana passada do calendário, de segunda a domingo: 09/03/2026 a 15/03/2026",
            "período anterior: 02/03/2026 a 08/03/2026",
        ),
        (
            "ultimos_7_dias",
            None,
            f"os últimos 7 dias, contando hoje: 12/03/2026 a 18/03/2026, {UNTIL}",
            f"{SAME} 05/03/2026 a 11/03/2026, até quarta-feira, 11/03/2026 às 14:30",
        ),
        (
            "mes_atual",
            None,
            f"este mês: 01/03/2026 a 31/03/2026, {UNTIL}",
            f"{SAME} 01/02/2026 a 28/02/2026, até quarta-feira, 18/02/2026 às 14:30",
        ),
        (
            "mes_passado",
            None,
            "o mês passado: 01/02/2026 a 28/02/2026",
            "período anterior: 01/01/2026 a 31/01/2026",
        ),
        (
            "ultimos_30_dias",
            None,
            f"os últimos 30 dias, contando hoje: 17/02/2026 a 18/03/2026, {UNTIL}",
            f"{SAME} 18/01/2026 a 16/02/2026, até segunda-feira, 16/02/2026 às 14:30",
        ),
        (
            "ano_atual",
            None,
            f"este ano: 01/01/2026 a 31/12/2026, {UNTIL}",
            f"{SAME} 01/01/2025 a 31/12/2025, até terça-feira, 18/03/2025 às 14:30",
        ),
        (
            "personalizado",
            ("2026-02-01", "2026-02-28"),
            "período pedido: 01/02/2026 a 28/02/2026",
            "período anterior: 01/01/2026 a 31/01/2026",
        ),
        (
            "personalizado",
            ("2025-10-01", "2025-12-31"),
            "período pedido: 01/10/2025 a 31/12/2025",
            "período anterior: 01/07/2025 a 30/09/2025",
        ),
        (
            "personalizado",
            ("2026-03-02", "2026-03-11"),
            "período pedido: 02/03/2026 a 11/03/2026",
            "período anterior: 20/02/2026 a 01/03/2026",
        ),
        (
            "personalizado",
            ("2026-03-23", "2026-03-29"),
            "período pedido: 23/03/2026 a 29/03/2026 (ainda não começou)",
            None,
        ),
    ],
)
def test_a_period_says_what_it_is_and_what_it_is_compared_with(
    name: str, days: tuple[str, str] | None, words: str, compared: str | None
) -> None:
    assert told(name, days=days) == (words, compared)


def test_a_month_is_compared_with_all_of_a_shorter_one_if_it_has_come_further() -> None:
    words, compared = told("mes_atual", NOW.replace(day=30))
    assert words.endswith("até agora (segunda-feira, 30/03/2026 às 14:30)")
    assert compared == f"{SAME} 01/02/2026 a 28/02/2026, inteiro, porque foi mais curto"


def test_the_same_date_of_a_year_without_its_day() -> None:
    found = period("ano_atual", datetime(2028, 2, 29, 12, tzinfo=ZONE))
    assert found.before is not None
    assert found.before.until == datetime(2027, 2, 28, 12, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        (datetime(2018, 11, 4, 10, tzinfo=ZONE), (9, 10)),  # began at 01:00, because 00:00 did not exist
        (datetime(2018, 11, 5, 10, tzinfo=ZONE), (10, 9)),
        (datetime(2018, 2, 17, 23, 30, tzinfo=ZONE), (23.5, 23.5)),
        (datetime(2018, 2, 17, 23, 30, fold=1, tzinfo=ZONE), (24.5, 23.5)),
        (datetime(2018, 2, 18, 10, tzinfo=ZONE), (10, 10)),
    ],
)
def test_clock_changes_make_parts_of_days_longer_or_shorter(now: datetime, hours: tuple[float, float]) -> None:
    found = period("hoje", now)
    assert found.before is not None
    lengths = [
        (stretch.until.astimezone(UTC) - stretch.start.astimezone(UTC)).total_seconds() / 3600
        for stretch in (found.now, found.before)
    ]
    assert lengths == list(hours)


MOMENTS = st.datetimes(datetime(2001, 1, 1), datetime(2150, 1, 1))  # noqa: DTZ001 the zone is drawn too
ZONES = st.sampled_from(["America/Sao_Paulo", "America/Manaus", "Asia/Kathmandu", "Pacific/Apia", "America/Noronha"])


@given(MOMENTS, ZONES, st.sampled_from([name for name in PeriodName if name is not PeriodName.CUSTOM]))
def test_a_period_begins_where_the_one_before_ends_and_is_never_ahead(
    at: datetime, zone: str, name: PeriodName
) -> None:
    timezone = ZoneInfo(zone)
    now = at.replace(tzinfo=UTC).astimezone(timezone)
    found = period_of(name, None, now, timezone)
    assert found.before is None or found.before.end == found.now.start
    assert found.now.start <= found.now.until <= max(now, found.now.start)
    assert found.before is None or found.before.start <= found.before.until <= found.before.end
    assert found.now.is_whole or now.astimezone(UTC) <= found.now.end.astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [
        (0, 0, "igual"),
        (5, 5, "igual"),
        (5, 0, "antes era zero"),
        (0, 5, "-100%"),
        (9, 8, "+12,5%"),
        (2, 3, "-33,3%"),
        (100_001, 100_000, "quase igual"),
        (30, 1, "+2.900%"),
    ],
)
def test_a_change_is_told_in_percent(now: int, before: int, words: str) -> None:
    assert change(now, before) == words


@pytest.mark.parametrize(
    ("days", "part", "count", "first", "last"),
    [
        (("2026-03-18", "2026-03-18"), TimePart.HOUR, 24, "0h", "23h"),
        (("2026-03-16", "2026-03-22"), TimePart.DAY, 7, "seg 16", "dom 22"),
        (("2026-03-01", "2026-03-31"), TimePart.DAY, 31, "01/03", "31/03"),
        (("2026-01-01", "2026-03-31"), TimePart.WEEK, 14, "29/12", "30/03"),
        (("2026-01-01", "2026-12-31"), TimePart.MONTH, 12, "jan", "dez"),
        (("2025-11-01", "2026-12-31"), TimePart.MONTH, 14, "nov/25", "dez/26"),
        (("2016-01-01", "2026-12-31"), TimePart.YEAR, 11, "2016", "2026"),
    ],
)
def test_a_chart_has_parts_as_long_as_the_period_is(
    days: tuple[str, str], part: TimePart, count: int, first: str, last: str
) -> None:
    span = Span(*map(date.fromisoformat, days))
    names = names_of(beginnings(span, part_of(span)), part_of(span))
    assert (part_of(span), len(names), names[0], names[-1]) == (part, count, first, last)


def test_parts_stand_side_by_side_with_those_of_a_shorter_period() -> None:
    january = Span(date(2026, 1, 1), date(2026, 1, 31))
    february = Span(date(2026, 2, 1), date(2026, 2, 28))
    found = {at: at.day for at in (*beginnings(january, TimePart.DAY), *beginnings(february, TimePart.DAY))}
    assert in_order(found, beginnings(february, TimePart.DAY), 0, 31)[26:] == (27, 28, 0, 0, 0)
    assert in_order(found, beginnings(january, TimePart.DAY), 0, 28)[-1] == 28


@pytest.mark.parametrize(
    ("name", "now", "days"),
    [
        (PeriodName.THIS_MONTH, datetime(2026, 11, 29, 0, 20, tzinfo=ZONE), 29),
        (PeriodName.THIS_MONTH, datetime(2026, 11, 1, 0, 1, tzinfo=ZONE), 1),
        (PeriodName.THIS_WEEK, datetime(2026, 11, 25, 23, 59, tzinfo=ZONE), 3),
        (PeriodName.LAST_MONTH, datetime(2026, 11, 29, 9, tzinfo=ZONE), 31),
    ],
)
def test_days_that_have_not_come_have_no_value(name: PeriodName, now: datetime, days: int) -> None:
    stretch = period_of(name, None, now, ZONE).now
    assert begun(beginnings(stretch.span, TimePart.DAY), stretch.until) == days


def test_of_a_day_the_hours_are_shown_in_which_something_happened() -> None:
    assert busy(TimePart.HOUR, (0, 0, 3, 0), (0, 1, 0, 0)) == slice(1, 3)
    assert busy(TimePart.HOUR, (0, 0)) == busy(TimePart.DAY, (0, 1)) == slice(None)


def test_days_of_a_span_are_counted_with_both_ends() -> None:
    assert Span(date(2026, 3, 1), date(2026, 3, 1) + timedelta(days=6)).days == 7
