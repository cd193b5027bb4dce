from datetime import UTC, datetime
from uuid import UUID

import pytest
from pydantic import TypeAdapter, ValidationError

from oxy_core.envelopes import SendRequest
from oxy_core.identity import Jid
from oxy_core.outbound import OutboundContent

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
CONTENT: TypeAdapter[OutboundContent] = TypeAdapter(OutboundContent)
FILE = {
    "type": "file",
    "kind": "image",
    "media_id": str(UUID(int=7)),
    "mime": "image/png",
    "size": 9,
    "sha256": "0" * 64,
}
LINK = "https://wa.me/c/5511987651111"


def request(**change: object) -> SendRequest:
    return SendRequest.model_validate(
        {
            "id": UUID(int=1),
            "organization": "pets",
            "instance": "shop",
            "chat": "1@lid",
            "created_at": MOMENT,
            "trace": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        }
        | change
    )


VALID = [
    {"type": "text", "text": "Oi", "quote": {"whatsapp_id": "3EB0", "text": "Bom dia"}},
    {"type": "text", "text": "Oi @123", "mentions": ["123@lid"]},
    {"type": "text", "text": f"Veja: {LINK}", "preview": {"url": LINK, "title": "Catálogo"}},
    FILE | {"caption": "Foto"},
    FILE | {"kind": "voice_note", "mime": "audio/ogg; codecs=opus"},
    {"type": "place", "latitude": -23.5, "longitude": -46.6, "name": "Loja"},
    {"type": "card", "name": "Ana", "phone": "+5511987651111"},
    {"type": "reaction", "whatsapp_id": "3EB0", "emoji": "👍"},
    {"type": "edit", "whatsapp_id": "3EB0", "text": "Oi!"},
    {"type": "revoke", "whatsapp_id": "3EB0"},
    {"type": "poll", "question": "Quando?", "options": ["9h", "10h"]},
    {"type": "read", "whatsapp_ids": ["3EB0"]},
    {"type": "presence", "state": "recording", "seconds": 2},
]
"""One of each type."""


@pytest.mark.parametrize("content", VALID, ids=lambda content: content["type"])
def test_a_request_reads_back_any_content_as_version_2(content: dict[str, object]) -> None:
    sent = request(content=content)
    assert sent.version == 2
    assert SendRequest.decode(sent.encode()) == sent


def test_a_plain_text_stays_version_1() -> None:
    assert request(text="Oi").version == 1


@pytest.mark.parametrize(
    "change",
    [{}, {"text": "Oi", "content": VALID[0]}, {"content": VALID[0], "version": 1}, {"text": ""}],
    ids=["neither", "both", "version", "empty"],
)
def test_a_request_has_exactly_one_content(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        request(**change)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"type": "text", "text": "Oi", "mentions": ["123@lid"]}, "mentioned"),
        ({"type": "text", "text": "Oi @1", "mentions": ["1@g.us"]}, "address of a person"),
        ({"type": "text", "text": "Oi", "preview": {"url": LINK, "title": "Catálogo"}}, "does not contain the link"),
        (
            {"type": "text", "text": "http://x", "preview": {"url": "http://x", "title": "X"}},
            "not a link to a catalog",
        ),
        (FILE | {"kind": "audio", "mime": "audio/mpeg", "caption": "Ouça"}, "no caption"),
        (FILE | {"caption": "x" * 1025}, "at most 1024"),
        (FILE | {"mime": "image"}, "pattern"),
        (FILE | {"sha256": "xyz"}, "pattern"),
        (FILE | {"size": 0}, "greater than or equal to 1"),
        ({"type": "place", "latitude": 91, "longitude": 0}, "less than or equal to 90"),
        ({"type": "card", "name": "Ana", "phone": "11 98765-1111"}, "pattern"),
        ({"type": "poll", "question": "?", "options": ["a"]}, "at least 2"),
        ({"type": "poll", "question": "?", "options": ["a", "a"]}, "the same"),
        ({"type": "poll", "question": "?", "options": ["a", "b"], "selectable": 3}, "more options"),
        ({"type": "reaction", "whatsapp_id": "3EB0", "emoji": "ok"}, "pattern"),
        ({"type": "read", "whatsapp_ids": []}, "at least 1"),
        ({"type": "presence", "state": "typing", "seconds": 61}, "less than or equal to 60"),
        ({"type": "sticker"}, "does not match any of the expected tags"),
    ],
)
def test_what_whatsapp_would_not_show_is_refused(content: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        CONTENT.validate_python(content)


def test_people_are_addressed_without_their_device() -> None:
    content = CONTENT.validate_python({"type": "text", "text": "Oi @1", "mentions": ["1:7@lid"]})
    assert getattr(content, "mentions", None) == (Jid.parse("1@lid"),)
