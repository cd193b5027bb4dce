"""How a phone reads a protobuf message: out of its wrappers, into content.

The order of the wrappers is that of whatsmeow types/events/events.go, UnwrapRaw.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, TypeAlias

from pydantic import ValidationError

from oxy_simulator.accounts import Account
from oxy_simulator.attachments import Attachment, ViewOnce
from oxy_simulator.chats import KnownMessage, MediaFacts
from oxy_simulator.composing import RESPONSES
from oxy_simulator.content import Content
from oxy_simulator.contents import (
    Card,
    Contact,
    Contacts,
    Edit,
    Event,
    EventResponse,
    LinkPreview,
    LiveLocation,
    Location,
    Poll,
    Reaction,
    Revoke,
    Text,
    Unknown,
    Vote,
    shown_text,
)
from oxy_simulator.errors import ContentError, DecryptionError
from oxy_simulator.jid import Jid
from oxy_simulator.msgsecret import SecretUse, unseal
from oxy_simulator.proto.message_pb2 import (
    ContactMessage,
    ContextInfo,
    EventResponseMessage,
    Message,
    MessageKey,
    PollVoteMessage,
    ProtocolMessage,
)
from oxy_simulator.reading_media import MEDIA_READERS, read_media_facts
from oxy_simulator.reading_menus import MENU_READERS
from oxy_simulator.wire import read_unknown

_VIEW_ONCE: Final[dict[str, ViewOnce]] = {
    "view_once_message": "v1",
    "view_once_message_v2": "v2",
    "view_once_message_v2_extension": "v2-extension",
}
_WRAPPERS: Final = ("ephemeral_message", *_VIEW_ONCE, "document_with_caption_message", "edited_message")
_TEXT: Final = "conversation"
_RESPONSES: Final = {number: name for name, number in RESPONSES.items()}
# Parts of a message that are no content.
_SILENT: Final = {"message_context_info", "sender_key_distribution_message"}

Reader: TypeAlias = Callable[[Message, "Scene"], Content]


class Scene(NamedTuple):
    """A message on a phone: whose phone, in which chat, by whom."""

    phone: Account
    chat: Account
    sender: Account

    def target(self, key: MessageKey) -> KnownMessage:
        """Return the message that a key names; raise ContentError if it is unknown or of someone else."""
        known = self.phone.chats.require(self.chat.phone, key.id)
        if key.from_me is not (known.sender == self.sender.phone):
            msg = f"the key of message {key.id} says from_me={key.from_me}, but it is of {known.sender}"
            raise ContentError(msg, "wrong-key")
        return known

    def unseal(self, use: SecretUse, known: KnownMessage, sealed: tuple[bytes, bytes]) -> bytes:
        """Decrypt an answer to a message, addressed by LID or by number; raise ContentError if it cannot be."""
        author = self.phone if known.sender == self.phone.phone else self.chat
        author = self.sender if known.sender == self.sender.phone else author
        for people in _addresses(author, self.sender):
            try:
                return unseal(use, known.secret, known.id, people, sealed)
            except DecryptionError:
                continue
        msg = f"the {use.value.lower()} on message {known.id} cannot be decrypted with that message's secret"
        raise ContentError(msg, "unreadable-answer")


class Reading(NamedTuple):
    """A message as it was understood; `content` is None if it says nothing, or nothing that is allowed."""

    kind: str
    content: Content | None
    media: MediaFacts | None
    ephemeral: bool
    problem: ContentError | None = None

    @property
    def text(self) -> str:
        """What the phone shows as the message's text."""
        return shown_text(self.content) if self.content is not None else ""

    def refused(self, problem: ContentError) -> "Reading":
        """Return the same reading as one that is not allowed."""
        return self._replace(problem=problem)


def read(message: Message, scene: Scene) -> Reading:
    """Understand a message; what WhatsApp does not allow comes as the reading's problem."""
    inner, wrappers = unwrap(message)
    field = content_field(inner)
    if field is None:
        unknown = read_unknown(inner)
        said = Unknown(field=unknown[0], data=unknown[1]) if unknown else None
        return Reading("unknown", said, None, ephemeral=False)
    kind = kind_of(inner, field)
    ephemeral = "ephemeral_message" in wrappers
    media = read_media_facts(inner, field)
    reader = None if kind == _PROTOCOL else _READERS.get(field)
    if reader is None:
        return Reading(kind, None, media, ephemeral)
    try:
        content = _decorate(reader(inner, scene), inner, field, wrappers)
    except ContentError as error:
        return Reading(kind, None, media, ephemeral, error)
    except ValidationError as error:
        return Reading(kind, None, media, ephemeral, ContentError(f"{kind}: {_explain(error)}", "bad-content"))
    return Reading(kind, content, media, ephemeral)


def unwrap(message: Message) -> tuple[Message, list[str]]:
    """Take a message out of its wrappers; return it and their fields."""
    inner, found = message, []
    for field in _WRAPPERS:
        if inner.HasField(field):
            inner = getattr(inner, field).message
            found.append(field)
    if found and message.HasField("message_context_info") and not inner.HasField("message_context_info"):
        inner.message_context_info.CopyFrom(message.message_context_info)
    return inner, found


def content_field(message: Message) -> str | None:
    """Return the name of the field that holds what an unwrapped message says, or None."""
    if message.HasField(_TEXT):
        return _TEXT
    return next((field.name for field, _ in message.ListFields() if field.name not in _SILENT), None)


def kind_of(message: Message, field: str) -> str:
    """Return the kind of an unwrapped message by its field; kinds that are not modelled keep the field's name."""
    if field == "audio_message":
        return "voice" if message.audio_message.ptt else "audio"
    if field == "protocol_message":
        return _PROTOCOL_KINDS.get(protocol_type(message), _PROTOCOL)
    return _KINDS.get(field, field.removesuffix("_message"))


def protocol_type(message: Message) -> int | None:
    """Return what a protocol message is about, None for the many types that are not modelled (chat timers, …)."""
    protocol = message.protocol_message
    return protocol.type if protocol.HasField("type") else None


def _decorate(content: Content, message: Message, field: str, wrappers: list[str]) -> Content:
    """Add what every kind has alike: quote, forwarding, life time, view once."""
    context: ContextInfo | None = getattr(getattr(message, field), "context_info", None)
    extra: dict[str, object] = {}
    if context is not None and "quote" in type(content).model_fields:
        extra["quote"] = context.stanza_id or None
        extra["forwarded"] = context.is_forwarded
        extra["ephemeral"] = context.expiration or None
    if isinstance(content, Attachment):
        once: ViewOnce | None = next((_VIEW_ONCE[wrapper] for wrapper in wrappers if wrapper in _VIEW_ONCE), None)
        flag = getattr(getattr(message, field), "view_once", False)
        extra["view_once"] = once or ("v1" if flag else None)
    return content.model_copy(update=extra) if extra else content


def _explain(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())


def _addresses(author: Account, answerer: Account) -> Iterator[tuple[Jid, Jid]]:
    # Clients mix both forms while WhatsApp moves to LIDs. Source: whatsmeow msgsecret.go, decryptMsgSecret.
    for first in (author.lid, author.pn):
        for second in (answerer.lid, answerer.pn):
            yield first, second


def _conversation(message: Message, _scene: Scene) -> Content:
    return Text(text=message.conversation)


def _extended_text(message: Message, _scene: Scene) -> Content:
    extended = message.extended_text_message
    preview = None
    if extended.title:
        preview = LinkPreview(
            url=extended.matched_text,
            title=extended.title,
            description=extended.description,
            thumbnail=extended.jpeg_thumbnail,
        )
    mentions = tuple(jid.partition("@")[0] for jid in extended.context_info.mentioned_jid)
    return Text(text=extended.text, preview=preview, mentions=mentions)


def _reaction(message: Message, scene: Scene) -> Content:
    reaction = message.reaction_message
    return Reaction(target=scene.target(reaction.key).id, emoji=reaction.text)


def _protocol(message: Message, scene: Scene) -> Content:
    protocol = message.protocol_message
    known = scene.target(protocol.key)
    if protocol.type == ProtocolMessage.REVOKE:
        return Revoke(target=known.id)
    return Edit(target=known.id, text=_edited_text(protocol.edited_message))


def _edited_text(message: Message) -> str:
    inner, _ = unwrap(message)
    field = content_field(inner)
    if field in {None, "conversation", "extended_text_message"}:
        return inner.conversation or inner.extended_text_message.text
    return str(getattr(getattr(inner, str(field)), "caption", ""))


def _card(contact: ContactMessage) -> Card:
    return Card(name=contact.display_name or _formatted_name(contact.vcard), vcard=contact.vcard)


def _formatted_name(vcard: str) -> str:
    """Return the name in a vCard, which phones show if the message has none beside it. Source: RFC 6350, 6.2.1."""
    return next((line.partition(":")[2].strip() for line in vcard.splitlines() if line.startswith("FN")), "")


def _contact(message: Message, _scene: Scene) -> Content:
    return Contact(contact=_card(message.contact_message))


def _contacts(message: Message, _scene: Scene) -> Content:
    return Contacts(contacts=tuple(_card(contact) for contact in message.contacts_array_message.contacts))


def _location(message: Message, _scene: Scene) -> Content:
    location = message.location_message
    return Location(
        latitude=location.degrees_latitude,
        longitude=location.degrees_longitude,
        name=location.name,
        address=location.address,
        url=location.url,
    )


def _live_location(message: Message, _scene: Scene) -> Content:
    location = message.live_location_message
    return LiveLocation(
        latitude=location.degrees_latitude,
        longitude=location.degrees_longitude,
        caption=location.caption,
        accuracy=location.accuracy_in_meters,
        sequence=location.sequence_number,
    )


def _poll(message: Message, _scene: Scene) -> Content:
    if not message.message_context_info.message_secret:
        msg = "a poll without message secret cannot be voted on"
        raise ContentError(msg, "no-secret")
    poll = getattr(message, str(content_field(message)))
    options = tuple(option.option_name for option in poll.options)
    return Poll(name=poll.name, options=options, selectable=poll.selectable_options_count)


def _vote(message: Message, scene: Scene) -> Content:
    update = message.poll_update_message
    known = scene.target(update.poll_creation_message_key)
    plaintext = scene.unseal(SecretUse.POLL_VOTE, known, (update.vote.enc_payload, update.vote.enc_iv))
    by_hash = {hashlib.sha256(choice.encode()).digest(): choice for choice in known.choices}
    taken = PollVoteMessage.FromString(plaintext).selected_options
    return Vote(target=known.id, options=tuple(by_hash.get(option, option.hex()) for option in taken))


def _event(message: Message, _scene: Scene) -> Content:
    event = message.event_message
    return Event(
        name=event.name,
        start=event.start_time,
        end=event.end_time or None,
        description=event.description,
        place=event.location.name,
        join_link=event.join_link,
        cancelled=event.is_canceled,
    )


def _event_response(message: Message, scene: Scene) -> Content:
    answer = message.enc_event_response_message
    known = scene.target(answer.event_creation_message_key)
    plaintext = scene.unseal(SecretUse.EVENT_RESPONSE, known, (answer.enc_payload, answer.enc_iv))
    response = EventResponseMessage.FromString(plaintext).response
    return EventResponse.model_validate({"target": known.id, "response": _RESPONSES.get(response)})


def _anywhere(reader: Callable[[Message], Content]) -> Reader:
    """Make a reader out of one that needs no scene."""

    def with_scene(message: Message, _scene: Scene) -> Content:
        return reader(message)

    return with_scene


_PROTOCOL: Final = "protocol"
_PROTOCOL_KINDS: Final[dict[int | None, str]] = {ProtocolMessage.REVOKE: "revoke", ProtocolMessage.MESSAGE_EDIT: "edit"}
_KINDS: Final = {
    "conversation": "text",
    "extended_text_message": "text",
    "contacts_array_message": "contacts",
    "live_location_message": "live-location",
    "poll_creation_message": "poll",
    "poll_creation_message_v2": "poll",
    "poll_creation_message_v3": "poll",
    "poll_update_message": "vote",
    "enc_event_response_message": "event-response",
    "buttons_response_message": "button-reply",
    "list_response_message": "list-reply",
    "interactive_response_message": "interactive-reply",
    "template_button_reply_message": "template-reply",
}
_READERS: Final[dict[str, Reader]] = {
    "conversation": _conversation,
    "extended_text_message": _extended_text,
    "reaction_message": _reaction,
    "protocol_message": _protocol,
    "contact_message": _contact,
    "contacts_array_message": _contacts,
    "location_message": _location,
    "live_location_message": _live_location,
    "poll_creation_message": _poll,
    "poll_creation_message_v2": _poll,
    "poll_creation_message_v3": _poll,
    "poll_update_message": _vote,
    "event_message": _event,
    "enc_event_response_message": _event_response,
    **{field: _anywhere(reader) for field, reader in {**MENU_READERS, **MEDIA_READERS}.items()},
}
