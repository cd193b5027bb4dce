from datetime import time
from pathlib import Path

import pytest
import yaml

from oxy_ai.errors import AdministrationError
from oxy_ai.petshop.catalog import Catalog, read_catalog
from oxy_ai.petshop.catalog_store import offer_of
from oxy_ai.scheduling.offer import OfferedService
from oxy_ai.scheduling.periods import Period
from oxy_ai.scheduling.public_holidays import HolidayKind, PublicHolidays
from oxy_ai.scheduling.services import ResourceKind

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
TWICE = SMALL[SMALL.index("  - key: banho") :] + SMALL[SMALL.index("  - key: banho") :].replace("banho", "bath", 1)
HOLIDAY = "holidays: {days: [{date: 2027-02-30, name: Padroeira}]}\nresources:\n"


def test_the_example_is_a_catalog() -> None:
    catalog = read_catalog(EXAMPLE)
    assert {service.key for service in catalog.services} >= {"banho", "banho-e-tosa", "consulta"}
    assert catalog.services[0].price_cents == 6500


def test_what_is_shown_can_be_applied_again() -> None:
    catalog = read_catalog(EXAMPLE)
    assert read_catalog(catalog.model_dump_json()) == catalog
    shown = yaml.safe_dump(catalog.model_dump(mode="json"), allow_unicode=True)
    assert read_catalog(shown) == catalog


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("duration_minutes: 60", "duration_minutes: 0", r"line 9, services\.0\.duration_minutes: .*greater than 0"),
        ('"65.00"', '"65.005"', r"line 8, services\.0\.price: .*two decimal places"),
        ('"65.00"', "cem", r"line 8, services\.0\.price: .*valid decimal"),
        ("[tub]", "[table]", "service 'banho' needs the resource 'table'; add it under resources"),
        ("09:00-12:00", "12:00-09:00", r"line 2, hours\.monday: .*not after 12:00"),
        ("09:00-12:00", "nine", "expected two times such as"),
        ("13:00-18:00", "11:00-18:00", "starts before 09:00-12:00 ends"),
        ("monday", "segunda", r"line \d+, hours\.segunda"),
        ("name: Banho\n", "nome: Banho\n", r"line 6, services\.0\.name: is missing: write it"),
        (
            "name: Banho\n",
            "name: Banho\n    colour: red\n",
            r"line 8, services\.0\.colour: there is no such field; there are: key, name",
        ),
        ("{key: tub, name: Banheira}", "{key: Tub, name: Banheira}", r"line 4, resources\.0\.key"),
        ("{key: tub, name: Banheira}", "{key: tub, name: A}\n  - {key: tub, name: B}", "'tub' appears 2 times"),
        (SMALL[SMALL.index("  - key: banho") :], TWICE, "names of services: 'banho' appears 2 times; .* its own name"),
        ("name: Banho\n", "name: Banho\n    name: B\n", r"line 8, services\.0\.name: line 7 has it already; keep one"),
        ("hours:\n", 'hours:\n  "monday": "08:00-09:00"\n', r"line 3, hours\.monday: line 2 has it already; keep one"),
        ("resources:\n", "services: []\nresources:\n", r"line 6, services: line 3 has it already; keep one"),
        ("resources:\n", HOLIDAY, r"line 3, holidays\.days\.0\.date: .*valid date"),
        ("hours:\n", "breaks: &a [*a]\nhours:\n", r"line 1, breaks"),
        ("hours:", "version: !!int a\nhours:", "the catalog is not YAML"),
        ("hours:", "hours: [", "the catalog is not YAML"),
        (SMALL, "", "line 1, catalog"),
        ("hours:", "private: []\nhours:", r"line 1, private: there is no such field; there are: .*, private_contacts,"),
        ("hours:", "private_contacts: [a]\nhours:", r"line 1, private_contacts\.0: "),
    ],
)
def test_a_mistake_is_named_with_its_line_and_remedy(old: str, new: str, complaint: str) -> None:
    assert old in SMALL
    with pytest.raises(AdministrationError, match=complaint):
        read_catalog(SMALL.replace(old, new, 1))


CLINIC = (
    SMALL
    + """\
  - key: consulta
    name: Consulta
    price: "180.00"
    duration_minutes: 30
    needs: [[camila, davi], [tub]]
business: {state: sp}
breaks: ["12:00-13:00"]
holidays:
  optional: [carnaval, Corpus Christi]
  days: [{date: 2027-01-25, name: Aniversário, hours: ["09:00-12:00"]}]
"""
)
CLINIC = CLINIC.replace(
    "services:",
    """\
  - {key: camila, name: Dra. Camila, kind: staff, hours: {monday: ["09:00-15:00"]}}
  - {key: davi, name: Dr. Davi, kind: staff, breaks: ["15:00-16:00"]}
services:""",
    1,
)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("{state: sp}", "{state: XX}", r"business\.state: .*unknown state; write one of AC, AL"),
        ("[carnaval, Corpus", "[Oktoberfest, Corpus", r"holidays\.optional\.0: .*unknown; write one of Carnaval"),
        ("  optional:", "  use: [city]\n  optional:", r"holidays\.use\.0: Input should be 'national' or 'state'"),
        ("needs: [[camila, davi], [tub]]", "needs: []", r"services\.1: .*list either resources"),
        ("needs: [[camila, davi], [tub]]", "needs: [[]]", r"services\.1\.needs\.0: .*at least 1 item"),
        ("[camila, davi]", "[camila, dalva]", "service 'consulta' needs the resource 'dalva'"),
        ('hours: {monday: ["09:00-15:00"]}', "hours: {}", r"resources\.1\.hours: .*at least 1"),
        ("hours: {monday: [", "hours: {lunes: [", r"resources\.1\.hours\.lunes"),
        ("kind: staff, breaks", "kind: robot, breaks", r"resources\.2\.kind: .*'staff', 'room' or 'equipment'"),
        ('breaks: ["12:00-13:00"]\nh', 'breaks: ["13:00-12:00"]\nh', r"breaks: .*not after 13:00"),
    ],
)
def test_a_mistake_of_a_clinic_is_named(old: str, new: str, complaint: str) -> None:
    assert old in CLINIC
    with pytest.raises(AdministrationError, match=complaint):
        read_catalog(CLINIC.replace(old, new, 1))


def test_a_clinic_is_offered_with_its_people_breaks_and_holidays() -> None:
    catalog = read_catalog(CLINIC)
    assert read_catalog(catalog.model_dump_json()) == catalog
    offer = offer_of(catalog)
    assert offer.services[1].needs == (("camila", "davi"), ("tub",))
    assert catalog.people_of(catalog.services[1]) == ("Dra. Camila", "Dr. Davi")
    assert [str(period) for period in offer.periods[1]] == ["09:00-12:00", "13:00-18:00"]
    assert offer.public_holidays == PublicHolidays(
        frozenset(HolidayKind), "SP", frozenset({"Carnaval", "Corpus Christi"})
    )
    tub, camila, davi = offer.resources
    assert (tub.hours, tub.kind, camila.kind) == (None, ResourceKind.EQUIPMENT, ResourceKind.STAFF)
    assert camila.hours == {1: (Period(time(9), time(15)),)}
    assert davi.hours is not None
    assert davi.hours[7] == (Period(time.min, time(15)), Period(time(16), time.max))


def test_a_list_of_holidays_is_short_for_the_days_of_the_shop() -> None:
    short = read_catalog(SMALL + "holidays: [{date: 2027-01-25, name: Aniversário}]\n")
    assert short == read_catalog(SMALL + "holidays: {days: [{date: 2027-01-25, name: Aniversário}]}\n")
    assert read_catalog(SMALL + "holidays: {use: []}\n").holidays.use == ()


def test_the_small_catalog_is_right() -> None:
    assert isinstance(read_catalog(SMALL), Catalog)


def test_scheduling_is_given_what_the_catalog_offers() -> None:
    offer = offer_of(read_catalog(SMALL))
    assert offer.services == [OfferedService("banho", "Banho", 6500, 60, 0, (("tub",),))]
    assert [str(period) for period in offer.periods[1]] == ["09:00-12:00", "13:00-18:00"]
    assert (offer.rules.step.seconds, offer.rules.min_notice.seconds, offer.rules.horizon.days) == (1800, 3600, 60)
