"""Dated changes beside the catalog, and the agenda as the business sees it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from integration.ai.scene import until
from integration.ai.shop import CATALOG, MONDAY, ORGANIZATION, ZONE, Shop, at, opened

from oxy_ai.agenda_admin import coming_changes, with_changes
from oxy_ai.agenda_reports import CatalogApplied, ChangeMade, ChangesReport, DaysReport
from oxy_ai.database import connected_pool, organization_transaction
from oxy_ai.errors import AdministrationError
from oxy_ai.scheduling.agenda import lock_agenda
from oxy_ai.scheduling.booking_rules import Unavailable
from oxy_ai.scheduling.bookings import Refused
from oxy_ai.scheduling.overlay_store import NewOverlay, add_overlay
from oxy_ai.scheduling.overlays import OverlayKind

TUESDAY = MONDAY + timedelta(days=1)
WHY = "--reason=Dedetização"


@pytest.fixture
async def shop(engine_url: str) -> AsyncIterator[Shop]:
    worker_url = engine_url.replace("postgresql://postgres@", "postgresql://oxy_app:app-password@")
    async with connected_pool(worker_url, connections=2) as pool:
        yield await opened(pool, engine_url)


async def applied(shop: Shop, catalog: str = CATALOG, *, zone: str = ZONE.key, replace: bool = False) -> CatalogApplied:
    report = await shop.apply(catalog)
    async with organization_transaction(shop.pool, ORGANIZATION) as connection:
        return await with_changes(connection, ORGANIZATION, report, timezone=zone, replace=replace)


async def test_a_closed_day_takes_no_booking_and_names_those_it_has(shop: Shop) -> None:
    mine = await shop.booked(at(10), pet="Thor")
    made = await shop.administer("close", "--first", "2031-03-03", "--last", "2031-03-04", WHY)
    assert isinstance(made, ChangeMade)
    assert [(item.id, item.subject, item.customer) for item in made.outside] == [(mine.id, "Thor", "Ana")]
    refused = await shop.book(at(10, day=TUESDAY), customer=1)
    assert isinstance(refused, Refused)
    assert refused.why is Unavailable.CLOSED
    async with shop.agenda() as agenda:
        assert agenda.calendar.hours.change(TUESDAY) == "Dedetização"
    await shop.administer("remove", str(made.change.id))
    assert "10:00" in await shop.free(TUESDAY)


async def test_other_hours_and_blocked_slots_count_for_the_business_or_one_resource(shop: Shop) -> None:
    await shop.administer("hours", "--first", "2031-03-04", "--hours", "10:00-11:00", "14:00-15:00", WHY)
    assert await shop.free(TUESDAY) == ["10:00", "14:00"]
    await shop.administer("hours", "--first", "2031-03-08", "--hours", "10:00-11:00", WHY)  # a Saturday
    assert await shop.free(MONDAY + timedelta(days=5)) == ["10:00"]
    block = ("block", "--begins", "2031-03-03T09:00", "--ends", "2031-03-03T17:00", WHY)
    await shop.administer(*block, "--resource", "tub")
    assert (await shop.free(MONDAY, "Tosa"))[0] == "17:00"
    assert (await shop.free(MONDAY))[0] == "09:00"
    await shop.administer("close", "--first", "2031-03-03", WHY, "--resource", "davi")
    assert await shop.free(MONDAY, "Consulta", "Davi") == []
    await shop.administer(*block)
    assert await shop.free(MONDAY) == ["17:00"]


async def test_applying_a_catalog_keeps_dated_changes_unless_they_are_to_be_replaced(shop: Shop) -> None:
    await shop.administer("close", "--first", "2031-03-04", WHY)
    kept = await applied(shop, replace=False)
    assert [(item.reason, item.resource) for item in kept.kept] == [("Dedetização", None)]
    assert await shop.free(TUESDAY) == []
    removed = await applied(shop, replace=True)
    assert ([item.reason for item in removed.removed], removed.kept) == (["Dedetização"], [])
    assert await shop.free(TUESDAY) != []
    assert await shop.administer("changes") == ChangesReport(changes=[])


async def test_a_catalog_names_the_bookings_for_which_it_leaves_no_room(shop: Shop) -> None:
    mine, _ = await shop.booked(at(17), pet="Thor"), await shop.booked(at(9), pet="Mel")
    left = await applied(shop, CATALOG.replace('monday: ["09:00-18:00"]', 'monday: ["09:00-17:00"]'))
    assert [(item.id, item.subject) for item in left.outside] == [(mine.id, "Thor")]


async def test_a_catalog_is_compared_with_bookings_in_the_time_zone_of_the_business(shop: Shop) -> None:
    await shop.booked(at(17))
    assert (await applied(shop)).outside == []
    [late] = (await applied(shop, zone="America/Noronha")).outside
    assert f"{late.begins:%H:%M}" == "18:00"


@pytest.mark.parametrize(
    "left",
    [
        CATALOG.split("  - {key: consult,")[0],
        CATALOG.replace("[camila, davi]", "[camila]").replace("  - {key: davi,", "  - {key: dr-davi,"),
    ],
    ids=["the service", "the person"],
)
async def test_a_catalog_names_the_bookings_of_what_it_does_not_have_any_more(shop: Shop, left: str) -> None:
    mine = await shop.booked(at(9), "Consulta", wish="Davi")
    await shop.booked(at(9))
    assert [item.id for item in (await applied(shop, left)).outside] == [mine.id]


async def test_a_catalog_that_meets_a_dated_change_waits_for_it(shop: Shop) -> None:
    async with organization_transaction(shop.pool, ORGANIZATION) as connection:
        await lock_agenda(connection, ORGANIZATION)
        applying = asyncio.create_task(shop.apply(CATALOG.replace("Tosa", "Tosa geral")))
        await until(lambda: connection.fetch("select from pg_locks where not granted"))
        await connection.execute("set local lock_timeout = '5s'")
        closed = NewOverlay(
            OverlayKind.CLOSED,
            at(0, day=TUESDAY).replace(tzinfo=None),
            at(23, day=TUESDAY).replace(tzinfo=None),
            (),
            None,
            "festa",
            "teste",
        )
        await add_overlay(connection, ORGANIZATION, closed)
    await applying
    assert await shop.free(TUESDAY, "Tosa geral") == []


async def test_a_closed_day_is_over_when_the_next_begins(shop: Shop) -> None:
    await shop.administer("close", "--first", "2031-03-04", WHY)
    async with shop.agenda() as agenda:
        assert [len(coming_changes(agenda, TUESDAY + timedelta(days=later))) for later in (0, 1)] == [1, 0]


async def test_the_agenda_shows_a_day_or_its_week(shop: Shop) -> None:
    await shop.booked(at(10, day=TUESDAY), "Consulta", pet="Thor", wish="Davi")
    await shop.cancel(await shop.booked(at(14, day=TUESDAY), pet="Mel"))
    await shop.administer("block", "--begins", "2031-03-04T16:00", "--ends", "2031-03-04T17:00", WHY)
    day = await shop.administer("show", "--day", "2031-03-04")
    week = await shop.administer("show", "--day", "2031-03-04", "--week")
    assert isinstance(day, DaysReport)
    assert isinstance(week, DaysReport)
    [tuesday] = day.days
    assert (tuesday.hours, [change.kind for change in tuesday.changes]) == (["09:00-12:00", "13:00-18:00"], ["blocked"])
    assert [(item.subject, item.resources) for item in tuesday.bookings] == [("Thor", ["Dr. Davi", "Consultório"])]
    assert [item.weekday for item in week.days] == [1, 2, 3, 4, 5, 6, 7]
    assert week.days[1] == tuesday
    assert (week.days[2].holiday, week.days[2].hours) == ("Aniversário da cidade", [])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("close", "--first", "2031-03-04", "--last", "2031-03-03", WHY), "must end after it begins"),
        (("close", "--first", "2021-01-05", WHY), "DAY 2021-01-05 is over"),
        (
            ("hours", "--first", "2021-01-05", "--last", "2021-01-06", "--hours", "10:00-12:00", WHY),
            "--until 2021-01-06",
        ),
        (("block", "--begins", "2021-01-05T09:00", "--ends", "2021-01-05T10:00", WHY), "ENDS 2021-01-05T10:00 is over"),
        (("close", "--first", "2031-03-04", "--last", "2033-03-03", WHY), "at most 366 days later"),
        (("close", "--first", "2031-03-04", "--reason= "), "--reason must have from 1 to 200"),
        (("close", "--first", "2031-03-04", WHY, "--resource", "x"), "no resource 'x'; the catalog has: tub, tub-2,"),
        (("hours", "--first", "2031-03-04", "--hours", "10:00-12:00", "11:00-13:00", WHY), "in order, without overlap"),
        (("remove", "4711"), "no dated change has the id 4711"),
    ],
)
async def test_what_cannot_be_changed_is_explained(shop: Shop, arguments: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(AdministrationError, match=complaint):
        await shop.administer(*arguments)
