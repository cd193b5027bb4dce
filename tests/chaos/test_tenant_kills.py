"""kill -9 of the process that holds the WhatsApp connection, which loses what the library has not handed over.

What no design above the library can prevent is bounded and counted: an answer is never given twice, and each missing
one is either listed as an ambiguous send, or the message was receipted by the library and never reached the journal.
"""

import asyncio
import os
import random

import pytest
from chaos.traffic import fetch_texts, fetch_value, surplus

from oxy_dev.stack import Stack
from oxy_simulator.client import SimulatorClient

KILLS = int(os.environ.get("OXY_CHAOS_KILLS", "20"))
PAUSE_SECONDS = 0.25
SETTLE_SECONDS = 240.0

pytestmark = pytest.mark.timeout(900)

OPEN_WORK = """
select (select count(*) from outbox where state in ('pending', 'accepted'))
     + (select count(*) from conversations where due_at is not null)
"""


async def test_no_answer_is_given_twice_and_each_missing_one_is_accounted(
    stack: Stack, simulator: SimulatorClient, dice: random.Random
) -> None:
    runtime = stack.runtimes[stack.tenants[0].name]
    said: dict[str, str] = {}
    enough = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(speak(stack, simulator, said, enough))
        for _ in range(KILLS):
            await asyncio.sleep(dice.uniform(0.5, 4.0))
            await asyncio.to_thread(runtime.kill)
            runtime.start()
        enough.set()
    await settled(stack, simulator)
    answers = {phone: await answers_of(simulator, phone) for phone in said}
    missing = {text for phone, text in said.items() if not answers[phone]}
    ambiguous = missing & set(await fetch_texts(stack, "select body from outbox where state = 'ambiguous'"))
    lost = (missing - ambiguous) & await receipted(simulator)
    stored = set(await fetch_texts(stack, "select body from messages where author = 'customer' and body is not null"))
    print(  # noqa: T201 the figures
        f"{KILLS} kills, {len(said)} messages, {len(said) - len(missing)} answered once, "
        f"{len(ambiguous)} ambiguous sends, {len(lost)} receipted but never journalled"
    )
    assert {phone: got for phone, got in answers.items() if surplus(got) or len(got) > 1} == {}
    assert lost & stored == set()
    assert missing == ambiguous | lost


async def speak(stack: Stack, simulator: SimulatorClient, said: dict[str, str], enough: asyncio.Event) -> None:
    """Let one stranger after the other say one thing, so that no two messages share an answer."""
    while not enough.is_set():
        phone = f"+55119130{len(said):05}"
        await simulator.add_phone(phone, "Cliente")
        said[phone] = f"mensagem {len(said)}"
        await simulator.send(phone, stack.tenants[0].spec.phone_number, said[phone])
        await asyncio.sleep(PAUSE_SECONDS)


async def settled(stack: Stack, simulator: SimulatorClient) -> None:
    """Wait until nothing waits for the tenant, no turn is open and no answer is under way."""
    async with asyncio.timeout(SETTLE_SECONDS):
        quiet = 0
        while quiet < 3:
            await asyncio.sleep(1.0)
            quiet = quiet + 1 if await is_quiet(stack, simulator) else 0


async def is_quiet(stack: Stack, simulator: SimulatorClient) -> bool:
    business = stack.tenants[0].spec.phone_number.removeprefix("+")
    phones = {phone.phone: phone for phone in (await simulator.state()).phones}
    devices = phones[business].devices
    online = all(device.online and device.waiting == 0 for device in devices)
    return online and await fetch_value(stack, OPEN_WORK) == 0


async def answers_of(simulator: SimulatorClient, phone: str) -> list[str]:
    inbox = await simulator.inbox(phone)
    said = [message.text for message in inbox if not message.from_me and message.kind != "reaction"]
    return [text.partition("\n\n🤖")[0] for text in said]  # without the introduction


async def receipted(simulator: SimulatorClient) -> set[str]:
    """Return the texts that the client told the server it has."""
    lines = await simulator.accounting()
    return {line.text for line in lines if line.text and {"receipted", "acked"} & set(line.stages)}
