"""Refusals of scheduling in the words of the pet shop."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from oxy_ai.petshop.explanations import explain, span
from oxy_ai.scheduling.booking_rules import BookingRules, Calendar, Unavailable
from oxy_ai.scheduling.opening_hours import OpeningHours, SpecialDay
from oxy_ai.scheduling.periods import Period

ZONE = ZoneInfo("America/Sao_Paulo")
CHRISTMAS, CLOSED = date(2026, 12, 25), date(2026, 12, 22)


def calendar(cancel_notice: timedelta = timedelta(hours=3), max_coming: int = 5) -> Calendar:
    hours = OpeningHours(
        ZONE,
        {weekday: [Period(time(9), time(18))] for weekday in range(1, 7)},
        {CHRISTMAS: SpecialDay("Natal")},
        changes={CLOSED: SpecialDay("reforma")},
    )
    rules = BookingRules(timedelta(minutes=30), timedelta(hours=1), timedelta(days=60), cancel_notice, max_coming)
    return Calendar(hours, rules)


def at(day: date, hour: int = 10) -> datetime:
    return datetime.combine(day, time(hour), ZONE)


@pytest.mark.parametrize(
    ("why", "day", "words"),
    [
        (Unavailable.TAKEN, date(2026, 12, 1), "10:00 não está livre em terça-feira, 01/12/2026."),
        (Unavailable.FULL, date(2026, 12, 1), "Não há mais horário livre em terça-feira, 01/12/2026."),
        (Unavailable.PAST, date(2026, 12, 1), "O dia 01/12/2026 já passou."),
        (Unavailable.BEYOND_HORIZON, date(2027, 12, 1), "Só agendamos até 60 dias à frente."),
        (Unavailable.CLOSED, date(2026, 12, 6), "Não abrimos em domingo, 06/12/2026."),
        (Unavailable.CLOSED, CHRISTMAS, "Não abrimos em sexta-feira, 25/12/2026 (Natal)."),
        (Unavailable.CLOSED, CLOSED, "Não abrimos em terça-feira, 22/12/2026 (reforma)."),
        (Unavailable.NOT_OFFERED, CLOSED, "Este serviço não é oferecido assim; confira com consultar_servicos."),
        (
            Unavailable.RETIRED,
            CLOSED,
            (
                "O agendamento de terça-feira, 22/12/2026 às 10:00 é de um serviço que não oferecemos mais: continua "
                "marcado, mas não dá para mudar por aqui."
            ),
        ),
        (
            Unavailable.TOO_MANY,
            CLOSED,
            "Cada cliente pode ter até 5 agendamentos futuros; para marcar outro, é preciso cancelar um.",
        ),
        (
            Unavailable.TOO_LATE,
            CLOSED,
            (
                "O agendamento de terça-feira, 22/12/2026 às 10:00 só pode ser mudado ou cancelado com 3 horas de "
                "antecedência."
            ),
        ),
        (Unavailable.UNKNOWN_BOOKING, CLOSED, "Este cliente não tem esse agendamento."),
    ],
)
def test_a_refusal_says_why(why: Unavailable, day: date, words: str) -> None:
    assert explain(why, calendar(), at(day)) == words


def test_every_refusal_has_words_without_english() -> None:
    for why in Unavailable:
        words = explain(why, calendar(cancel_notice=timedelta(0), max_coming=1), at(CLOSED))
        assert words[-1] == "."
        assert why.name.lower() not in words.lower()


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (timedelta(days=1), "1 dia"),
        (timedelta(hours=48), "2 dias"),
        (timedelta(hours=36), "36 horas"),
        (timedelta(minutes=90), "90 minutos"),
    ],
)
def test_a_span_is_in_its_largest_whole_unit(time: timedelta, words: str) -> None:
    assert span(time) == words
