"""How messages enter a phone's memory: what came, in order, and what it did to earlier ones."""

from typing import NamedTuple

from oxy_simulator.accounts import Account, InboxMessage
from oxy_simulator.chats import ChatLog, KnownMessage, Occasion, apply, choices_of
from oxy_simulator.content import Content
from oxy_simulator.contents import Poll, Text
from oxy_simulator.errors import ContentError
from oxy_simulator.ledger import LifeLine, mark
from oxy_simulator.network import Network
from oxy_simulator.proto.message_pb2 import Message
from oxy_simulator.reading import Reading, Scene, read

# What acts on another message and is nothing to act on itself.
_ACTS = {"reaction", "edit", "revoke", "vote", "event-response", "protocol"}


class Telling(NamedTuple):
    """A message that reaches a phone's memory: whose phone, in which chat, by whom, when (Unix seconds)."""

    message_id: str
    phone: Account
    chat: Account
    sender: Account
    at: float

    @property
    def log(self) -> ChatLog:
        """The phone's memory."""
        return self.phone.chats

    @property
    def identity(self) -> str:
        """What tells a message from others in the phone's inbox; see `inbox_identity`."""
        return f"{self.chat.phone}/{self.sender.phone}/{self.message_id}"

    @property
    def known(self) -> bool:
        """Whether the phone has had a message of this id before."""
        return self.identity in self.phone.seen

    @property
    def occasion(self) -> Occasion:
        """The message's place in that memory."""
        return Occasion(self.chat.phone, self.sender.phone, self.at)


def recall(telling: Telling, message: Message) -> Reading:
    """Let a phone remember what it says itself; raise ContentError if that is not allowed."""
    reading = read(message, Scene(telling.phone, telling.chat, telling.sender))
    if reading.problem is not None:
        raise reading.problem
    _keep(telling, message, reading)
    return reading


def tell(network: Network, telling: Telling, message: Message, line: LifeLine | None = None) -> Reading:
    """Show a message on a phone; the reading's problem says what WhatsApp would not have allowed."""
    phone = telling.phone
    reading = read(message, Scene(phone, telling.chat, telling.sender))
    duplicate = telling.known
    phone.seen.add(telling.identity)
    phone.contacts.add(telling.chat.phone)
    telling.chat.contacts.add(phone.phone)
    if duplicate:
        flag_duplicate(network, line)
    else:
        reading = _keep_if_allowed(telling, message, reading)
    phone.inbox.append(_entry(telling, reading, phone.inbox.next_number, duplicate=duplicate))
    network.retention.shown(phone)
    network.retention.known(phone, telling.chat, telling.message_id)
    network.changed(phone)
    return reading


def flag_duplicate(network: Network, line: LifeLine | None) -> None:
    """Note on a life line that its message came again."""
    if line is not None:
        line.duplicates += 1
        mark(line, "duplicate", network.clock(), latest=True)


def _keep_if_allowed(telling: Telling, message: Message, reading: Reading) -> Reading:
    if reading.problem is not None:
        return reading
    try:
        _keep(telling, message, reading)
    except ContentError as error:
        return reading.refused(error)
    return reading


def _keep(telling: Telling, message: Message, reading: Reading) -> None:
    if reading.content is not None:
        apply(telling.log, telling.occasion, reading.content)
    if reading.kind in _ACTS:
        return
    content = reading.content
    telling.log.remember(
        KnownMessage(
            id=telling.message_id,
            chat=telling.chat.phone,
            sender=telling.sender.phone,
            kind=reading.kind,
            text=reading.text,
            at=telling.at,
            secret=message.message_context_info.message_secret,
            choices=choices_of(content),
            selectable=content.selectable if isinstance(content, Poll) else 0,
            media=reading.media,
        )
    )


def _entry(telling: Telling, reading: Reading, number: int, *, duplicate: bool) -> InboxMessage:
    return InboxMessage(
        number=number,
        id=telling.message_id,
        chat=telling.chat.phone,
        sender=telling.sender.phone,
        from_me=telling.sender is telling.phone,
        kind=reading.kind,
        text=reading.text,
        at=telling.at,
        quoted_id=getattr(reading.content, "quote", None),
        duplicate=duplicate,
        content=None if _is_plain(reading.content) else reading.content,  # type: ignore[arg-type] # every kind is one
    )


def _is_plain(content: Content | None) -> bool:
    """Say whether it is a text with nothing beside it but a quote."""
    return isinstance(content, Text) and not (
        content.forwarded or content.ephemeral or content.preview or content.mentions
    )
