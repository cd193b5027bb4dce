"""Plays a customer and the owner on simulated phones, and prints the conversation as the phones received it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TextIO

from oxy_core.errors import OxyError
from oxy_simulator.client import SimulatorClient

ANSWER_SECONDS: Final = 150.0
_WIDTH: Final = 58


class NoAnswerError(OxyError):
    """A message was not answered in time."""


@dataclass(frozen=True, slots=True)
class Part:
    """One person's side of a conversation; each line is sent after the answer to the one before."""

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
            if not message.from_me and message.kind != "reaction":
                return Exchange(line, message.text, time.monotonic() - started)
    text = f"{phone[-4:]} got no answer within {ANSWER_SECONDS:.0f} s"
    raise NoAnswerError(text)


async def play(simulator: SimulatorClient, business: str, part: Part) -> list[Exchange]:
    """Send all lines of one person; raises NoAnswerError."""
    await simulator.add_phone(part.phone, part.name)
    return [await ask(simulator, part.phone, business, line) for line in part.lines]


def show(part: Part, exchanges: Sequence[Exchange], output: TextIO) -> None:
    """Print a conversation as a phone shows it: the person to the right, the answers to the left."""
    output.write(f"\n── {part.name} ({part.phone}) " + "─" * 20 + "\n")
    for exchange in exchanges:
        output.writelines(f"{text:>{_WIDTH + 20}}\n" for text in exchange.line.splitlines())
        output.writelines(f"  {text}\n" for text in exchange.answer.splitlines())
        output.write(f"  ({exchange.seconds:.2f} s)\n")


async def play_all(control_url: str, business: str, output: TextIO, parts: Sequence[Part] = (CUSTOMER, OWNER)) -> None:
    """Play every part in turn and print it; raises NoAnswerError."""
    async with SimulatorClient(control_url) as simulator:
        for part in parts:
            show(part, await play(simulator, business, part), output)
