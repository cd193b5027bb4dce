"""The agenda against a real database: nothing is booked twice."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from integration.ai.scene import Scene, org, settings_of, until

from oxy_ai.database import connected_pool, organization_transaction
from oxy_ai.scheduling.agenda import read_agenda
from oxy_ai.scheduling.booking_rules import Unavailable
from oxy_ai.scheduling.bookings import Appointment, Booking, Refused, book
from oxy_ai.scheduling.services import find_service

ZONE = ZoneInfo("America/Sao_Paulo")
NOW = datetime(2031, 3, 1, 10, tzinfo=ZONE)
START = datetime(2031, 3, 4, 13, tzinfo=ZONE)


@pytest.fixture
async def shop(scene: Scene) -> UUID:
    settings = settings_of("petshop")
    pod = await scene.pod(settings)
    async with scene.worker():
        await pod.answer_to("Oi")
        await until(lambda: scene.query("select from turns where state = 'answered'"))
    await scene.apply_catalog("petshop")
    return org(settings)


async def ordered(
    scene: Scene, shop: UUID, pet: str, start: datetime = START, service: str = "Banho"
) -> Booking | Refused:
    """Book for the first contact, in a transaction of its own."""
    async with (
        connected_pool(scene.database_url, connections=1) as pool,
        organization_transaction(pool, shop) as connection,
    ):
        agenda = await read_agenda(connection, shop, ZONE)
        assert agenda is not None
        wanted = find_service(agenda.services, service)
        assert wanted is not None
        contact, turn = (
            await connection.fetchval("select id from contacts"),
            await connection.fetchval("select id from turns"),
        )
        return await book(agenda, Appointment(contact, turn, wanted, pet, start), NOW)


async def test_simultaneous_bookings_never_exceed_the_resources(scene: Scene, shop: UUID) -> None:
    results = await asyncio.gather(*(ordered(scene, shop, f"pet {number}") for number in range(8)))
    assert [result.why for result in results if isinstance(result, Refused)] == [Unavailable.TAKEN] * 6
    assert await scene.value("select count(distinct resource_id) from booking_resources") == 2


async def test_the_buffer_is_kept_free(scene: Scene, shop: UUID) -> None:
    for pet in ("Rex", "Thor"):
        assert isinstance(await ordered(scene, shop, pet), Booking)
    assert isinstance(await ordered(scene, shop, "Mel", START + timedelta(minutes=60)), Refused)
    assert isinstance(await ordered(scene, shop, "Mel", START + timedelta(minutes=90)), Booking)


async def test_applying_a_catalog_again_keeps_ids_and_retires_what_is_gone(scene: Scene, shop: UUID) -> None:
    before = await scene.query("select id, key from services order by id")
    assert isinstance(await ordered(scene, shop, "Rex"), Booking)
    text = """
      version: 1
      hours: {monday: ["08:00-10:00"]}
      resources: [{key: banheira-1, name: Banheira}]
      services: [{key: banho, name: Banho simples, price: "50.00", duration_minutes: 45, resources: [banheira-1]}]
    """
    await scene.apply_catalog("petshop", text)
    await scene.apply_catalog("petshop", text)
    after = await scene.query("select id, key, active from services order by id")
    assert [row["id"] for row in after] == [row["id"] for row in before]
    assert [row["key"] for row in after if row["active"]] == ["banho"]
    assert await scene.value("select count(*) from bookings") == 1
    assert shop is not None
