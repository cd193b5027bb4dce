"""Customers who talk while the system is being broken, and the counting of what came of it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import asyncpg

from oxy_dev.conversation import ask
from oxy_dev.stack import Stack
from oxy_simulator.client import SimulatorClient

SETTLE_SECONDS = 90.0


@dataclass
class Customer:
    """One phone that says the next line after the answer to the last."""

    phone: str
    said: list[str] = field(default_factory=list)

    async def talk(self, simulator: SimulatorClient, business: str, enough: asyncio.Event) -> None:
        """Talk until it is enough; raises NoAnswerError if a line is never answered."""
        await simulator.add_phone(self.phone, f"Cliente {self.phone[-2:]}")
        while not enough.is_set():
            self.said.append(f"{self.phone[-2:]}/{len(self.said)}")
            await ask(simulator, self.phone, business, self.said[-1])

    async def answers(self, simulator: SimulatorClient) -> list[str]:
        """Return everything that this phone was answered, in order."""
        inbox = await simulator.inbox(self.phone)
        said = [message.text for message in inbox if not message.from_me and message.kind != "reaction"]
        return [text.partition("\n\n🤖")[0] for text in said]  # without the introduction


async def talk_while(
    stack: Stack, simulator: SimulatorClient, customers: list[Customer], breaking: Callable[[], Awaitable[None]]
) -> None:
    """Let customers talk while something is broken, and until each line was answered and nothing is under way."""
    enough = asyncio.Event()
    business = stack.tenants[0].spec.phone_number
    async with asyncio.TaskGroup() as group:
        for customer in customers:
            group.create_task(customer.talk(simulator, business, enough))
        await breaking()
        enough.set()
    await settled(stack)


async def settled(stack: Stack) -> None:
    """Wait until no answer is under way any more."""
    async with asyncio.timeout(SETTLE_SECONDS):
        while await unsettled(stack):  # noqa: ASYNC110 a database is asked, it rings no event
            await asyncio.sleep(0.1)


async def unsettled(stack: Stack) -> int:
    """Count answers that may still reach a phone."""
    return int(await fetch_value(stack, "select count(*) from outbox where state in ('pending', 'accepted')"))


async def fetch_value(stack: Stack, query: str) -> object:
    """Ask the database, as its owner."""
    connection = await asyncpg.connect(stack.admin_url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def fetch_texts(stack: Stack, query: str) -> list[str]:
    """Ask the database for one column, as its owner."""
    connection = await asyncpg.connect(stack.admin_url)
    try:
        return [row[0] for row in await connection.fetch(query)]
    finally:
        await connection.close()


def surplus(texts: list[str]) -> dict[str, int]:
    """Return what was said more than once."""
    return {text: count for text, count in Counter(texts).items() if count > 1}
