"""Customers and the owner on simulated phones: what they say, and what they are answered."""

import time
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from oxy_core.chat_commands import HAND_BACK
from oxy_core.errors import OxyError
from oxy_dev.sample_files import voice_note
from oxy_simulator.attachments import Image, Voice
from oxy_simulator.client import SimulatorClient
from oxy_simulator.replies import Message

ANSWER_SECONDS: Final = 150.0
SPOKEN_SECONDS: Final = 4
"""Length of a voice note."""


class NoAnswerError(OxyError):
    """A message was not answered in time, or the owner was not told."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A line that is spoken into the phone: a voice note."""

    words: str


Line: TypeAlias = str | Spoken


@dataclass(frozen=True, slots=True)
class Part:
    """One person's side of a conversation; each line is sent after the answer to the one before."""

    name: str
    phone: str
    lines: tuple[Line, ...]
    person: tuple[str, ...] = ()
    """What a person of the business then answers from its phone, once the owner has been told that somebody waits."""

    @property
    def texts(self) -> tuple[str, ...]:
        """What the lines say."""
        return tuple(words(line) for line in self.lines)

    def typed(self) -> "Part":
        """Return the same without voice notes: the samples are silent, so only the scripted model hears them."""
        return replace(self, lines=self.texts)


def words(line: Line) -> str:
    """Return what a line says."""
    return line if isinstance(line, str) else line.words


CUSTOMER: Final = Part(
    "Ana, cliente",
    "+5511912340001",
    (
        "Oi! Quero cadastrar o Thor, um cachorro de porte médio.",
        "Quais horários vocês têm para banho amanhã?",
        Spoken("Pode marcar o primeiro horário para o Thor, por favor?"),
        "Surgiu um imprevisto: dá para mudar o banho do Thor para mais tarde?",
    ),
)
CALLER: Final = Part(
    "Bruno, cliente",
    "+5511912340002",
    ("Oi! Quero falar com uma pessoa sobre uma cobrança.",),
    ("Oi, Bruno! Aqui é a Marina. Já vi a cobrança e corrigi.", HAND_BACK),
)
OWNER: Final = Part("Marina, dona", "+5511987651111", ("Aurora, como está o movimento esta semana? Manda um gráfico!",))
PARTS: Final = (CUSTOMER, CALLER, OWNER)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that arrived on a phone."""

    caption: str
    mimetype: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Heard:
    """A text, and the pictures that came before it."""

    text: str
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class Exchange:
    """A line and its answer; `seconds` is the time between the two on the phone."""

    line: Line
    answer: str
    seconds: float
    pictures: tuple[Picture, ...] = ()


async def ask(simulator: SimulatorClient, phone: str, business: str, line: Line) -> Exchange:
    """Send a line from a phone and wait for the business's answer; raises NoAnswerError."""
    before = await newest(simulator, phone)
    started = time.monotonic()
    await say(simulator, phone, business, line)
    heard = await listen(simulator, phone, before)
    return Exchange(line, heard.text, time.monotonic() - started, heard.pictures)


async def say(simulator: SimulatorClient, phone: str, to: str, line: Line) -> None:
    """Send a line, typed or spoken."""
    if isinstance(line, str):
        await simulator.send(phone, to, line)
        return
    note = voice_note(line.words, SPOKEN_SECONDS)
    await simulator.say(phone, to, Voice(data=note, mimetype="audio/ogg; codecs=opus", seconds=SPOKEN_SECONDS))


async def newest(simulator: SimulatorClient, phone: str) -> int:
    """Return the number of a phone's newest message; 0: it has none."""
    seen = await simulator.inbox(phone)
    return seen[-1].number if seen else 0


async def hear(simulator: SimulatorClient, phone: str, after: int) -> str:
    """Wait for the first text to a phone after the message with this number; raises NoAnswerError."""
    return (await listen(simulator, phone, after)).text


async def listen(simulator: SimulatorClient, phone: str, after: int) -> Heard:
    """Do as `hear`, and keep the pictures that come before it."""
    pictures: list[Picture] = []
    deadline = time.monotonic() + ANSWER_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        for message in await simulator.inbox(phone, after=after, wait=min(left, 30.0)):
            after = message.number
            if message.from_me or message.kind == "reaction":
                continue
            if message.kind != "image":
                return Heard(message.text, tuple(pictures))
            pictures.append(await _picture(simulator, phone, message))
    text = f"{phone[-4:]} got no message within {ANSWER_SECONDS:.0f} s"
    raise NoAnswerError(text)


async def _picture(simulator: SimulatorClient, phone: str, message: Message) -> Picture:
    mimetype = message.content.mimetype if isinstance(message.content, Image) else ""
    return Picture(message.text, mimetype, await simulator.file(phone, message.id))


async def play(simulator: SimulatorClient, business: str, part: Part) -> list[Exchange]:
    """Send all lines of one person; raises NoAnswerError."""
    await simulator.add_phone(part.phone, part.name)
    return [await ask(simulator, part.phone, business, line) for line in part.lines]


async def knows(simulator: SimulatorClient, phone: str) -> bool:
    """Return whether a phone exists and has messages."""
    known = {view.phone for view in await simulator.phones()}
    return phone in known and await newest(simulator, phone) > 0


async def told(simulator: SimulatorClient, business: str, phone: str, line: str) -> str:
    """Write to a customer from the business's phone and return what arrives; raises NoAnswerError."""
    before = await newest(simulator, phone)
    await simulator.send(business, phone, line)
    return await hear(simulator, phone, before)
