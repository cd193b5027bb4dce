"""What the engine's SQL functions take and return, as frozen values."""

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainValidator, RootModel, ValidationError

from oxy_core.envelopes import InstanceSettings, Lane, MessageKind, Report
from oxy_core.identity import Jid, phone_key


class Record(BaseModel):
    """Base of all records."""

    # Errors are logged: they may name fields, never what customers wrote.
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class Claim(Record):
    """A conversation that this worker may answer while the fence holds."""

    organization: UUID
    conversation: int
    fence: int


class Contact(Record):
    """Who writes."""

    id: int
    name: str | None = None
    phone: str | None = None


class Input(Record):
    """A message that the turn is to answer."""

    kind: MessageKind
    text: str | None = None
    age_seconds: float
    """How old the message was when it arrived."""


class HistoryMessage(Record):
    """An earlier message of the conversation."""

    author: Literal["customer", "phone", "assistant"]
    text: str


class ToolCall(Record):
    """A tool that the model wants to use; `arguments` is the model's own text, not yet checked."""

    id: str
    name: str
    arguments: str


class Response(Record):
    """One response of the model."""

    text: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()


class Step(Record):
    """A stored response and the results of those of its tools that have run, by tool call id."""

    response: Response
    results: dict[str, str] = Field(default_factory=dict)


class Turn(Record):
    """Everything that a turn is decided on, as read when it was opened."""

    turn: int
    attempts: int
    trace: str | None = None
    instance: UUID
    settings: InstanceSettings
    closed: bool
    chat: Jid
    self_chat: bool
    contact: Contact
    inputs: tuple[Input, ...]
    history: tuple[HistoryMessage, ...]
    steps: tuple[Step, ...]


class UnreadableTurn(Record):
    """A turn in a form that this worker cannot read."""

    wrong: tuple[str, ...]
    """The fields that it cannot read."""


def read_turn(document: object) -> Turn | UnreadableTurn | None:
    """Read what `open_turn` returned. One turn that cannot be read must not spoil those that were claimed with it."""
    if document is None:
        return None
    try:
        return Turn.model_validate(document)
    except ValidationError as error:
        return UnreadableTurn(wrong=tuple(".".join(map(str, item["loc"])) for item in error.errors()))


class ClaimedTurn(Record):
    """A claimed conversation with its turn."""

    claim: Claim
    opened: bool
    """False: opening failed and is to be tried again, alone, to learn why."""
    turn: Annotated[Turn | UnreadableTurn | None, PlainValidator(read_turn)] = None
    """None: there is nothing to do."""


class Claims(Record):
    """What was due."""

    claimed: tuple[ClaimedTurn, ...]
    wait: float | None
    """Seconds until something more may be due; None: nothing is planned."""


class UnopenedTurn(Record):
    """What is known of a turn that cannot be opened or read."""

    turn: int
    attempts: int
    trace: str | None = None
    organization: str
    instance: UUID
    instance_name: str
    self_chat: bool
    contact: Contact
    owners: tuple[str, ...]


class Usage(Record):
    """What one model response took."""

    model: str
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost_microdollars: int | None
    latency_ms: int


class Answer(Record):
    """A text to send. Parts: 0 the answer, 1 the apology to the customer, 2 the notice to the owner."""

    id: UUID
    part: Literal[0, 1, 2] = 0
    text: str
    keep_seconds: float
    """After this time it is not sent any more."""


class NewStep(Usage):
    """A response of the model that is to be kept: a row of the table turn_steps."""

    round: int
    response: Response


class TurnEnding(Record):
    """How a turn ended."""

    state: Literal["answered", "skipped"]
    role: str
    reason: str | None = None
    answers: tuple[Answer, ...] = ()
    last_step: NewStep | None = None
    """The response that is the answer; None: it is kept already, or no model was asked."""


class Ended(Record):
    """What became of a turn."""

    state: str
    more: bool
    """Whether the conversation has more to answer."""


class Owner(Record):
    """Where an owner is reached."""

    chat: Jid
    phone: str
    phone_key: str

    @classmethod
    def of(cls, phone: str) -> Self:
        """Return the address of a phone number (E.164)."""
        return cls(chat=Jid.of_phone(phone), phone=phone, phone_key=phone_key(phone))


class Failure(Record):
    """A failed attempt, and what is sent if it was the last."""

    reason: str
    role: str
    apology: Answer | None
    """To the customer; None: the turn is an owner's own."""
    notice: Answer
    """To `owner`, or to the chat of the turn if it is an owner's own."""
    owner: Owner | None
    """The first owner; None: the instance has none."""


class OutboxRow(Record):
    """A text that waits to be sent."""

    id: UUID
    chat: Jid
    text: str
    lane: Lane
    based_on: int | None = None
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    trace: str | None = None


class RelayStep(Record):
    """What a relay is to send next to an instance's account; no rows: nothing, and the instance was released."""

    account: str
    organization: str
    instance: str
    rows: tuple[OutboxRow, ...]


class InboundReport(Record):
    """A report as the database takes it, with what follows from its addresses and names."""

    account: str
    organization: UUID
    instance: UUID
    phone: str | None
    """Of the chat, if one of its addresses shows it."""
    phone_key: str | None
    report: Report


class InboundBatch(RootModel[tuple[InboundReport, ...]]):
    """Reports in journal order, stored in one transaction."""


class ToolResult(NamedTuple):
    """What a tool returned, for one call of one round."""

    round: int
    id: str
    """Of the call."""
    result: str


class Offered(NamedTuple):
    """How a pod took what it was offered."""

    accepted: Sequence[UUID] = ()
    failed: bool = False
    """It accepted nothing."""


class RelayTarget(NamedTuple):
    """An instance with texts to send."""

    organization: UUID
    instance: UUID
