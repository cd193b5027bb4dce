"""Measures turns without tools: the processor time that worker and database take for each, and the worker's memory."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Final
from uuid import uuid4

import aiohttp
from assistants_town import Town
from engine_platform import WAIT_SECONDS, Platform
from processor import processor_seconds

from oxy_core import subjects
from oxy_core.content import FileOffered
from oxy_core.files import FileArrived
from oxy_core.identity import Jid
from oxy_core.instance.settings import AiSettings
from oxy_core.message_kinds import MessageKind
from oxy_dev.pod_double import PodDouble
from oxy_dev.process_memory import MIB, measure
from oxy_dev.programs import Program
from oxy_dev.sample_files import voice_note
from oxy_dev.seed.dialogues import draw_exchange
from oxy_dev.seed.drawing import drawing
from oxy_dev.seed.plan import Customer

AT_ONCE: Final = AiSettings(debounce_seconds=0, debounce_max_seconds=0)
WITH_BUDGET: Final = AT_ONCE.model_copy(update={"monthly_budget_microdollars": 10**12})
HEARD: Final = AT_ONCE.model_copy(update={"debounce_max_seconds": WAIT_SECONDS})
"""Waits for the words of voice notes."""
TALKING: Final = 20
"""Customers who write at the same time."""
EACH: Final = 4
"""Messages that one of them writes, each after the answer to the one before; then another customer writes."""
WARM_UP: Final = 200
"""Turns before the measurement: connections, caches, prepared statements."""
SECONDS: Final = 4
"""Length of a voice note."""
ANSWER: Final = "Claro! Posso ajudar com banho, tosa, consulta ou vacina. O que você precisa?"
_IN_FORCE: Final = "select count(*) from instances where (settings ->> 'generation')::int = {}"

Asking = Callable[[Platform, PodDouble, Customer, str], Awaitable[None]]
"""How a customer asks something."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is measured."""

    title: str
    ai: AiSettings
    ask: Asking


@dataclass(frozen=True, slots=True)
class Measured:
    """What one turn took, in milliseconds of processor time, and the worker's memory afterwards, in MiB."""

    worker: float
    database: float
    memory: float
    per_second: float

    def print(self, title: str) -> None:
        """Print a table of docs/benchmarks.md."""
        print(f"\n## {title}\n\n| | |\n|---|---|")
        print(f"| worker, processor time of a turn | {self.worker:.2f} ms |")
        print(f"| PostgreSQL, processor time of a turn | {self.database:.2f} ms |")
        print(f"| worker, PSS afterwards | {self.memory:.0f} MiB |")
        print(f"| turns a second | {self.per_second:.0f} |", flush=True)


async def measure_turns(platform: Platform, town: Town, turns: int, kind: Kind) -> Measured:
    """Let customers ask, and print what the turns took."""
    await answer_always(platform)
    talk = Talk(platform, town, drawing("questions"), kind.ask)
    strangers = iter(talk.random.sample(town.people, len(town.people)))
    async with platform.workers(1, {}) as [worker]:
        await apply(platform, town, kind.ai)
        await talk.have(list(islice(strangers, WARM_UP // EACH)))
        before, database = processor_seconds(worker.pid or 0), processor_seconds(platform.postgres.pid or 0)
        started = time.monotonic()
        await talk.have(list(islice(strangers, turns // EACH)))
        seconds = time.monotonic() - started
        await asyncio.sleep(1.0)  # the last results' way into the database is part of the work
        spent = [processor_seconds(worker.pid or 0) - before, processor_seconds(platform.postgres.pid or 0) - database]
        measured = Measured(spent[0] * 1000 / turns, spent[1] * 1000 / turns, _pss(worker), turns / seconds)
    measured.print(f"{turns:,} turns without tools, {TALKING} customers at once, {EACH} {kind.title}")
    return measured


async def answer_always(platform: Platform) -> None:
    """Let the model answer with the same text, without tools."""
    rules = [{"name": "benchmark", "reply": ANSWER}]
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://127.0.0.1:{platform.model_port}/rules", json=rules) as response,
    ):
        response.raise_for_status()


async def apply(platform: Platform, town: Town, ai: AiSettings) -> None:
    """Give all instances these settings, and wait until they are in force."""
    for pod in town.pods:
        pod.settings = pod.settings.model_copy(update={"generation": pod.settings.generation + 1, "ai": ai})
        await platform.publish(pod.settings)
    await platform.until(_IN_FORCE.format(town.pods[0].settings.generation), len(town.pods))


def _pss(worker: Program) -> float:
    memory = measure(worker.pid or 0)
    return 0 if memory is None else memory.pss / MIB


@dataclass(frozen=True, slots=True)
class Talk:
    """Customers who ask, each waiting for the answer."""

    platform: Platform
    town: Town
    random: Random
    ask: Asking

    async def have(self, people: Sequence[Customer]) -> None:
        """Let customers ask, some of them at the same time, and wait for all answers."""
        talks = iter(people)
        await asyncio.gather(*(self._one_by_one(talks) for _ in range(TALKING)))

    async def _one_by_one(self, talks: Iterator[Customer]) -> None:
        for customer in talks:
            for _ in range(EACH):
                await self._answered(customer, draw_exchange(self.random, customer.pet).asked[-1])

    async def _answered(self, customer: Customer, text: str) -> None:
        pod = self.town.pod(customer)
        chat, before = Jid.parse(customer.chat), len(pod.sent)
        deadline = time.monotonic() + WAIT_SECONDS
        await self.ask(self.platform, pod, customer, text)
        while not any(request.chat == chat for request in pod.sent[before:]):
            if time.monotonic() > deadline:
                message = f"no answer to {text!r} within {WAIT_SECONDS:.0f} s"
                raise TimeoutError(message)
            await asyncio.sleep(0.005)


async def write(_: Platform, pod: PodDouble, customer: Customer, text: str) -> None:
    """Write a text."""
    pod.receive(text, customer.phone, chat=Jid.parse(customer.chat), push_name=customer.name)


async def speak(platform: Platform, pod: PodDouble, customer: Customer, text: str) -> None:
    """Send a voice note; its file comes after it, as from a pod."""
    content, file = voice_note(text, SECONDS), uuid4()
    offered = FileOffered(id=file, mime="audio/ogg; codecs=opus", size=len(content), seconds=SECONDS)
    pod.receive(
        None,
        customer.phone,
        chat=Jid.parse(customer.chat),
        push_name=customer.name,
        kind=MessageKind.VOICE_NOTE,
        file=offered,
    )
    subject = subjects.media(pod.settings.account, pod.settings.instance, file, 0)
    await platform.client.jetstream().publish(subject, content)
    sha256 = hashlib.sha256(content).hexdigest()
    pod.report(FileArrived(media_id=file, chunks=1, size=len(content), sha256=sha256, mime="audio/ogg"))


KINDS: Final = {
    "worker": Kind("messages of each in a row", AT_ONCE, write),
    "budget": Kind("messages of each in a row, with a budget", WITH_BUDGET, write),
    "voice": Kind(f"voice notes of {SECONDS} s of each in a row", HEARD, speak),
}
