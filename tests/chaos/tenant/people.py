"""Whoever writes in a run with one tenant: its contacts, its attendant at the phone, and the platform.

Every text is unique, so that what arrives somewhere says where it came from. What is written when is drawn from the
seed; nobody waits for anybody.
"""

import asyncio
import hashlib
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from chaos.tenant.platform import Platform

from oxy_core.envelopes import SendRequest
from oxy_core.identity import Jid, new_id
from oxy_core.outbound import FileContent, FileKind
from oxy_core.tasks import wait_for
from oxy_dev.sample_files import document, picture, voice_note
from oxy_simulator.attachments import Attachment, Document, Image, Voice
from oxy_simulator.client import SimulatorClient

CONTACTS: Final = 20
CONTACT_EVERY: Final = 8.0
"""Seconds between a contact's bursts on average."""
BURSTS: Final = (1, 1, 1, 2, 4)
PLATFORM_EVERY: Final = 0.7
ATTENDANT_EVERY: Final = 6.0
FILE_SHARE: Final = 0.15
"""Share of the messages, either way, that are files."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message as its sender knows it."""

    id: str
    text: str
    """Text, or caption."""
    at: float
    """Unix seconds."""
    sha256: str | None = None
    """Of its file."""


@dataclass(eq=False)
class Contact:
    """A person with a phone, and all that was written in this chat."""

    name: str
    phone: str
    said: list[Said] = field(default_factory=list)
    attended: list[Said] = field(default_factory=list)
    """What the attendant wrote to this phone, from the business's own."""
    chat: Jid | None = None
    """The chat's address as the tenant reports it."""
    asked: list[SendRequest] = field(default_factory=list)
    """What the platform asked the tenant to send, in order."""


def contacts() -> list[Contact]:
    """Return everybody who writes to the business."""
    return [Contact(f"c{number:02}", f"+55119120000{number:02}") for number in range(CONTACTS)]


@dataclass(eq=False)
class Conversation:
    """The traffic of a run."""

    business: str
    people: Sequence[Contact]
    simulator: SimulatorClient
    platform: Platform
    seed: int

    async def begin(self) -> None:
        """Let each contact write once, and learn the addresses of the chats."""
        for person in self.people:
            await self.simulator.add_phone(person.phone, person.name)
            await self.say(person, random.Random(self.seed))
        while any(person.chat is None for person in self.people):
            # Cleared first: waiting for what is set already would let nothing else run, nor set it.
            self.platform.changed.clear()
            await wait_for(self.platform.changed, 0.2)
            chats = {message.whatsapp_id: message.chat for message in self.platform.messages()}
            for person in self.people:
                person.chat = chats.get(person.said[0].id)

    async def go_on(self, enough: asyncio.Event) -> None:
        """Let everybody write until it is enough."""
        async with asyncio.TaskGroup() as group:
            for person in self.people:
                group.create_task(self._be_contact(person, random.Random(f"{self.seed} {person.name}"), enough))
            group.create_task(self._attend(random.Random(f"{self.seed} attendant"), enough))
            group.create_task(self._ask(random.Random(f"{self.seed} platform"), enough))

    async def _be_contact(self, person: Contact, dice: random.Random, enough: asyncio.Event) -> None:
        while not await wait_for(enough, dice.expovariate(1 / CONTACT_EVERY)):
            for _ in range(dice.choice(BURSTS)):
                await self.say(person, dice)
                await asyncio.sleep(dice.uniform(0.0, 0.4))

    async def say(self, person: Contact, dice: random.Random) -> None:
        """Let a contact write a text, or send a file."""
        text = f"{person.name}-{len(person.said)}"
        if person.said and dice.random() < FILE_SHARE:
            content = dice.choice(_CONTENTS)(text, dice)
            digest = hashlib.sha256(content.data).hexdigest()
            sent = await self.simulator.say(person.phone, self.business, content)
        else:
            digest, sent = None, await self.simulator.send(person.phone, self.business, text)
        person.said.append(Said(sent, text, time.time(), digest))

    async def _attend(self, dice: random.Random, enough: asyncio.Event) -> None:
        while not await wait_for(enough, dice.expovariate(1 / ATTENDANT_EVERY)):
            person = dice.choice(self.people)
            text = f"atendente-{person.name}-{len(person.attended)}"
            sent = await self.simulator.send(self.business, person.phone, text)
            person.attended.append(Said(sent, text, time.time()))

    async def _ask(self, dice: random.Random, enough: asyncio.Event) -> None:
        while not await wait_for(enough, dice.expovariate(1 / PLATFORM_EVERY)):
            person = dice.choice(self.people)
            assert person.chat is not None
            text = f"para-{person.name}-{len(person.asked)}"
            if dice.random() < FILE_SHARE:
                request = self.platform.ask(person.chat, None, self._file(text, dice))
            else:
                request = self.platform.ask(person.chat, text)
            person.asked.append(request)

    def _file(self, caption: str, dice: random.Random) -> FileContent:
        data = picture(dice.randint(2_000, 60_000), dice.getrandbits(32))
        content = FileContent(
            kind=FileKind.IMAGE,
            media_id=new_id(),
            mime="image/jpeg",
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            caption=caption,
        )
        self.platform.files[content.media_id] = data
        return content


def text_of(request: SendRequest) -> str:
    """Return the text, or the caption, of a request to send."""
    content = request.content
    return (content.caption or "" if isinstance(content, FileContent) else request.text) or ""


def _image(text: str, dice: random.Random) -> Attachment:
    return Image(data=picture(dice.randint(2_000, 90_000), dice.getrandbits(32)), caption=text, mimetype="image/jpeg")


def _document(text: str, dice: random.Random) -> Attachment:
    data = document(dice.randint(2_000, 400_000), dice.getrandbits(32))
    return Document(data=data, caption=text, mimetype="application/pdf", file_name=f"{text}.pdf")


def _voice(text: str, dice: random.Random) -> Attachment:
    return Voice(data=voice_note(text, dice.uniform(0.2, 3)), mimetype="audio/ogg; codecs=opus")


_CONTENTS: Final[Sequence[Callable[[str, random.Random], Attachment]]] = (_image, _document, _voice)
