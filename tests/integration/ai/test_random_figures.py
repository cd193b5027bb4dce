"""All figures of all periods, against a business whose rows are counted one by one."""

from datetime import datetime
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from integration.ai.conftest import PASSWORD
from integration.ai.random_business import ORGANIZATION, Business, drawn, first_of, store

from oxy_ai.aurora.figures.parts import part_of
from oxy_ai.aurora.figures.periods import Period, PeriodName, Span, Stretch, period_of
from oxy_ai.database import Connection, connected_pool, organization_transaction
from oxy_ai.reports.ai_cost import read_ai_cost
from oxy_ai.reports.conversation_figures import read_conversation_figures
from oxy_ai.reports.message_series import read_message_series
from oxy_ai.scheduling.booking_figures import read_booking_figures, read_coming, read_visit_series
from oxy_dev.postgres import PostgresServer

CASES = [
    (1, "America/Sao_Paulo", datetime(2018, 11, 7, 14, 30)),  # noqa: DTZ001 the zone stands beside it
    (2, "America/Sao_Paulo", datetime(2018, 2, 20, 0, 15)),  # noqa: DTZ001 likewise
    (3, "America/Manaus", datetime(2026, 3, 31, 23, 59)),  # noqa: DTZ001 likewise
    (4, "Asia/Kathmandu", datetime(2024, 2, 29, 9, 0)),  # noqa: DTZ001 likewise
]


@pytest.mark.parametrize(("seed", "zone", "local"), CASES, ids=[f"{zone} {local:%d/%m/%Y}" for _, zone, local in CASES])
async def test_figures_are_those_of_the_rows(
    postgres_server: PostgresServer, database: str, seed: int, zone: str, local: datetime
) -> None:
    timezone = ZoneInfo(zone)
    business = drawn(seed, timezone, local.replace(tzinfo=timezone))
    owner = await asyncpg.connect(postgres_server.url(database))
    async with owner.transaction():
        await store(owner, business)
    await owner.close()
    url = postgres_server.url(database, user="oxy_app", password=PASSWORD)
    async with (
        connected_pool(url, connections=1) as pool,
        organization_transaction(pool, ORGANIZATION) as connection,
    ):
        for period in periods(business):
            await compare(connection, business, period)


def periods(business: Business) -> list[Period]:
    """Every named period, and custom ones in the past, now and ahead."""
    today, zone = business.now.date(), business.zone
    customs = [(-40, -11), (-3, 3), (0, 0), (1, 9), (-200, -1), (-390, 5)]
    named = [period_of(name, None, business.now, zone) for name in PeriodName if name is not PeriodName.CUSTOM]
    spans = [Span(*(type(today).fromordinal(today.toordinal() + day) for day in days)) for days in customs]
    return [*named, *(period_of(PeriodName.CUSTOM, span, business.now, zone) for span in spans)]


async def compare(connection: Connection, business: Business, period: Period) -> None:
    for stretch in (period.now, period.before):
        if stretch is not None:
            assert await counted(connection, stretch) == rounded(business.between(stretch.start, stretch.until)), period
            await compare_series(connection, business, stretch)
    rest = business.between(period.now.until, period.now.end)["by_service"].values()
    coming = await read_coming(connection, ORGANIZATION, period.now.until, period.now.end)
    assert (coming.bookings, coming.cents) == (sum(count for count, _ in rest), sum(cents for _, cents in rest))


async def counted(connection: Connection, stretch: Stretch) -> dict[str, object]:
    conversations = await read_conversation_figures(connection, ORGANIZATION, stretch.start, stretch.until)
    bookings = await read_booking_figures(connection, ORGANIZATION, stretch.start, stretch.until)
    cost = await read_ai_cost(connection, ORGANIZATION, stretch.start, stretch.until)
    charged = {"calls": cost.calls, "microdollars": cost.microdollars, "unpriced": cost.unpriced}
    services = {service.name: (service.visits, service.revenue_cents) for service in bookings.by_service}
    names = ("booked", "booked_cents", "visitors", "missed", "missed_cents", "cancelled", "cancelled_cents")
    told = {name: getattr(conversations, name) for name in type(conversations).__slots__}
    return rounded(told | {name: getattr(bookings, name) for name in names} | {"by_service": services} | charged)


def rounded(figures: dict[str, object]) -> dict[str, object]:
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in figures.items()}


async def compare_series(connection: Connection, business: Business, stretch: Stretch) -> None:
    part = part_of(stretch.span)
    between, zone = (stretch.start, stretch.until), business.zone.key
    visits = await read_visit_series(connection, ORGANIZATION, between, part.value, zone)
    cents = {at: count.revenue_cents for at, count in visits.items()}
    assert cents == business.visits_by(*between, first_of(part.value))
    messages = await read_message_series(connection, ORGANIZATION, between, part.value, zone)
    received = {at: count.received for at, count in messages.items() if count.received}
    assert received == business.received_by(*between, first_of(part.value))
    assert sum(count.sent for count in messages.values()) == business.between(*between)["sent"]


async def test_of_nothing_all_figures_are_zero_or_unknown(postgres_server: PostgresServer, database: str) -> None:
    zone = ZoneInfo("America/Sao_Paulo")
    business = Business(zone, datetime(2026, 3, 18, 14, 30, tzinfo=zone), drawn(1, zone, datetime.now(zone)).random)
    url = postgres_server.url(database, user="oxy_app", password=PASSWORD)
    async with connected_pool(url, connections=1) as pool, organization_transaction(pool, ORGANIZATION) as connection:
        for period in periods(business):
            await compare(connection, business, period)
