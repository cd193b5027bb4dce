"""The arguments that a model writes, and the refusal that it gets when they are invalid."""

from datetime import date, time

import pytest
from pydantic import BaseModel, ValidationError

from oxy_ai.assistants.refusals import refuse_arguments
from oxy_ai.aurora.figures.analytics import AnalyticsQuestion
from oxy_ai.petshop.booking_tools import BookingOrder, CancelOrder
from oxy_ai.portuguese.formatting import plural
from oxy_ai.scheduling.tool_arguments import booking_code, parse_code, parse_day, parse_time

ORDER = '"servico": "banho", "data": "2026-11-23", "hora": "10:00", "nome_pet": "Rex"'


def mistakes(arguments: type[BaseModel], text: str) -> tuple[str, ...]:
    with pytest.raises(ValidationError) as raised:
        arguments.model_validate_json(text)
    return refuse_arguments(arguments, raised.value).chamada_invalida


def changed(old: str, new: str) -> str:
    return "{" + ORDER.replace(old, new) + "}"


NAMES = "servico, data, hora, nome_pet, especie, profissional"
NO_OBJECT = f"os argumentos não são um objeto JSON; mande um com: {NAMES}"
NO_DAY = "o argumento data não é um dia que existe, na forma AAAA-MM-DD."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (changed('"data": "2026-11-23", ', ""), "o argumento data falta. Dia, AAAA-MM-DD."),
        (changed("2026-11-23", "amanhã"), f"{NO_DAY} Dia, AAAA-MM-DD."),
        (changed('"2026-11-23"', "20261123"), f"{NO_DAY} Dia, AAAA-MM-DD."),
        (changed("Rex", " "), "o argumento nome_pet está vazio. Nome do animal."),
        (changed('"Rex"', "7"), "o argumento nome_pet deve ser um texto. Nome do animal."),
        (changed("Rex", "x" * 61), "o argumento nome_pet tem mais de 60 caracteres. Nome do animal."),
        (changed("Rex", 'Rex", "dono": "Ana'), f"o argumento dono não existe; há: {NAMES}"),
        ("[]", NO_OBJECT),
        ('{"servico": "ba', NO_OBJECT),
    ],
)
def test_a_mistake_is_explained_in_portuguese_with_the_arguments_name_and_what_it_takes(
    text: str, expected: str
) -> None:
    assert mistakes(BookingOrder, text) == (expected,)


@pytest.mark.parametrize("words", ["null", "N/A", "-", "Tanto faz", "qualquer um", "nenhuma", ""])
def test_who_wants_nobody_in_particular_has_no_wish(words: str) -> None:
    order = BookingOrder.model_validate_json(changed('"Rex"', f'"Rex", "profissional": "{words}"'))
    assert order.profissional is None


def test_a_mistake_across_arguments_is_explained_in_our_own_words() -> None:
    refusals = mistakes(AnalyticsQuestion, '{"periodo": "personalizado"}')
    assert refusals == ("periodo personalizado precisa de inicio e fim, nesta ordem",)


def test_all_mistakes_are_reported_at_once_and_none_in_pydantics_words() -> None:
    refusals = mistakes(BookingOrder, '{"servico": "", "hora": "25:00", "nome_pet": null}')
    assert len(refusals) == 4
    for name, mistake in zip(("servico", "data", "hora", "nome_pet"), refusals, strict=True):
        assert mistake.startswith(f"o argumento {name} ")
    assert not any(word in " ".join(refusals) for word in ("should", "required", "Field", "Input", "valid "))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-23", date(2026, 11, 23)),
        (" 2026-1-3 ", date(2026, 1, 3)),
        ("2026-11-23T10:00:00-03:00", date(2026, 11, 23)),
        ("23/11/2026", date(2026, 11, 23)),
        ("2199-12-31", date(2199, 12, 31)),
    ],
)
def test_days_are_read_in_both_forms(value: str, expected: date) -> None:
    assert parse_day(value) == expected


@pytest.mark.parametrize(
    "value", ["2026-02-30", "31/04/2026", "0001-01-01", "9999-12-31", "amanhã", "", 20261123, None]
)
def test_anything_but_a_day_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="não é um dia que existe"):
        parse_day(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("10:00", time(10)), ("9:30", time(9, 30)), ("10:00:00", time(10)), ("10h", time(10)), ("10h30", time(10, 30))],
)
def test_times_are_read_as_people_write_them(value: str, expected: time) -> None:
    assert parse_time(value) == expected


@pytest.mark.parametrize("value", ["10", "24:00", "10:60", "10:00:30", "manhã", "", 10, None])
def test_anything_but_a_time_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="não é uma hora do dia"):
        parse_time(value)


def test_nouns_follow_their_number() -> None:
    assert [plural(number, "dia", "dias") for number in (0, 1, 2)] == ["0 dias", "1 dia", "2 dias"]


@pytest.mark.parametrize("value", ["ag-17", " AG-17 ", "#17", "17", 17])
def test_a_bookings_code_is_read_as_models_write_it(value: object) -> None:
    assert parse_code(value) == 17
    assert CancelOrder.model_validate({"codigo": value}).codigo == 17
    assert booking_code(17) == "ag-17"


@pytest.mark.parametrize("value", ["", "ag-", "ag-x", "ag-1; drop table", "-1", "9" * 19, 1.5, True, "٣"])
def test_anything_but_a_code_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="não é um código de agendamento"):
        parse_code(value)


@pytest.mark.parametrize("text", ["{}", '{"codigo": null}', '{"codigo": ""}'])
def test_the_only_booking_needs_no_code(text: str) -> None:
    assert CancelOrder.model_validate_json(text).codigo is None
