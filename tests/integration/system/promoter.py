"""The business that writes without being asked: who orders with `oxy`, and its customers' and owner's phones."""

import asyncio
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
from integration.system.conftest import PROMOTER
from integration.system.kubernetes import Kubernetes
from integration.system.test_outgoing import until

from oxy_simulator.replies import Message
from oxy_simulator.testing import Phone, WhatsApp

ANA, BIA, CAIO, DAVI = (f"+551191234100{number}" for number in range(1, 5))
OWN = PROMOTER.spec.phone_number
[OWNER] = PROMOTER.spec.owners
CAMPAIGN = """
version: 1
name: {name}
segment: {{}}
text: "Oi, {{nome|tudo bem}}! {name} na {{loja}}."
consent: {{basis: {basis}, source: quem já escreveu}}
"""
QUIETLY = """
update conversations set last_message_at = last_message_at - interval '1 day',
    last_inbound_at = last_inbound_at - interval '1 day'
"""
A_WEEK_LATER = """
update outbox o set released_at = o.released_at - interval '8 days' from conversations v, contacts c
where o.purpose = 'promotion' and v.id = o.conversation_id and c.id = v.contact_id and c.phone = $1
"""


class Promoter:
    """The business: who orders with `oxy`, and its customers' phones."""

    def __init__(self, cluster: Kubernetes, whatsapp: WhatsApp, admin: asyncpg.Connection, folder: Path) -> None:
        self.cluster = cluster
        self.whatsapp = whatsapp
        self.admin = admin
        self.folder = folder
        self.phones: dict[str, Phone] = {}

    async def meet(self, **customers: str) -> None:
        """Get to know customers, and let a day pass."""
        for name, number in customers.items():
            self.phones[number] = await self.whatsapp.phone(number, name)
        await asyncio.gather(*(self.answered(number, "oi") for number in customers.values()))
        await self.admin.execute(QUIETLY)

    async def answered(self, number: str, text: str) -> None:
        """Have a customer write, whom the scripted model answers with his own words."""
        await self.phones[number].send(text, OWN)
        await self.phones[number].expect(re.compile(f"^{text}"), within=60, from_=OWN)

    def file(self, name: str, text: str) -> str:
        """Write a file for a command."""
        (self.folder / name).write_text(text)
        return str(self.folder / name)

    def campaign(self, name: str, *, basis: str = "existing_customer", media: bytes | None = None) -> str:
        """Write a campaign's file, and its media beside it."""
        (self.folder / "picture.png").write_bytes(media or b"")
        beside = "" if media is None else "media: picture.png\n"
        return self.file(f"{name}.yaml", CAMPAIGN.format(name=name, basis=basis) + beside)

    async def told(self, *arguments: str) -> Any:  # noqa: ANN401 JSON
        """Return what a command answers to programs."""
        return json.loads(await self.cluster.oxy(*arguments, "--output", "json"))

    async def report(self, name: str) -> dict[str, Any]:
        """Return what `oxy` says came of a campaign."""
        found: dict[str, Any] = (await self.told("campaign", "report", "promoter", "--name", name))["report"]
        return found

    async def reported(self, name: str, **wanted: object) -> None:
        """Wait until that is so."""

        async def is_so() -> bool:
            found = await self.report(name)
            return {key: found[key] for key in wanted} == wanted

        await until(is_so)

    async def receives(self, number: str, *texts: str) -> Sequence[Message]:
        """Wait until a phone has got a message with each of these, in any order, each once; return all that came."""
        phone = self.phones[number]

        async def came() -> list[Message] | None:
            fresh = [message for message in await self.whatsapp.api.inbox(number, phone.seen) if not message.from_me]
            found = [sum(text in message.text for message in fresh) for text in texts]
            return fresh if all(found) else None

        fresh = await until(came)
        assert [sum(text in message.text for message in fresh) for text in texts] == [1] * len(texts)
        phone.seen = fresh[-1].number
        return fresh

    async def arrived(self, text: str, stage: str) -> int:
        """Return how many phones got this text, and came to this stage with it."""
        lines = [line for line in await self.whatsapp.messages(from_=OWN) if text in (line.text or "")]
        return sum(stage in line.stages for line in lines)
