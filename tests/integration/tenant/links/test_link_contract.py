"""What the runtime relies on in a link, whichever library connects. A further adapter is one more parameter."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from integration.tenant.links.worlds import (
    CUSTOMER,
    MESSAGES,
    WITHOUT_NINTH_DIGIT,
    World,
    document_of,
    memory_world,
    neonize_world,
)

from oxy_core.content import ChatType
from oxy_core.identity import Jid
from oxy_core.report_bodies import ReceiptKind
from oxy_tenant.content.media import MediaPointer, MediaType
from oxy_tenant.links.errors import (
    LinkError,
    LinkUnavailableError,
    MediaCorruptError,
    MediaExpiredError,
    MediaTooLargeError,
    MediaUnavailableError,
    RateLimitedError,
    ReachOutLockedError,
    RefusalReason,
    SendDeferredError,
    SendRefusedError,
)
from oxy_tenant.links.events import CallMissed, CaughtUp, ChangedNumber, Identified, Receipts

STRANGER = Jid.of_phone("+5511999999999")
FILE = b"%PDF-1.7\n" + bytes(range(256)) * 300
LIMIT = 1 << 20


@pytest.fixture(params=[neonize_world, memory_world])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with request.param(tmp_path) as built:
        yield built


def text(content: str) -> object:
    message = MESSAGES.Message(conversation=content)
    message.messageContextInfo.messageSecret = hashlib.sha256(content.encode()).digest()
    return message


async def test_messages_go_both_ways_with_receipts_and_what_people_do_beside_writing(world: World) -> None:
    await world.link_up()
    [identified] = {event.phone for event in world.delivered.of(Identified)}
    assert identified.bare == Jid.of_phone("+5511900000001")
    await world.event(CaughtUp)

    # a message comes as it was written, with the facts of its envelope
    written = await world.write("Quero um banho às 10h 🛁")
    arrival = await world.message(written)
    facts, ana = arrival.facts, Jid.of_phone(CUSTOMER)
    assert arrival.message is not None
    texts = {arrival.message.conversation, arrival.message.extendedTextMessage.text}
    assert "Quero um banho às 10h 🛁" in texts
    assert (facts.chat.is_lid, facts.chat_alias, facts.sender, facts.chat_type) == (
        True,
        ana,
        facts.chat,
        ChatType.DIRECT,
    )
    assert (facts.from_me, facts.live, facts.sender_device, facts.push_name) == (False, True, 0, "Ana")
    assert facts.sent_at is not None
    assert abs((facts.sent_at - datetime.now(UTC)).total_seconds()) < 60

    # so does what we write, and its receipts come back
    sent = await world.send(facts.chat, text("Às 10h está livre."))
    assert await world.text_of(sent.whatsapp_id) == "Às 10h está livre."
    assert sent.timestamp is not None
    for unknown in ("whatever is new", "server-error", "view"):
        await world.confirm(unknown, sent.whatsapp_id)
    await world.mark(sent.whatsapp_id, "read")
    await world.mark(sent.whatsapp_id, "played")
    for kind in ReceiptKind:
        receipts = await world.event(
            Receipts,
            lambda one, kind=kind: one.kind is kind and sent.whatsapp_id in one.whatsapp_ids and not one.from_me,
        )
        assert {receipts.chat, receipts.by} <= {facts.chat, ana}
        assert receipts.at is not None
    assert {one.kind for one in world.delivered.of(Receipts)} == set(ReceiptKind)

    # reading, typing
    await world.call("mark_read", facts.chat, facts.chat, [written])
    assert await world.marked(written) is ReceiptKind.READ
    await world.call("show_online", online=True)
    for state, shown in (("composing", {"typing": True}), ("recording", {"typing": True, "recording": True})):
        await world.call("show_typing", facts.chat, **shown)
        await world.shown(state)
    await world.call("show_typing", facts.chat, typing=False)
    await world.shown("paused")

    # who has an account, and under which spelling
    found = {await world.call("resolve", phone) for phone in (CUSTOMER, WITHOUT_NINTH_DIGIT)}
    assert len(found) == 1
    assert found <= {facts.chat, ana}
    assert await world.call("resolve", "+5521988887777") is None

    # calls and new numbers
    await world.ring()
    missed = await world.event(CallMissed)
    assert {missed.chat, missed.chat_alias} == {facts.chat, ana}
    await world.move("+5511922222222")
    changed = await world.event(ChangedNumber)
    assert (changed.old, changed.new) == (ana, Jid.of_phone("+5511922222222"))

    # after all of that, messages still come
    await world.message(await world.write("Obrigada!"))
    await world.write_on_own_phone("lembrete")


async def test_what_was_written_meanwhile_comes_when_the_link_opens_again(world: World) -> None:
    await world.link_up()
    first = await world.message(await world.write("oi"))
    assert await world.call("close")
    with pytest.raises(LinkUnavailableError):
        await world.send(first.facts.chat, text("cedo demais"))
    written = await world.write("ainda está aí?")
    await world.link_up()
    assert not (await world.message(written)).facts.live
    assert [one.facts.whatsapp_id for one in world.delivered.messages].count(first.facts.whatsapp_id) == 1


async def refused(world: World, code: int, error: LinkError) -> None:
    await world.refuse(code)
    with pytest.raises(type(error)) as caught:
        await world.send(Jid.of_phone(CUSTOMER), text("oi"))
    assert getattr(caught.value, "reason", None) == getattr(error, "reason", None)
    if isinstance(caught.value, SendDeferredError) and not isinstance(error, ReachOutLockedError):
        assert (caught.value.retry_after or 0) > 0


async def test_what_is_refused_says_whether_it_may_pass(world: World) -> None:
    await world.link_up()
    await world.message(await world.write("oi"))
    await refused(world, 403, SendRefusedError("", reason=RefusalReason.FORBIDDEN))
    await refused(world, 479, SendRefusedError("", reason=RefusalReason.INVALID))
    await refused(world, 503, SendDeferredError(""))
    await refused(world, 429, RateLimitedError(""))
    await refused(world, 463, ReachOutLockedError(""))
    with pytest.raises(SendRefusedError) as caught:
        await world.send(STRANGER, text("oi"))
    assert caught.value.reason is RefusalReason.NOT_ON_WHATSAPP
    sent = await world.send(Jid.of_phone(CUSTOMER), text("agora sim"))
    assert await world.text_of(sent.whatsapp_id) == "agora sim"


async def test_files_go_both_ways_and_say_why_they_do_not(world: World) -> None:
    await world.link_up()
    pointer = pointer_of((await world.message(await world.give(FILE))).message)
    assert await world.call("download", pointer, max_bytes=LIMIT) == FILE
    with pytest.raises(MediaTooLargeError):
        await world.call("download", pointer, max_bytes=len(FILE) - 1)
    with pytest.raises(MediaTooLargeError):  # whoever sends a file claims its size
        await world.call("download", replace(pointer, size=1), max_bytes=len(FILE) - 1)
    with pytest.raises(MediaCorruptError):
        await world.call("download", replace(pointer, file_sha256=bytes(32)), max_bytes=LIMIT)
    for path in ("", "nonsense", "@example.org/x"):
        with pytest.raises((MediaCorruptError, MediaExpiredError)):
            await world.call("download", replace(pointer, direct_path=path), max_bytes=LIMIT)

    uploaded = await world.call("upload", FILE, MediaType.DOCUMENT)
    chat = Jid.of_phone(CUSTOMER)
    sent = await world.send(chat, MESSAGES.Message(documentMessage=document_of(uploaded)))
    assert await world.file_of(sent.whatsapp_id) == FILE

    await world.expire(pointer)
    with pytest.raises(MediaExpiredError):
        await world.call("download", pointer, max_bytes=LIMIT)
    await world.call("close")
    with pytest.raises(MediaUnavailableError):
        await world.call("download", pointer, max_bytes=LIMIT)


def pointer_of(message: object) -> MediaPointer:
    document = message.documentMessage  # type: ignore[attr-defined]  # a protobuf
    if not document.directPath:
        document = message.documentWithCaptionMessage.message.documentMessage  # type: ignore[attr-defined]
    return MediaPointer(
        MediaType.DOCUMENT,
        document.directPath,
        document.mediaKey,
        document.fileSHA256,
        document.fileEncSHA256,
        document.fileLength,
    )
