"""What a received message contains beside its text, whichever kind it is of.

`MessageSeen.text` is what a person reads: text, caption, question, the label of a choice. `MessageSeen.details` has the
rest, one model for each shape of content, told apart by `type`.

Strangers choose all of this. Every string and every list is bounded; where more was sent than is kept, a field says how
much. Amounts of money are thousandths of the currency's unit, as on WhatsApp.
"""

from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from oxy_core.files import MAX_MIME, Sha256
from oxy_core.identity import Jid
from oxy_core.message_kinds import MessageKind
from oxy_core.message_limits import MAX_NAME, WhatsAppId
from oxy_core.models import StrictModel

MAX_LINE: Final = 1_024
"""Longest title, label, address or description in characters that is kept."""

MAX_EXCERPT: Final = 1_000
"""How many characters of a quoted message are kept."""

MAX_URL: Final = 2_048
"""Longest URL in characters that is kept."""

MAX_TOKEN: Final = 256
"""Longest id of an order, a product, a button or the like in characters."""

MAX_PARAMETERS: Final = 8_192
"""Longest JSON in characters with which a form of an interactive message is answered."""

MAX_CHOICES: Final = 64
"""Most options of a poll or choices of a menu that are kept; WhatsApp's apps allow 12 and 10."""

MAX_CARDS: Final = 64
"""Most contacts of one message that are kept; WhatsApp's apps allow 257."""

MAX_NUMBERS: Final = 8
"""Most phone numbers of a contact that are kept."""

MAX_MENTIONS: Final = 128
"""Most mentions of one message that are kept."""

MAX_INTEGER: Final = (1 << 63) - 1
"""Largest amount, duration or size: that of WhatsApp's own fields, and of PostgreSQL's."""

Line = Annotated[str, Field(max_length=MAX_LINE)]
Name = Annotated[str, Field(max_length=MAX_NAME)]
Token = Annotated[str, Field(max_length=MAX_TOKEN)]
Url = Annotated[str, Field(max_length=MAX_URL)]
Count = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
Amount = Annotated[int, Field(ge=-MAX_INTEGER, le=MAX_INTEGER)]


class ChatType(StrEnum):
    """Which kind of chat a message is in. Only messages in direct chats are ever answered."""

    DIRECT = "direct"
    """With one person, or with ourselves."""
    GROUP = "group"
    STATUS = "status"
    """A picture or text that somebody shows all contacts for a day."""
    BROADCAST = "broadcast"
    NEWSLETTER = "newsletter"


class MessageSource(StrEnum):
    """Who or what wrote a message."""

    CONTACT = "contact"
    """Somebody else."""
    PHONE = "phone"
    """The business, on its phone."""
    COMPANION = "companion"
    """The business, on another linked device."""
    GREETING = "greeting"
    """The WhatsApp Business app, by itself, to somebody who writes for the first time in a while."""
    AWAY = "away"
    """The WhatsApp Business app, by itself, outside of business hours."""
    AUTOMATIC = "automatic"
    """The business's account without a person; whether as a greeting or otherwise is unknown."""


AUTOMATIC_SOURCES: Final = frozenset({MessageSource.GREETING, MessageSource.AWAY, MessageSource.AUTOMATIC})
"""Sources of messages that no person wrote, although they come from the business's own account."""


class PlaceholderReason(StrEnum):
    """Why a message, or part of it, is not here."""

    UNDECRYPTABLE = "undecryptable"
    """Its key is missing. The sender's phone is asked for it again, so it may still arrive."""
    WITHHELD = "withheld"
    """WhatsApp shows it on phones alone."""
    MALFORMED = "malformed"
    """It is no message of WhatsApp's protocol, or nested too deeply."""
    UNREADABLE = "unreadable"
    """Part of its content makes no sense, for example a place outside of the earth; what does is here."""
    LOST = "lost"
    """It was acknowledged to WhatsApp but never reached the journal; a report `MessageLost` follows."""
    TOO_LARGE = "too_large"
    """It has more content than is reported; the end is missing."""


class Target(StrictModel):
    """The earlier message that a message is about. It need not have arrived."""

    whatsapp_id: WhatsAppId
    from_me: bool | None = None
    """Whether the business's own account had sent it; None: unknown."""
    sender: Jid | None = None
    """Who had sent it, in a group."""


class Place(StrictModel):
    """A place, for kinds LOCATION and LIVE_LOCATION. What is said with it is the text."""

    type: Literal["place"] = "place"
    latitude: float = Field(ge=-90, le=90, allow_inf_nan=False)
    longitude: float = Field(ge=-180, le=180, allow_inf_nan=False)
    name: Line | None = None
    address: Line | None = None
    url: Url | None = None
    accuracy_metres: Count | None = None
    sequence: Count | None = None
    """Which update of a live location this is."""


class CardNumber(StrictModel):
    """A phone number of a contact."""

    number: Name
    """As it is written on the card."""
    account: Jid | None = None
    """The WhatsApp account that the card names for it."""


class Card(StrictModel):
    """A contact: what of its vCard is of use."""

    name: Name
    numbers: Annotated[tuple[CardNumber, ...], Field(max_length=MAX_NUMBERS)] = ()
    organization: Name | None = None
    email: Name | None = None


class Cards(StrictModel):
    """For kinds CONTACT and CONTACTS; the text has their names."""

    type: Literal["cards"] = "cards"
    cards: Annotated[tuple[Card, ...], Field(max_length=MAX_CARDS)]
    total: Count
    """How many were sent."""


class Poll(StrictModel):
    """For kind POLL; the text is the question."""

    type: Literal["poll"] = "poll"
    options: Annotated[tuple[Line, ...], Field(max_length=MAX_CHOICES)]
    total: Count
    """How many options were sent."""
    selectable: Count = 0
    """How many options one may take; 0: any number."""


class Vote(StrictModel):
    """For kind VOTE. The text names the options that are taken now; it is empty if the vote was taken back."""

    type: Literal["vote"] = "vote"
    target: Target
    """The poll."""
    resolved: bool = True
    """Whether the options are known; if not, only that somebody voted."""
    options: Annotated[tuple[Line, ...], Field(max_length=MAX_CHOICES)] = ()


class Reaction(StrictModel):
    """For kind REACTION; it replaces the sender's earlier reaction to that message."""

    type: Literal["reaction"] = "reaction"
    target: Target
    emoji: Annotated[str, Field(max_length=64)]
    """Empty: the reaction was taken back."""


class Edit(StrictModel):
    """For kind EDIT; the text is the message's new text or caption."""

    type: Literal["edit"] = "edit"
    target: Target
    kind: MessageKind = MessageKind.TEXT
    """Kind of the edited message."""


class Revoke(StrictModel):
    """For kind REVOKE."""

    type: Literal["revoke"] = "revoke"
    target: Target


class MenuChoice(StrictModel):
    """A button, or a row of a list."""

    id: Token
    title: Line
    description: Line | None = None
    section: Line | None = None


class Menu(StrictModel):
    """For kinds BUTTONS, LIST, TEMPLATE and INTERACTIVE; the text is what stands above the choices."""

    type: Literal["menu"] = "menu"
    title: Line | None = None
    footer: Line | None = None
    button: Line | None = None
    """Label of the button that opens a list."""
    choices: Annotated[tuple[MenuChoice, ...], Field(max_length=MAX_CHOICES)] = ()
    total: Count
    """How many choices were sent."""


class Choice(StrictModel):
    """For the kinds that answer a menu; the text is the label of the choice."""

    type: Literal["choice"] = "choice"
    target: Target | None = None
    """The menu."""
    id: Token
    """Of the choice; the name of the form, for an answer to an interactive message."""
    description: Line | None = None
    parameters: Annotated[str, Field(max_length=MAX_PARAMETERS)] | None = None
    """What was filled in, as JSON."""


class Order(StrictModel):
    """For kind ORDER: a cart of the business's catalog. The text is what was written with it."""

    type: Literal["order"] = "order"
    order_id: Token | None = None
    title: Line | None = None
    items: Count | None = None
    amount: Amount | None = None
    currency: Token | None = None
    """ISO 4217."""
    status: Token | None = None
    """As WhatsApp names it, in lower case: inquiry, accepted, declined."""
    seller: Jid | None = None


class Product(StrictModel):
    """For kinds PRODUCT and CATALOG. The text is what was written with it."""

    type: Literal["product"] = "product"
    product_id: Token | None = None
    retailer_id: Token | None = None
    """The business's own name for it."""
    title: Line | None = None
    description: Line | None = None
    amount: Amount | None = None
    sale_amount: Amount | None = None
    currency: Token | None = None
    url: Url | None = None
    owner: Jid | None = None
    """Whose catalog it is in."""


class Payment(StrictModel):
    """For kind PAYMENT. The text is the note."""

    type: Literal["payment"] = "payment"
    action: Literal["sent", "requested", "declined", "cancelled", "invited", "other"]
    amount: Amount | None = None
    currency: Token | None = None
    expires_at: AwareDatetime | None = None
    target: Target | None = None
    """The request that this is about."""


class Call(StrictModel):
    """For kind MISSED_CALL."""

    type: Literal["call"] = "call"
    video: bool = False
    group: bool = False
    """Whether others were called too."""
    call_id: Token | None = None


class Notice(StrictModel):
    """For kind NOTICE."""

    type: Literal["notice"] = "notice"
    name: Token
    """snake_case, for example ephemeral_setting, pinned, unpinned, kept, unkept."""
    target: Target | None = None
    seconds: Count | None = None
    """Of a chat's timer; 0: it was switched off."""


class Invite(StrictModel):
    """For kind INVITE. The text is what was written with it."""

    type: Literal["invite"] = "invite"
    to: Literal["group", "newsletter", "call"]
    chat: Jid | None = None
    name: Line | None = None
    code: Token | None = None
    expires_at: AwareDatetime | None = None


class Event(StrictModel):
    """For kind EVENT; the text is its name."""

    type: Literal["event"] = "event"
    description: Line | None = None
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None
    place: Line | None = None
    join_url: Url | None = None
    cancelled: bool = False


class EventAnswer(StrictModel):
    """For kind EVENT_REPLY."""

    type: Literal["event_answer"] = "event_answer"
    target: Target
    """The event."""
    response: Literal["going", "not_going", "maybe"] | None = None
    """None: that somebody answered is all that is known."""
    extra_guests: Count | None = None


class Album(StrictModel):
    """For kind ALBUM."""

    type: Literal["album"] = "album"
    images: Count = 0
    videos: Count = 0


class StickerPack(StrictModel):
    """For kind STICKER_PACK."""

    type: Literal["sticker_pack"] = "sticker_pack"
    name: Line | None = None
    publisher: Line | None = None
    stickers: Count = 0


class Unknown(StrictModel):
    """For kind UNKNOWN."""

    type: Literal["unknown"] = "unknown"
    name: Token
    """Name of the field in WhatsApp's protobuf; ``field_<number>`` if it has none here."""


Details = Annotated[
    Place
    | Cards
    | Poll
    | Vote
    | Reaction
    | Edit
    | Revoke
    | Menu
    | Choice
    | Order
    | Product
    | Payment
    | Call
    | Notice
    | Invite
    | Event
    | EventAnswer
    | Album
    | StickerPack
    | Unknown,
    Field(discriminator="type"),
]
"""What a message contains beside its text."""


class Quote(StrictModel):
    """What a message answers, as its sender's client repeats it: nobody checks that it was said."""

    whatsapp_id: WhatsAppId
    sender: Jid | None = None
    from_me: bool | None = None
    """Whether the business's own account is said to have sent it; None: unknown."""
    kind: MessageKind | None = None
    text: Annotated[str, Field(max_length=MAX_EXCERPT)] | None = None
    """The beginning of its text."""


class LinkPreview(StrictModel):
    """The preview of a link in the text, as the sender's client made it."""

    url: Url
    title: Line | None = None
    description: Line | None = None


class FileOffered(StrictModel):
    """A file that belongs to a message; its content follows (`files.FileArrived`, `files.FileFailed`).

    All but the id is what the sender's client claims.
    """

    id: UUID
    """Media id: the same for each report of this message by this journal."""
    mime: Annotated[str, Field(max_length=MAX_MIME)] | None = None
    size: Count | None = None
    """Bytes."""
    sha256: Sha256 | None = None
    name: Name | None = None
    """The name of a document, without folders."""
    seconds: Count | None = None
    width: Count | None = None
    height: Count | None = None
