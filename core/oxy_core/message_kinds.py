"""The kinds of WhatsApp messages that the platform distinguishes.

The tenant runtime chooses a message's kind in `oxy_tenant.content.classification`.
"""

from enum import StrEnum
from typing import Final


class MessageKind(StrEnum):
    """What a WhatsApp message contains. `oxy_core.content` says what is known of each beside its text."""

    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    VIDEO_NOTE = "video_note"
    """A round video that was recorded in the chat."""
    GIF = "gif"
    """A video that plays silently in a loop."""
    AUDIO = "audio"
    VOICE_NOTE = "voice_note"
    DOCUMENT = "document"
    STICKER = "sticker"
    STICKER_PACK = "sticker_pack"
    LOCATION = "location"
    LIVE_LOCATION = "live_location"
    CONTACT = "contact"
    CONTACTS = "contacts"
    POLL = "poll"
    VOTE = "vote"
    REACTION = "reaction"
    EDIT = "edit"
    """A new text or caption of an earlier message."""
    REVOKE = "revoke"
    """An earlier message was deleted for everyone."""
    BUTTONS = "buttons"
    BUTTON_REPLY = "button_reply"
    LIST = "list"
    LIST_REPLY = "list_reply"
    TEMPLATE = "template"
    TEMPLATE_REPLY = "template_reply"
    INTERACTIVE = "interactive"
    INTERACTIVE_REPLY = "interactive_reply"
    ORDER = "order"
    PRODUCT = "product"
    CATALOG = "catalog"
    PAYMENT = "payment"
    INVITE = "invite"
    """To a group, a newsletter or a call."""
    EVENT = "event"
    EVENT_REPLY = "event_reply"
    MISSED_CALL = "missed_call"
    NOTICE = "notice"
    """Something about the chat, which nobody wrote."""
    ALBUM = "album"
    """Announces pictures and videos, which follow as messages of their own."""
    UNKNOWN = "unknown"
    """A kind that this version does not know; its name or number is known (`content.Unknown`)."""
    UNSUPPORTED = "unsupported"
    """Its content cannot be read, or older code wrote it, which knew texts alone."""
    UNDECRYPTABLE = "undecryptable"


FIRST_KINDS: Final = frozenset({MessageKind.TEXT, MessageKind.UNSUPPORTED, MessageKind.UNDECRYPTABLE})
"""The kinds that readers of version 1 know."""

NO_ANSWERS: Final = frozenset(
    {
        MessageKind.ALBUM,
        MessageKind.EDIT,
        MessageKind.EVENT_REPLY,
        MessageKind.MISSED_CALL,
        MessageKind.NOTICE,
        MessageKind.REACTION,
        MessageKind.REVOKE,
        MessageKind.VOTE,
    }
)
"""Kinds by which the business has not answered a customer, whatever it waits for."""
