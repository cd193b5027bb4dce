"""Figures in words, their trend, and segments as SQL: everything of them that needs no database."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from oxy_ai.aurora.charts.table import Trend
from oxy_ai.aurora.figures.measures import IN_TABLE, MEASURES, Figures, Measure, compared, row_of, trend_of
from oxy_ai.aurora.figures.periods import PeriodName, period_of
from oxy_ai.aurora.figures.pictures import ChartName, Told, caption_of, is_empty
from oxy_ai.campaigns.criteria import condition_of, words_of
from oxy_ai.petshop.segments import PET_CRITERIA, PetSegment
from oxy_ai.portuguese.formatting import dollars
from oxy_ai.reports.ai_cost import AiCost
from oxy_ai.reports.conversation_figures import ConversationFigures
from oxy_ai.scheduling.booking_figures import BookingFigures, ServiceFigures

ZONE = ZoneInfo("America/Sao_Paulo")
NOW = datetime(2026, 3, 18, 14, 30, tzinfo=ZONE)


def figures(cents: int, missed: int = 0, seconds: float | None = None, received: int = 0) -> Figures:
    services = (ServiceFigures("Banho", 2, cents),) if cents else ()
    return Figures(
        ConversationFigures(received, 0, 0, 0, seconds, seconds, 0, None),
        BookingFigures(0, 0, 0, missed, 0, 0, 0, services),
        AiCost(1, 1_234, 0, 1, 0),
    )


def measure(key: str) -> Measure:
    return next(item for item in MEASURES if item.key == key)


@pytest.mark.parametrize(
    ("key", "now", "before", "words", "trend"),
    [
        ("receita", figures(12_000), figures(10_000), ("R$ 120,00", "R$ 100,00", "+20%"), Trend.BETTER_UP),
        ("receita", figures(5_000), figures(10_000), ("R$ 50,00", "R$ 100,00", "-50%"), Trend.WORSE_DOWN),
        ("faltas", figures(0, 3), figures(0, 2), (3, 2, "+50%"), Trend.WORSE_UP),
        ("faltas", figures(0, 1), figures(0, 2), (1, 2, "-50%"), Trend.BETTER_DOWN),
        ("faltas", figures(0, 2), figures(0, 2), (2, 2, "igual"), Trend.EVEN),
        ("mensagens_recebidas", figures(0, 0, None, 5), figures(0), (5, 0, "antes era zero"), Trend.EVEN),
        ("tempo_medio_de_resposta", figures(0, 0, 65), figures(0), ("1 min 5 s", None, None), Trend.EVEN),
        ("tempo_medio_de_resposta", figures(0, 0, 10.04), figures(0, 0, 10), ("10 s", "10 s", "igual"), Trend.EVEN),
        ("custo_da_ia", figures(0), None, ("menos de US$ 0,01", None, None), Trend.EVEN),
    ],
)
def test_a_figure_is_told_with_the_one_before(
    key: str, now: Figures, before: Figures | None, words: tuple[object, ...], trend: Trend
) -> None:
    found = compared(measure(key), now, before)
    assert (found.agora, found.antes, found.variacao) == words
    assert trend_of(measure(key), now, before) is trend


def test_a_table_has_a_row_for_each_of_its_figures_and_a_dash_for_what_is_unknown() -> None:
    assert set(IN_TABLE) <= {item.key for item in MEASURES}
    row = row_of(measure("tempo_mediano_de_resposta"), figures(0), figures(0, 0, 30))
    assert (row.now, row.before, row.change) == ("—", "30 s", "")
    row = row_of(measure("receita"), figures(100), figures(0))
    assert (row.now, row.before, row.change, row.trend) == ("R$ 1,00", "R$ 0,00", "era zero", Trend.BETTER_UP)


def test_what_stands_below_a_chart_is_what_was_counted() -> None:
    told = Told(period_of(PeriodName.THIS_WEEK, None, NOW, ZONE), figures(12_000), figures(10_000))
    assert caption_of(ChartName.SERVICES, told) == (
        "Receita por serviço, 16/03/2026 a 22/03/2026, até 18/03 às 14:30\nReceita: R$ 120,00 (antes R$ 100,00; +20%)"
    )
    assert [name for name in ChartName if is_empty(name, told)] == [ChartName.MESSAGES]


@pytest.mark.parametrize(
    ("microdollars", "words"),
    [(0, "US$ 0,00"), (4_999, "menos de US$ 0,01"), (5_000, "US$ 0,01"), (1_234_567_890, "US$ 1.234,57")],
)
def test_what_models_cost_is_told_in_cents(microdollars: int, words: str) -> None:
    assert dollars(microdollars) == words


def test_values_of_a_segment_become_parameters_and_never_sql() -> None:
    hostile = "'; drop table bookings; -- {} $1"
    segment = PetSegment(raca=hostile, idade_minima_anos=2, sem_vir_ha_dias=60)
    found = condition_of(PET_CRITERIA, segment, NOW, 5)
    assert hostile not in found.sql
    assert found.parameters == (datetime(2026, 1, 18, tzinfo=ZONE), hostile, date(2024, 3, 18))
    assert all(f"${number}" in found.sql for number in (5, 6, 7))
    assert "$8" not in found.sql
    assert "{" not in found.sql


def test_a_segment_without_criteria_is_everybody() -> None:
    assert condition_of(PET_CRITERIA, PetSegment(), NOW, 5).sql == "true"
    assert words_of(PET_CRITERIA, PetSegment()) == "todos os clientes"


def test_the_age_of_an_animal_counts_from_its_birthday_also_on_the_29th_of_february() -> None:
    leap = datetime(2028, 2, 29, tzinfo=ZONE)
    found = condition_of(PET_CRITERIA, PetSegment(idade_maxima_anos=1), leap, 1)
    assert found.parameters == (date(2026, 2, 28),)
