"""What reports to owners say, and when there is nothing to say."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from oxy_ai.aurora.figures.measures import Figures
from oxy_ai.reports.ai_cost import AiCost
from oxy_ai.reports.conversation_figures import ConversationFigures, WaitingFigures
from oxy_ai.schedules.agenda_gap import is_empty
from oxy_ai.schedules.daily import DayFigures, NextDay, day_until, summary_of, told_at, week_before
from oxy_ai.schedules.good_customers import Regular
from oxy_ai.schedules.opportunities import fallen_of
from oxy_ai.schedules.plan import Outage
from oxy_ai.schedules.warnings import BudgetPace, budget_report, connection_report
from oxy_ai.scheduling.booking_figures import BookingFigures, Coming, ServiceFigures

ZONE = ZoneInfo("America/Sao_Paulo")
MONDAY = datetime(2031, 3, 3, 20, tzinfo=ZONE)
NOBODY = ConversationFigures(0, 0, 0, 0, None, None, 0, None)
NOTHING = Figures(NOBODY, BookingFigures(0, 0, 0, 0, 0, 0, 0, ()), AiCost(0, 0, 0, 0, 0))
QUIET = DayFigures(
    day=MONDAY.date(),
    now=MONDAY,
    figures=NOTHING,
    before=NOTHING,
    waiting=WaitingFigures(0, None),
    is_open=True,
    next=None,
)
ONE_WROTE = replace(NOTHING, conversations=replace(NOBODY, received=2, conversations=1, newcomers=1))
TUESDAY = NextDay(date(2031, 3, 4), Coming(2, 11_000, datetime(2031, 3, 4, 12, 30, tzinfo=UTC)))


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({}, None),
        ({"is_open": False}, None),
        ({"is_open": False, "next": TUESDAY}, None),
        ({"before": ONE_WROTE}, ["Dia sem movimento"]),
        (
            {"next": TUESDAY},
            [
                "Dia sem movimento",
                "Próximo dia aberto, terça-feira, 04/03/2031: 2 agendamentos, R$ 110,00, o primeiro às 09:30",
            ],
        ),
        (
            {"is_open": False, "figures": ONE_WROTE},
            ["A loja não abriu", "Clientes que escreveram: 1", "Clientes novos: 1"],
        ),
        (
            {
                "figures": ONE_WROTE,
                "waiting": WaitingFigures(2, 4_000),
                "next": NextDay(date(2031, 3, 5), Coming(0, 0, None)),
            },
            [
                "Clientes que escreveram: 1",
                "Clientes novos: 1",
                "Esperando alguém da equipe: 2 clientes, há até 1 h 6 min",
                "Próximo dia aberto, quarta-feira, 05/03/2031: nada marcado ainda",
            ],
        ),
    ],
)
def test_what_is_told_of_a_day(changes: dict[str, object], lines: list[str] | None) -> None:
    found = summary_of(replace(QUIET, **changes))  # type: ignore[arg-type]  # fields of it
    assert (None if found is None else [*found.lines, *found.kept]) == lines


@pytest.mark.parametrize(
    ("later", "title"),
    [
        (0, "🌙 Resumo de hoje, segunda-feira, 03/03/2031"),
        (1, "🌙 Resumo de ontem, segunda-feira, 03/03/2031"),
        (2, "🌙 Resumo de segunda-feira, 03/03/2031"),
    ],
)
def test_a_summary_that_was_missed_says_of_which_day_it_is(later: int, title: str) -> None:
    found = summary_of(replace(QUIET, figures=ONE_WROTE, now=MONDAY + timedelta(days=later)))
    assert found is not None
    assert found.title == title
    assert found.plain.startswith(f"{title}\n\n• Clientes que escreveram: 1\n• ")
    assert found.worded("Uma cliente nova escreveu.") == f"{title}\n\nUma cliente nova escreveu."


@pytest.mark.parametrize(
    ("at", "quiet", "told"),
    [
        ("20:59", ("21:00", "08:00"), "03 20:59"),
        ("21:30", ("21:00", "08:00"), "04 08:00"),
        ("07:00", ("21:00", "08:00"), "03 07:00"),
        ("13:00", ("12:00", "14:00"), "03 13:00"),
        ("21:30", None, "03 21:30"),
    ],
)
def test_what_waits_for_the_quiet_hours_to_end_is_told_on_the_next_day(
    at: str, quiet: tuple[str, str] | None, told: str
) -> None:
    begins, ends = map(time.fromisoformat, quiet or ("00:00", "00:00"))
    found = told_at(datetime.combine(MONDAY, time.fromisoformat(at), ZONE), (begins, ends) if quiet else None)
    assert f"{found:%d %H:%M}" == told


def test_a_day_is_compared_until_the_same_time_on_the_wall() -> None:
    # São Paulo, 4 November 2018, had no midnight: its day was 23 hours long.
    changed = datetime(2018, 11, 4, 20, tzinfo=ZONE)
    before = week_before(day_until(changed.date(), changed))
    assert (before.start, before.until) == (
        datetime(2018, 10, 28, tzinfo=ZONE),
        datetime(2018, 10, 28, 20, tzinfo=ZONE),
    )
    whole = day_until(changed.date(), changed + timedelta(days=3))
    assert whole.is_whole
    assert week_before(whole).until == datetime(2018, 10, 29, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("booked", "before", "empty"),
    [
        (0, [], False),
        (0, [0, 0, 0, 5], False),
        (0, [1, 1, 1], False),
        (0, [2, 2, 2], True),
        (1, [2, 2, 2], True),
        (2, [2, 2, 2], False),
        (5, [10, 12, 8, 11], True),
        (6, [10, 12, 8, 11], False),
    ],
)
def test_an_agenda_is_empty_by_what_is_usual(booked: int, before: Sequence[int], *, empty: bool) -> None:
    assert is_empty(booked, before) is empty


@pytest.mark.parametrize(("every", "away", "missed"), [(7, 40, False), (7, 46, True), (30, 59, False), (30, 61, True)])
def test_a_good_customer_is_missed_after_twice_the_usual_pause(every: int, away: int, *, missed: bool) -> None:
    last = MONDAY - timedelta(days=away)
    assert Regular(1, "Ana", 3, last - timedelta(days=2 * every), last, 100).is_missed(MONDAY) is missed


def test_services_that_have_fallen_come_with_the_largest_loss_first() -> None:
    before = [ServiceFigures(name, visits, 0) for name, visits in (("A", 10), ("B", 20), ("C", 3), ("D", 10), ("E", 4))]
    now = [ServiceFigures(name, visits, 0) for name, visits in (("A", 7), ("B", 10), ("C", 0), ("D", 8))]
    fallen = fallen_of(now, before)
    assert [(item.now.name, item.before.visits, item.now.visits) for item in fallen] == [
        ("B", 20, 10),
        ("E", 4, 0),
        ("A", 10, 7),
    ]


BEGAN = datetime(2031, 3, 1, tzinfo=ZONE)
PACE = BudgetPace(20, 10, BEGAN, datetime(2031, 4, 1, tzinfo=ZONE), BEGAN + timedelta(days=10))


@pytest.mark.parametrize(
    ("changes", "day"),
    [
        ({}, "21/03/2031"),
        ({"used": 7}, "29/03/2031"),
        ({"used": 6}, None),  # it lasts
        ({"used": 0}, None),
        ({"used": 16}, None),  # told by a notice
        ({"now": BEGAN + timedelta(days=4)}, None),  # too early to say
    ],
)
def test_a_budget_that_will_not_last_is_foreseen(changes: dict[str, object], day: str | None) -> None:
    found = budget_report(replace(PACE, **changes), "cause")  # type: ignore[arg-type]  # fields of it
    assert (None if found is None else found.lines[1][-10:]) == day


def test_an_outage_is_told_with_its_times() -> None:
    since = datetime(2031, 3, 3, 22, 30, tzinfo=ZONE)
    assert connection_report(Outage(since, since + timedelta(hours=1)), 0).lines == (
        "Sem conexão das 22:30 de segunda-feira, 03/03/2031 até as 23:30 (1 h)",
    )
    assert connection_report(Outage(since, since + timedelta(hours=10)), 3).lines == (
        "Sem conexão das 22:30 de segunda-feira, 03/03/2031 até as 08:30 de terça-feira, 04/03/2031 (10 h)",
        "Clientes que escreveram nesse tempo: 3",
    )
