from datetime import UTC, datetime
from uuid import uuid4

import pytest

from oxy_core.identity import Jid
from oxy_core.outbound import CardContent, FileContent, FileKind, PlaceContent, Quoted, ReactionContent, TextContent
from oxy_tenant.content.composition import (
    Composable,
    FileFacts,
    Setting,
    compose,
    compose_file,
    vcard,
    with_secret,
)
from oxy_tenant.content.media import MediaPointer, MediaType, UploadedFile
from oxy_tenant.content.voice_notes import VoiceFacts
from oxy_tenant.links.neonize.library import load_messages

CHAT = Jid.parse("123@lid")
OWN = (Jid.parse("5511900000001@s.whatsapp.net"), Jid.parse("999@lid"))
SETTING = Setting(load_messages()[1], CHAT, datetime(2026, 1, 1, tzinfo=UTC), OWN)


@pytest.mark.parametrize(
    ("quote", "participant"),
    [
        (Quoted(whatsapp_id="A"), "123@lid"),
        (Quoted(whatsapp_id="A", sender=Jid.parse("9@lid")), "9@lid"),
        (Quoted(whatsapp_id="A", from_me=True), "999@lid"),
    ],
)
@pytest.mark.parametrize(
    "content",
    [
        TextContent(text="Oi"),
        PlaceContent(latitude=1, longitude=2),
        CardContent(name="Ana", phone="+5511987651111"),
    ],
    ids=lambda content: content.type,
)
def test_an_answer_names_what_it_quotes_and_who_wrote_it(content: Composable, quote: Quoted, participant: str) -> None:
    message = compose(SETTING, content.model_copy(update={"quote": quote}))
    [(_, part)] = message.ListFields()
    assert (part.contextInfo.stanzaID, part.contextInfo.participant) == ("A", participant)


def test_names_cannot_add_lines_or_fields_to_a_card() -> None:
    card = vcard(CardContent(name="Ana;\nTEL:+1", phone="+5511987651111", organization="A,B\\"))
    assert card.split("\n") == [
        "BEGIN:VCARD",
        "VERSION:3.0",
        "N:;Ana\\; TEL:+1;;;",
        "FN:Ana\\; TEL:+1",
        "ORG:A\\,B\\\\",
        "TEL;type=CELL;waid=5511987651111:+5511987651111",
        "END:VCARD",
    ]


def test_a_reaction_in_a_direct_chat_names_no_participant() -> None:
    key = compose(SETTING, ReactionContent(whatsapp_id="A", emoji="", sender=CHAT)).reactionMessage.key
    assert (key.remoteJID, key.ID, key.fromMe, key.participant) == ("123@lid", "A", False, "")


def test_a_file_that_claims_an_absurd_length_has_the_longest_that_a_message_can_hold() -> None:
    pointer = MediaPointer(MediaType.AUDIO, "/v", b"k" * 32, b"f" * 32, b"e" * 32, 9)
    content = FileContent(
        kind=FileKind.AUDIO, media_id=uuid4(), mime="audio/ogg", size=9, sha256="0" * 64, seconds=1e30
    )
    voice = VoiceFacts(seconds=1 << 48, waveform=b"")
    for facts in (FileFacts(UploadedFile(pointer, ""), "audio/ogg"), FileFacts(UploadedFile(pointer, ""), "", voice)):
        assert compose_file(SETTING, content, facts).audioMessage.seconds == (1 << 32) - 1


def test_every_message_takes_a_secret() -> None:
    message = with_secret(compose(SETTING, ReactionContent(whatsapp_id="A", emoji="👍")), b"s" * 32)
    assert message.messageContextInfo.messageSecret == b"s" * 32
