"""What a pod can be asked to send: plain text is `SendRequest.text`, everything else one of these.

Each checks what can be known without WhatsApp. The pod checks the rest before it sends: what a file really contains,
whether a number has an account, whether a catalog is the business's own.
"""

import re
from enum import StrEnum
from typing import Annotated, Final, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from oxy_core.files import MAX_MIME, Sha256
from oxy_core.identity import PHONE_SERVER, Jid, Phone
from oxy_core.message_limits import MAX_NAME, MAX_TEXT, WhatsAppId
from oxy_core.models import StrictModel

MAX_CAPTION: Final = 1_024
"""Longest caption in characters. Source: WhatsApp Cloud API, media messages; the apps cut longer ones."""

MAX_FILE_NAME: Final = 240
"""Longest name of a document in characters; with its path it still fits the file systems of phones."""

MAX_EXCERPT: Final = 1_024
"""Longest excerpt of a quoted message in characters; phones show three lines."""

MAX_MENTIONS: Final = 256
"""Most people that one message mentions."""

MAX_READ: Final = 100
"""Most messages in one read receipt."""

MAX_EMOJI: Final = 32
"""Longest reaction in characters; an emoji with all its modifiers has about ten."""

MAX_URL: Final = 2_048
"""Longest link of a place in characters."""

MAX_ADDRESS: Final = 1_000
"""Longest address, or description of a link, in characters."""

MAX_PRESENCE_SECONDS: Final = 60.0
"""Longest time that "typing" or "recording" is shown."""

LARGEST_IMAGE: Final = 5 << 20
"""Largest image in bytes. Source: WhatsApp Cloud API, supported media types."""

LARGEST_MEDIA: Final = 16 << 20
"""Largest video, audio or voice note in bytes. Source: WhatsApp Cloud API, supported media types."""

LARGEST_DOCUMENT: Final = 16 << 20
"""Largest document in bytes. WhatsApp takes more, but a pod holds a file in memory while it uploads it."""

POLL_OPTIONS: Final = 12
"""Most options of a poll. Source: WhatsApp's apps."""

MAX_POLL_TEXT: Final = 255
"""Longest question of a poll in characters. Source: WhatsApp's apps."""

MAX_POLL_OPTION: Final = 100
"""Longest option of a poll in characters. Source: WhatsApp's apps."""

_CATALOG_LINK: Final = re.compile(r"https://wa\.me/(?:c/|p/[0-9]{1,20}/)(?P<phone>[1-9][0-9]{6,14})")
"""Link to a business's catalog, or to one of its products. Source: WhatsApp Business app, "share catalog"."""

_MIME: Final = r"^[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*(; ?[a-z0-9=.+-]+)?$"


def _require_person(jid: Jid) -> Jid:
    if jid.server not in {PHONE_SERVER, "lid"} or not jid.user.isascii() or not jid.user.isdigit():
        message = "not the address of a person"
        raise ValueError(message)
    return jid.bare


PersonJid = Annotated[Jid, AfterValidator(_require_person)]
"""The address of a person, without a device."""


class Quoted(StrictModel):
    """The message that another one answers."""

    whatsapp_id: WhatsAppId
    sender: PersonJid | None = None
    """Who wrote it; None: the contact of the chat, or the account itself if `from_me`."""
    from_me: bool = False
    text: Annotated[str, Field(max_length=MAX_EXCERPT)] = ""
    """What the phone shows of it, above the answer."""


class CatalogLink(StrictModel):
    """The preview of a link to a catalog of the business, which is the only kind of link that is shown as a card."""

    url: Annotated[str, Field(max_length=128)]
    title: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    description: Annotated[str, Field(max_length=MAX_ADDRESS)] = ""

    @model_validator(mode="after")
    def _require_catalog(self) -> Self:
        if _CATALOG_LINK.fullmatch(self.url) is None:
            message = "not a link to a catalog (https://wa.me/c/<phone>) or a product (https://wa.me/p/<id>/<phone>)"
            raise ValueError(message)
        return self

    @property
    def phone(self) -> str:
        """The number of the business whose catalog it is, E.164."""
        match = _CATALOG_LINK.fullmatch(self.url)
        return f"+{match['phone']}" if match else ""


class TextContent(StrictModel):
    """A text with more than its characters; `SendRequest.text` is for a plain one."""

    type: Literal["text"] = "text"
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
    quote: Quoted | None = None
    mentions: Annotated[tuple[PersonJid, ...], Field(max_length=MAX_MENTIONS)] = ()
    """Whom the text names as ``@`` and the user part of the address."""
    preview: CatalogLink | None = None

    @model_validator(mode="after")
    def _require_parts_in_text(self) -> Self:
        if self.preview is not None and self.preview.url not in self.text:
            message = "the text does not contain the link of the preview"
            raise ValueError(message)
        if any(f"@{mentioned.user}" not in self.text for mentioned in self.mentions):
            message = "the text does not contain @ and the number of each mentioned person"
            raise ValueError(message)
        return self


class FileKind(StrEnum):
    """How a file is shown on the phone."""

    IMAGE = "image"
    VIDEO = "video"
    DOCUMENT = "document"
    AUDIO = "audio"
    VOICE_NOTE = "voice_note"


LARGEST_FILES: Final = {
    FileKind.IMAGE: LARGEST_IMAGE,
    FileKind.VIDEO: LARGEST_MEDIA,
    FileKind.AUDIO: LARGEST_MEDIA,
    FileKind.VOICE_NOTE: LARGEST_MEDIA,
    FileKind.DOCUMENT: LARGEST_DOCUMENT,
}
"""Largest file of each kind in bytes."""

_WITHOUT_CAPTION: Final = {FileKind.AUDIO, FileKind.VOICE_NOTE}


class FileContent(StrictModel):
    """A file, which the pod fetches from the platform in chunks (`oxy_core.subjects.file_request`)."""

    type: Literal["file"] = "file"
    kind: FileKind
    media_id: UUID
    mime: Annotated[str, Field(max_length=MAX_MIME, pattern=_MIME)]
    size: int = Field(ge=1)
    """Bytes. One that is too large for its kind is refused by the pod, with the remedy."""
    sha256: Sha256
    name: Annotated[str, Field(min_length=1, max_length=MAX_FILE_NAME)] | None = None
    """A document's name, as the phone shows it."""
    caption: Annotated[str, Field(max_length=MAX_CAPTION)] | None = None
    seconds: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Length of a video or audio; a voice note's is read from the file."""
    quote: Quoted | None = None

    @model_validator(mode="after")
    def _require_no_caption_of_audio(self) -> Self:
        if self.caption and self.kind in _WITHOUT_CAPTION:
            message = "audio has no caption on WhatsApp: send the text as a message of its own"
            raise ValueError(message)
        return self


class PlaceContent(StrictModel):
    """A place on the map."""

    type: Literal["place"] = "place"
    latitude: float = Field(ge=-90, le=90, allow_inf_nan=False)
    longitude: float = Field(ge=-180, le=180, allow_inf_nan=False)
    name: Annotated[str, Field(max_length=MAX_NAME)] | None = None
    address: Annotated[str, Field(max_length=MAX_ADDRESS)] | None = None
    url: Annotated[str, Field(max_length=MAX_URL, pattern="^https://")] | None = None
    quote: Quoted | None = None


class CardContent(StrictModel):
    """A contact."""

    type: Literal["card"] = "card"
    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    phone: Phone
    organization: Annotated[str, Field(max_length=MAX_NAME)] | None = None
    quote: Quoted | None = None


class ReactionContent(StrictModel):
    """A reaction to a message of the chat."""

    type: Literal["reaction"] = "reaction"
    whatsapp_id: WhatsAppId
    from_me: bool = False
    """Whether the account itself wrote that message."""
    sender: PersonJid | None = None
    """Who wrote it, in a group."""
    emoji: Annotated[str, Field(max_length=MAX_EMOJI, pattern=r"^[^\sA-Za-z]*$")]
    """Empty: takes the reaction back."""


class EditContent(StrictModel):
    """A new text of a message that the account sent; phones take it for 15 minutes."""

    type: Literal["edit"] = "edit"
    whatsapp_id: WhatsAppId
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]


class RevokeContent(StrictModel):
    """Deletes a message that the account sent, for everyone."""

    type: Literal["revoke"] = "revoke"
    whatsapp_id: WhatsAppId


class PollContent(StrictModel):
    """A question with options to choose from."""

    type: Literal["poll"] = "poll"
    question: Annotated[str, Field(min_length=1, max_length=MAX_POLL_TEXT)]
    options: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=MAX_POLL_OPTION)], ...],
        Field(min_length=2, max_length=POLL_OPTIONS),
    ]
    selectable: int = Field(default=1, ge=0)
    """How many options one person may choose; 0: any number."""

    @model_validator(mode="after")
    def _require_a_choice(self) -> Self:
        if len(set(self.options)) < len(self.options):
            message = "two options of the poll are the same; votes name options by their text"
            raise ValueError(message)
        if self.selectable > len(self.options):
            message = "more options may be chosen than the poll has"
            raise ValueError(message)
        return self


class ReadContent(StrictModel):
    """Tells the contact that messages were read."""

    type: Literal["read"] = "read"
    whatsapp_ids: Annotated[tuple[WhatsAppId, ...], Field(min_length=1, max_length=MAX_READ)]
    sender: PersonJid | None = None
    """Who wrote them, in a group."""
    played: bool = False
    """Tell that voice notes were heard."""


class PresenceState(StrEnum):
    """What the contact sees of us at the top of the chat."""

    TYPING = "typing"
    RECORDING = "recording"


class PresenceContent(StrictModel):
    """Shows the contact that something is being written or recorded."""

    type: Literal["presence"] = "presence"
    state: PresenceState
    seconds: float = Field(default=5, gt=0, le=MAX_PRESENCE_SECONDS)


OutboundContent = Annotated[
    TextContent
    | FileContent
    | PlaceContent
    | CardContent
    | ReactionContent
    | EditContent
    | RevokeContent
    | PollContent
    | ReadContent
    | PresenceContent,
    Field(discriminator="type"),
]


class SendRefusal(StrEnum):
    """Why a request was not sent, for processes to act on; `SendResult.error` says it for people."""

    INVALID = "invalid"
    """The request contradicts itself or what the pod knows; another attempt fails alike."""
    UNSUPPORTED_MEDIA = "unsupported_media"
    """The file is not what its kind needs."""
    TOO_LARGE = "too_large"
    FILE_UNAVAILABLE = "file_unavailable"
    """The platform does not have the file, or has another than the request describes."""
    NOT_ON_WHATSAPP = "not_on_whatsapp"
    """The number has no account."""
    RATE_LIMITED = "rate_limited"
    """WhatsApp asked to wait (429) until the request expired."""
    SERVER_ERROR = "server_error"
    """WhatsApp's servers had errors (5xx) until the request expired."""
    REACHOUT_LOCKED = "reachout_locked"
    """WhatsApp lets the account write to nobody first (463), until the request expired."""
    REFUSED = "refused"
    """WhatsApp refused the message for good."""
