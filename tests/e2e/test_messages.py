"""Messages of every kind between people's phones and the platform, on the node."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest
from e2e.worker_shell import queue_contents, stored_messages

from oxy_core.outbound import (
    CardContent,
    EditContent,
    PlaceContent,
    PollContent,
    PresenceContent,
    PresenceState,
    ReactionContent,
    ReadContent,
    RevokeContent,
)
from oxy_dev import sample_files
from oxy_dev.environment import BUSINESS_PHONE, INSTANCE, TENANT_NAMESPACE
from oxy_dev.kubectl import Kubectl
from oxy_dev.up import System, oxy
from oxy_simulator.attachments import Image, Voice
from oxy_simulator.client import SimulatorClient
from oxy_simulator.contents import AnyContent, Card, Contact, Location

pytestmark = [pytest.mark.timeout(600)]

PHONE = "+5511912340055"
BUSINESS = BUSINESS_PHONE.removeprefix("+")
PICTURE, DOCUMENT, NOTE = (
    sample_files.picture(300_000),
    sample_files.document(1_000_000),
    sample_files.voice_note(seconds=3),
)
SECONDS = 60.0
PAUSE = 0.2
Found = TypeVar("Found")
OTHERS = (
    PlaceContent(latitude=-23.5, longitude=-46.5, name="Pet Shop Aurora", address="Rua das Flores, 1"),
    CardContent(name="Marina", phone="+5511987651111"),
    PollContent(question="Qual dia?", options=("Sexta", "Sábado")),
)


async def until(check: Callable[[], Awaitable[Found]]) -> Found:
    """Wait until a check finds something."""
    async with asyncio.timeout(SECONDS):
        while not (found := await check()):  # noqa: ASYNC110 phones and the database ring no event
            await asyncio.sleep(PAUSE)
    return found


def stored(kubectl: Kubectl, ids: Mapping[str, str]) -> dict[str, dict[str, Any]] | None:
    """The messages by kind as the database has them, once all are there and none of their files is under way."""
    rows = {row["id"]: row for row in stored_messages(kubectl, list(ids.values()))}
    found = {kind: rows[one] for kind, one in ids.items() if one in rows}
    done = len(found) == len(ids) and all(row["state"] in {None, "stored", "failed"} for row in found.values())
    return found if done else None


async def test_what_a_phone_sends_is_stored_with_its_files(system: System, simulator: SimulatorClient) -> None:
    await simulator.add_phone(PHONE, "Dora")
    contents: dict[str, AnyContent] = {
        "image": Image(data=PICTURE, mimetype="image/jpeg", caption="Este é o Thor"),
        "voice_note": Voice(data=NOTE, mimetype="audio/ogg; codecs=opus", seconds=3),
        "location": Location(latitude=-23.5, longitude=-46.5, name="Casa", address="Rua das Flores, 1"),
        "contact": Contact(contact=Card(name="Marina", phone="+5511987651111")),
    }
    ids = {kind: await simulator.say(PHONE, BUSINESS_PHONE, content) for kind, content in contents.items()}
    rows = await until(lambda: asyncio.to_thread(stored, system.kubectl, ids))
    assert {kind: row["kind"] for kind, row in rows.items()} == {kind: kind for kind in contents}
    assert (rows["image"]["text"], rows["image"]["mime"]) == ("Este é o Thor", "image/jpeg")
    assert base64.b64decode(rows["image"]["file"]) == PICTURE
    assert base64.b64decode(rows["voice_note"]["file"]) == NOTE
    place, cards = rows["location"]["details"], rows["contact"]["details"]
    assert (place["latitude"], place["longitude"], place["name"]) == (-23.5, -46.5, "Casa")
    assert cards["cards"][0]["name"] == "Marina"


def send(*arguments: str) -> str:
    """Send with the command; returns the WhatsApp id."""
    answer = json.loads(oxy("send", "--namespace", TENANT_NAMESPACE, "--output", "json", INSTANCE, PHONE, *arguments))
    assert answer["state"] == "sent"
    return str(answer["whatsapp_id"])


async def test_what_a_business_sends_arrives_on_the_phone(
    system: System, simulator: SimulatorClient, tmp_path: Path
) -> None:
    await simulator.add_phone(PHONE, "Dora")
    files = {"thor.jpg": PICTURE, "vacina.pdf": DOCUMENT, "banho.mp4": sample_files.video(), "voz.ogg": NOTE}
    paths = {name: tmp_path / name for name in files}
    for name, path in paths.items():
        path.write_bytes(files[name])
    asked = await simulator.send(PHONE, BUSINESS_PHONE, "O Thor já está pronto?")
    commands = {
        "text": ("Já está!",),
        "revoked": ("Ops",),
        "image": ("--file", str(paths["thor.jpg"]), "--caption", "Olha ele!"),
        "document": ("--file", str(paths["vacina.pdf"])),
        "video": ("--file", str(paths["banho.mp4"])),
        "audio": ("--file", str(paths["voz.ogg"])),
        "voice": ("--voice", str(paths["voz.ogg"])),
    }
    sending = (asyncio.to_thread(send, *arguments) for arguments in commands.values())
    sent = dict(zip(commands, await asyncio.gather(*sending), strict=True))
    changes = (
        ReactionContent(whatsapp_id=asked, emoji="❤️"),
        ReadContent(whatsapp_ids=(asked,)),
        EditContent(whatsapp_id=sent["text"], text="Já está pronto!"),
        RevokeContent(whatsapp_id=sent["revoked"]),
        PresenceContent(state=PresenceState.RECORDING, seconds=30),
    )
    await asyncio.to_thread(queue_contents, system.kubectl, PHONE, (*OTHERS, *changes))
    await until(lambda: arrived(simulator, asked, sent))
    inbox = {message.id: message for message in await simulator.inbox(PHONE)}
    assert {name: inbox[sent[name]].kind for name in commands if name not in {"text", "revoked"}} == {
        name: name for name in commands if name not in {"text", "revoked"}
    }
    assert inbox[sent["image"]].text == "Olha ele!"
    for name, content in (("image", PICTURE), ("document", DOCUMENT), ("voice", NOTE)):
        assert await simulator.file(PHONE, sent[name]) == content
    # The last one, and the only one that goes on.
    await until(lambda: is_recording(simulator))


async def arrived(simulator: SimulatorClient, asked: str, sent: Mapping[str, str]) -> bool:
    """Whether all that went through the outbox is on the phone: new messages, and what changes earlier ones."""
    kinds = {message.kind for message in await simulator.inbox(PHONE) if not message.from_me}
    text, revoked, question = [await simulator.message(PHONE, one) for one in (sent["text"], sent["revoked"], asked)]
    line = next(line for line in await simulator.accounting() if line.id == asked)
    return (
        {"location", "contact", "poll"} <= kinds
        and text.text == "Já está pronto!"
        and revoked.revoked_at is not None
        and list(question.reactions.values()) == ["❤️"]
        and "read" in line.stages
    )


async def is_recording(simulator: SimulatorClient) -> bool:
    """Whether the phone shows that the business is recording."""
    phones = {view.phone.removeprefix("+"): view for view in await simulator.phones()}
    return phones[PHONE.removeprefix("+")].chat_states.get(BUSINESS) == "recording"
