"""What a message can say: one model for every kind, the same for sending and for reading.

`POST /phones/{phone}/send` takes one as `message`, Python objects take one as they are, and a
phone's inbox shows what came as one. `kind` tells them apart. Bytes are base64 in JSON. Limits are
those of the phone's own screens; ids are WhatsApp message ids.
"""

import re
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field, model_validator

from oxy_simulator.attachments import Audio, Document, Image, Sticker, Video, Voice
from oxy_simulator.content import INT64, UINT32, Body, Bytes, Content, Identifier, Label, Name, Part, Quotable, Several
from oxy_simulator.menus import (
    ButtonReply,
    Buttons,
    Interactive,
    InteractiveReply,
    ListMenu,
    ListReply,
    Template,
    TemplateReply,
)

MAX_POLL_OPTIONS: Final = 12  # as many as the screen for polls takes; no library names it

_EMOJI_CHARACTERS: Final = 32  # families with skin tones are long sequences
_NO_EMOJI: Final = re.compile(r"[\sA-Za-z]")


class LinkPreview(Part):
    """The preview of a link that stands in the text."""

    url: Name
    title: Name
    description: str = ""
    thumbnail: Bytes = b""


class Text(Quotable):
    """A text; with a quote, a preview or mentions (phones) it is an extended text."""

    kind: Literal["text"] = "text"
    text: Body
    preview: LinkPreview | None = None
    mentions: Several[str] = ()


class Reaction(Content):
    """An emoji on a message; an empty one takes it back."""

    kind: Literal["reaction"] = "reaction"
    target: Identifier
    emoji: str = Field(max_length=_EMOJI_CHARACTERS)

    @model_validator(mode="after")
    def _is_emoji(self) -> "Reaction":
        if _NO_EMOJI.search(self.emoji):
            msg = f"{self.emoji!r} is no emoji"
            raise ValueError(msg)
        return self


class Edit(Content):
    """A new text (or caption) of an own message."""

    kind: Literal["edit"] = "edit"
    target: Identifier
    text: Body


class Revoke(Content):
    """An own message is deleted for everyone."""

    kind: Literal["revoke"] = "revoke"
    target: Identifier


class Card(Part):
    """A person's card: a number, or the whole vCard."""

    name: Name
    phone: str = ""
    vcard: str = ""

    @model_validator(mode="after")
    def _has_number(self) -> "Card":
        if not self.phone and not self.vcard:
            msg = "a contact needs 'phone' or 'vcard'"
            raise ValueError(msg)
        return self


class Contact(Quotable):
    """One contact."""

    kind: Literal["contact"] = "contact"
    contact: Card


class Contacts(Quotable):
    """Several contacts."""

    kind: Literal["contacts"] = "contacts"
    contacts: Several[Card] = Field(min_length=1, max_length=257)


class Location(Quotable):
    """A place, in degrees."""

    kind: Literal["location"] = "location"
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    name: str = ""
    address: str = ""
    url: str = ""


class LiveLocation(Quotable):
    """Where someone is now, in degrees and metres; `sequence` counts the updates."""

    kind: Literal["live-location"] = "live-location"
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    caption: str = ""
    accuracy: int = Field(default=0, ge=0, le=UINT32)
    sequence: int = Field(default=1, ge=0, le=INT64)


class Poll(Quotable):
    """A question; `selectable` is how many options one may take, 0 for any number."""

    kind: Literal["poll"] = "poll"
    name: Name
    options: Several[Label] = Field(min_length=2, max_length=MAX_POLL_OPTIONS)
    selectable: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _can_be_answered(self) -> "Poll":
        if len(set(self.options)) != len(self.options):
            msg = "a poll's options must differ"
            raise ValueError(msg)
        if self.selectable > len(self.options):
            msg = f"selectable is {self.selectable}, but there are {len(self.options)} options"
            raise ValueError(msg)
        return self


class Vote(Content):
    """The options taken in a poll; none takes the vote back."""

    kind: Literal["vote"] = "vote"
    target: Identifier
    options: Several[Label]


class Event(Quotable):
    """An appointment; times in Unix seconds."""

    kind: Literal["event"] = "event"
    name: Name
    start: int = Field(ge=1, le=INT64)
    end: int | None = Field(default=None, ge=-INT64, le=INT64)
    description: str = ""
    place: str = ""
    join_link: str = ""
    cancelled: bool = False


class EventResponse(Content):
    """Whether someone comes to an event."""

    kind: Literal["event-response"] = "event-response"
    target: Identifier
    response: Literal["going", "not-going", "maybe"]


class Unknown(Content):
    """A kind that no client knows yet: a field of the message and its bytes."""

    kind: Literal["unknown"] = "unknown"
    field: int = Field(ge=1, le=536_870_911)
    data: Bytes = b""


AnyContent: TypeAlias = Annotated[
    Text
    | Reaction
    | Edit
    | Revoke
    | Contact
    | Contacts
    | Location
    | LiveLocation
    | Poll
    | Vote
    | Event
    | EventResponse
    | Buttons
    | ButtonReply
    | ListMenu
    | ListReply
    | Interactive
    | InteractiveReply
    | Template
    | TemplateReply
    | Image
    | Video
    | Audio
    | Voice
    | Sticker
    | Document
    | Unknown,
    Field(discriminator="kind"),
]
ContentKind = Literal[
    "text",
    "reaction",
    "edit",
    "revoke",
    "contact",
    "contacts",
    "location",
    "live-location",
    "poll",
    "vote",
    "event",
    "event-response",
    "buttons",
    "button-reply",
    "list",
    "list-reply",
    "interactive",
    "interactive-reply",
    "template",
    "template-reply",
    "image",
    "video",
    "audio",
    "voice",
    "sticker",
    "document",
    "unknown",
]
"""The kind of every content, as an inbox shows it."""


def shown_text(content: Content) -> str:
    """Return what a phone shows as the message's text: text, caption, question, name or emoji."""
    match content:  # most are texts, and other kinds take longer to tell apart
        case Text():
            return content.text
        case Vote():
            return ", ".join(content.options)
        case Contact():
            return content.contact.name
        case Contacts():
            return ", ".join(card.name for card in content.contacts)
        case EventResponse():
            return content.response
    shown = (getattr(content, field, None) for field in ("text", "caption", "name", "emoji"))
    return next((value for value in shown if isinstance(value, str)), "")
