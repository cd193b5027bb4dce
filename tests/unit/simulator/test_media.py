"""Media: encryption in chunks, the files' own checks, retries, authorisations."""

import asyncio
import hashlib
import io
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from unit.simulator.memory import MemoryClient, World

from oxy_simulator import sending
from oxy_simulator.accounts import Account
from oxy_simulator.attachments import Document, Image
from oxy_simulator.chats import MediaFacts
from oxy_simulator.errors import DecryptionError, RequestError
from oxy_simulator.kdf import hkdf
from oxy_simulator.media import CHUNK, decrypt_file, encrypt_file, media_keys
from oxy_simulator.mediadesk import AUTH_SECONDS, MediaFaultKind, MediaRule, file_at
from oxy_simulator.medialibrary import MediaLibrary, TooLargeError
from oxy_simulator.node import Node, node
from oxy_simulator.proto.message_pb2 import MediaRetryNotification, ServerErrorReceipt

DATA = os.urandom(1000)


@pytest.fixture
def library(world: World, tmp_path: Path) -> MediaLibrary:
    return MediaLibrary(tmp_path, world.network)


def attach(library: MediaLibrary, account: Account, kind: str = "image", data: bytes = DATA) -> MediaFacts:
    async def chunks() -> AsyncIterator[bytes]:
        yield data[:7]
        yield data[7:]

    facts = library.attach(kind, asyncio.run(library.receive(chunks(), 1 << 20)))
    account.files["f"] = facts
    return facts


@given(st.integers(0, 3 * CHUNK), st.sampled_from(["image", "video", "audio", "document"]))
def test_a_file_of_any_size_comes_back(size: int, kind: str) -> None:
    data = os.urandom(size)
    target, plain = io.BytesIO(), io.BytesIO()
    made = encrypt_file(io.BytesIO(data), target, kind)
    encrypted = target.getvalue()
    assert (made.size, made.file_enc_sha256) == (len(encrypted), hashlib.sha256(encrypted).digest())
    found = decrypt_file(io.BytesIO(encrypted), made.size, plain, media_keys(made.media_key, kind))
    assert found == (made.file_sha256, made.file_length) == (hashlib.sha256(data).digest(), size)
    assert plain.getvalue() == data


@pytest.mark.parametrize("place", [0, 500, -1])
def test_a_changed_byte_is_found(place: int) -> None:
    target = io.BytesIO()
    made = encrypt_file(io.BytesIO(DATA), target, "image")
    encrypted = bytearray(target.getvalue())
    encrypted[place] ^= 1
    with pytest.raises(DecryptionError, match="authentication code"):
        decrypt_file(io.BytesIO(encrypted), made.size, io.BytesIO(), media_keys(made.media_key, "image"))


def test_each_lie_about_a_file_is_told(world: World, library: MediaLibrary) -> None:
    facts = attach(library, world.ana)
    assert library.check(facts).error is None
    with library.open_plain(facts) as plain:
        assert plain.read() == DATA
    lies = {
        "the media key has 5 bytes": replace(facts, media_key=b"short"),
        "authentication code": replace(facts, media_key=bytes(32)),
        "is no path": replace(facts, direct_path="/v/t62.7118-24/x?y=z"),
        "hash of the encrypted file": replace(facts, file_enc_sha256=bytes(32)),
        "hash of the decrypted file": replace(facts, file_sha256=bytes(32)),
        "the message says 7": replace(facts, file_length=7),
        "no MIME type": replace(facts, mimetype=""),
    }
    for complaint, lie in lies.items():
        assert complaint in str(library.check(lie).error)
    assert "authentication code" in str(library.check(replace(facts, kind="video")).error), "keys depend on the kind"


def test_nothing_is_left_of_a_file_that_is_too_large(library: MediaLibrary, tmp_path: Path) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield bytes(500)

    with pytest.raises(TooLargeError, match="larger than 1000 bytes"):
        asyncio.run(library.receive(chunks(), 1000))
    assert list((tmp_path / "media").iterdir()) == []


def test_a_phone_says_that_it_has_no_such_file(world: World) -> None:
    with pytest.raises(RequestError, match="has no file x"):
        sending.say(world.network, world.ana, world.bot, Image(file="x"))


def test_a_document_with_caption_is_wrapped(world: World, library: MediaLibrary, client: MemoryClient) -> None:
    attach(library, world.ana, "document")
    sending.say(world.network, world.ana, world.bot, Document(file="f", file_name="a.pdf", caption="veja"))
    (stanza,) = client.received()
    assert (stanza.text("type"), stanza.require("enc").text("mediatype")) == ("media", "document")
    message = client.read(stanza)
    assert message.document_with_caption_message.message.document_message.caption == "veja"


def test_a_client_is_told_where_to_upload(world: World, client: MemoryClient) -> None:
    connection = client.ask("w:m", "set", node("media_conn")).require("media_conn")
    assert connection.text("auth_ttl") == str(AUTH_SECONDS)
    assert [host.text("hostname") for host in connection.children] == list(world.network.media.hosts)
    authorisation = world.network.media.authorisations[connection.text("auth")]
    assert (authorisation.phone, authorisation.expires_at) == (world.bot.phone, world.clock.now + AUTH_SECONDS)


def ask_for_retry(world: World, client: MemoryClient, message_id: str, key: bytes, inside: str = "") -> list[Node]:
    secret = hkdf(key, None, b"WhatsApp Media Retry Notification", 32)
    request = ServerErrorReceipt(stanza_id=inside or message_id).SerializeToString()
    sealed = AESGCM(secret).encrypt(bytes(12), request, message_id.encode())
    encrypt = node("encrypt", content=[node("enc_p", content=sealed), node("enc_iv", content=bytes(12))])
    rmr = node("rmr", {"jid": world.ana.lid, "from_me": "false"})
    client.send(node("receipt", {"id": message_id, "to": world.bot.pn, "type": "server-error"}, [encrypt, rmr]))
    return [stanza for stanza in client.received() if stanza.tag == "notification"]


def test_an_expired_file_is_uploaded_again(world: World, library: MediaLibrary, client: MemoryClient) -> None:
    facts = attach(library, world.ana)
    sent = sending.say(world.network, world.ana, world.bot, Image(file="f"))
    client.received()
    (notification,) = ask_for_retry(world, client, sent, facts.media_key)
    assert (notification.text("type"), notification.require("rmr").jid("jid")) == ("mediaretry", world.ana.lid)
    secret = hkdf(facts.media_key, None, b"WhatsApp Media Retry Notification", 32)
    encrypt = notification.require("encrypt")
    iv, sealed = encrypt.require("enc_iv").data, encrypt.require("enc_p").data
    answer = MediaRetryNotification.FromString(AESGCM(secret).decrypt(iv, sealed, sent.encode()))
    assert (answer.stanza_id, answer.result) == (sent, MediaRetryNotification.SUCCESS)
    again = file_at(world.network, answer.direct_path)
    assert again is not None
    assert answer.direct_path != facts.direct_path
    assert library.check(replace(facts, direct_path=answer.direct_path)).error is None


def test_what_is_not_on_the_phone_is_not_uploaded_again(
    world: World, library: MediaLibrary, client: MemoryClient
) -> None:
    facts = attach(library, world.ana)
    sent = sending.say(world.network, world.ana, world.bot, Image(file="f"))
    client.received()
    (unknown,) = ask_for_retry(world, client, "3A00", facts.media_key)
    world.network.media.rules.append(MediaRule(MediaFaultKind.NOT_ON_PHONE))
    (gone,) = ask_for_retry(world, client, sent, facts.media_key)
    assert [stanza.require("error").text("code") for stanza in (unknown, gone)] == ["2", "2"]


def test_a_retry_that_is_sealed_wrongly_is_a_violation(
    world: World, library: MediaLibrary, client: MemoryClient
) -> None:
    facts = attach(library, world.ana)
    sent = sending.say(world.network, world.ana, world.bot, Image(file="f"))
    client.received()
    assert ask_for_retry(world, client, sent, bytes(32)) == []
    assert ask_for_retry(world, client, sent, facts.media_key, inside="other") == []
    assert [violation.rule for violation in world.network.state.violations] == ["bad-stanza", "bad-stanza"]
    world.network.state.violations.clear()
