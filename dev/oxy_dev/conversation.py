"""Plays a customer and the owner on simulated phones, and prints what was really said."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TextIO
from zoneinfo import ZoneInfo

from oxy_core.errors import OxyError
from oxy_simulator.client import SimulatorClient
from oxy_simulator.models import Message

ANSWER_SECONDS: Final = 150.0
_WIDTH: Final = 58
_ZONE: Final = ZoneInfo("America/Sao_Paulo")


class NoAnswerError(OxyError):
    """A message was not answered in time."""


@dataclass(frozen=True, slots=True)
class Part:
    """One person's side of a conversation: who says which lines, each after the answer to the last."""

    name: str
    phone: str
    lines: tuple[str, ...]


CUSTOMER: Final = Part(
    "Ana, cliente",
    "+5511912340001",
    (
        "Oi! Quais horários vocês têm para banho amanhã?",
        "Pode marcar o primeiro horário para o Thor, por favor?",
    ),
)
OWNER: Final = Part("Marina, dona", "+5511987651111", ("Aurora, como está o movimento esta semana?",))


@dataclass(frozen=True, slots=True)
class Exchange:
    """A line and its answer; `seconds` is the time between the two on the phone."""

    line: str
    answer: str
    seconds: float


async def ask(simulator: SimulatorClient, phone: str, business: str, line: str) -> Exchange:
    """Send a line from a phone and wait for the business's answer; raises NoAnswerError."""
    seen = await simulator.inbox(phone)
    newest = seen[-1].number if seen else 0
    started = time.monotonic()
    await simulator.send(phone, business, line)
    deadline = started + ANSWER_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        for message in await simulator.inbox(phone, after=newest, wait=min(left, 30.0)):
            newest = message.number
            if not message.from_me:
                return Exchange(line, message.text, time.monotonic() - started)
    text = f"{phone[-4:]} got no answer within {ANSWER_SECONDS:.0f} s"
    raise NoAnswerError(text)


async def play(simulator: SimulatorClient, business: str, part: Part) -> list[Exchange]:
    """Let one person say all their lines; raises NoAnswerError."""
    await simulator.add_phone(part.phone, part.name)
    return [await ask(simulator, part.phone, business, line) for line in part.lines]


def show(part: Part, exchanges: Sequence[Exchange], output: TextIO) -> None:
    """Print a conversation as a phone shows it: the person to the right, the answers to the left."""
    output.write(f"\n── {part.name} ({part.phone}) " + "─" * 20 + "\n")
    for exchange in exchanges:
        output.writelines(f"{text:>{_WIDTH + 20}}\n" for text in exchange.line.splitlines())
        output.writelines(f"  {text}\n" for text in exchange.answer.splitlines())
        output.write(f"  ({exchange.seconds:.2f} s)\n")


def clock(message: Message) -> str:
    """Return the time of a message as the business's clock shows it."""
    return datetime.fromtimestamp(message.at, UTC).astimezone(_ZONE).strftime("%H:%M:%S")


async def play_all(control_url: str, business: str, output: TextIO, parts: Sequence[Part] = (CUSTOMER, OWNER)) -> None:
    """Play every part in turn and print it; raises NoAnswerError."""
    async with SimulatorClient(control_url) as simulator:
        for part in parts:
            show(part, await play(simulator, business, part), output)


async def follow(simulator: SimulatorClient, phone: str, output: TextIO) -> None:
    """Print what arrives on a phone from now on, for ever."""
    seen = await simulator.inbox(phone)
    newest = seen[-1].number if seen else 0
    while True:
        for message in await simulator.inbox(phone, after=newest, wait=30.0):
            newest = message.number
            if not message.from_me:
                output.write(f"\r{clock(message)}  {message.text}\n> ")
                output.flush()


async def read_line(source: TextIO) -> str:
    """Read a line without holding up the event loop; empty at the end of the input.

    The loop itself waits for a terminal: a thread that reads from one cannot be interrupted by Ctrl-C.
    """
    if not source.isatty():
        return await asyncio.to_thread(source.readline)
    typed = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(source.fileno(), typed.set)
    try:
        await typed.wait()
    finally:
        loop.remove_reader(source.fileno())
    return source.readline()
