"""An owner who has Aurora act: asked by code, answered by her, on the stage of the worker's tests."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

from integration.ai.scene import CUSTOMER, OWNER, FakePod, Scene, settings_of, until

from oxy_core.content import Quote, Reaction, Target
from oxy_core.identity import Jid
from oxy_core.message_kinds import MessageKind
from oxy_dev.model.text import fold

DAY = (datetime.now(UTC) - timedelta(hours=3)).date() + timedelta(days=3)
"""A day on which the business is open, whichever it is."""
PAST = DAY - timedelta(days=4)
CATALOG = f"""
version: 1
business: {{state: SP}}
min_notice_minutes: 0
hours: {{monday: ["09:00-18:00"]}}
holidays:
  days:
    - {{date: {DAY}, name: Dia normal, hours: ["09:00-18:00"]}}
resources:
  - {{key: tub, name: Banheira, kind: equipment}}
  - {{key: davi, name: Davi, kind: staff}}
services:
  - {{key: bath, name: Banho, price: "65.00", duration_minutes: 60, resources: [tub]}}
  - {{key: trim, name: Tosa, price: "45.00", duration_minutes: 30, resources: [davi]}}
"""


WORKER = {"loop_quick_answers": 0, "overlays_check_seconds": 0.2, "proposals_check_seconds": 0.2}


@dataclass
class Owner:
    """An owner with a phone."""

    scene: Scene
    pod: FakePod
    phone: str = OWNER
    changes: Mapping[str, Any] | None = None
    """Of the address that the messages come from."""

    def writes(self, text: str | None, **changes: object) -> None:
        self.pod.receive(text, self.phone, **(dict(self.changes or {}) | changes))

    def heard(self) -> list[str]:
        chat = (self.changes or {}).get("chat", Jid.of_phone(self.phone))
        return [request.text for request in self.pod.sent if request.chat == chat]

    async def hears(self, text: str | None, **changes: object) -> str:
        """Write, and return the next text that comes back."""
        before = len(self.heard())
        self.writes(text, **changes)
        await until(lambda: len(self.heard()) > before)
        return self.heard()[before]

    async def hears_next(self, before: int) -> str:
        await until(lambda: len(self.heard()) > before)
        return self.heard()[before]

    async def is_asked(self, text: str, tool: str, **arguments: object) -> str:
        """Write a wish for which the model calls a tool, and return the question once WhatsApp has it."""
        await self.scene.model.script(*wishing(text, tool, **arguments))
        known = len(self.heard())
        self.writes(text)
        await until(lambda: len(self.heard()) > known and self.heard()[-1].startswith("❓"))
        await until(lambda: self.scene.query(f"{QUESTION} where p.state = 'open' and o.state = 'sent'"))
        assert self.heard()[-2].endswith("Certo.")
        return self.heard()[-1].partition("\n\n")[0].removeprefix("❓ ")

    async def is_refused(self, text: str, tool: str, **arguments: object) -> str:
        """Write a wish for which the model calls a tool that proposes nothing; return why, as the model reads it."""
        await self.scene.model.script(*wishing(text, tool, "Não deu.", **arguments))
        assert (await self.hears(text)).endswith("Não deu.")
        last = await self.scene.value(
            "select (select value from jsonb_each_text(s.results) limit 1) from turn_steps s "
            "where s.results <> '{}' order by s.turn_id desc limit 1"
        )
        return str(json.loads(last)["erro"])

    async def question(self) -> str:
        """WhatsApp's id of the newest question."""
        rows = await self.scene.query(f"{QUESTION} order by p.id desc limit 1")
        return str(rows[0]["whatsapp_id"])

    async def reacts(self, emoji: str, target: str | None = None) -> None:
        details = Reaction(target=Target(whatsapp_id=target or await self.question()), emoji=emoji)
        self.writes(None, kind=MessageKind.REACTION, details=details)

    async def quotes(self, text: str, target: str) -> str:
        return await self.hears(text, quote=Quote(whatsapp_id=target), quoted_id=target)


QUESTION = """
select o.whatsapp_id, p.id from proposals p
join outbox o on o.organization_id = p.organization_id and o.id = p.question_id
"""


def wishing(
    text: str, tool: str, reply: str = "Certo. Já está feito. Posso?", **arguments: object
) -> list[dict[str, Any]]:
    """What a model does on this text: call the tool, then answer."""
    user = f"^{re.escape(fold(text))}$"
    return [
        {"user": user, "calls": [{"tool": tool, "arguments": arguments}]},
        {"user": user, "after": tool, "reply": reply},
    ]


@asynccontextmanager
async def opened(scene: Scene, worker: Mapping[str, object] | None = None, **changes: object) -> AsyncIterator[Owner]:
    """A pet shop with a catalog, whose worker runs, and its owner."""
    settings = settings_of("petshop", **changes)
    pod = await scene.pod(settings)
    async with scene.worker(**WORKER, **(worker or {})):
        await scene.known(settings)
        await scene.apply_catalog("petshop", CATALOG)
        yield Owner(scene, pod)


async def with_customer(owner: Owner, name: str = "Ana", phone: str = CUSTOMER) -> None:
    """A customer has written, and was answered."""
    await owner.pod.answer_to("Oi", phone, push_name=name)


async def states(scene: Scene) -> list[str]:
    return [row["state"] for row in await scene.query("select state from proposals order by id")]


async def audited(scene: Scene) -> list[str]:
    rows = await scene.query("select action from audit_log where actor like 'contact:%' order by id")
    return [row["action"] for row in rows]


async def booked(scene: Scene, customer: str, day: date, hour: str, *, subject: str = "Rex") -> int:
    """A booking of a customer, made long ago."""
    rows = await scene.query(
        """
        with made as (
            insert into bookings (organization_id, contact_id, service_id, subject, price_cents, starts_at, ends_at)
            select s.organization_id, c.id, s.id, $4, s.price_cents, t.at, t.at + interval '1 hour'
            from services s join contacts c on c.organization_id = s.organization_id and c.phone = $1,
                lateral (select ($2::date + $3::time) at time zone 'America/Sao_Paulo' as at) t
            where s.key = 'bath'
            returning *
        ), taken as (
            insert into booking_resources (organization_id, booking_id, resource_id, starts_at, busy_until)
            select m.organization_id, m.id, r.resource_id, m.starts_at, m.ends_at from made m
            join service_resources r on r.organization_id = m.organization_id and r.service_id = m.service_id
        )
        select id from made
        """,
        customer,
        day,
        datetime.strptime(hour, "%H:%M").time(),  # noqa: DTZ007 a time of day
        subject,
    )
    return int(rows[0]["id"])


def lid() -> Jid:
    return Jid(user=str(uuid4().int)[:15], server="lid")
