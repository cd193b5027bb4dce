"""How a phone writes each kind of content as a protobuf message.

Fields, wrappers and keys follow whatsmeow send.go (BuildReaction, BuildEdit, BuildRevoke),
msgsecret.go (polls) and Baileys src/Utils/messages.ts (generateWAMessageContent).
"""

import hashlib
import os
from dataclasses import dataclass
from functools import singledispatch
from typing import Final

from oxy_simulator.accounts import Account
from oxy_simulator.attachments import Attachment
from oxy_simulator.chats import KnownMessage, MediaFacts
from oxy_simulator.composing_media import fill_media, view_once_field
from oxy_simulator.content import Content, Quotable
from oxy_simulator.contents import (
    Card,
    Contact,
    Contacts,
    Edit,
    Event,
    EventResponse,
    LiveLocation,
    Location,
    Poll,
    Reaction,
    Revoke,
    Text,
    Unknown,
    Vote,
)
from oxy_simulator.errors import ContentError
from oxy_simulator.jid import Jid
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
from oxy_simulator.msgsecret import SECRET_SIZE, SecretUse, seal
from oxy_simulator.proto.message_pb2 import (
    ButtonsMessage,
    ButtonsResponseMessage,
    ContextInfo,
    EventResponseMessage,
    ListMessage,
    ListResponseMessage,
    Message,
    MessageKey,
    PollCreationMessage,
    PollVoteMessage,
    ProtocolMessage,
)
from oxy_simulator.wire import write_unknown

RESPONSES: Final = {
    "going": EventResponseMessage.GOING,
    "not-going": EventResponseMessage.NOT_GOING,
    "maybe": EventResponseMessage.MAYBE,
}


@dataclass(frozen=True, slots=True)
class Draft:
    """Who writes to whom, when (Unix seconds), and the file if there is one."""

    sender: Account
    chat: Account
    at: float
    media: MediaFacts | None = None

    def target(self, message_id: str) -> KnownMessage:
        """Return the message in this chat that the new one is about; raise ContentError if there is none."""
        return self.sender.chats.require(self.chat.phone, message_id)

    def key(self, message_id: str) -> MessageKey:
        """Return the key of a message in this chat, as this phone sees it."""
        known = self.target(message_id)
        return MessageKey(
            remote_jid=str(self._address(self.chat)),
            from_me=known.sender == self.sender.phone,
            id=message_id,
        )

    def people(self, message_id: str) -> tuple[Jid, Jid]:
        """Return the author of a message and this phone, as addresses for its secret."""
        author = self.sender if self.target(message_id).sender == self.sender.phone else self.chat
        return self._address(author), self._address(self.sender)

    def _address(self, account: Account) -> Jid:
        return account.pn if self.sender.addressing == "pn" else account.lid


def compose(content: Content, draft: Draft) -> Message:
    """Write content as a message, with its secret and wrappers; raise ContentError if it cannot be said."""
    inner = Message()
    fill(content, inner, draft)
    if isinstance(content, Quotable):
        _fill_context(inner, content, draft)
    message = _wrap(inner, content)
    message.message_context_info.message_secret = os.urandom(SECRET_SIZE)
    return message


@singledispatch
def fill(content: Content, message: Message, draft: Draft) -> None:  # noqa: ARG001 - what the others take
    """Write one kind of content into an empty message."""
    msg = f"{type(content).__name__} is no kind of message"
    raise TypeError(msg)


@fill.register
def _(content: Text, message: Message, _draft: Draft) -> None:
    if not (content.quote or content.preview or content.mentions or content.forwarded or content.ephemeral):
        message.conversation = content.text
        return
    extended = message.extended_text_message
    extended.text = content.text
    extended.context_info.mentioned_jid.extend(f"{phone.lstrip('+')}@s.whatsapp.net" for phone in content.mentions)
    if content.preview is not None:
        if content.preview.url not in content.text:
            msg = f"the preview is of {content.preview.url}, which does not stand in the text"
            raise ContentError(msg, "foreign-preview")
        extended.matched_text = content.preview.url
        extended.title = content.preview.title
        extended.description = content.preview.description
        extended.jpeg_thumbnail = content.preview.thumbnail


@fill.register
def _(content: Reaction, message: Message, draft: Draft) -> None:
    message.reaction_message.key.CopyFrom(draft.key(content.target))
    message.reaction_message.text = content.emoji
    message.reaction_message.sender_timestamp_ms = int(draft.at * 1000)


@fill.register
def _(content: Edit, message: Message, draft: Draft) -> None:
    protocol = message.edited_message.message.protocol_message
    protocol.key.CopyFrom(draft.key(content.target))
    protocol.type = ProtocolMessage.MESSAGE_EDIT
    protocol.timestamp_ms = int(draft.at * 1000)
    known = draft.target(content.target)
    field = f"{known.kind}_message"
    if known.kind != "text" and field in Message.DESCRIPTOR.fields_by_name:
        getattr(protocol.edited_message, field).caption = content.text
    else:
        protocol.edited_message.conversation = content.text


@fill.register
def _(content: Revoke, message: Message, draft: Draft) -> None:
    message.protocol_message.key.CopyFrom(draft.key(content.target))
    message.protocol_message.type = ProtocolMessage.REVOKE


@fill.register
def _(content: Contact, message: Message, _draft: Draft) -> None:
    message.contact_message.display_name = content.contact.name
    message.contact_message.vcard = vcard(content.contact)


@fill.register
def _(content: Contacts, message: Message, _draft: Draft) -> None:
    message.contacts_array_message.display_name = f"{len(content.contacts)} contacts"
    for card in content.contacts:
        message.contacts_array_message.contacts.add(display_name=card.name, vcard=vcard(card))


@fill.register
def _(content: Location, message: Message, _draft: Draft) -> None:
    location = message.location_message
    location.degrees_latitude, location.degrees_longitude = content.latitude, content.longitude
    location.name, location.address, location.url = content.name, content.address, content.url


@fill.register
def _(content: LiveLocation, message: Message, _draft: Draft) -> None:
    location = message.live_location_message
    location.degrees_latitude, location.degrees_longitude = content.latitude, content.longitude
    location.caption, location.accuracy_in_meters = content.caption, content.accuracy
    location.sequence_number = content.sequence


@fill.register
def _(content: Poll, message: Message, _draft: Draft) -> None:
    # Polls with one answer are version 3, others version 1. Source: Baileys generateWAMessageContent.
    poll = message.poll_creation_message_v3 if content.selectable == 1 else message.poll_creation_message
    poll.name, poll.selectable_options_count = content.name, content.selectable
    poll.options.extend(PollCreationMessage.Option(option_name=option) for option in content.options)


@fill.register
def _(content: Vote, message: Message, draft: Draft) -> None:
    target = draft.target(content.target)
    hashes = [hashlib.sha256(option.encode()).digest() for option in content.options]
    plaintext = PollVoteMessage(selected_options=hashes).SerializeToString()
    people = draft.people(content.target)
    ciphertext, iv = seal(SecretUse.POLL_VOTE, target.secret, content.target, people, plaintext)
    update = message.poll_update_message
    update.poll_creation_message_key.CopyFrom(draft.key(content.target))
    update.vote.enc_payload, update.vote.enc_iv = ciphertext, iv
    update.sender_timestamp_ms = int(draft.at * 1000)


@fill.register
def _(content: Event, message: Message, _draft: Draft) -> None:
    event = message.event_message
    event.name, event.description, event.start_time = content.name, content.description, content.start
    event.is_canceled = content.cancelled
    if content.end is not None:
        event.end_time = content.end
    if content.place:
        event.location.name = content.place
    if content.join_link:
        event.join_link = content.join_link


@fill.register
def _(content: EventResponse, message: Message, draft: Draft) -> None:
    target = draft.target(content.target)
    response = EventResponseMessage(response=RESPONSES[content.response], timestamp_ms=int(draft.at * 1000))
    people = draft.people(content.target)
    sealed = seal(SecretUse.EVENT_RESPONSE, target.secret, content.target, people, response.SerializeToString())
    answer = message.enc_event_response_message
    answer.event_creation_message_key.CopyFrom(draft.key(content.target))
    answer.enc_payload, answer.enc_iv = sealed


@fill.register
def _(content: Buttons, message: Message, _draft: Draft) -> None:
    buttons = message.buttons_message
    buttons.content_text, buttons.footer_text, buttons.header_type = content.text, content.footer, ButtonsMessage.EMPTY
    for button in content.buttons:
        added = buttons.buttons.add(button_id=button.id, type=ButtonsMessage.Button.RESPONSE)
        added.button_text.display_text = button.text


@fill.register
def _(content: ListMenu, message: Message, _draft: Draft) -> None:
    menu = message.list_message
    menu.title, menu.description, menu.button_text = content.title, content.text, content.button
    menu.footer_text, menu.list_type = content.footer, ListMessage.SINGLE_SELECT
    for section in content.sections:
        rows = menu.sections.add(title=section.title).rows
        for row in section.rows:
            rows.add(title=row.title, description=row.description, row_id=row.id)


@fill.register
def _(content: Interactive, message: Message, _draft: Draft) -> None:
    interactive = message.interactive_message
    interactive.header.title, interactive.body.text = content.title, content.text
    interactive.footer.text, interactive.native_flow_message.message_version = content.footer, 1
    for button in content.buttons:
        interactive.native_flow_message.buttons.add(name=button.name, button_params_json=button.params)


@fill.register
def _(content: Template, message: Message, _draft: Draft) -> None:
    template = message.template_message.hydrated_template
    template.hydrated_title_text, template.hydrated_content_text = content.title, content.text
    template.hydrated_footer_text = content.footer
    for index, button in enumerate(content.buttons):
        added = template.hydrated_buttons.add(index=index)
        added.quick_reply_button.display_text, added.quick_reply_button.id = button.text, button.id


@fill.register
def _(content: ButtonReply, message: Message, draft: Draft) -> None:
    reply = message.buttons_response_message
    reply.selected_button_id, reply.type = content.id, ButtonsResponseMessage.DISPLAY_TEXT
    reply.selected_display_text = _label(draft, content.target, content.id)
    _quote(reply.context_info, draft, content.target)


@fill.register
def _(content: ListReply, message: Message, draft: Draft) -> None:
    reply = message.list_response_message
    reply.title, reply.list_type = _label(draft, content.target, content.id), ListResponseMessage.SINGLE_SELECT
    reply.single_select_reply.selected_row_id = content.id
    _quote(reply.context_info, draft, content.target)


@fill.register
def _(content: InteractiveReply, message: Message, draft: Draft) -> None:
    reply = message.interactive_response_message
    reply.body.text = content.text or content.name
    flow = reply.native_flow_response_message
    flow.name, flow.params_json, flow.version = content.name, content.params, 1
    _quote(reply.context_info, draft, content.target)


@fill.register
def _(content: TemplateReply, message: Message, draft: Draft) -> None:
    reply = message.template_button_reply_message
    reply.selected_id, reply.selected_display_text = content.id, _label(draft, content.target, content.id)
    reply.selected_index = list(draft.target(content.target).choices).index(content.id)
    _quote(reply.context_info, draft, content.target)


@fill.register
def _(content: Attachment, message: Message, draft: Draft) -> None:
    if draft.media is None:
        msg = f"{type(content).__name__} needs a file: 'data' (its bytes) or 'file' (its id)"
        raise ContentError(msg, "no-file")
    fill_media(content, message, draft.media, int(draft.at))


@fill.register
def _(content: Unknown, message: Message, _draft: Draft) -> None:
    write_unknown(message, content.field, content.data)


def vcard(card: Card) -> str:
    """Write a contact as phones do, or as it was given."""
    digits = card.phone.lstrip("+")
    number = f"TEL;type=CELL;type=VOICE;waid={digits}:+{digits}"
    return card.vcard or f"BEGIN:VCARD\nVERSION:3.0\nN:;{card.name};;;\nFN:{card.name}\n{number}\nEND:VCARD"


def _label(draft: Draft, target: str, choice: str) -> str:
    known = draft.target(target)
    if choice not in known.choices:
        msg = f"{choice!r} is not among the choices of message {target}: {list(known.choices)}"
        raise ContentError(msg, "unknown-choice")
    return known.choices[choice]


def _fill_context(message: Message, content: Quotable, draft: Draft) -> None:
    if not (content.quote or content.forwarded or content.ephemeral):
        return
    field, _ = message.ListFields()[0]
    context: ContextInfo = getattr(message, field.name).context_info
    if content.quote is not None:
        _quote(context, draft, content.quote)
    if content.forwarded:
        context.is_forwarded, context.forwarding_score = True, 1
    if content.ephemeral is not None:
        context.expiration = content.ephemeral


def _quote(context: ContextInfo, draft: Draft, message_id: str) -> None:
    known = draft.target(message_id)
    context.stanza_id = message_id
    author = draft.sender if known.sender == draft.sender.phone else draft.chat
    context.participant = str(author.pn if draft.sender.addressing == "pn" else author.lid)
    context.quoted_message.conversation = known.text


def _wrap(message: Message, content: Content) -> Message:
    """Put a message into the wrappers that it needs, from the inside out. Source: whatsmeow UnwrapRaw."""
    wrappers = []
    if isinstance(content, Attachment):
        wrappers += view_once_field(content)
    if isinstance(content, Quotable) and content.ephemeral is not None:
        wrappers.append("ephemeral_message")
    for field in wrappers:
        outer = Message()
        getattr(outer, field).message.CopyFrom(message)
        message = outer
    return message
