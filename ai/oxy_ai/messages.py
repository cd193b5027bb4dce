"""Messages of a conversation as a turn reads them: what they say, and what has become of them since."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from oxy_core.content import (
    Details,
    EventAnswer,
    FileOffered,
    LinkPreview,
    MessageSource,
    PlaceholderReason,
    Quote,
    Reaction,
    Vote,
)
from oxy_core.files import FileFailure
from oxy_core.identity import Jid
from oxy_core.message_kinds import MessageKind

Author = Literal["customer", "phone", "assistant"]
"""Who wrote a message: the customer, the business by itself, or the assistant."""


def _known_kind(value: object) -> object:
    """Return a kind that this version knows: one of a newer version is unknown, not a fault of the turn."""
    return value if value in set(MessageKind) else MessageKind.UNKNOWN


def readable(value: object, read: ValidatorFunctionWrapHandler) -> object:
    """Read a value; return None for one that only a newer version can read."""
    try:
        return read(value)
    except ValidationError:
        return None


Kind = Annotated[MessageKind, BeforeValidator(_known_kind)]


class _Part(BaseModel):
    # Validation errors are logged: they may name fields, but never quote what customers wrote.
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class MessageContent(_Part):
    """What a message contains beside its text: the column messages.content."""

    details: Annotated[Details | None, WrapValidator(readable)] = None
    quote: Quote | None = None
    mentions: tuple[Jid, ...] = ()
    preview: LinkPreview | None = None
    file: FileOffered | None = None
    view_once: bool = False
    forwarded: bool = False
    placeholder_reason: Annotated[PlaceholderReason | None, WrapValidator(readable)] = None


class QuotedMessage(_Part):
    """A message that another one answers, as it is stored."""

    author: Author
    kind: Kind = MessageKind.UNKNOWN
    text: str | None = None
    revoked: bool = False


class AnswerSeen(_Part):
    """What somebody answered to a message without writing: a reaction, a vote, or whether he comes."""

    author: Author
    details: Annotated[Reaction | Vote | EventAnswer | None, WrapValidator(readable)] = None


class ReadingFailure(StrEnum):
    """Why nothing was heard or seen in a file: the column readings.failure."""

    LOST = "lost"
    """The file did not come, or is not kept any more."""
    TOO_LONG = "too_long"
    """In seconds."""
    TOO_LARGE = "too_large"
    """In bytes or pixels."""
    UNREADABLE = "unreadable"
    """It is damaged, or of a format that is not read."""
    SILENT = "silent"
    """Nobody says anything in it."""
    UNAVAILABLE = "unavailable"
    """The endpoint does not answer for now, so that the message was not kept waiting; it may still be read."""
    REJECTED = "rejected"
    """The endpoint does not take it, or answers nonsense again and again."""
    BUDGET = "budget"
    """The month's budget does not allow it."""


class Reading(_Part):
    """What a model heard in a voice note, or saw in a picture."""

    way: Literal["heard", "seen"]
    text: str | None = None
    """The words that were spoken, or a description of the picture; None: it could not be had, or not yet."""
    cut: bool | None = None
    """Whether the text was longer."""
    failure: Annotated[ReadingFailure | None, WrapValidator(readable)] = None
    """Why it could not."""


class SaidMessage(_Part):
    """A message of a conversation, with what has become of it since."""

    kind: Kind
    text: str | None = None
    """The newest one."""
    cut: bool | None = None
    """Whether the text was longer."""
    source: Annotated[MessageSource | None, WrapValidator(readable)] = None
    content: Annotated[MessageContent | None, WrapValidator(readable)] = None
    before_edit: str | None = None
    """The beginning of its text before it was edited; None: it was not, or had none."""
    revoked: bool = False
    """Its sender has revoked it; nothing else is known then."""
    answers: tuple[AnswerSeen, ...] = ()
    quoted: QuotedMessage | None = None
    """What it answers; None: nothing, or a message that is not stored."""
    file_failure: Annotated[FileFailure | None, WrapValidator(readable)] = None
    """Why its file cannot be had."""
    reading: Annotated[Reading | None, WrapValidator(readable)] = None
    """What its file says or shows; None: it has none that is read."""

    @property
    def words(self) -> str:
        """A person's own words: what he wrote, and what he was heard to say; never what a picture shows.

        Whether they are his own, and not forwarded, is for `oxy_ai.assistants.consent.is_own` to say.
        """
        heard = self.reading.text if self.reading is not None and self.reading.way == "heard" else None
        return "" if self.revoked else "\n".join(text for text in (self.text, heard) if text)

    @property
    def is_unread(self) -> bool:
        """Whether nothing could be read of its file, of which more than its kind should be known."""
        return not self.revoked and self.reading is not None and self.reading.text is None
