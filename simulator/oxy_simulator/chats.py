"""What a phone remembers of its chats: every message as it stands now, after edits and answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Final, NamedTuple, TypeVar

from pydantic import ConfigDict

from oxy_simulator.content import Content
from oxy_simulator.contents import Edit, Event, EventResponse, Poll, Reaction, Revoke, Text, Vote
from oxy_simulator.errors import ContentError
from oxy_simulator.menus import ButtonReply, Buttons, ListMenu, ListReply, Template, TemplateReply
from oxy_simulator.stored import STORED
from oxy_simulator.tables import Table

V = TypeVar("V")

KEPT_MESSAGES: Final = 10_000
"""Of one phone. What refers to a message that it has forgotten is taken for a mistake of the client."""

EDIT_SECONDS: Final = 20 * 60.0  # whatsmeow send.go, EditWindow; phones offer it for 15 minutes
REVOKE_SECONDS: Final = 60 * 3600.0  # "Delete for everyone" is offered for a little over two days

_NONE: Final[Mapping[str, Any]] = {}
_EDITABLE: Final = {"text", "image", "video", "document"}
_ANSWERED_BY: Final = MappingProxyType(
    {
        "vote": "poll",
        "event-response": "event",
        "button-reply": "buttons",
        "list-reply": "list",
        "template-reply": "template",
    }
)


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """Where a message's file is and how to read it. `error` says what is wrong with it once `checked`."""

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    kind: str
    mimetype: str
    direct_path: str
    media_key: bytes
    file_sha256: bytes
    file_enc_sha256: bytes
    file_length: int
    checked: bool = False
    error: str | None = None


def _none() -> Mapping[str, Any]:
    """Return what most messages have of choices, reactions and votes; it is shared."""
    return _NONE


@dataclass(slots=True)
class KnownMessage:
    """A message as it stands now; phones as digits, times in Unix seconds. Its mappings are replaced, not changed."""

    __pydantic_config__: ClassVar[ConfigDict] = STORED

    id: str
    chat: str
    sender: str
    kind: str
    text: str
    at: float
    secret: bytes = b""
    choices: Mapping[str, str] = field(default_factory=_none)
    selectable: int = 0
    edited_at: float | None = None
    revoked_at: float | None = None
    reactions: Mapping[str, str] = field(default_factory=_none)
    votes: Mapping[str, tuple[str, ...]] = field(default_factory=_none)
    media: MediaFacts | None = None

    @property
    def tally(self) -> dict[str, list[str]]:
        """Who took each choice, in the order of the choices; choices that nobody took are there too."""
        return {choice: [who for who, taken in self.votes.items() if choice in taken] for choice in self.choices}


class Occasion(NamedTuple):
    """When somebody says something in a phone's chat."""

    chat: str
    sender: str
    at: float


@dataclass(slots=True)
class ChatLog:
    """A phone's messages, the oldest forgotten beyond the limit."""

    messages: Table[str, KnownMessage] = field(default_factory=Table)

    def remember(self, message: KnownMessage) -> None:
        """Keep a message, unless its id is known in this chat."""
        self.messages.setdefault(message_key(message.chat, message.id), message)
        if len(self.messages) > KEPT_MESSAGES:
            del self.messages[next(iter(self.messages))]

    def find(self, chat: str, message_id: str) -> KnownMessage | None:
        """Return a message of a chat, or None."""
        return self.messages.get(message_key(chat, message_id))

    def search(self, message_id: str) -> KnownMessage | None:
        """Return the latest message with an id in any chat, or None."""
        return next((known for known in reversed(self.messages.values()) if known.id == message_id), None)

    def require(self, chat: str, message_id: str) -> KnownMessage:
        """Return a message of a chat; raise ContentError if the phone has none."""
        known = self.find(chat, message_id)
        if known is None:
            msg = f"there is no message {message_id} in the chat with {chat}; take an id from its inbox"
            raise ContentError(msg, "unknown-target")
        return known


def choices_of(content: Content | None) -> Mapping[str, str]:
    """Return what a message lets people choose from: id and shown text."""
    match content:
        case Text():
            return _NONE
        case Poll():
            return {option: option for option in content.options}
        case Event():
            return {"going": "going", "not-going": "not-going", "maybe": "maybe"}
        case Buttons() | Template():
            return {button.id: button.text for button in content.buttons}
        case ListMenu():
            return {row.id: row.title for section in content.sections for row in section.rows}
    return _NONE


def apply(log: ChatLog, occasion: Occasion, content: Content) -> None:
    """Let a message act on the one that it is about; raise ContentError if that is not allowed."""
    match content:
        case Text():
            return
        case Reaction():
            _react(log.require(occasion.chat, content.target), occasion, content.emoji)
        case Edit():
            _edit(log.require(occasion.chat, content.target), occasion, content.text)
        case Revoke():
            _revoke(log.require(occasion.chat, content.target), occasion)
        case Vote():
            _vote(log.require(occasion.chat, content.target), occasion, content)
        case EventResponse():
            known = _answered(log.require(occasion.chat, content.target), content.kind)
            known.votes = {**known.votes, occasion.sender: (content.response,)}
        case ButtonReply() | ListReply() | TemplateReply():
            known = _answered(log.require(occasion.chat, content.target), content.kind)
            _check_choices(known, (content.id,))
            known.votes = {**known.votes, occasion.sender: (content.id,)}


def _react(known: KnownMessage, occasion: Occasion, emoji: str) -> None:
    _refuse_revoked(known)
    known.reactions = _without(known.reactions, occasion.sender)
    if emoji:
        known.reactions = {**known.reactions, occasion.sender: emoji}


def _edit(known: KnownMessage, occasion: Occasion, text: str) -> None:
    _refuse_revoked(known)
    _refuse_foreign(known, occasion, "edited")
    if known.kind not in _EDITABLE:
        msg = f"message {known.id} is a {known.kind}; only texts and captions can be edited"
        raise ContentError(msg, "not-editable")
    if occasion.at - known.at > EDIT_SECONDS:
        msg = f"message {known.id} is {occasion.at - known.at:.0f} s old; it can be edited for {EDIT_SECONDS:.0f} s"
        raise ContentError(msg, "edit-too-late")
    known.text, known.edited_at = text, occasion.at


def _revoke(known: KnownMessage, occasion: Occasion) -> None:
    _refuse_foreign(known, occasion, "deleted for everyone")
    if occasion.at - known.at > REVOKE_SECONDS:
        msg = f"message {known.id} is {occasion.at - known.at:.0f} s old; it can be deleted for {REVOKE_SECONDS:.0f} s"
        raise ContentError(msg, "revoke-too-late")
    known.text, known.revoked_at, known.media = "", occasion.at, None
    known.reactions = _NONE


def _vote(known: KnownMessage, occasion: Occasion, vote: Vote) -> None:
    _answered(known, vote.kind)
    _check_choices(known, vote.options)
    if known.selectable and len(vote.options) > known.selectable:
        msg = f"{len(vote.options)} options taken in poll {known.id}, which allows {known.selectable}"
        raise ContentError(msg, "too-many-options")
    known.votes = _without(known.votes, occasion.sender)
    if vote.options:
        known.votes = {**known.votes, occasion.sender: vote.options}


def _answered(known: KnownMessage, answer: str) -> KnownMessage:
    _refuse_revoked(known)
    if known.kind != _ANSWERED_BY[answer]:
        msg = f"message {known.id} is a {known.kind}, which cannot be answered by a {answer}"
        raise ContentError(msg, "wrong-target")
    return known


def _check_choices(known: KnownMessage, taken: tuple[str, ...]) -> None:
    foreign = [choice for choice in taken if choice not in known.choices]
    if foreign:
        msg = f"{foreign} is not among the choices of message {known.id}: {list(known.choices)}"
        raise ContentError(msg, "unknown-choice")


def _without(said: Mapping[str, V], sender: str) -> Mapping[str, V]:
    return {who: what for who, what in said.items() if who != sender} or _NONE


def _refuse_revoked(known: KnownMessage) -> None:
    if known.revoked_at is not None:
        msg = f"message {known.id} was deleted"
        raise ContentError(msg, "deleted-target")


def _refuse_foreign(known: KnownMessage, occasion: Occasion, done: str) -> None:
    if known.sender != occasion.sender:
        msg = f"message {known.id} is of {known.sender} and cannot be {done} by {occasion.sender}"
        raise ContentError(msg, "foreign-target")


def message_key(chat: str, message_id: str) -> str:
    """Name a message among a phone's."""
    return f"{chat}/{message_id}"
