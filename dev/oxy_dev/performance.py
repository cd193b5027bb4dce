"""Plays the conversation of `make up` and prints it as the phones received it."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, TextIO

from oxy_core.chat_commands import HAND_BACK
from oxy_dev.conversation import (
    OWNER,
    PARTS,
    SPOKEN_SECONDS,
    Exchange,
    Line,
    Part,
    Picture,
    hear,
    knows,
    newest,
    play,
    told,
)
from oxy_simulator.client import SimulatorClient

_WIDTH: Final = 58


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a conversation takes place, and where it is shown."""

    simulator: SimulatorClient
    business: str
    output: TextIO
    pictures: Path
    """Folder for the pictures that arrive."""

    async def play(self, part: Part) -> None:
        """Play a part; if it needs a person, with what the owner reads and answers. Raises NoAnswerError."""
        before = await newest(self.simulator, OWNER.phone)
        if part.person and await knows(self.simulator, part.phone):
            await self.simulator.send(self.business, part.phone, HAND_BACK)  # an earlier play may have been interrupted
        self.show(part, await play(self.simulator, self.business, part))
        if part.person:
            self.show_heard(f"{OWNER.name} ({OWNER.phone}) lê", await hear(self.simulator, OWNER.phone, before))
            for line in part.person:
                heard = await told(self.simulator, self.business, part.phone, line)
                self.show_heard(f"{part.name} lê, do celular da loja", heard)

    def show_heard(self, title: str, text: str) -> None:
        """Print what somebody reads."""
        self.output.write(f"\n── {title} " + "─" * 17 + "\n")
        self.output.writelines(f"  {line}\n" for line in text.splitlines())

    def show(self, part: Part, exchanges: Sequence[Exchange]) -> None:
        """Print a conversation as a phone shows it: the person to the right, the answers to the left."""
        self.output.write(f"\n── {part.name} ({part.phone}) " + "─" * 20 + "\n")
        for exchange in exchanges:
            self.output.writelines(f"{text:>{_WIDTH + 20}}\n" for text in shown(exchange.line).splitlines())
            answered = (*(shown_picture(picture, self.pictures) for picture in exchange.pictures), exchange.answer)
            self.output.writelines(f"  {text}\n" for one in answered for text in one.splitlines())
            self.output.write(f"  ({exchange.seconds:.2f} s)\n")


def shown(line: Line) -> str:
    """Write a line as a phone shows it."""
    return line if isinstance(line, str) else f"🎤 0:{SPOKEN_SECONDS:02} “{line.words}”"


def shown_picture(picture: Picture, folder: Path) -> str:
    """Keep a picture where it can be looked at, and say what it is."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{sha256(picture.content).hexdigest()[:12]}.{picture.mimetype.rpartition('/')[2] or 'bin'}"
    file.write_bytes(picture.content)
    return f"🖼 {file}\n{picture.caption}"


async def play_all(
    control_url: str, business: str, output: TextIO, pictures: Path, parts: Sequence[Part] = PARTS
) -> None:
    """Play every part in turn and print it; raises NoAnswerError."""
    async with SimulatorClient(control_url) as simulator:
        await simulator.add_phone(OWNER.phone, OWNER.name)  # before somebody's part has her told
        stage = Stage(simulator, business, output, pictures)
        for part in parts:
            await stage.play(part)
