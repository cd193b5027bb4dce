"""Recognises greeting and away messages of the WhatsApp Business app. Pure.

WhatsApp does not mark them: they arrive as any message that the business wrote on its phone. But they answer within a
second or two what a customer wrote, and say the same to everyone. The first one of each text is taken for a person's,
because only the next one tells (docs/decisions/0054-messages-of-every-kind.md).
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from oxy_core.content import MessageSource
from oxy_core.message_kinds import MessageKind
from oxy_tenant.content.received import IncomingMessage

QUICK: Final = timedelta(seconds=2)
"""No person reads and answers within this time. WhatsApp's times have whole seconds."""

QUIET: Final = timedelta(days=14)
"""A customer who wrote nothing for so long is greeted again. Source: WhatsApp Business help, "greeting messages"."""

BURST: Final = timedelta(minutes=2)
"""Messages of a customer with shorter pauses are answered together."""


@dataclass(frozen=True, slots=True)
class ChatActivity:
    """When a chat was last used; times in Unix seconds by WhatsApp's clock, 0: never as far as the journal knows."""

    contact_at: float = 0
    """Newest message of the contact."""
    before: float = 0
    """Newest message of either side before the contact's current burst."""
    own_at: float = 0
    """Newest message of the business."""

    def with_contact(self, at: float) -> "ChatActivity":
        """Return what it is after a message of the contact."""
        if self.contact_at and at - max(self.contact_at, self.own_at) <= BURST.total_seconds():
            return ChatActivity(max(at, self.contact_at), self.before, self.own_at)
        return ChatActivity(max(at, self.contact_at), max(self.contact_at, self.own_at), self.own_at)

    def with_own(self, at: float) -> "ChatActivity":
        """Return what it is after a message of the business."""
        return ChatActivity(self.contact_at, self.before, max(at, self.own_at))


def is_quick(message: IncomingMessage, activity: ChatActivity) -> bool:
    """Whether a text of the business's phone answers so quickly that no person can have written it."""
    if message.source is not MessageSource.PHONE or message.kind is not MessageKind.TEXT or message.sent_at is None:
        return False
    at = message.sent_at.timestamp()
    since_contact = at - activity.contact_at
    # A second one follows the first within the same moment, and would be a person's only if that one was.
    return 0 <= since_contact <= QUICK.total_seconds() and activity.own_at < activity.contact_at


def source_of_own(message: IncomingMessage, activity: ChatActivity, *, said_before: bool) -> MessageSource:
    """Return who wrote a message of the business; `said_before`: it answered as quickly in another chat before."""
    if not said_before or not is_quick(message, activity):
        return message.source
    is_quiet = activity.contact_at - activity.before > QUIET.total_seconds()
    return MessageSource.GREETING if is_quiet else MessageSource.AWAY
