from pathlib import Path

import pytest
import yaml

from oxy_ai.errors import AdministrationError
from oxy_ai.petshop.agenda import BookableService, find_service
from oxy_ai.petshop.catalogue import Catalogue, read_catalogue
from oxy_ai.scheduling.slots import Need

EXAMPLE = (Path(__file__).parents[3] / "examples/petshop-catalog.yaml").read_text()

SMALL = """\
hours:
  monday: ["09:00-12:00", "13:00-18:00"]
resources:
  - {key: tub, name: Banheira}
services:
  - key: banho
    name: Banho
    price: "65.00"
    duration_minutes: 60
    resources: [tub]
"""


def test_the_example_is_a_catalogue() -> None:
    catalogue = read_catalogue(EXAMPLE)
    assert {service.key for service in catalogue.services} >= {"banho", "banho-e-tosa", "consulta"}
    assert catalogue.services[0].price_cents == 6500


def test_what_is_shown_can_be_applied_again() -> None:
    catalogue = read_catalogue(EXAMPLE)
    assert read_catalogue(catalogue.model_dump_json()) == catalogue
    shown = yaml.safe_dump(catalogue.model_dump(mode="json"), allow_unicode=True)
    assert read_catalogue(shown) == catalogue


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("duration_minutes: 60", "duration_minutes: 0", r"line 9, services\.0\.duration_minutes: .*greater than 0"),
        ('"65.00"', '"65.005"', r"line 8, services\.0\.price: .*two decimal places"),
        ('"65.00"', "cem", r"line 8, services\.0\.price: .*valid decimal"),
        ("[tub]", "[table]", "service 'banho' needs the resource 'table'; add it under resources"),
        ("09:00-12:00", "12:00-09:00", r"line 2, hours: .*not after 12:00"),
        ("09:00-12:00", "nine", "expected two times such as"),
        ("13:00-18:00", "11:00-18:00", "starts before 09:00-12:00 ends"),
        ("monday", "segunda", r"line \d+, hours\.segunda"),
        ("name: Banho\n", "nome: Banho\n", r"line 6, services\.0\.name: Field required"),
        ("name: Banho\n", "name: Banho\n    colour: red\n", r"line 8, services\.0\.colour: Extra inputs"),
        ("{key: tub, name: Banheira}", "{key: Tub, name: Banheira}", r"line 4, resources\.0\.key"),
        ("{key: tub, name: Banheira}", "{key: tub, name: A}\n  - {key: tub, name: B}", "'tub' is there 2 times"),
        ("hours:", "hours: [", "the catalogue is not YAML"),
        (SMALL, "", "line 1, catalogue"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_remedy(old: str, new: str, complaint: str) -> None:
    assert old in SMALL
    with pytest.raises(AdministrationError, match=complaint):
        read_catalogue(SMALL.replace(old, new, 1))


def test_the_small_catalogue_is_right() -> None:
    assert isinstance(read_catalogue(SMALL), Catalogue)


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("Banho", "banho"),
        ("BANHO E TOSA", "banho-e-tosa"),
        ("banho-e-tosa", "banho-e-tosa"),
        ("tosa", "tosa-higienica"),
        ("consulta", "consulta"),
        ("vacina", "vacina"),
        ("higienica", "tosa-higienica"),
        ("hotel", None),
        ("", None),
    ],
)
def test_services_are_found_by_what_customers_call_them(words: str, key: str | None) -> None:
    names = {
        "banho": "Banho",
        "banho-e-tosa": "Banho e tosa completos",
        "tosa-higienica": "Tosa higiênica",
        "consulta": "Consulta veterinária",
        "vacina": "Vacina V10",
    }
    services = [
        BookableService(number, key, name, 100, Need(duration=None, buffer=None, resources=(1,)))  # type: ignore[arg-type]  # not looked at
        for number, (key, name) in enumerate(names.items())
    ]
    found = find_service(services, words)
    assert (found.key if found else None) == key
