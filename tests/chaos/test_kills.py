"""kill -9 at any moment: nothing lost, nothing answered twice, order kept."""

import asyncio
import os
import random
from typing import Protocol

import pytest
from chaos.traffic import Customer, fetch_value, talk_while

from oxy_dev.stack import Stack
from oxy_simulator.client import SimulatorClient

KILLS = int(os.environ.get("OXY_CHAOS_KILLS", "20"))
CUSTOMERS = 6

pytestmark = pytest.mark.timeout(600)


class Victim(Protocol):
    """Whatever can be killed and started again."""

    def kill(self) -> None: ...
    def start(self) -> None: ...


def victims(stack: Stack, kind: str) -> list[Victim]:
    return {"worker": [*stack.worker_programs], "nats": [stack.nats], "postgres": [stack.postgres]}[kind]


async def kill_often(targets: list[Victim], dice: random.Random) -> None:
    for _ in range(KILLS):
        await asyncio.sleep(dice.uniform(0.3, 2.0))
        target = dice.choice(targets)
        await asyncio.to_thread(target.kill)
        await asyncio.sleep(dice.uniform(0.0, 0.5))
        await asyncio.to_thread(target.start)


@pytest.mark.parametrize("kind", ["worker", "nats", "postgres"])
async def test_each_message_is_answered_exactly_once(
    stack: Stack, simulator: SimulatorClient, dice: random.Random, kind: str
) -> None:
    customers = [Customer(f"+55119123400{number:02}") for number in range(CUSTOMERS)]
    await talk_while(stack, simulator, customers, lambda: kill_often(victims(stack, kind), dice))
    for customer in customers:
        assert await customer.answers(simulator) == customer.said
    print(f"{kind}: {KILLS} kills, {sum(len(one.said) for one in customers)} messages, each answered once")  # noqa: T201 the figure


async def test_a_database_away_for_90_seconds_makes_no_dead_letter(stack: Stack, simulator: SimulatorClient) -> None:
    customers = [Customer(f"+55119123400{number:02}") for number in range(CUSTOMERS)]

    async def away() -> None:
        await asyncio.to_thread(stack.postgres.kill)
        await asyncio.sleep(90)
        await asyncio.to_thread(stack.postgres.start)

    await talk_while(stack, simulator, customers, away)
    for customer in customers:
        assert await customer.answers(simulator) == customer.said
    assert await fetch_value(stack, "select count(*) from turns where state = 'dead'") == 0
