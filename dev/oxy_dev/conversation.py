"""Plays customers and the owner on simulated phones, and prints the conversation as the phones received it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TextIO

from oxy_core.chat_commands import HAND_BACK
from oxy_core.errors import OxyError
from oxy_simulator.client import SimulatorClient

ANSWER_SECONDS: Final = 150.0
_WIDTH: Final = 58


class NoAnswerError(OxyError):
    """A message was not answered in time, or the owner was not told."""


@dataclass(frozen=True, slots=True)
class Part:
    """One person's side of a conversation; each line is sent after the answer to the one before."""

    name: str
    phone: str
    lines: tuple[str, ...]
    person: tuple[str, ...] = ()
    """What a person of the business then answers from its phone, once the owner has been told that somebody waits."""


CUSTOMER: Final = Part(
    "Ana, cliente",
    "+5511912340001",
    (
        "Oi! Quero cadastrar o Thor, um cachorro de porte médio.",
        "Quais horários vocês têm para banho amanhã?",
        "Pode marcar o primeiro horário para o Thor, por favor?",
        "Surgiu um imprevisto: dá para mudar o banho do Thor para mais tarde?",
    ),
)
CALLER: Final = Part(
    "Bruno, cliente",
    "+5511912340002",
    ("Oi! Quero falar com uma pessoa sobre uma cobrança.",),
    ("Oi, Bruno! Aqui é a Marina. Já vi a cobrança e corrigi.", HAND_BACK),
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
    before = await newest(simulator, phone)
    started = time.monotonic()
    await simulator.send(phone, business, line)
    answer = await hear(simulator, phone, before)
    return Exchange(line, answer, time.monotonic() - started)


async def newest(simulator: SimulatorClient, phone: str) -> int:
    """Return the number of a phone's newest message; 0: it has none."""
    seen = await simulator.inbox(phone)
    return seen[-1].number if seen else 0


async def hear(simulator: SimulatorClient, phone: str, after: int) -> str:
    """Wait for the first message to a phone after the one with this number; raises NoAnswerError."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        for message in await simulator.inbox(phone, after=after, wait=min(left, 30.0)):
            after = message.number
            if not message.from_me and message.kind != "reaction":
                return message.text
    text = f"{phone[-4:]} got no message within {ANSWER_SECONDS:.0f} s"
    raise NoAnswerError(text)


async def play(simulator: SimulatorClient, business: str, part: Part) -> list[Exchange]:
    """Send all lines of one person; raises NoAnswerError."""
    await simulator.add_phone(part.phone, part.name)
    return [await ask(simulator, part.phone, business, line) for line in part.lines]


async def play_telling(simulator: SimulatorClient, business: str, part: Part, output: TextIO) -> None:
    """Play a part and print it; if it needs a person, with what the owner reads and answers; raises NoAnswerError."""
    before = await newest(simulator, OWNER.phone)
    if part.person and await knows(simulator, part.phone):
        await simulator.send(business, part.phone, HAND_BACK)  # an earlier play may have been interrupted
    show(part, await play(simulator, business, part), output)
    if part.person:
        show_heard(f"{OWNER.name} ({OWNER.phone}) lê", await hear(simulator, OWNER.phone, before), output)
        for line in part.person:
            show_heard(f"{part.name} lê, do celular da loja", await told(simulator, business, part.phone, line), output)


async def knows(simulator: SimulatorClient, phone: str) -> bool:
    """Return whether a phone exists and has messages."""
    known = {view.phone for view in await simulator.phones()}
    return phone in known and await newest(simulator, phone) > 0


async def told(simulator: SimulatorClient, business: str, phone: str, line: str) -> str:
    """Write to a customer from the business's phone and return what arrives; raises NoAnswerError."""
    before = await newest(simulator, phone)
    await simulator.send(business, phone, line)
    return await hear(simulator, phone, before)


def show_heard(title: str, text: str, output: TextIO) -> None:
    """Print what somebody reads."""
    output.write(f"\n── {title} " + "─" * 17 + "\n")
    output.writelines(f"  {line}\n" for line in text.splitlines())


def show(part: Part, exchanges: Sequence[Exchange], output: TextIO) -> None:
    """Print a conversation as a phone shows it: the person to the right, the answers to the left."""
    output.write(f"\n── {part.name} ({part.phone}) " + "─" * 20 + "\n")
    for exchange in exchanges:
        output.writelines(f"{text:>{_WIDTH + 20}}\n" for text in exchange.line.splitlines())
        output.writelines(f"  {text}\n" for text in exchange.answer.splitlines())
        output.write(f"  ({exchange.seconds:.2f} s)\n")


async def play_all(
    control_url: str, business: str, output: TextIO, parts: Sequence[Part] = (CUSTOMER, CALLER, OWNER)
) -> None:
    """Play every part in turn and print it; raises NoAnswerError."""
    async with SimulatorClient(control_url) as simulator:
        await simulator.add_phone(OWNER.phone, OWNER.name)  # before somebody's part has her told
        for part in parts:
            await play_telling(simulator, business, part, output)
