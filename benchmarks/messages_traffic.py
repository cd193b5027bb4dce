"""Messages of mixed kinds from simulated customers, in the proportions of a shop's day."""

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from oxy_dev import sample_files
from oxy_simulator import contents
from oxy_simulator.attachments import Document, Image, Sticker, Voice
from oxy_simulator.client import SimulatorClient
from oxy_simulator.contents import AnyContent


@dataclass(frozen=True, slots=True)
class Files:
    """Files that a phone has uploaded, to be sent often."""

    picture: str
    note: str
    sticker: str
    document: str

    @classmethod
    async def of(cls, simulator: SimulatorClient, phone: str) -> "Files":
        """Upload one of each."""
        return cls(
            picture=await simulator.attach(phone, "image", sample_files.picture()),
            note=await simulator.attach(phone, "voice", sample_files.voice_note(seconds=10)),
            sticker=await simulator.attach(phone, "sticker", sample_files.sticker()),
            document=await simulator.attach(phone, "document", sample_files.document()),
        )


def mix(files: Files | None) -> Sequence[AnyContent]:
    """Return 12 messages without files and, if there are any, 4 with one."""
    card = contents.Card(name="Marina", phone="+5511987650001")
    plain = (
        *(
            contents.Text(text=text)
            for text in ("Oi!", "Quanto custa o banho?", "Pode ser amanhã às dez?", "Obrigada 🐶")
        ),
        contents.Text(text="Falo com @5511987650001", mentions=("+5511987650001",)),
        contents.Text(
            text="Olhem https://example.org", preview=contents.LinkPreview(url="https://example.org", title="Um")
        ),
        contents.Location(latitude=-23.55, longitude=-46.63, name="Casa", address="Rua das Flores, 1"),
        contents.Contact(contact=card),
        contents.Contacts(contacts=(card, card)),
        contents.Poll(name="Qual dia?", options=("Sexta", "Sábado"), selectable=1),
        contents.LiveLocation(latitude=-23.55, longitude=-46.63),
        contents.Event(name="Banho", start=1_900_000_000),
    )
    if files is None:
        return plain
    return (
        *plain,
        Image(file=files.picture, mimetype="image/jpeg", caption="Este é o Thor", width=800, height=600),
        Voice(file=files.note, mimetype="audio/ogg; codecs=opus", seconds=4),
        Sticker(file=files.sticker, mimetype="image/webp"),
        Document(file=files.document, mimetype="application/pdf", file_name="vacina.pdf", caption="Carteira"),
    )


@dataclass
class Crowd:
    """Customers who write in turn, each the next message of the mix."""

    simulator: SimulatorClient
    phones: Sequence[str]
    business: str
    mixes: Sequence[Sequence[AnyContent]]
    """For each phone."""

    @classmethod
    async def of(cls, simulator: SimulatorClient, phones: Sequence[str], business: str, *, files: bool) -> "Crowd":
        """Add the phones, and give each its files."""
        mixes = []
        for phone in phones:
            await simulator.add_phone(phone, phone[-2:])
            mixes.append(mix(await Files.of(simulator, phone) if files else None))
        return cls(simulator, phones, business, mixes)

    def _turns(self) -> Iterator[tuple[str, AnyContent]]:
        for number in itertools.count():
            place = number % len(self.phones)
            messages = self.mixes[place]
            yield self.phones[place], messages[(number // len(self.phones) + place) % len(messages)]

    async def write(self, count: int, rate: float) -> list[str]:
        """Send `count` messages, `rate` a second or one after the other (0); return their ids."""
        started, ids = time.monotonic(), list[str]()
        for number, (phone, message) in zip(range(count), self._turns(), strict=False):
            if rate:
                await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
            ids.append(await self.simulator.say(phone, self.business, message))
        return ids
