"""Services are found by what customers call them."""

from datetime import timedelta

import pytest

from oxy_ai.scheduling.services import Service, find_service, fold_name
from oxy_ai.scheduling.slots import Need

NEED = Need(timedelta(hours=1), timedelta(0), ((1,),))


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("Banho", "banho"),
        ("BANHO E TOSA", "banho-e-tosa"),
        ("banho-e-tosa", "banho-e-tosa"),
        ("tosa", None),
        ("banho e", "banho-e-tosa"),
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
    services = [Service(number, key, name, 100, NEED) for number, (key, name) in enumerate(names.items())]
    found = find_service(services, words)
    assert (found.key if found else None) == key


def test_names_are_compared_without_case_accents_and_hyphens() -> None:
    assert fold_name("Tosa-  Higiênica") == "tosa higienica"
    assert fold_name(" Dra. CAMILA (veterinária) 🐶") == "dra camila veterinaria"
