"""A business with automations, on the stage of the worker's tests: bookings at any time, and what customers get."""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from integration.ai.open_days import calm_zones
from integration.ai.owner import CATALOG
from integration.ai.scene import CUSTOMER, FakePod, Scene, org, settings_of, until
from integration.ai.test_proactive import PACE, limits
from pydantic import BaseModel

from oxy_ai.automation_admin import add_automation_parser, carry_out_automation
from oxy_ai.database import connected_pool, organization_transaction
from oxy_ai.verticals import Verticals

ZONE, _ = calm_zones()
"""Where no day ends during a test, nor the window of an automation."""
WORKER = PACE | {"automations_check_seconds": 0.1, "loop_quick_answers": 0}


@dataclass
class Business:
    """A pet shop, its pod and its automations."""

    scene: Scene
    pod: FakePod

    async def administer(self, *arguments: str, text: str | None = None) -> BaseModel:
        """Run a command of ``python -m oxy_ai.admin automation``."""
        parser = argparse.ArgumentParser()
        add_automation_parser(parser.add_subparsers(dest="group"))
        verb, *others = arguments
        whose = ("--organization", "petshop", "--instance", "main")
        options = parser.parse_args(["automation", verb, *whose, *others])
        key = org(self.pod.settings)
        async with (
            connected_pool(self.scene.database_url, connections=1) as pool,
            organization_transaction(pool, key) as connection,
        ):
            return await carry_out_automation(connection, key, options, Verticals().named, text)

    async def apply(self, *entries: str) -> BaseModel:
        return await self.administer("apply", text="automations:\n" + "".join(f"- {{{entry}}}\n" for entry in entries))

    async def knows(self, *phones: str) -> None:
        """These customers have written and were answered, yesterday."""
        for phone in phones or (CUSTOMER,):
            await self.pod.answer_to("Oi", phone, push_name="Ana Souza")
        await self.scene.query(
            "update conversations set last_message_at = last_message_at - interval '1 day', "
            "last_inbound_at = last_inbound_at - interval '1 day'"
        )

    async def booked(
        self,
        starts_in: str,
        *,
        phone: str = CUSTOMER,
        made_ago: str = "9 days",
        subject: str = "Rex",
        **changes: Any,  # noqa: ANN401 columns
    ) -> int:
        """A booking that starts in so long from now, and was made so long ago."""
        columns = {"service": "bath", "status": "confirmed", "changed_ago": None} | changes
        rows = await self.scene.query(
            """
            insert into bookings (
                organization_id, contact_id, service_id, subject, price_cents, starts_at, ends_at, created_at, status,
                changed_at
            )
            select s.organization_id, c.id, s.id, $3, s.price_cents, now() + $4::text::interval,
                now() + $4::text::interval + interval '1 hour', now() - $5::text::interval, $6,
                now() - $7::text::interval
            from services s join contacts c on c.organization_id = s.organization_id and c.phone = $1 where s.key = $2
            returning id
            """,
            phone,
            columns["service"],
            subject,
            starts_in,
            made_ago,
            columns["status"],
            columns["changed_ago"],
        )
        return int(rows[0]["id"])

    def told(self, phone: str = CUSTOMER) -> list[str]:
        """What a customer got without being asked first, and answers: all texts but the first answer."""
        return self.pod.answers_to(phone)[1:]

    async def hears(self, count: int, phone: str = CUSTOMER) -> list[str]:
        await until(lambda: len(self.told(phone)) >= count)
        return self.told(phone)

    async def sent(self) -> None:
        """Wait until WhatsApp has whatever was written."""
        waiting = "select from outbox where state in ('held', 'pending', 'accepted')"
        await until(lambda: self._is_empty(waiting))

    async def _is_empty(self, sql: str) -> bool:
        return not await self.scene.query(sql)

    async def moves(self, booking: int, starts_in: str, ago: str = "0") -> None:
        """A booking is moved, so long ago."""
        await self.scene.query(
            "update bookings set starts_at = now() + $2::text::interval, ends_at = now() + $2::text::interval + "
            "interval '1 hour', changed_at = now() - $3::text::interval where id = $1",
            booking,
            starts_in,
            ago,
        )

    async def holds_new_texts(self) -> None:
        """Whatever is queued waits, as in the night."""
        await self.scene.query(
            "create or replace function hold_new() returns trigger language plpgsql as "
            "$$ begin new.held_until := 'infinity'; new.held_for := 'night'; return new; end $$"
        )
        await self.scene.query(
            "create trigger hold_new before insert on outbox for each row when (new.purpose is not null) "
            "execute function hold_new()"
        )

    async def frees_texts(self) -> None:
        await self.scene.query("drop trigger hold_new on outbox")
        await self.scene.query(
            "select free_proactive(organization_id, instance_id, reference) from outbox where state = 'held'"
        )

    async def falls_due(self) -> None:
        """Whatever waits is looked at now."""
        await self.scene.query("update jobs set due_at = now() where state = 'waiting' and lease_until is null")

    async def of(self, phone: str, change: str) -> None:
        """Change the conversation with a customer."""
        await self.scene.query(
            f"update conversations set {change} where contact_id = (select id from contacts where phone = $1)",  # noqa: S608 of the test
            phone,
        )

    async def states(self) -> list[tuple[str, str | None]]:
        """What became of all that was due, in its order."""
        rows = await self.scene.query(
            "select state, reason from automation_occurrences order by subject, occurrence, id"
        )
        return [(row["state"], row["reason"]) for row in rows]

    async def becomes(self, *states: tuple[str, str | None]) -> None:
        wanted = list(states)

        async def reached() -> bool:
            return sorted(await self.states(), key=str) == sorted(wanted, key=str)

        try:
            await until(reached)
        except TimeoutError:
            assert await self.states() == wanted


@asynccontextmanager
async def opened(scene: Scene, **changes: object) -> AsyncIterator[Business]:
    """A pet shop with a catalog, whose workers run: two, which do everything at the same time."""
    settings = settings_of("petshop", **({"limits": limits(), "timezone": ZONE} | changes))
    pod = await scene.pod(settings)
    async with scene.worker(**WORKER), scene.worker(**WORKER):
        await scene.known(settings)
        await scene.apply_catalog("petshop", CATALOG)
        yield Business(scene, pod)
