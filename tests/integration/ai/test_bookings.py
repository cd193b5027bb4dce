"""The agenda against a real database: nothing is booked twice, and nothing is lost that was moved."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import asyncpg
import pytest
from integration.ai.scene import until
from integration.ai.shop import CATALOG, MONDAY, NOW, ORGANIZATION, ZONE, Shop, at, opened

from oxy_ai.database import connected_pool, organization_transaction
from oxy_ai.scheduling.booking_rules import Unavailable
from oxy_ai.scheduling.bookings import Booking, Move, Refused, reschedule
from oxy_ai.scheduling.opening_hours import day_table

TUESDAY, WEDNESDAY, THURSDAY = (MONDAY + timedelta(days=offset) for offset in (1, 2, 3))


@pytest.fixture
async def shop(engine_url: str) -> AsyncIterator[Shop]:
    worker_url = engine_url.replace("postgresql://postgres@", "postgresql://oxy_app:app-password@")
    async with connected_pool(worker_url, connections=10) as pool:
        yield await opened(pool, engine_url)


def why(result: Booking | Refused) -> Unavailable | None:
    return result.why if isinstance(result, Refused) else None


async def test_of_many_who_want_one_time_as_many_get_it_as_there_are_resources(shop: Shop) -> None:
    results = await asyncio.gather(*(shop.book(at(10), pet=f"pet {n}", customer=n) for n in range(8)))
    assert sorted(map(str, map(why, results))) == ["None"] * 2 + ["Unavailable.TAKEN"] * 6
    lost = next(result for result in results if isinstance(result, Refused))
    assert [f"{slot.starts_at:%H:%M}" for slot in lost.free] == [
        "13:00",
        "13:30",
        "14:00",
        "14:30",
        "15:00",
        "15:30",
        "16:00",
        "16:30",
        "17:00",
    ]  # 11:30 would end in the break, and at 11:00 both are being cleaned


async def test_one_order_is_one_booking_however_often_it_is_given(shop: Shop) -> None:
    results = await asyncio.gather(*(shop.book(at(10), pet=pet) for pet in ("Rex", "REX", "rex")))
    made = [result for result in results if isinstance(result, Booking)]
    assert (len({booking.id for booking in made}), sorted(booking.existed for booking in made)) == (
        1,
        [False, True, True],
    )
    assert [(item.subject, item.resources, item.starts_at) for item in await shop.bookings()] == [
        (made[0].subject, ("Banheira",), at(10))
    ]


async def test_a_customer_cannot_fill_the_agenda(shop: Shop) -> None:
    orders = [(at(9), "Banho"), (at(13), "Tosa"), (at(14), "Consulta"), (at(9, day=TUESDAY), "Tosa"), (at(16), "Banho")]
    results = await asyncio.gather(*(shop.book(start, service) for start, service in orders))
    assert [why(result) for result in results].count(Unavailable.TOO_MANY) == 2
    made = next(result for result in results if isinstance(result, Booking))
    assert why(await shop.cancel(made)) is None
    assert why(await shop.book(at(10, day=THURSDAY))) is None


async def test_a_moved_booking_has_the_new_time_or_keeps_the_old_one(shop: Shop) -> None:
    for number in range(4):
        day = MONDAY + timedelta(days=7 * number)
        mine = await shop.booked(at(9, day=day), "Tosa", pet=f"Rex {number}", customer=number)
        moved, other = await asyncio.gather(
            shop.move(mine, at(10, day=day), customer=number), shop.book(at(10, day=day), "Tosa", customer=7)
        )
        assert {why(moved), why(other)} == {None, Unavailable.TAKEN}
        [kept] = await shop.bookings(number)
        assert kept.starts_at == at(9 if why(moved) else 10, day=day)
        assert (kept.price_cents, kept.resources, kept.ends_at - kept.starts_at) == (
            4500,
            ("Banheira",),
            timedelta(minutes=30),
        )
        assert ("09:00" in await shop.free(day, "Tosa")) is (why(moved) is None)


async def test_two_who_want_each_others_times_keep_their_own(shop: Shop) -> None:
    mine, yours = await shop.booked(at(9), "Tosa"), await shop.booked(at(10), "Tosa", customer=1)
    moves = await asyncio.gather(shop.move(mine, at(10)), shop.move(yours, at(9), customer=1))
    assert [why(move) for move in moves] == [Unavailable.TAKEN] * 2
    assert [(await shop.bookings(customer))[0].starts_at for customer in (0, 1)] == [at(9), at(10)]


async def interrupted(shop: Shop, booking: Booking) -> None:
    """Move a booking to 10:00 and end before that is committed."""
    async with shop.agenda() as agenda:
        assert isinstance(await reschedule(agenda, Move(shop.contacts[0], booking.id, at(10)), NOW), Booking)
        raise ZeroDivisionError


async def test_whatever_ends_a_transaction_halfway_the_old_time_is_kept(shop: Shop) -> None:
    with pytest.raises(ZeroDivisionError):
        await interrupted(shop, await shop.booked(at(9), "Tosa"))
    assert (await shop.bookings())[0].starts_at == at(9)
    assert "10:00" in await shop.free(MONDAY, "Tosa")


async def test_the_last_guard_fails_the_whole_move(shop: Shop) -> None:
    mine, other = await shop.booked(at(9), "Tosa"), await shop.booked(at(9, day=TUESDAY), "Tosa", customer=1)
    async with organization_transaction(shop.pool, ORGANIZATION) as connection:
        # Somebody writes without the lock; nobody else can see it yet.
        await connection.execute(
            "update booking_resources set starts_at = $2, busy_until = $3 where booking_id = $1",
            other.id,
            at(10),
            at(11),
        )
        late = asyncio.create_task(shop.move(mine, at(10)))
        await until(lambda: connection.fetch("select from pg_locks where not granted"))
    with pytest.raises(asyncpg.ExclusionViolationError):
        await late
    assert [(item.starts_at, item.resources) for item in await shop.bookings()] == [(at(9), ("Banheira",))]


async def test_a_move_may_overlap_the_time_that_it_leaves(shop: Shop) -> None:
    mine, other = await shop.booked(at(9)), await shop.booked(at(9), customer=1)
    assert mine.resources != other.resources
    moved = await shop.move(mine, at(9, 30))
    assert isinstance(moved, Booking)
    assert (moved.id, moved.starts_at, moved.existed) == (mine.id, at(9, 30), False)
    again = await shop.move(mine, at(9, 30))
    assert isinstance(again, Booking)
    assert again.existed


@pytest.mark.parametrize(
    ("customer", "now", "reason"),
    [
        (1, NOW, Unavailable.UNKNOWN_BOOKING),
        (0, at(7, 1), Unavailable.TOO_LATE),
        (0, at(11), Unavailable.TOO_LATE),
        (0, at(7), None),
    ],
    ids=["of somebody else", "within the notice", "over", "just in time"],
)
async def test_a_booking_is_changed_by_its_customer_in_time(
    shop: Shop, customer: int, now: datetime, reason: Unavailable | None
) -> None:
    mine = await shop.booked(at(9))
    assert why(await shop.move(mine, at(10, day=TUESDAY), customer=customer, now=now)) is reason
    if reason is not None:
        assert why(await shop.cancel(mine, customer=customer, now=now)) is reason
        assert (await shop.bookings())[0].starts_at == at(9)


async def test_a_cancelled_booking_frees_its_time_and_stays_cancelled(shop: Shop) -> None:
    mine = await shop.booked(at(9), "Tosa")
    assert why(await shop.book(at(9), "Tosa", customer=1)) is Unavailable.TAKEN
    for existed in (False, True):
        cancelled = await shop.cancel(mine)
        assert isinstance(cancelled, Booking)
        assert (cancelled.status, cancelled.resources, cancelled.existed) == ("cancelled", (), existed)
    assert why(await shop.move(mine, at(10))) is Unavailable.UNKNOWN_BOOKING
    assert why(await shop.book(at(9), "Tosa", customer=1)) is None


async def test_a_service_takes_one_of_each_group_and_the_wished_person_where_she_is(shop: Shop) -> None:
    assert await shop.free(MONDAY, "Consulta", "camila") == ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"]
    assert await shop.free(TUESDAY, "Consulta", "Dra. Camila") == []
    assert "15:00" not in await shop.free(MONDAY, "Consulta")  # hers end at noon, and his break begins
    wished = await shop.booked(at(9), "Consulta", wish="Camila")
    assert wished.resources == ("Dra. Camila", "Consultório")
    assert why(await shop.book(at(9), "Consulta", customer=1)) is Unavailable.TAKEN  # the only room
    moved = await shop.move(wished, at(14, day=THURSDAY))
    assert isinstance(moved, Booking)
    assert moved.resources == wished.resources
    assert why(await shop.move(wished, at(14, day=TUESDAY))) is Unavailable.FULL
    changed = await shop.move(wished, at(14, day=TUESDAY), wish="Davi")
    assert isinstance(changed, Booking)
    assert changed.resources == ("Dr. Davi", "Consultório")
    assert why(await shop.book(at(10), "Consulta", customer=1, wish="Banheira 2")) is Unavailable.NOT_OFFERED


async def test_a_wish_ends_with_the_person_who_leaves(shop: Shop) -> None:
    wished = await shop.booked(at(9), "Consulta", wish="Camila")
    await shop.apply(CATALOG.replace("[camila, davi]", "[davi]"))
    assert why(await shop.book(at(10), "Consulta", customer=1, wish="Camila")) is Unavailable.NOT_OFFERED
    moved = await shop.move(wished, at(10))
    assert isinstance(moved, Booking)
    assert moved.resources == ("Dr. Davi", "Consultório")


async def test_holidays_are_closed_by_name(shop: Shop) -> None:
    refused = await shop.book(at(10, day=WEDNESDAY))
    assert why(refused) is Unavailable.CLOSED
    async with shop.agenda() as agenda:
        hours = agenda.calendar.hours
        table = day_table(hours, datetime(2031, 4, 18, tzinfo=ZONE), 5)
    assert hours.holiday(WEDNESDAY) == "Aniversário da cidade"
    assert [(f"{row.day:%d/%m}", row.holiday, len(row.periods)) for row in table] == [
        ("18/04", None, 2),
        ("19/04", None, 0),
        ("20/04", None, 0),
        ("21/04", "Tiradentes", 1),
        ("22/04", None, 2),
    ]
    assert hours.holiday(datetime(2031, 7, 9, tzinfo=ZONE).date()) == "Revolução Constitucionalista"
    assert hours.holiday(datetime(2031, 2, 25, tzinfo=ZONE).date()) == "Carnaval"


async def test_applying_a_catalog_again_keeps_ids_and_retires_what_is_gone(shop: Shop) -> None:
    ids = "select id, key from services where organization_id = $1 order by id"
    async with organization_transaction(shop.pool, ORGANIZATION) as connection:
        before = await connection.fetch(ids, ORGANIZATION)
    mine = await shop.booked(at(9), "Consulta")
    await shop.apply(CATALOG.split("  - {key: trim")[0])
    await shop.apply(CATALOG.split("  - {key: trim")[0])
    async with shop.agenda() as agenda:
        assert await agenda.connection.fetch(ids, ORGANIZATION) == before
        assert [service.key for service in agenda.services] == ["bath"]
    assert why(await shop.move(mine, at(10))) is Unavailable.RETIRED
    assert why(await shop.cancel(mine)) is None
