"""Files between phones and the real, unmodified neonize."""

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import pytest
from integration.simulator.clients import NeonizeClient
from PIL import Image as Picture

from oxy_simulator.attachments import Audio, Document, Image, Sticker, Video, Voice
from oxy_simulator.contents import AnyContent
from oxy_simulator.errors import RequestError
from oxy_simulator.replies import MessageState
from oxy_simulator.testing import Phone, WhatsApp

PATIENCE = 30.0
DATA = os.urandom(100_001)


def _picture() -> bytes:
    file = io.BytesIO()
    Picture.effect_noise((300, 200), 90).save(file, "webp")
    return file.getvalue()


PICTURE = _picture()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "gato.webp"
    path.write_bytes(PICTURE)
    return path


async def checked(phone: Phone, message_id: str) -> MessageState:
    """Return a message once the phone has fetched its file."""
    service = phone.whatsapp.service
    chats = service.account(phone.number).chats

    def fetched() -> bool:
        known = chats.search(message_id)
        return known is not None and known.media is not None and known.media.checked

    assert await service.wait_for(fetched, PATIENCE)
    return await phone.message(message_id)


@pytest.mark.parametrize(
    "content",
    [
        Image(data=DATA, caption="meu gato", width=3, height=2, thumbnail=b"\xff\xd8"),
        Video(data=DATA, caption="ele corre", seconds=4, gif=True),
        Audio(data=DATA, seconds=3),
        Voice(data=DATA, seconds=2, waveform=bytes(64)),
        Sticker(data=DATA, animated=True),
        Document(data=DATA, file_name="exame.pdf", caption="veja", mimetype="application/pdf", pages=2),
        Image(data=DATA, view_once="v2"),
        Voice(data=DATA, view_once="v2-extension"),
        Video(data=DATA, view_once="v1", ephemeral=86400),
    ],
    ids=lambda content: f"{content.kind}-{content.view_once}",
)
async def test_the_client_downloads_what_a_phone_sends(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient, content: AnyContent
) -> None:
    sent = await ana.send(content, to=bot)
    event = await client.expect("Message", id=sent)
    assert event["view_once"] == bool(getattr(content, "view_once", None))
    fetched = await client.ask("fetch", "Sent", message_id=sent)
    assert (fetched["size"], fetched["sha256"]) == (len(DATA), hashlib.sha256(DATA).hexdigest())
    assert (await bot.inbox())[-1].content == content.model_copy(
        update={"data": b"", "mimetype": getattr((await bot.inbox())[-1].content, "mimetype", "")}
    )
    assert await bot.file(sent) == DATA
    assert await simulator.settled(PATIENCE)
    (line,) = await simulator.messages(id=sent)
    assert line.kind == content.kind
    assert {"sent", "relayed", "receipted", "downloaded"} <= set(line.stages)


async def test_the_phone_checks_what_the_client_uploads(
    simulator: WhatsApp, ana: Phone, client: NeonizeClient, picture: Path, tmp_path: Path
) -> None:
    document = tmp_path / "exame.bin"
    document.write_bytes(DATA)
    sent = [
        (await client.ask("image", "Sent", to=ana.number, path=str(picture), caption="gato"))["id"],
        (await client.ask("document", "Sent", to=ana.number, path=str(document), caption="exame"))["id"],
        (await client.ask("sticker", "Sent", to=ana.number, path=str(picture)))["id"],
        (await client.ask("file", "Sent", to=ana.number, path=str(document), kind="audio"))["id"],
        (await client.ask("file", "Sent", to=ana.number, path=str(document), kind="video"))["id"],
    ]
    states = [await checked(ana, message_id) for message_id in sent]
    assert [state.kind for state in states] == ["image", "document", "sticker", "audio", "video"]
    assert [state.media.error for state in states if state.media] == [None] * 5
    digest = hashlib.sha256(await ana.file(sent[0])).hexdigest()
    assert digest == hashlib.sha256(PICTURE).hexdigest()
    assert await ana.file(sent[1]) == DATA
    image = await ana.expect("gato", kind="image", within=PATIENCE)
    assert isinstance(image.content, Image)
    assert image.content.thumbnail.startswith(b"\xff\xd8")
    (line,) = await simulator.messages(id=sent[1])
    assert {"received", "acked", "decrypted", "receipted", "downloaded"} <= set(line.stages)


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [("expired", "404"), ("damaged", "hash of media ciphertext"), ("wrong-mac", "hmac"), ("wrong-file-hash", "hash")],
)
async def test_the_client_is_told_of_a_bad_file(
    bot: Phone, ana: Phone, client: NeonizeClient, fault: str, complaint: str
) -> None:
    await bot.whatsapp.api.media_fault(fault, count=2)
    sent = await ana.send(Image(data=DATA), to=bot)
    await client.expect("Message", id=sent)
    await client.do("fetch", message_id=sent)
    assert complaint in (await client.expect("Sent"))["error"]
    if fault in {"wrong-mac", "wrong-file-hash"}:
        with pytest.raises(RequestError, match="cannot be read"):
            await bot.file(sent)


@pytest.mark.parametrize("fault", [{"kind": "cut"}, {"kind": "slow", "rate": 60_000}], ids=str)
async def test_the_client_gets_the_file_in_spite_of(
    simulator: WhatsApp, bot: Phone, ana: Phone, client: NeonizeClient, fault: dict[str, Any]
) -> None:
    await simulator.api.media_fault(**fault)
    sent = await ana.send(Image(data=DATA), to=bot)
    await client.expect("Message", id=sent)
    assert (await client.ask("fetch", "Sent", message_id=sent))["size"] == len(DATA)


async def test_uploads_are_refused(
    simulator: WhatsApp, ana: Phone, client: NeonizeClient, picture: Path, tmp_path: Path
) -> None:
    await simulator.api.media_fault("auth-expired", ttl=0)
    await client.ask("image", "Sent", to=ana.number, path=str(picture), caption="um")
    await simulator.api.media_fault("upload-refused", status=507)
    await client.do("image", to=ana.number, path=str(picture), caption="dois")
    assert "507" in (await client.expect("Sent"))["error"]
    await simulator.api.media_fault("upload-cut")
    await client.do("image", to=ana.number, path=str(picture), caption="três")
    assert (await client.expect("Sent"))["error"]
    large = tmp_path / "video.mp4"
    large.write_bytes(bytes((16 << 20) + 1))
    await client.do("file", to=ana.number, path=str(large), kind="video")
    assert "413" in (await client.expect("Sent"))["error"]
    assert [message.text for message in await ana.inbox()] == ["um"]


async def test_an_authorisation_that_expired_is_refused(
    simulator: WhatsApp, ana: Phone, client: NeonizeClient, picture: Path
) -> None:
    await client.ask("image", "Sent", to=ana.number, path=str(picture), caption="um")
    await simulator.api.media_fault("auth-expired")
    await client.do("image", to=ana.number, path=str(picture), caption="dois")
    assert "401" in (await client.expect("Sent"))["error"]
