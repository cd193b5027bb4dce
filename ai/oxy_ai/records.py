"""Frozen values that the engine's SQL functions take and return."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple, Self
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    RootModel,
    ValidationError,
    WrapValidator,
)

from oxy_ai.messages import Author, Kind, SaidMessage, readable
from oxy_ai.usage import Usage
from oxy_core.envelopes import VERSION, InstanceSettings, Lane, Report, Settled
from oxy_core.identity import LID_SERVER, Jid, Phone, phone_key, same_phone
from oxy_core.instance.settings import AiSettings, QueuesSettings
from oxy_core.message_kinds import MessageKind
from oxy_core.outbound import FileContent, OutboundContent


class Record(BaseModel):
    """Base of all records."""

    # Validation errors are logged: they may name fields, but never quote what customers wrote.
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class TurnLimits(Record):
    """What bounds a turn."""

    messages: int
    """Messages read to be answered; older ones are only counted."""
    characters_each: int
    """Of one text."""
    characters: int
    """Of all texts to answer; and of all earlier ones."""
    characters_quoted: int
    """Of a message that another one quotes, or of its text before an edit."""
    missed: int = 0
    """Messages of what was said while people answered that are read, even if they are more than usual."""
    content_bytes: int
    """Of what one message contains beside its text; if it is more, only its kind is read."""
    claims: int
    """Claims in a row that may end neither the turn nor an attempt at it."""


class Claim(Record):
    """A conversation that this worker may answer while the fence holds."""

    organization: UUID
    conversation: int
    fence: int


OptOut = Literal["proactive", "all"]
"""What a contact does not want: messages that nobody asked for, or any."""

Wish = Literal["proactive", "all", "in"]
"""What a contact's message asks for: to be spared something from now on, or to hear from us again."""


class Contact(Record):
    """The person at the other end of a conversation."""

    id: int
    name: str | None = None
    phone: str | None = None
    private: bool = False
    """Family or a friend on the business's number: never answered."""
    opt_out: OptOut | None = None
    opt_out_unconfirmed: bool = False
    """What the contact last said of `opt_out` was not confirmed yet."""


class Exchanges(Record):
    """How the last exchanges of a conversation followed one another: the column conversations.exchanges."""

    ended_at: AwareDatetime | None = None
    """When the last one was answered; None: not yet."""
    quick: int = 0
    """How many of them in a row began quicker after our answer than a person reads."""
    run: int = 0
    """How many followed one another without a long pause."""
    digest: str | None = None
    """Of what the contact wrote last; None: it was no text."""
    repeated: int = 0
    """How many times in a row it was the same as before."""


class FactsVersion(Record):
    """Which state the facts have that an assistant knows beside the conversation: both numbers count up."""

    organization: int
    """What is the same for all of its contacts."""
    contact: int
    """The contact's own."""


class Input(SaidMessage):
    """A message that the turn is to answer."""

    trace: str | None = None
    age_seconds: float
    """Age of the message when the turn was read."""


class HistoryMessage(SaidMessage):
    """An earlier message of the conversation."""

    kind: Kind = MessageKind.TEXT
    author: Author


class ToolCall(Record):
    """A tool call of the model; `arguments` is the model's raw text, not validated."""

    id: str
    name: str
    arguments: str


class Response(Record):
    """One response of the model."""

    text: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()


class Step(Record):
    """A response and the results, by call id, of those of its tool calls that have run."""

    response: Response
    results: dict[str, str] = Field(default_factory=dict)


class HumanReason(StrEnum):
    """Why people answer a conversation: the column conversations.human_reason."""

    ANSWERED = "answered"
    """A person wrote from the business's phone."""
    COMMAND = "command"
    """`oxy conversations takeover`."""
    HAND_OVER = "hand_over"
    """The customer was promised that a person answers."""


class HandOverReason(StrEnum):
    """Why a customer was promised a person: the column hand_overs.reason."""

    ASKED = "asked"
    """He asked for one."""
    COMPLAINT = "complaint"
    EMERGENCY = "emergency"
    UNABLE = "unable"
    """The assistant cannot help with it."""
    PROMISED = "promised"
    """The assistant promised it in its own words."""
    UNGROUNDED = "ungrounded"
    """Its answer said what nothing supports."""
    LOOP = "loop"
    """A machine seems to be writing."""
    TURN_DIED = "turn_died"
    MODEL_OUTAGE = "model_outage"
    BUDGET = "budget"
    """The month's budget is spent, or nobody knows what the model costs."""


class Urgency(StrEnum):
    """How soon a person is needed."""

    NORMAL = "normal"
    URGENT = "urgent"


class HandOver(Record):
    """An order that people take a conversation over, carried out when its turn ends."""

    reason: HandOverReason
    urgency: Urgency = Urgency.NORMAL
    summary: str
    """What the customer wants, in a sentence for the owner."""
    minutes: int
    """How long the assistant waits for a person (`AiSettings.handover_minutes`)."""
    silences: bool = True
    """Whether it waits at all; if not, it answers what the customer writes next."""


class Proposal(Record):
    """What the owners' assistant has asked its owner about last: a row of the table proposals."""

    id: int
    tool: str
    arguments: dict[str, Any]
    """Of the act (`oxy_ai.assistants.vertical.ConfirmedAct`)."""
    intent: str
    """What will happen, as the owner has read it."""
    state: Literal["open", "done", "undone", "declined", "set_aside", "expired"]
    outcome: str | None = None
    """What he was told once it was settled."""
    answers: bool
    """Whether this turn is the first one after the question: no other may act on it."""
    question: str | None = None
    """WhatsApp's id of the message that asks; None: it was not sent, or nobody knows yet."""
    asked_seconds: float | None = None
    """Since that was sent, when the turn was read; None: it was not."""
    just_ended: bool = False
    """Whether it is settled, and the owner was told nothing else since."""
    withdrawn: bool = False
    """Whether it was settled before this turn, which is the first to answer it: it named somebody who was forgotten."""


class AskedBooking(Record):
    """A booking that is not over, about which a customer was asked whether he comes, in a text that was sent."""

    occurrence: int
    """Of the automation that asks."""
    booking: int
    service: str
    subject: str
    starts_at: AwareDatetime
    message: str | None = None
    """WhatsApp's id of the text; None: not known yet."""
    asked_seconds: float
    """Since it was sent, when the turn was read."""
    newest: bool
    """Whether the business has said nothing else since."""
    has_begun: bool = False
    """Whether it had when the turn was read."""
    answer: Literal["confirmed", "cancelled", "too_late"] | None = None
    """What an earlier attempt at this turn has done on his answer; None: he has not answered."""
    outcome: str | None = None
    """What it told him."""


class PreparedProposal(Record):
    """What a turn proposes, and has not asked yet."""

    id: int
    intent: str
    more: bool = False
    """The model would have proposed something else, too: one thing at a time."""


class Turn(Record):
    """Everything needed to answer a turn, as read when it was opened."""

    turn: int
    attempts: int
    trace: str | None = None
    instance: UUID
    settings: InstanceSettings
    replayed: bool = False
    """A person asked for it after it had died: its messages are never too old."""
    closed: bool
    chat: Jid
    self_chat: bool
    contact: Contact
    exchanges: Exchanges | None = None
    """Of the turns before this one."""
    regenerations: int = 0
    """Answers to it that were discarded because a message came meanwhile."""
    facts: FactsVersion | None = None
    """When the turn was read."""
    rate_seconds: float | None = None
    """Until the contact may be answered again; None: now."""
    inputs: tuple[Input, ...]
    """The newest messages to answer, oldest first."""
    inputs_total: int
    """How many there are, including older ones that were left out."""
    history: tuple[HistoryMessage, ...]
    missed: int = 0
    """How many of the newest of these the assistant has not seen, because people answered."""
    steps: tuple[Step, ...]
    hand_over: HandOver | None = None
    """What a tool of an earlier attempt has ordered."""
    human: bool = False
    """People answer, or are to: of an emergency alone the customer hears at once."""
    emergency_seconds: float | None = None
    """Since he was last told what to do in one; None: never."""
    owner: bool = False
    """The contact is an owner of the instance, by number or hidden address."""
    proposal: Proposal | None = None
    """What this contact, an owner, was asked about last; None: nothing."""
    asked: tuple[AskedBooking, ...] = ()
    """What this contact, a customer, was asked about, by time."""
    read_at: AwareDatetime
    """By PostgreSQL's clock; the inputs' ages are of then."""

    def written_on(self, item: Input, now: datetime) -> date:
        """Return the local day on which a message to answer was written: its "amanhã" is the day after that.

        `now` is in the instance's time zone, and that of whoever answers: "hoje" in his prompt is of the same clock.
        """
        return (now.astimezone(UTC) - timedelta(seconds=item.age_seconds)).astimezone(now.tzinfo).date()


class UnreadableTurn(Record):
    """A turn in a form that this worker cannot read."""

    wrong: tuple[str, ...] = ()
    """Paths of the fields that do not validate."""
    newer: bool = False
    """A newer version wrote its settings: another worker can read it, so that it only waits and no attempt counts."""


def read_turn(document: object) -> Turn | UnreadableTurn | None:
    """Parse the result of `open_turn`. An unreadable turn must not fail the others that were claimed with it."""
    if document is None:
        return None
    if _has_newer_settings(document):
        return UnreadableTurn(newer=True)
    try:
        return Turn.model_validate(document, extra="ignore")
    except ValidationError as error:
        return UnreadableTurn(wrong=tuple(".".join(map(str, item["loc"])) for item in error.errors()))


class _Version(BaseModel):
    version: int = VERSION


class _StoredSettings(BaseModel):
    settings: _Version


def _has_newer_settings(document: object) -> bool:
    try:
        return _StoredSettings.model_validate(document).settings.version > VERSION
    except ValidationError:
        return False


class ClaimedTurn(Record):
    """A claimed conversation with its turn."""

    claim: Claim
    opened: bool
    """False: opening failed; retry it alone to learn the error."""
    abandoned: bool = False
    """Too many claims in a row did not end: it is not opened again."""
    turn: Annotated[Turn | UnreadableTurn | None, PlainValidator(read_turn)] = None
    """None: there is nothing to do."""


class Claims(Record):
    """The result of `claim_turns`."""

    claimed: tuple[ClaimedTurn, ...]
    wait: float | None
    """Seconds until the next conversation may be due; None: none is scheduled."""


def _about_whom(settings: object) -> object:
    """Return of ``spec.ai`` what says who is answered: the damage may be in another field."""
    fields = ("enabled", "mode", "only_phones", "paused")
    return {name: settings[name] for name in fields if name in settings} if isinstance(settings, dict) else settings


class UnopenedTurn(Record):
    """What is known about a turn that cannot be opened or read."""

    turn: int
    attempts: int
    trace: str | None = None
    organization: str
    instance: UUID
    instance_name: str
    self_chat: bool
    contact: Contact
    owner: bool = False
    """As in `Turn`."""
    owners: tuple[str, ...]
    ai: Annotated[AiSettings | None, BeforeValidator(_about_whom), WrapValidator(readable)] = None
    """What they say about who is answered; None: that is damaged."""
    queues: Annotated[QueuesSettings | None, WrapValidator(readable)] = None
    """Likewise about how often a turn is tried."""


class Answer(Record):
    """A text to send.

    Parts: 0 the answer, 1 the apology to the customer, 2 the notice to the owner, 4 a request to send something again,
    5 what confirms an opt-out, 6 what is said in an emergency.
    """

    id: UUID
    part: Literal[0, 1, 2, 4, 5, 6] = 0
    piece: int = 0
    """Place among the texts in which a long one is sent."""
    text: str
    introduction: str | None = None
    """Follows the text if the contact was not told before that a virtual assistant answers; empty: the text says so.
    None: it does not matter here."""
    keep_seconds: float
    """Unsent, it expires after this time."""


class Attachment(Record):
    """A picture that is sent before the answer of a turn."""

    id: UUID
    """Of its row in the outbox, and of its send request."""
    part: Literal[7] = 7
    """Beside those of an `Answer`."""
    content: FileContent
    keep_seconds: float
    """Unsent, it expires after this time."""


CallKind = Literal["chat", "transcription", "vision"]
"""What a model is asked for: a response, what is said in a recording, what is seen in a picture."""


class CallOutcome(StrEnum):
    """What became of a call: the column ai_interactions.outcome. SQL functions write some of them."""

    RESERVED = "reserved"
    """Nobody has settled it: it is under way, or its worker died."""
    ANSWERED = "answered"
    """Its text is the answer, or what was heard or seen."""
    TOOLS = "tools"
    """It called tools."""
    OBJECTED = "objected"
    """Its text did not pass the review."""
    DISCARDED = "discarded"
    """It was of no use: a message or a person came meanwhile, or the turn failed."""
    REFUSED = "refused"
    """The model, or its provider's filter, declined to answer."""
    INVALID = "invalid"
    """It was no usable completion."""
    REJECTED = "rejected"
    """The endpoint rejected the request."""
    OUTAGE = "outage"
    """The endpoint did not answer."""


class Intent(Record):
    """What a customer wants, and how that was found (`oxy_ai.assistants.intents`)."""

    name: str
    confidence: float
    """0 to 1; of the method's own scale."""
    method: str


class NewCall(Usage):
    """A call of a model to store: a row of the table ai_interactions."""

    id: UUID
    instance_id: UUID
    conversation_id: int
    turn_id: int | None = None
    """None: no turn asked."""
    round: int | None = None
    message_id: int | None = None
    """That was heard or seen."""
    kind: CallKind = "chat"
    assistant: str
    prompt_hash: str | None = None
    """Which version of the prompt it answers."""
    tool_calls: tuple[str, ...] = ()
    """Names."""
    outcome: CallOutcome
    intent: str | None = None
    """The fields of `Intent`."""
    intent_confidence: float | None = None
    intent_method: str | None = None
    month: date
    """In which it counts: the first day, in the instance's time zone."""
    reserved_microdollars: int | None = None
    """Before the model was asked; None: there was no budget."""


class NewStep(Record):
    """A model response to store, a row of the table turn_steps, with the call that it came from."""

    round: int
    response: Response
    call: NewCall


class AgeLimit(Record):
    """Which inputs of a turn were not answered because they were too old: older than `seconds` at `read_at`."""

    read_at: AwareDatetime
    seconds: float


class TurnEnding(Record):
    """How a turn ended."""

    state: Literal["answered", "skipped"]
    role: str
    reason: str | None = None
    answers: tuple[Answer, ...] = ()
    last_step: NewStep | None = None
    """The final response; None: it is stored already, or no model was asked."""
    age_limit: AgeLimit | None = None
    """None: no input was too old."""
    exchanges: Exchanges | None = None
    """Of the conversation including this turn's, to be stored; None: they are as before."""
    hand_over: HandOver | None = None
    """Beside what a tool has ordered."""
    draft: str | None = None
    """The answer that is stored instead of sent."""
    confirms_opt_out: bool = False
    """Whether the answers tell the contact what became of its wish."""
    may_regenerate: bool = False
    """Whether the answer is discarded if a message has come since the turn opened."""
    urgent: bool = False
    """Whether it is about an emergency: it counts although people answer."""
    question: UUID | None = None
    """The answer that asks whether what was proposed is to be done; None: nothing is asked."""


class Ended(Record):
    """The result of `end_turn`."""

    state: str
    more: bool
    """Whether the conversation has messages left to answer."""


class NoticeKind(StrEnum):
    """What an owner is told of: the column owner_notices.kind. SQL functions write some of them."""

    TURN_INVALID = "turn_invalid"
    TURN_REFUSED = "turn_refused"
    TURN_REJECTED = "turn_rejected"
    TURN_UNREADABLE = "turn_unreadable"
    TURN_ABANDONED = "turn_abandoned"
    TURN_PROFILE = "turn_profile"
    TURN_UNANSWERED = "turn_unanswered"
    TURN_FAILED = "turn_failed"
    MODEL_OUTAGE = "model_outage"
    MODEL_UNAUTHORIZED = "model_unauthorized"
    HAND_OVER = "hand_over"
    """A customer was promised a person."""
    HAND_OVER_URGENT = "hand_over_urgent"
    HAND_OVER_UNANSWERED = "hand_over_unanswered"
    """Nobody has answered him in time; the assistant answers again."""
    LOOP = "loop"
    """A machine seems to be writing; the assistant has stopped."""
    STALE = "stale"
    """A customer's message became too old to be answered."""
    UNDECRYPTABLE = "undecryptable"
    LOST = "lost"
    """Messages of a chat are missing."""
    FILE_LOST = "file_lost"
    """Nobody has the file of a message any more."""
    FAILED = "failed"
    """A text to a customer was not sent; likewise `EXPIRED`."""
    EXPIRED = "expired"
    AMBIGUOUS = "ambiguous"
    """Nobody knows whether a text was sent."""
    CANCELLED_LATE = "cancelled_late"
    """A customer who was asked whether he comes has cancelled later than customers may otherwise."""
    STOPPED_REACHOUT_LOCKED = "stopped_reachout_locked"
    """The number sends nothing more of what nobody asked for: WhatsApp forbids it. Likewise the next ones."""
    STOPPED_RATE_LIMITED = "stopped_rate_limited"
    STOPPED_BANNED = "stopped_banned"
    STOPPED_FAILURES = "stopped_failures"
    STOPPED_OPT_OUTS = "stopped_opt_outs"
    DEAD_REPORT = "dead_report"
    """A report could not be stored."""
    DISCARDED_REPORT = "discarded_report"
    """Nor is it on the bus any more."""
    BUDGET_LOW = "budget_low"
    """Most of a month's budget is used."""
    BUDGET_SPENT = "budget_spent"
    """A month's budget has no room for another answer: customers go to people."""
    CONTACT_JOB_DEAD = "contact_job_dead"
    """A message that a contact should have got at some time could not be made."""
    JOB_DEAD = "job_dead"
    """Something else that was to be done at some time."""
    CAMPAIGN_JOB_DEAD = "campaign_job_dead"
    """Messages of a campaign could not be made."""
    PRICE_UNKNOWN = "price_unknown"
    """There is a budget, but nobody knows what the model costs: customers go to people."""


class DeadReportRow(Record):
    """What the database keeps of a report that it could not store."""

    whole: str
    """Its SHA-256."""
    reason: str
    error: str | None
    message_id: str | None
    chat: str | None


class Recipient(Record):
    """A person to write to, whether they have written before or not."""

    chat: Jid
    phone: Phone | None
    """None: only a hidden address is known."""
    phone_key: str | None
    self_chat: bool = False
    """It is the business's own number: the chat is the account's with itself."""

    @classmethod
    def of(cls, phone: str, own: str | None = None) -> Self:
        """Return the address of a phone number (E.164), or of a hidden address; `own` is the business's number."""
        if phone.endswith(f"@{LID_SERVER}"):
            return cls(chat=Jid.parse(phone), phone=None, phone_key=None)
        return cls(
            chat=Jid.of_phone(phone),
            phone=phone,
            phone_key=phone_key(phone),
            self_chat=own is not None and same_phone(phone, own),
        )


class DueNotices(NamedTuple):
    """An instance with notices to tell its owner."""

    organization: UUID
    instance: UUID
    notices: Sequence[int]


class OpenNotice(Record):
    """A notice that is not told yet, and whom it is about."""

    id: int
    kind: str
    """A `NoticeKind`, or one of a newer version."""
    name: str | None = None
    phone: str | None = None
    reason: str | None = None
    """Of a hand-over: a `HandOverReason`, or one of a newer version."""
    summary: str | None = None
    """Of a hand-over."""
    silences: bool = True
    """Of a hand-over: whether the assistant waits for a person."""
    commanded: bool = False
    """Whether it is about a message that an administrator had sent, not the assistant."""


class OpenNotices(Record):
    """Notices of one instance with its owners' numbers."""

    owners: tuple[str, ...]
    own_phone: str | None = None
    """The business's; None: its settings are damaged."""
    notices: tuple[OpenNotice, ...]


class Failure(Record):
    """A turn that has failed for good."""

    reason: str
    role: str
    apology: Answer | None
    """To the chat of the turn; None: its contact is not answered."""
    notice: NoticeKind | None
    """To the owner; None: the turn is an owner's own."""
    hand_over: HandOver | None = None
    """What the apology promises; None: there is none, or the turn is an owner's own."""


class ModelOutage(Record):
    """A turn waits for its model's endpoint."""

    reason: str
    role: str
    promise: Answer | None
    """To the customer, once the turn has waited for long; None: its contact is not answered, or is an owner."""
    hand_over: HandOver | None = None
    """What the promise promises."""
    notice: NoticeKind


class Shown(Record):
    """How a message that we send stands in its conversation."""

    kind: str
    """`oxy_core.message_kinds.MessageKind`."""
    text: str | None = None
    """What a person reads of it: the text, the caption, the question."""


class OutgoingMessage(Record):
    """A message that no turn asked for: either a plain text or another content."""

    id: UUID
    part: Literal[3] = 3
    text: str | None = None
    content: OutboundContent | None = None
    shown: Shown | None = None
    """None: phones show no message of it, as of a reaction."""
    lane: Lane
    keep_seconds: float
    """Unsent, it expires after this time."""
    trace: str


class Pacing(Record):
    """How what nobody asked for is released (`oxy_ai/schema/proactive.sql`); the budget itself is in the settings."""

    batch: int
    """Held texts that are looked at in one step, of which at most one is released."""
    valid: timedelta
    """How long a pod may send a released text."""
    least_valid: timedelta
    """Nothing is released that close before the quiet hours."""
    most_under_way: int
    """Texts that are released and not sent yet."""
    jitter: float
    """By how much of the pause between two texts that is longer, at most, by chance."""
    pause: timedelta
    """Until whoever holds a contact or a pod's results are looked for again."""
    look_again: timedelta
    """Until an instance whose held texts cannot leave is looked at again, whatever it waits for."""
    look_at_held_again: timedelta
    """Likewise one text."""


class OutboxRow(Record):
    """A message waiting to be sent."""

    id: UUID
    chat: Jid
    text: str | None = None
    content: OutboundContent | None = None
    """What is sent instead of a plain text."""
    lane: Lane
    based_on: int | None = None
    based_on_epoch: UUID | None = None
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    valid_seconds: float | None = None
    """Until it expires, when the row was read; None: it does not expire."""
    resumption: int | None = None
    """As in `SendRequest`."""
    trace: str | None = None


class RelayStep(Record):
    """The next texts for a relay to offer; no rows: none are left, and the instance was released."""

    account: str
    organization: str
    instance: str
    rows: tuple[OutboxRow, ...]
    resumption: int = 0
    """The newest time that a person has let the number go on (`SendRequest.resumption`); 0: nobody has."""
    withheld: int = 0
    """Texts that were closed, because their contacts do not want them."""


class InboundReport(Record):
    """A report for the SQL function `ingest`, with the ids and the phone number derived from it."""

    account: str
    organization: UUID
    instance: UUID
    phone: str | None
    """Of the chat, if one of its addresses contains it."""
    phone_key: str | None
    age_seconds: float
    """Time since the message was sent, none of it a difference of two clocks: until it was journalled, then in the
    journal, then on the bus."""
    published_at: AwareDatetime
    """When the bus got it, by the bus's clock."""
    settled: Settled | None = None
    """What the pod's journal knows of it; None: it is published for the first time."""
    command: bool | None = None
    """Whether it is a person's instruction to the assistant (`oxy_core.chat_commands`)."""
    urgent: bool | None = None
    """Whether a customer seems to write of an emergency."""
    wish: Wish | None = None
    """What the message as a whole asks for; None: nothing of the kind."""
    report: Report


class InboundBatch(RootModel[tuple[InboundReport, ...]]):
    """Reports stored in one transaction."""


class ToolResult(NamedTuple):
    """The result of one tool call in one round."""

    round: int
    id: str
    """Of the call."""
    result: str


class Acceptance(NamedTuple):
    """A text that a pod accepted, and the journal that holds it."""

    request: UUID
    journal_epoch: UUID


class Offered(NamedTuple):
    """Which of the texts offered to it a pod accepted."""

    accepted: Sequence[Acceptance] = ()
    failed: bool = False
    """The pod accepted none of them."""


class RelayTarget(NamedTuple):
    """An instance with texts to send."""

    organization: UUID
    instance: UUID


class DueRelays(NamedTuple):
    """The instances to serve now."""

    answering: Sequence[RelayTarget]
    failing: Sequence[RelayTarget]
    """Their pods did not accept the last offer."""
