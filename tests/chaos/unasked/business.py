"""Businesses that write without being asked: what happens in them during a run, and what must have come of it."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, Final

import yaml
from chaos.unasked.audit import ARRIVED, Row, complaints
from chaos.unasked.bookings import PROMOTING, SHIPPED, Bookings, spread
from chaos.unasked.marketing import BROKEN, Campaigns
from chaos.unasked.promises import broken, shown
from chaos.unasked.reporting import Reports
from chaos.unasked.shop import UnaskedShop

from oxy_dev.example import CATALOG_FILE

DAYS: Final = 6
"""For which reports are due."""
OF_EACH: Final = 3
"""Customers of whom each automation that promotes is due."""
VISITORS: Final = {"consulta": 12, "banho-e-tosa": 14, "limpeza-dentaria": 14, "vacina-v10": 5}
"""By service, how many have come for it lately."""
NAMES: Final = rf": (primeira|segunda|terceira|quarta {BROKEN}|todos)\."
WEEK: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a run."""

    complaints: list[str]
    """Everything that must not be."""
    released: list[float]
    """When each text left, in Unix time."""
    shown: str
    """Figures for people to read."""


class Business:
    """One that lives by its agenda, and whose number may do what numbers may on their first day."""

    people: ClassVar[int] = 45
    every: ClassVar[float] = 8.0
    """Seconds from one thing in the agenda to the next."""

    def __init__(self, shop: UnaskedShop, dice: random.Random, progress: Callable[[], float]) -> None:
        """`progress`: how much of the run is over, from 0 to 1."""
        self.shop = shop
        self.progress = progress
        self.reports = Reports(shop)
        self._left = iter(shop.customers)
        self.regulars = self.take(8)
        self.fickle = self.take(10)
        self.missed = self.take(3)
        self.absent = self.take(6)
        self.bookings = Bookings(shop, dice, self.regulars, self.fickle)
        self.campaigns = Campaigns(shop, progress)

    def take(self, how_many: int) -> Sequence[str]:
        """Return customers who have no part yet: what one gets is nothing that another one waits for."""
        return tuple(islice(self._left, how_many))

    async def open(self) -> None:
        """Get to know everybody, be open each day, and switch on what there is."""
        await self.shop.open()
        catalog = yaml.safe_load(CATALOG_FILE.read_text()) | {"hours": {day: ["07:00-22:00"] for day in WEEK}}
        del catalog["holidays"]
        await self.shop.catalog(yaml.safe_dump(catalog, allow_unicode=True))
        await self.reports.remember(self.regulars[0], self.missed)
        await self.shop.switch_on(SHIPPED)

    async def live(self) -> None:
        """Let everything happen, until the run is over."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.bookings.live(self.every, lambda: self.progress() >= 1))
            group.create_task(self.reports.live(DAYS, self.progress))
            group.create_task(self._happen([("falta", phone) for phone in self.absent]))
            group.create_task(self.promote())

    async def promote(self) -> None:
        """Send one campaign to everybody: more than the number may send on its first day."""
        await self.campaigns.order("todos", "{}")

    async def _happen(self, things: Sequence[tuple[str, str]]) -> None:
        for part, kind, phone in spread(things):
            await self.campaigns.until(part)
            await self.bookings.happens(kind, phone)

    async def audited(self, told: Counter[str], during: tuple[float, float]) -> Found:
        """Return what came of it; count into `told` what came as it should. `during`: the kills, in Unix time."""
        shop = self.shop
        rows, inboxes = await shop.rows(), await shop.inboxes()
        told.update(shown(shop.promises, inboxes))
        told.update(_while_killed(rows, during, shop.quiet))
        found = [
            *shop.faults,
            *complaints(rows, inboxes, shop.budget),
            *broken(shop.promises, rows, inboxes),
            *await shop.forgotten(),
            *await self.reports.complaints(rows, told),
            *self.unmet(rows),
        ]
        released = [row.released_at for row in rows if row.released_at is not None]
        return Found(found, released, _figures(rows))

    def unmet(self, rows: Sequence[Row]) -> list[str]:
        """Return in what the day's number was not made use of."""
        promotions = sum(row.purpose == "promotion" and row.state in ARRIVED for row in rows)
        return [f"{promotions} promotions left"] if promotions != self.shop.budget.per_day else []


def _while_killed(rows: Sequence[Row], during: tuple[float, float], quiet: tuple[float, float] | None) -> Iterator[str]:
    began, ended = during
    for row in rows:
        if row.purpose and row.released_at and began <= row.released_at < ended:
            yield f"{row.purpose} that left while workers were killed"
        if row.purpose and quiet and quiet[0] <= row.queued_at < quiet[1]:
            yield "queued in quiet hours"


def _figures(rows: Sequence[Row]) -> str:
    states = Counter((row.purpose, row.state if row.state not in ARRIVED else "sent") for row in rows if row.purpose)
    waits = sorted(row.released_at - row.queued_at for row in rows if row.purpose == "booking" and row.released_at)
    figures = [f"{count} {purpose} {state}" for (purpose, state), count in sorted(states.items())]
    if waits:  # a short run may have none
        figures.append(f"bookings' texts waited {waits[len(waits) // 2]:.0f} s, at most {waits[-1]:.0f}")
    return ", ".join(figures)


class FastBusiness(Business):
    """One whose number may send two hundred promotions a day from the first day on, so that all that is due is sent."""

    people = 100
    every = 4.0

    def __init__(self, shop: UnaskedShop, dice: random.Random, progress: Callable[[], float]) -> None:
        super().__init__(shop, dice, progress)
        self.visitors = {
            service: self.take(how_many)
            for service, how_many in (
                ("consulta", 12),
                ("banho-e-tosa", 16),
                ("limpeza-dentaria", 16),
                ("vacina-v10", 5),
            )
        }
        self.unwilling = self.take(3)
        self.booked_for = self.take(3)
        self.promoted = [(kind, phone) for kind in PROMOTING for phone in self.take(OF_EACH)]
        dice.shuffle(self.promoted)

    def unmet(self, rows: Sequence[Row]) -> list[str]:
        """Return nothing: all are sent, and they are fewer than it may send."""
        del rows
        return []

    async def open(self) -> None:
        """Likewise; some came lately, and some do not want to hear of that."""
        await super().open()
        for service, phones in self.visitors.items():
            await self.campaigns.came_for(service, [*phones, *self.unwilling])
        await self.campaigns.not_to(self.unwilling, NAMES)

    async def live(self) -> None:
        """Likewise, and each automation that promotes is due of somebody now and then."""
        async with asyncio.TaskGroup() as group:
            group.create_task(super().live())
            group.create_task(self._happen(self.promoted))

    async def promote(self) -> None:
        """Send campaigns that go on, are stopped, called off and broken, and at the end one to everybody."""
        campaigns, visitors = self.campaigns, self.visitors
        await campaigns.send("primeira", _lately("consulta"), visitors["consulta"])
        await campaigns.until(0.1)
        await campaigns.stop_and_go_on("segunda", _lately("banho e tosa"), visitors["banho-e-tosa"], 0.25)
        await campaigns.until(0.35)
        await campaigns.call_off("terceira", _lately("limpeza dentária"), visitors["limpeza-dentaria"])
        await campaigns.until(0.45)
        broken = (_lately("vacina v10"), visitors["vacina-v10"])
        await campaigns.die_and_come_back(*broken, self.bookings, self.booked_for)
        await campaigns.until(0.9)
        await campaigns.order("todos", "{}")


class SmallBusiness(Business):
    """One with two campaigns, reminders and reports alone, for a short run."""

    people = 20
    every = 4.0
    first: ClassVar[int] = 12
    """Recipients of the first campaign; the second has all customers, and nobody gets two in a week."""

    def __init__(self, shop: UnaskedShop, dice: random.Random, progress: Callable[[], float]) -> None:
        super().__init__(shop, dice, progress)
        self.bookings = Bookings(shop, dice, shop.customers, ())
        self.reports = Reports(shop, ("daily_summary", "weekly_report"))

    async def open(self) -> None:
        await self.shop.open()
        await self.reports.remember(self.regulars[0], ())
        await self.shop.switch_on(("lembrete-24h",))

    async def live(self) -> None:
        await self.campaigns.order("primeira", "{}", self.first)
        await self.campaigns.order("segunda", "{}")
        while self.progress() < 1:
            await self.bookings.remind()
            if self.reports.days == 0 and self.progress() > 0.3:
                await self.reports.pass_day()
            await asyncio.sleep(self.every)

    def unmet(self, rows: Sequence[Row]) -> list[str]:
        # Both campaigns take places of the day for the same people; the interval then holds one text of each.
        promotions = sum(row.purpose == "promotion" and row.state in ARRIVED for row in rows)
        fewest, most = self.first // 2, self.shop.budget.per_day
        return [] if fewest <= promotions <= most else [f"{promotions} promotions left"]


def _lately(service: str) -> str:
    return f"{{service: {service}, came_within_days: 30}}"
