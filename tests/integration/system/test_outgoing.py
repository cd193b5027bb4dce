"""Everything that a business sends, from the outbox through relay, bus and pod to the phone."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar
from uuid import UUID

import asyncpg
import pytest
from integration.system.conftest import SHARED
from unit.tenant.voice_notes import ogg_opus

from oxy_ai.assistants.introduction import introduction
from oxy_ai.database import connected_pool
from oxy_ai.engine.outgoing import Destination, find_destination, queue_message
from oxy_ai.engine.store import Engine
from oxy_ai.media.library import FileLibrary, LibrarySettings
from oxy_ai.media.records import FileKey, OutboundFile
from oxy_core.file_types import OGG_OPUS
from oxy_core.identity import Jid, new_id
from oxy_core.outbound import (
    CardContent,
    CatalogLink,
    EditContent,
    FileContent,
    FileKind,
    OutboundContent,
    PlaceContent,
    PollContent,
    PresenceContent,
    PresenceState,
    Quoted,
    ReactionContent,
    ReadContent,
    RevokeContent,
    SendRefusal,
    TextContent,
)
from oxy_dev.stack import Stack, petshop
from oxy_simulator.testing import Phone, WhatsApp

T = TypeVar("T")

pytestmark = SHARED

CUSTOMER = "+5511912340001"
WITHOUT_NINTH_DIGIT = "+551187650002"
WITH_NINTH_DIGIT = "+5511987650002"
NOBODY = "+5511912349999"

PNG = b"\x89PNG\r\n\x1a\n" + bytes(50_000)
MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(600_000)
PDF = b"%PDF-1.7\n" + bytes(2_000)
MP3 = b"ID3\x04" + bytes(3_000)


class Business:
    """The platform's side: what is queued, and what became of it."""

    def __init__(self, engine: Engine, admin: asyncpg.Connection, organization: str, to: Destination) -> None:
        self._engine = engine
        self._organization = organization
        self._admin = admin
        self._library = FileLibrary(engine.pool, LibrarySettings())
        self.to = to

    async def send(self, what: str | OutboundContent, to: Destination | None = None) -> UUID:
        return await queue_message(self._engine, to or self.to, what)

    async def other(self, phone: str) -> Destination:
        return await find_destination(self._engine, self._organization, "petshop", phone)

    async def file(
        self, kind: FileKind, mime: str, data: bytes, *, claim: bytes | None = None, **more: object
    ) -> FileContent:
        """Store a file to send; `claim`: the bytes whose hash is ordered."""
        values = {"kind": kind, "media_id": new_id(), "mime": mime, "size": len(data)}
        content = FileContent.model_validate(values | {"sha256": hashlib.sha256(claim or data).hexdigest()} | more)
        stored = OutboundFile(
            id=content.media_id, kind=kind.value, mime=mime, size_bytes=len(data), sha256=content.sha256
        )
        key = FileKey(self.to.organization, self.to.instance, content.media_id)
        assert await self._library.add_outbound(key, stored, memoryview(data))
        return content

    async def state(self, request: UUID, state: str) -> bool:
        found: bool = await self._admin.fetchval("select state = $2 from outbox where id = $1", request, state)
        return found

    async def conversations_of(self, *texts: str) -> int:
        query = "select count(distinct conversation_id) from messages where body = any ($1)"
        count: int = await self._admin.fetchval(query, texts)
        return count

    async def ended(self, request: UUID) -> asyncpg.Record:
        """Wait for the result of a message and return its row."""

        async def closed() -> asyncpg.Record | None:
            return await self._admin.fetchrow("select * from outbox where id = $1 and closed_at is not null", request)

        return await until(closed)


async def until(condition: Callable[[], Awaitable[T | None]], seconds: float = 60) -> T:
    async with asyncio.timeout(seconds):
        while not (value := await condition()):  # noqa: ASYNC110 other processes change it
            await asyncio.sleep(0.05)
    return value


@pytest.fixture
async def business(stack: Stack) -> AsyncIterator[Business]:
    admin = await asyncpg.connect(stack.admin_url)
    async with connected_pool(stack.database_url, connections=2) as pool:
        engine = Engine(pool)
        organization = stack.tenants[0].spec.organization_id
        yield Business(engine, admin, organization, await find_destination(engine, organization, "petshop", CUSTOMER))
    await admin.close()


async def test_every_kind_arrives_on_the_phone_and_every_refusal_says_why(stack: Stack, business: Business) -> None:
    own = stack.tenants[0].spec.phone_number
    async with WhatsApp(stack.control_url) as simulator:
        customer = await simulator.phone(CUSTOMER, "Ana")
        asked = await customer.send("oi", own)
        await customer.expect(introduced("oi"), within=60)  # the scripted model repeats what it reads

        link = f"https://wa.me/c/{own.removeprefix('+')}"
        me = Jid.of_phone(CUSTOMER)
        shown = {
            "answer": TextContent(
                text=f"Claro, @{me.user}!", quote=Quoted(whatsapp_id=asked, text="oi"), mentions=(me,)
            ),
            "preview": TextContent(text=f"Veja {link}", preview=CatalogLink(url=link, title="Catálogo")),
            "image": await business.file(FileKind.IMAGE, "image/png", PNG, caption="Foto"),
            "video": await business.file(FileKind.VIDEO, "video/mp4", MP4, seconds=4.0),
            "document": await business.file(
                FileKind.DOCUMENT, "application/pdf", PDF, name="orçamento.pdf", caption="O orçamento"
            ),
            "audio": await business.file(FileKind.AUDIO, "audio/mpeg", MP3),
            "voice": await business.file(FileKind.VOICE_NOTE, OGG_OPUS, ogg_opus()),
            "place": PlaceContent(latitude=-23.5, longitude=-46.5, name="Loja"),
            "card": CardContent(name="Marina; dona", phone="+5511987651111", organization="Pet Shop"),
            "poll": PollContent(question="Quando?", options=("9h", "10h"), selectable=1),
            "edited": TextContent(text="Custa 50", quote=Quoted(whatsapp_id=asked, text="oi")),
            "revoked": TextContent(text="Segredo", quote=Quoted(whatsapp_id=asked, text="oi")),
        }
        silent = {
            "reaction": ReactionContent(whatsapp_id=asked, emoji="👍"),
            "read": ReadContent(whatsapp_ids=(asked,)),
            "typing": PresenceContent(state=PresenceState.RECORDING, seconds=0.2),
        }
        requests = {name: await business.send(content) for name, content in (shown | silent).items()}
        rows = {name: await business.ended(request) for name, request in requests.items()}
        assert {name: (row["state"], row["error"]) for name, row in rows.items() if row["state"] not in SENT} == {}
        assert all(rows[name]["whatsapp_id"] and rows[name]["whatsapp_at"] for name in (*shown, "reaction"))

        changes = {
            "edit": EditContent(whatsapp_id=rows["edited"]["whatsapp_id"], text="Custa 60"),
            "revoke": RevokeContent(whatsapp_id=rows["revoked"]["whatsapp_id"]),
        }
        for name, content in changes.items():
            row = await business.ended(await business.send(content))
            assert row["state"] in SENT, (name, row["error"])
        await check_phone(customer, {name: row["whatsapp_id"] for name, row in rows.items()}, asked)
        [line] = await simulator.messages(id=asked)
        assert "read" in line.stages  # by the business, as asked
        # The phone's receipts take its messages further.
        await customer.act("mark", chat=own)
        await until(lambda: business.state(requests["answer"], "read"))
        await check_refusals(business)

        # An account that is registered without the ninth digit is one chat, however its number is written.
        old = await simulator.phone(WITHOUT_NINTH_DIGIT, "Bia")
        row = await business.ended(await business.send("Oi, Bia", await business.other(WITH_NINTH_DIGIT)))
        assert row["state"] in SENT, row["error"]
        assert (await old.expect("Oi, Bia", within=20)).chat == own.removeprefix("+")
        await old.send("obrigada", own)
        await old.expect(introduced("obrigada"), within=60)
        assert await business.conversations_of("Oi, Bia", "obrigada") == 1


def introduced(text: str) -> str:
    """What a new contact reads as the first answer."""
    return f"{text}\n\n{introduction(text, petshop().spec.display_name)}"


SENT = {"sent", "delivered", "read"}


async def check_phone(customer: Phone, ids: dict[str, str], asked: str) -> None:
    """Compare what the phone shows with what was asked for."""
    messages = {message.id: message for message in await customer.inbox()}
    got = {name: messages[whatsapp_id] for name, whatsapp_id in ids.items() if whatsapp_id in messages}
    kinds = {name: message.kind for name, message in got.items()}
    assert kinds == {
        **dict.fromkeys(("answer", "preview", "edited", "revoked"), "text"),
        **{name: name for name in ("image", "video", "document", "audio", "voice", "poll", "reaction")},
        "place": "location",
        "card": "contact",
    }
    content = {name: message.content.model_dump() for name, message in got.items() if message.content is not None}
    assert got["answer"].quoted_id == asked
    assert content["answer"]["mentions"] == (CUSTOMER.removeprefix("+"),)
    assert content["preview"]["preview"]["title"] == "Catálogo"
    assert (content["image"]["mimetype"], content["image"]["caption"]) == ("image/png", "Foto")
    assert (content["document"]["file_name"], content["document"]["caption"]) == ("orçamento.pdf", "O orçamento")
    assert (content["voice"]["seconds"], len(content["voice"]["waveform"])) == (3, 64)
    assert max(content["voice"]["waveform"]) > min(content["voice"]["waveform"])
    assert content["card"]["contact"]["name"] == "Marina; dona"
    assert "waid=5511987651111" in content["card"]["contact"]["vcard"]
    assert (content["poll"]["options"], content["poll"]["selectable"]) == (("9h", "10h"), 1)
    files = {"image": PNG, "video": MP4, "document": PDF, "audio": MP3, "voice": ogg_opus()}
    for name, data in files.items():
        assert await customer.file(got[name].id) == data
    edited, revoked = await customer.message(got["edited"].id), await customer.message(got["revoked"].id)
    assert (edited.text, revoked.revoked_at is not None) == ("Custa 60", True)
    assert list((await customer.message(asked)).reactions.values()) == ["👍"]


async def check_refusals(business: Business) -> None:
    """Ask for what cannot be sent; each refusal names its remedy."""
    link = "https://wa.me/c/5511900000000"
    wrong: dict[str, tuple[str | OutboundContent, Destination | None]] = {
        "no opus": (await business.file(FileKind.VOICE_NOTE, OGG_OPUS, MP3), None),
        "no image": (await business.file(FileKind.IMAGE, "image/png", PDF), None),
        "wrong hash": (await business.file(FileKind.DOCUMENT, "application/pdf", PDF, claim=MP3), None),
        "no file": (FileContent(kind="document", media_id=new_id(), mime="a/b", size=9, sha256="0" * 64), None),
        "foreign": (TextContent(text=link, preview=CatalogLink(url=link, title="Outro")), None),
        "nobody": ("Alô?", await business.other(NOBODY)),
    }
    requests = {name: await business.send(*asked) for name, asked in wrong.items()}
    ended = {name: await business.ended(request) for name, request in requests.items()}
    assert {name: (row["state"], row["refusal"]) for name, row in ended.items()} == {
        "no opus": ("failed", SendRefusal.UNSUPPORTED_MEDIA),
        "no image": ("failed", SendRefusal.UNSUPPORTED_MEDIA),
        "wrong hash": ("failed", SendRefusal.FILE_UNAVAILABLE),
        "no file": ("failed", SendRefusal.FILE_UNAVAILABLE),
        "foreign": ("failed", SendRefusal.INVALID),
        "nobody": ("failed", SendRefusal.NOT_ON_WHATSAPP),
    }
    assert "Ogg/Opus" in ended["no opus"]["error"]
