"""Messages that no turn asked for, from the command to the pod."""

import asyncio
from io import BytesIO
from uuid import UUID

import pytest
from integration.ai.scene import CUSTOMER, FakePod, Scene, settings_of, until

from oxy_ai.database import connected_pool
from oxy_ai.engine.send_orders import ReceivedOrder, carry_out, described, read_order
from oxy_ai.engine.store import Engine
from oxy_ai.errors import AdministrationError
from oxy_ai.media.library import FileLibrary, LibrarySettings
from oxy_core import subjects
from oxy_core.envelopes import Lane, SendOutcome, SendResult
from oxy_core.file_types import OGG_OPUS
from oxy_core.files import FILE_REFUSED_HEADER, ChunkRequest
from oxy_core.outbound import FileContent, FileKind, SendRefusal
from oxy_core.send_command import FileOrder, SendAnswer, SendOrder, SendState


def order(text: str | None, phone: str = CUSTOMER, **changes: object) -> SendOrder:
    values = {"organization": "petshop", "instance": "main", "phone": phone, "text": text}
    return SendOrder.model_validate(values | changes)


async def test_a_command_sends_to_customers_and_strangers(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker(), connected_pool(scene.database_url, connections=1) as pool:
        await scene.known(pod.settings)
        await pod.answer_to("Oi")
        command = order("Seu pet está pronto!", wait_seconds=30).model_dump_json()
        ended = await asyncio.to_thread(scene.admin, "send", stdin=command + "\n")
        assert ended.returncode == 0, ended.stderr
        answer, got = SendAnswer.model_validate_json(ended.stdout), pod.sent[1]
        assert (answer.id, answer.state) == (got.id, SendState.SENT)
        assert (got.text, got.lane) == ("Seu pet está pronto!", Lane.AUTOMATION)
        # It belongs to the customer's conversation, where the next turn reads it.
        assert len(await scene.query("select distinct conversation_id from messages")) == 1

        await pod.answer_to("não quero receber mensagens")
        withheld = await asyncio.to_thread(scene.admin, "send", stdin=command + "\n")
        refused = SendAnswer.model_validate_json(withheld.stdout)
        assert refused.state is SendState.FAILED
        assert "asked not to be written to" in (refused.error or "")
        await pod.answer_to("voltar")

        pod.results = False
        library = FileLibrary(pool, LibrarySettings())
        answering = asyncio.create_task(
            carry_out(Engine(pool), library, ReceivedOrder(order("Olá", "+5511912349999", wait_seconds=30), b""))
        )
        await until(lambda: len(pod.sent) == 5)
        failed = SendResult(
            request_id=pod.sent[4].id,
            outcome=SendOutcome.FAILED,
            refusal=SendRefusal.NOT_ON_WHATSAPP,
            error="the number has no account",
        )
        pod.report(failed)
        answer = await answering
        assert (answer.state, answer.refusal, answer.error) == (SendState.FAILED, failed.refusal, failed.error)
        # No turn failed, yet the owner hears of it.
        await until(lambda: len(pod.sent) == 6)

        with pytest.raises(AdministrationError, match="not known"):
            await carry_out(Engine(pool), library, ReceivedOrder(order("Olá", instance="other"), b""))

        note = b"OggS" + bytes(22) + b"\x01\x13OpusHead" + bytes(600_000)
        file = FileOrder(name="nota.ogg", size=len(note), voice=True)
        await carry_out(Engine(pool), library, ReceivedOrder(order(None, file=file), note))
        content = await until(lambda: next((request.content for request in pod.sent if request.content), None))
        assert isinstance(content, FileContent)
        assert (content.kind, content.mime) == (FileKind.VOICE_NOTE, OGG_OPUS)
        chunks = [await chunk(scene, pod, content.media_id, number) for number in range(4)]
        assert b"".join(chunks[:3]) == note
        assert chunks[3] is None
        # Another account gets nothing of it.
        foreign = await scene.pod(settings_of("petshop", "other"))
        await scene.known(foreign.settings)
        assert await chunk(scene, foreign, content.media_id, 0) is None


async def chunk(scene: Scene, pod: FakePod, media_id: UUID, number: int) -> bytes | None:
    """Ask for a chunk as a pod does."""
    subject = subjects.file_request(pod.settings.account, pod.settings.instance)
    request = ChunkRequest(media_id=media_id, number=number).model_dump_json().encode()
    answer = await scene.client.request(subject, request, timeout=10)
    return None if (answer.headers or {}).get(FILE_REFUSED_HEADER) else answer.data


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        (FileOrder(name="a.mp3", size=3, voice=True), b"ID3", "Ogg/Opus"),
        (FileOrder(name="a.mp3", size=3, caption="Ouça"), b"ID3", "no caption"),
        (FileOrder(name="a.pdf", size=1, caption="x" * 1_025), b"%", "1024"),
    ],
)
def test_a_file_that_cannot_be_sent_is_refused_before_it_is_stored(
    file: FileOrder, content: bytes, complaint: str
) -> None:
    with pytest.raises(AdministrationError, match=complaint):
        described(file, content)


@pytest.mark.parametrize(
    ("name", "content", "kind", "mime"),
    [
        ("foto.bin", b"\x89PNG\r\n\x1a\n", FileKind.IMAGE, "image/png"),
        ("foto.png", b"\x89PNG\r\n\x1a\n" + bytes(6 << 20), FileKind.DOCUMENT, "image/png"),
        (
            "tabela.xlsx",
            b"PK\x03\x04",
            FileKind.DOCUMENT,
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
        ("notas.txt", b"oi", FileKind.DOCUMENT, "text/plain"),
        ("notas", b"oi", FileKind.DOCUMENT, "application/octet-stream"),
    ],
)
def test_a_file_is_sent_as_what_it_is(name: str, content: bytes, kind: FileKind, mime: str) -> None:
    found = described(FileOrder(name=name, size=len(content)), content)
    assert (found.kind, found.mime) == (kind, mime)
    assert found.name == (name if kind is FileKind.DOCUMENT else None)


def test_an_order_needs_its_whole_file() -> None:
    command = order(None, file=FileOrder(name="a", size=3)).model_dump_json().encode() + b"\n"
    assert read_order(BytesIO(command + b"abc")).content == b"abc"
    with pytest.raises(AdministrationError, match="only 2 of the file's 3 bytes"):
        read_order(BytesIO(command + b"ab"))
    with pytest.raises(AdministrationError, match="check phone"):
        read_order(BytesIO(command.replace(b"+55", b"x55")))
