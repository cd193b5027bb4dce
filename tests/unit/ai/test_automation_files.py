"""Owners write automations in YAML: each mistake is named with its line, field and remedy."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from oxy_ai.automations.definition import Trigger
from oxy_ai.automations.document import Known, read_automations
from oxy_ai.errors import AdministrationError
from oxy_ai.petshop.automations import VARIABLES, shipped_automations
from oxy_ai.petshop.catalog import read_catalog
from oxy_ai.petshop.vertical import PetShop


@dataclass(frozen=True, slots=True)
class Offered:
    key: str
    name: str


SERVICES = (Offered("banho", "Banho"), Offered("vacina-v10", "Vacina V10"))
KNOWN = Known(shipped_automations(), SERVICES, VARIABLES)


def read(entry: str, known: Known = KNOWN) -> str:
    """Return what is wrong with an automation of this file, which stands in its line 2."""
    with pytest.raises(AdministrationError) as error:
        read_automations(f"automations:\n  - {{name: um, {entry}}}", known, "loja.yaml")
    return str(error.value)


def test_a_pet_shop_brings_a_whole_set_that_is_off() -> None:
    shipped = PetShop().shipped_automations()
    assert {item.trigger for item in shipped} == set(Trigger)
    assert not [item.name for item in shipped if item.enabled]
    about_bookings = [item.name for item in shipped if item.counts_as == "booking"]
    assert about_bookings == ["confirmacao", "lembrete-24h", "lembrete-2h", "falta"]
    assert [str(rule.delay) for item in shipped for rule in item.rules if item.trigger is Trigger.DUE_AGAIN] == [
        "365d",
        "30d",
    ]


def test_a_shipped_one_is_switched_on_by_its_name_and_may_differ() -> None:
    [reminder] = read_automations("automations: [{name: lembrete-24h, enabled: true, delay: 1d}]", KNOWN)
    assert reminder.enabled
    assert str(reminder.delay) == "1d"
    assert reminder.text == next(item.text for item in shipped_automations() if item.name == "lembrete-24h")


def test_ones_own_is_switched_off_by_its_name_and_is_written_whole_otherwise() -> None:
    [own] = read_automations("automations: [{name: oi, enabled: true, trigger: welcome, delay: 1d, text: Oi}]", KNOWN)
    known = Known(shipped_automations(), SERVICES, VARIABLES, [own])
    off = read_automations("automations: [{name: oi, enabled: false}]", known)
    assert off == (own.model_copy(update={"enabled": False}),)
    [whole] = read_automations("automations: [{name: oi, trigger: welcome, text: Olá}]", known)
    assert (str(whole.delay), whole.text) == ("0m", "Olá")
    with pytest.raises(AdministrationError, match=r"trigger: is missing"):
        read_automations("automations: [{name: oi, text: Olá}]", known)


def test_what_is_written_is_what_is_read_again() -> None:
    for item in shipped_automations():
        assert type(item).model_validate_json(item.model_dump_json(exclude_defaults=True)) == item


@pytest.mark.parametrize(
    ("entry", "field", "remedy"),
    [
        ("trigger: welcome", "text", "is missing: write it"),
        ("trigger: never, text: Oi", "trigger", "Input should be 'booking_made', 'before_booking'"),
        ("trigger: welcome, text: Oi, delay: soon", "delay", "'soon' is no delay: write minutes, hours or days"),
        ("trigger: welcome, text: Oi, delay: 99999d", "delay", "'99999d' is too long: at most 1826d"),
        ("trigger: welcome, text: Oi, at: 10", "at", "10 is no time of day: write it in quotation marks"),
        ("trigger: welcome, text: Oi, dealy: 1d", "dealy", "there is no such field; there are: name, trigger, delay"),
        ("trigger: after_visit, text: Oi, condition: {day: 1}", "condition.day", "there are: services, booked_for"),
        ("trigger: due_again, text: Oi, intervals: [banho]", "intervals", "is a list: write fields, each as"),
        ("trigger: after_visit, text: Oi, condition: {services: banho}", "condition.services", "is text: write a list"),
        ("trigger: welcome, text: 'Oi, {pet}'", "text", "may have these variables alone: {nome}, {loja};"),
        ("trigger: after_visit, text: 'Oi, {}'", "text", "{para}, {servico}, {dia}, {hora}, {quando}, {agendamentos}"),
        ("trigger: before_booking, text: Oi", "delay", "is missing: how long before the booking?"),
        ("trigger: inactive, text: Oi", "delay", "is missing: how long after the last visit?"),
        ("trigger: due_again, text: Oi", "intervals", "is missing: write for each service after how long"),
        ("trigger: welcome, text: Oi, intervals: {banho: 1d}", "intervals", "is for trigger: due_again alone"),
        ("trigger: welcome, text: Oi, action: ask", "action", "ask needs trigger: before_booking"),
        ("trigger: inactive, delay: 9d, text: Oi, purpose: booking", "purpose", "write promotion, or leave it out"),
        ("trigger: birthday, text: Oi", "at", "a birthday is greeted on its day"),
        (
            'trigger: welcome, text: Oi, delay: 3h, at: "10:00"',
            "at",
            "does not go with a delay of 3h",
        ),
        ('trigger: welcome, text: Oi, at: "10:00", window: "11:00-12:00"', "window", "does not hold 10:00"),
        ('trigger: welcome, text: Oi, window: "12:00-11:00"', "window", "which is not after 12:00"),
        ("trigger: welcome, text: Oi, late: 90d", "late", "is too long: at most 14d"),
        ("trigger: welcome, text: Oi, late: 0m", "late", "leaves it no time to be sent"),
        ('trigger: welcome, text: "a\\0b"', "text", "it has characters that no phone shows"),
        (
            "trigger: after_visit, text: Oi, enabled: true, condition: {services: [tosa]}",
            "condition.services",
            "no service of the catalog is called 'tosa'; there are: Banho, Vacina V10",
        ),
        ("trigger: welcome, text: Oi, condition: {booked_for: 1h}", "condition.booked_for", "before_booking alone"),
    ],
)
def test_a_mistake_is_named_with_its_line_its_field_and_what_to_do(entry: str, field: str, remedy: str) -> None:
    message = read(entry)
    assert message.startswith("loja.yaml: the automations cannot be applied; correct:\n")
    [line] = message.splitlines()[1:]
    assert line.startswith(f"  line 2, automations.0.{field}: ")
    assert remedy in line


def test_all_mistakes_are_named_at_once() -> None:
    text = "automations:\n- {name: a, trigger: inactive, text: '{x}'}\n- {name: a, trigger: welcome, text: Oi, at: 9}"
    with pytest.raises(AdministrationError) as error:
        read_automations(text, KNOWN)
    assert len(str(error.value).splitlines()) == 3
    doubled = "automations:\n- {name: a, trigger: welcome, text: Oi}\n- {name: a, trigger: welcome, text: '{x}'}"
    with pytest.raises(AdministrationError, match=r"line 3, automations\.1\.name: is taken: give each its own"):
        read_automations(doubled, KNOWN)
    with pytest.raises(AdministrationError, match=r"loja\.yaml: the automations is not YAML"):
        read_automations("[", KNOWN, "loja.yaml")
    for text, mistake in (
        ("", "line 1, automations: is empty: write fields, .*; there are: version, automations"),
        ("- 1", "is a list: write fields"),
        ("automations: {a: 1}", "automations: has fields: write a list"),
    ):
        with pytest.raises(AdministrationError, match=mistake):
            read_automations(text, KNOWN)


def test_what_is_off_may_name_what_the_catalog_does_not_have_yet() -> None:
    text = "automations: [{name: a, trigger: after_visit, text: Oi, condition: {services: [tosa]}}]"
    assert read_automations(text, KNOWN)[0].condition.services == ("tosa",)


def test_the_example_is_read_and_knows_only_services_of_the_example_catalog() -> None:
    examples = Path(__file__).parents[3] / "examples"
    catalog = read_catalog((examples / "petshop-catalog.yaml").read_text())
    known = Known(shipped_automations(), catalog.services, VARIABLES)
    found = read_automations((examples / "automations.yaml").read_text(), known)
    assert [item.name for item in found if not item.enabled] == ["aniversario"]
    assert str(found[2].delay) == "3h"
