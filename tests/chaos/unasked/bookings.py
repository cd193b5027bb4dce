"""Bookings of a pet shop as a run makes, moves and cancels them, and what its customers are to read of that.

All that a pet shop is shipped with is switched on. What is due is due now, or in a moment: the rows are as they would
be then.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Final

from chaos.unasked.promises import Promise
from chaos.unasked.shop import Booked, Standing, UnaskedShop

SHIPPED: Final = (
    "confirmacao",
    "lembrete-24h",
    "lembrete-2h",
    "falta",
    "agradecimento",
    "vacina",
    "banho",
    "aniversario",
    "inativo",
    "boas-vindas",
)
PROMOTING: Final = SHIPPED[4:]
PHRASES: Final = {
    "falta": r"Sentimos a falta de {} por aqui",
    "agradecimento": r"Obrigado por trazer {}\.",
    "vacina": r"A próxima Vacina V10 de {} já está",
    "banho": r"{} já pode estar precisando de um Banho",
    "aniversario": r"Parabéns para {}!",
    "inativo": r"não vemos {} por aqui",
    "boas-vindas": r"Que bom ter você com a gente",
}
VISITS: Final = {"vacina": ("vacina-v10", 365), "banho": ("banho", 30), "inativo": ("tosa-higienica", 60)}
"""The service that is due again, or the last one, and how many days ago that was."""
REMINDED: Final = r"Passando para lembrar: .*de {}, [^,]+, [\d/]+ às {}"
ONE_DAY: Final = timedelta(hours=23, minutes=55)
"""So long before a booking its reminder of the day before has been due for five minutes."""
IN_A_MOMENT: Final = timedelta(hours=24, seconds=90)
"""So long before a booking it is planned, and not due yet."""
OTHER_TIMES: Final = (timedelta(hours=23, minutes=50), timedelta(hours=23, minutes=48))
KNOWN: Final = timedelta(hours=9)
"""So long ago a booking was moved whose customer is reminded of the new time."""
LONGEST_THOUGHT: Final = 40.0
"""Seconds in which a customer thinks better of it before the reminder is due."""

MOVE: Final = """
update bookings set starts_at = now() + $2, ends_at = now() + $2 + interval '1 hour', changed_at = now() - $3::interval
where id = $1 returning id, starts_at
"""
PET: Final = """
insert into pets (organization_id, contact_id, name, birth)
select $1, c.id, $3, '2020-' || to_char(now() at time zone $4, 'MM-DD')
from contacts c where c.organization_id = $1 and c.phone = $2
"""
SINCE_YESTERDAY: Final = """
update contacts set created_at = now() - interval '1 day' where organization_id = $1 and phone = $2
"""
LOOK_BACK: Final = """
update automation_queue set planned_until = planned_until - interval '7 hours' where organization_id = $1
"""
"""As after an outage: what was due this morning is found."""
TOLD: Final = """
select o.id from automation_occurrences o join outbox x on x.id = o.outbox_id
where o.booking_id = $1 and x.state in ('sent', 'delivered', 'read')
"""
TOLD_TWICE: Final = TOLD.replace("o.id", "count(*)") + " having count(*) = 2"
NOTHING_UNDER_WAY: Final = """
select 1 where not exists (
select o.id::text from automation_occurrences o
join contacts c on c.organization_id = o.organization_id and c.id = o.contact_id
where c.organization_id = $1 and c.phone = $2 and o.state = 'planned'
union all
select x.id::text from outbox x
join conversations v on v.organization_id = x.organization_id and v.id = x.conversation_id
join contacts c on c.organization_id = v.organization_id and c.id = v.contact_id
where c.organization_id = $1 and c.phone = $2 and x.purpose = 'booking' and x.state in ('held', 'pending', 'accepted')
)
"""


class Bookings:
    """What happens in a shop's agenda."""

    def __init__(self, shop: UnaskedShop, dice: random.Random, regulars: Sequence[str], fickle: Sequence[str]) -> None:
        """`regulars` come as they have booked; each of the `fickle` thinks better of one booking at a time."""
        self._shop = shop
        self._dice = dice
        self._regulars = regulars
        self._fickle: asyncio.Queue[str] = asyncio.Queue()
        for phone in fickle:
            self._fickle.put_nowait(phone)
        self._numbers = count()

    def pet(self) -> str:
        """Return the name of an animal that nobody else has."""
        return f"Pet{next(self._numbers):03}"

    async def live(self, seconds: float, enough: Callable[[], bool]) -> None:
        """Let something happen every so often, until it is enough; what has begun goes on to its end."""
        acts = (
            self._confirmed,
            self.remind,
            self._moved_before,
            partial(self._reminded, "lembrete-2h", timedelta(hours=1, minutes=55), "Seu horário está chegando"),
            self._cancelled_before,
            self._moved_after,
            self._cancelled_when_due,
        )
        async with asyncio.TaskGroup() as group:
            for number in count():
                if enough():
                    return
                group.create_task(acts[number % len(acts)]())
                await asyncio.sleep(seconds * self._dice.uniform(0.5, 1.5))

    async def remind(self) -> None:
        """Have a booking whose reminder of the day before is due."""
        await self._reminded("lembrete-24h", ONE_DAY, "Passando para lembrar")

    async def _reminded(self, kind: str, ahead: timedelta, phrase: str) -> None:
        pet, phone = self.pet(), self._dice.choice(self._regulars)
        await self._shop.book(phone, pet, ahead)
        self._promise(kind, phone, rf"{phrase}: .*de {pet}, ")

    async def _confirmed(self) -> None:
        pet, phone = self.pet(), self._dice.choice(self._regulars)
        await self.confirm(pet, phone, "confirmacao")

    async def confirm(self, pet: str, phone: str, kind: str) -> None:
        """Have the business book for a customer."""
        await self._shop.book(phone, pet, timedelta(days=5), Standing(made=timedelta()))
        self._promise(kind, phone, rf"Está marcado: .*de {pet}, ")

    async def _moved_before(self) -> None:
        async with self._somebody() as phone:
            pet = self.pet()
            old = await self._shop.book(phone, pet, IN_A_MOMENT)
            await asyncio.sleep(self._dice.uniform(2.0, LONGEST_THOUGHT))
            new = await self._move(old, ONE_DAY)
            self._promise("moved before it was told", phone, self._reminder(pet, new.starts_at))
            self._promise("the old time", phone, self._reminder(pet, old.starts_at), least=0, most=0)
            await self._shop.until(TOLD, old.number)

    async def _moved_after(self) -> None:
        async with self._somebody() as phone:
            pet = self.pet()
            old = await self._shop.book(phone, pet, ONE_DAY)
            self._promise("lembrete-24h", phone, self._reminder(pet, old.starts_at))
            await self._shop.until(TOLD, old.number)
            [now] = await self._shop.fetch("select now()")
            ahead = next(a for a in OTHER_TIMES if f"{now + a:%H:%M}" != f"{old.starts_at:%H:%M}")
            new = await self._move(old, ahead)
            self._promise("moved after it was told", phone, self._reminder(pet, new.starts_at))
            await self._shop.until(TOLD_TWICE, old.number)

    async def _cancelled_before(self) -> None:
        await self._cancelled("cancelled before it was told", IN_A_MOMENT, self._dice.uniform(2.0, LONGEST_THOUGHT), 0)

    async def _cancelled_when_due(self) -> None:
        await self._cancelled("cancelled when it was due", ONE_DAY, self._dice.uniform(0.0, 5.0), 1)

    async def _cancelled(self, kind: str, ahead: timedelta, after: float, most: int) -> None:
        async with self._somebody() as phone:
            pet = self.pet()
            booking = await self._shop.book(phone, pet, ahead)
            await asyncio.sleep(after)
            await self._shop.execute("select cancel_booking($1, $2)", self._shop.organization, booking.number)
            words = self._reminder(pet, booking.starts_at)
            self._promise(kind, phone, words, least=0, most=most, not_after=time.time())

    async def happens(self, kind: str, phone: str) -> None:
        """Have something else be due of a customer, who has nothing else."""
        pet, shop = self.pet(), self._shop
        if kind == "falta":
            missed = Standing("no_show", service="tosa-higienica", changed=timedelta(hours=2))
            await shop.book(phone, pet, -timedelta(hours=3), missed)
        elif kind == "agradecimento":
            await shop.book(phone, pet, -timedelta(hours=4), Standing("done", service="tosa-higienica"))
        elif kind in VISITS:
            service, days = VISITS[kind]
            ago = timedelta(days=days)
            await shop.book(phone, pet, -ago, Standing("done", service=service, made=ago + timedelta(days=1)))
        elif kind == "aniversario":
            await shop.execute(PET, shop.organization, phone, pet, shop.tenant.spec.timezone)
        else:
            await shop.execute(SINCE_YESTERDAY, shop.organization, phone)
        await shop.execute(LOOK_BACK, shop.organization)
        self._promise(kind, phone, PHRASES[kind].format(pet), alone=kind != "boas-vindas")

    async def _move(self, booking: Booked, ahead: timedelta) -> Booked:
        [row] = await self._shop.records(MOVE, booking.number, ahead, KNOWN)
        return Booked(*row)

    def _reminder(self, pet: str, at: datetime) -> str:
        return REMINDED.format(pet, f"{at.astimezone(self._shop.zone):%H:%M}")

    def _promise(self, kind: str, phone: str, words: str, **rest: object) -> None:
        self._shop.promises.append(Promise(kind, phone, words, **rest))  # type: ignore[arg-type]

    @asynccontextmanager
    async def _somebody(self) -> AsyncIterator[str]:
        """Yield somebody of whom nothing is under way: what is due at the same time would be told together."""
        phone = await self._fickle.get()
        try:
            yield phone
            await self._shop.until(NOTHING_UNDER_WAY, self._shop.organization, phone)
        finally:
            self._fickle.put_nowait(phone)


def spread(things: Sequence[tuple[str, str]]) -> Iterator[tuple[float, str, str]]:
    """Yield things with the part of the run that is over when each happens."""
    for number, (kind, phone) in enumerate(things):
        yield 0.85 * number / len(things), kind, phone
