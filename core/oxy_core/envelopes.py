"""Messages on the bus: versioned, strict in writing, tolerant in reading, frozen.

A pod reports with `Report`, is asked to send with `SendRequest`, confirms with `Accepted`, and shows its live state
with `LiveState`. All times are UTC.

Processes of several versions run side by side during an upgrade. A new optional field needs nothing: older readers
ignore it. A change that an older reader would misunderstand (a new kind, a new type of report, a field that changes
what the others mean) raises `version` on the envelopes that contain it, and on no others.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, Final, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, ValidationError, model_validator

from oxy_core.content import (
    AUTOMATIC_SOURCES,
    MAX_MENTIONS,
    ChatType,
    Count,
    Details,
    FileOffered,
    LinkPreview,
    MessageSource,
    PlaceholderReason,
    Quote,
)
from oxy_core.errors import ContractError, NewerVersionError
from oxy_core.files import FileArrived, FileFailed
from oxy_core.freeze import Freeze
from oxy_core.identity import InstanceName, Jid, Lid, OrganizationName, PersonDigest, Phone
from oxy_core.instance.client_versions import ClientVersion
from oxy_core.instance.connection_causes import MAX_DETAIL
from oxy_core.instance.pairing_offer import PairingOffer
from oxy_core.instance.session_states import BackupState, LeaveState, RestoreState
from oxy_core.instance.settings import AiSettings, LimitsSettings, QueuesSettings, RetentionSettings
from oxy_core.instance.stored_session import SessionFacts
from oxy_core.message_kinds import FIRST_KINDS, MessageKind
from oxy_core.message_limits import MAX_NAME, MAX_TEXT, WhatsAppId
from oxy_core.models import StrictModel
from oxy_core.outbound import OutboundContent, SendRefusal
from oxy_core.report_bodies import MAX_NUMBER, ContactErased, InstanceEvent, MessageLost, NumberChanged, ReceiptsSeen
from oxy_core.trace import TraceParent

MAX_ERROR: Final = 1_000
"""Longest description of a failure in characters."""

MAX_DIGESTS: Final = 256
"""Most addresses of one person: each change of the number adds two."""

MAX_ENVELOPE_BYTES: Final = 508 << 10
"""Largest report without headers; pods cut the text of one that would be larger. The longest text takes 384 KiB: 65,536
characters of at most 6 bytes each (as escapes in JSON)."""

VERSION: Final = 5
"""Newest version of an envelope that this code reads."""

FIRST_VERSION: Final = 1
"""Version of every envelope that older code understands."""

CONTENT_VERSION: Final = 2
"""Version of the envelopes that carry more than plain text."""

ERASURE_VERSION: Final = 3
"""Version of the envelopes by which a person is forgotten."""

EVENT_VERSION: Final = 4
"""Version of the reports of events, and of requests to hold back what is to be sent."""

RESUMPTION_VERSION: Final = 5
"""Version of the requests to try again what WhatsApp's reach-out lock held back."""

MESSAGE_ID_HEADER: Final = "Nats-Msg-Id"
"""Header by which JetStream drops a repeated publish."""

WAITED_HEADER: Final = "Oxy-Waited"
"""Header of a published report: seconds that it waited in the journal, by the pod's clock."""

REPLAYED_HEADER: Final = "Oxy-Replayed"
"""Header of a dead report that a person has published again."""

PUBLISHED_AGAIN_HEADER: Final = "Oxy-Published-Again"
"""Header of a report that a pod publishes again, because the platform may have lost it. Its value is a `Settled`."""


class Settled(StrEnum):
    """What a pod's journal says of a customer's message that it publishes again."""

    OPEN = "open"
    """Nobody has answered it; or the report is of something else."""
    ANSWERED = "answered"
    """The platform has: a text that takes it into account was sent, or will be."""
    PERSON = "person"
    """A person of the business has, from another device."""
    UNKNOWN = "unknown"
    """The platform sent a text later, and nobody can tell whether that was the answer."""


class Envelope(StrictModel):
    """Base of all messages on the bus. Unknown fields are refused in writing and ignored in reading."""

    version: int = Field(default=FIRST_VERSION, ge=1)

    def encode(self) -> bytes:
        """Return the wire form, UTF-8 JSON."""
        return self.model_dump_json(exclude_none=True).encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the wire form.

        Raises NewerVersionError if only a newer version of this code can read it, and ContractError, which names the
        fields but never quotes their values, if none can.
        """
        try:
            envelope = cls.model_validate_json(data, extra="ignore")
        except ValidationError as error:
            _require_known_version(cls.__name__, data)
            fields = sorted({".".join(map(str, item["loc"])) or "envelope" for item in error.errors()})
            message = f"not a {cls.__name__} version {VERSION}: check {', '.join(fields)[:500]}"
            raise ContractError(message) from None
        if envelope.version > VERSION:
            raise NewerVersionError(cls.__name__, envelope.version)
        return envelope


class _Version(BaseModel):
    """What every version of an envelope has."""

    version: int = 1


def _require_known_version(name: str, data: bytes) -> None:
    """Raise NewerVersionError if the envelope claims a version that this code does not know."""
    try:
        version = _Version.model_validate_json(data).version
    except ValidationError:
        return
    if version > VERSION:
        raise NewerVersionError(name, version)


class MessageSeen(StrictModel):
    """A message in a chat: from the customer, or from the business itself, sent on its phone or another device."""

    type: Literal["message"] = "message"
    whatsapp_id: WhatsAppId
    chat: Jid
    """The chat's address as WhatsApp gave it; a LID if one is known."""
    chat_alias: Jid | None = None
    """The other address of the same chat (the phone number of a LID, or the reverse), if known."""
    sender: Jid
    from_me: bool
    """True if the business's own account sent it, from any device."""
    self_chat: bool = False
    """True in the "message yourself" chat."""
    push_name: Annotated[str, Field(max_length=MAX_NAME)] | None = None
    kind: MessageKind
    text: Annotated[str, Field(max_length=MAX_TEXT)] | None = None
    """What a person reads: text, caption, question, label of a choice."""
    quoted_id: WhatsAppId | None = None
    """WhatsApp id of the message that this one answers."""
    sent_at: AwareDatetime
    """When the sender's phone sent it, by WhatsApp's clock."""
    delay_seconds: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Time from sending to journalling. The pod corrects it for the difference between its clock and WhatsApp's, so
    that no process need compare two clocks."""
    chat_sequence: int = Field(ge=1)
    """Position among the messages of its chat in this journal, counted from 1 without gaps."""
    chat_type: ChatType = ChatType.DIRECT
    source: MessageSource | None = None
    """Who or what wrote it; None: older code reported it, which did not tell."""
    business_name: Annotated[str, Field(max_length=MAX_NAME)] | None = None
    """The sender's business name, if WhatsApp vouches for it."""
    details: Details | None = None
    """What it contains beside its text."""
    quote: Quote | None = None
    """What it answers, as its sender repeats it."""
    mentions: Annotated[tuple[Jid, ...], Field(max_length=MAX_MENTIONS)] = ()
    preview: LinkPreview | None = None
    file: FileOffered | None = None
    view_once: bool = False
    """Whether the sender wants it to be seen only once."""
    ephemeral_seconds: Count | None = None
    """After how long the apps delete it; 0: they do, and the time is unknown."""
    forwarded: bool = False
    offline: bool = False
    """Whether the server had queued it while we were offline; `delay_seconds` is its age."""
    before_pairing: bool = False
    """Whether it was sent before this device was linked: nobody expects a late answer."""
    original_length: Count | None = None
    """How many characters the text had, if it was cut."""
    placeholder_reason: PlaceholderReason | None = None
    """Why its content, or part of it, is not here."""

    @property
    def least_version(self) -> int:
        """Version that a reader must know, so as not to answer what nobody should, or take a machine for a person."""
        understood = (
            self.kind in FIRST_KINDS
            and self.details is None
            and self.file is None
            and self.chat_type is ChatType.DIRECT
            and self.source not in AUTOMATIC_SOURCES
            and not self.before_pairing
        )
        return FIRST_VERSION if understood else CONTENT_VERSION


class SendOutcome(StrEnum):
    """How a send request ended on the pod."""

    SENT = "sent"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    """The chat already had a message newer than `SendRequest.based_on`, sent by the business itself."""
    EXPIRED = "expired"
    AMBIGUOUS = "ambiguous"
    """The pod died while sending, so nobody knows whether WhatsApp accepted it; it is never resent automatically."""


class SendResult(StrictModel):
    """The outcome of a send request."""

    type: Literal["send_result"] = "send_result"
    request_id: UUID
    outcome: SendOutcome
    whatsapp_id: WhatsAppId | None = None
    error: Annotated[str, Field(max_length=MAX_ERROR)] | None = None
    """Why it failed, for people to read; never contains message text."""
    whatsapp_timestamp: AwareDatetime | None = None
    """When WhatsApp received it, by its own clock."""
    refusal: SendRefusal | None = None
    """Why it was not sent, for processes to act on."""
    retry_after_seconds: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """How long WhatsApp asked to wait, last."""
    resumption: int | None = Field(default=None, ge=0, le=MAX_NUMBER)
    """That of the request: what came of it before a person let the number go on says nothing any more."""


class ConnectionState(StrEnum):
    """State of an instance's WhatsApp connection."""

    STARTING = "starting"
    PAIRING = "pairing"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    ENDED = "ended"
    """The runtime met a terminal cause and will not connect again in this epoch."""


class ConnectionChanged(StrictModel):
    """The WhatsApp connection went up or down."""

    type: Literal["connection"] = "connection"
    state: ConnectionState
    reason: str | None = None
    """CamelCase cause, for example ConnectionLost: a row of `oxy_core.instance.connection_causes`."""
    detail: Annotated[str, Field(max_length=MAX_DETAIL)] | None = None
    """The underlying error, without secrets."""
    jid: Jid | None = None


ReportBody = Annotated[
    MessageSeen
    | FileArrived
    | FileFailed
    | ReceiptsSeen
    | MessageLost
    | NumberChanged
    | SendResult
    | ConnectionChanged
    | ContactErased
    | InstanceEvent,
    Field(discriminator="type"),
]


def version_of(body: BaseModel) -> int:
    """Return the version that a reader must know to understand a report with this body."""
    if isinstance(body, MessageSeen):
        return body.least_version
    if isinstance(body, ContactErased):
        return ERASURE_VERSION
    if isinstance(body, InstanceEvent):
        return EVENT_VERSION
    return FIRST_VERSION if isinstance(body, SendResult | ConnectionChanged) else CONTENT_VERSION


class Report(Envelope):
    """Something that happened on a pod, published in journal order."""

    id: UUID
    organization: OrganizationName
    instance: InstanceName
    journal_epoch: UUID
    """Identity of the journal; on an empty or restored volume a new one starts."""
    journal_started_at: AwareDatetime | None = None
    """When that journal started: orders an instance's journals."""
    journal_sequence: int = Field(ge=1)
    """Position in the journal, counted from 1 without gaps."""
    occurred_at: AwareDatetime
    trace: TraceParent
    body: ReportBody

    @model_validator(mode="before")
    @classmethod
    def _raise_version(cls, values: object) -> object:
        """Give a report that is written the version of its body; one that is read has its own."""
        if isinstance(values, dict) and isinstance(body := values.get("body"), BaseModel):
            return {"version": version_of(body), **values}
        return values

    @property
    def message_id(self) -> str:
        """Value of the header `MESSAGE_ID_HEADER`, after the account: the same for each publish of this report.

        Not its sequence: a journal that was set back to an older copy uses sequences again, for other reports.
        """
        return f"{self.instance}:{self.id}"


class Lane(StrEnum):
    """Priority of a message to send: replies go before automations, automations before campaigns."""

    REPLY = "reply"
    AUTOMATION = "automation"
    CAMPAIGN = "campaign"


class SendRequest(Envelope):
    """The platform asks a pod to send a plain text or another content. Requests with the same id count once.

    A plain text is version 1, any other content version 2, which older pods leave alone.
    """

    id: UUID
    organization: OrganizationName
    instance: InstanceName
    chat: Jid
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)] | None = None
    content: OutboundContent | None = None
    """What to send instead of `text`; one of the two is set."""
    lane: Lane = Lane.REPLY
    based_on: int | None = Field(default=None, ge=0)
    """The newest `MessageSeen.chat_sequence` that the text takes into account; None: send regardless."""
    based_on_epoch: UUID | None = None
    """The journal that `based_on` counts in."""
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    valid_seconds: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """How long it may still be sent, counted from when the pod receives it. The pod goes by this, not by `expires_at`,
    because its clock may differ from the platform's; None: go by `expires_at`."""
    resumption: int | None = Field(default=None, ge=0, le=MAX_NUMBER)
    """Of a message that waits at the platform while WhatsApp lets the account write to nobody first: which of the times
    it follows that a person has let the number go on; 0: none. With a higher one than it knew, the pod tries a message
    at once. Refused by that lock, such a message is given back (EXPIRED, REACHOUT_LOCKED). None: it is tried until it
    expires."""
    trace: TraceParent

    @model_validator(mode="before")
    @classmethod
    def _raise_version(cls, values: object) -> object:
        if isinstance(values, dict) and values.get("content") is not None:
            return {"version": CONTENT_VERSION, **values}
        return values

    @model_validator(mode="after")
    def _require_one_content(self) -> Self:
        if (self.text is None) == (self.content is None):
            message = "either text or content is sent"
            raise ValueError(message)
        if self.content is not None and self.version < CONTENT_VERSION:
            message = f"content needs version {CONTENT_VERSION}"
            raise ValueError(message)
        return self


class EraseRequest(Envelope):
    """The platform asks a pod to forget a person. Requests with the same id count once, and are always reported.

    It names the person by digests alone, so that neither the request nor what waits to send it keeps an address.
    """

    version: int = Field(default=ERASURE_VERSION, ge=ERASURE_VERSION)
    type: Literal["erase"] = "erase"
    id: UUID
    organization: OrganizationName
    instance: InstanceName
    salt: UUID
    """With which the digests are made."""
    digests: Annotated[tuple[PersonDigest, ...], Field(min_length=1, max_length=MAX_DIGESTS)]
    """Of each address that the person has or had (`oxy_core.identity.person_digest`)."""
    seconds_ago: float = Field(ge=0, allow_inf_nan=False)
    """How long before it is sent the person was forgotten. What was written since is a new contact's, and stays."""
    trace: TraceParent


class FreezeRequest(Envelope):
    """The platform asks a pod to hold back, or to send, what it accepts. The pod shows in its live state what holds.

    Requests may be repeated and may overtake each other: the highest revision counts.
    """

    version: int = Field(default=EVENT_VERSION, ge=EVENT_VERSION)
    type: Literal["freeze"] = "freeze"
    organization: OrganizationName
    instance: InstanceName
    freeze: Freeze


class ResumeRequest(Envelope):
    """The platform tells a pod that a person has let the number go on, so that it tries a message at once.

    Nobody confirms it: whoever misses it tries one within a quarter of an hour. Requests may be repeated and may
    overtake each other: a higher resumption than the pod knew counts.
    """

    version: int = Field(default=RESUMPTION_VERSION, ge=RESUMPTION_VERSION)
    type: Literal["resume"] = "resume"
    organization: OrganizationName
    instance: InstanceName
    resumption: int = Field(ge=1, le=MAX_NUMBER)
    """As in `SendRequest`."""


class Accepted(Envelope):
    """A send or an erase request is in the pod's journal and on disk.

    The pod will report a `SendResult`, or `ContactErased`.
    """

    request_id: UUID
    journal_epoch: UUID
    journal_sequence: int = Field(ge=1)


class LiveState(Envelope):
    """A pod's current state; each replaces the last. No decision rests on it alone."""

    organization: OrganizationName
    instance: InstanceName
    pod_uid: str
    epoch: int = Field(ge=1)
    heartbeat_at: AwareDatetime
    connection: ConnectionState
    jid: Jid | None = None
    attempts: int = Field(default=0, ge=0)
    """Failed attempts to connect since the last success."""
    next_attempt_at: AwareDatetime | None = None
    last_reason: str | None = None
    """Why it is not connected, or what is wrong though it is: a row of `oxy_core.instance.connection_causes`."""
    last_error: Annotated[str, Field(max_length=MAX_DETAIL)] | None = None
    """The underlying error, without secrets."""
    receiving: bool | None = None
    """Whether WhatsApp says anything on the connection; None: there is none."""
    last_frame_at: AwareDatetime | None = None
    """When it last did."""
    publish_refusal: str | None = None
    """Why the bus takes no reports; None while it takes them. They wait in the journal."""
    pairing: PairingOffer | None = None
    last_activity_at: AwareDatetime | None = None
    session_bytes: int | None = Field(default=None, ge=0)
    messages_lost: int | None = Field(default=None, ge=0)
    """How many messages were found to be lost, of those that the journal still remembers."""
    reachout_locked_since: AwareDatetime | None = None
    """Since when WhatsApp lets this account write to nobody first, as far as sends have met it; None: it may."""
    frozen: Freeze | None = None
    """Whether the pod holds back what it is to send, as it was told last; None: it was never told."""
    session: SessionFacts | None = None
    """What is stored; None: nothing is known yet."""
    volume_problem: str | None = None
    """A `VolumeProblem`, or one that only a newer version knows; None: there is room."""
    volume_bytes: int | None = Field(default=None, ge=0)
    volume_free_bytes: int | None = Field(default=None, ge=0)
    journal_bytes: int | None = Field(default=None, ge=0)
    """What is used of the journal's file, without room in it that is free."""
    backup: BackupState | None = None
    restore: RestoreState | None = None
    leaving: LeaveState | None = None
    client_version: ClientVersion | None = None
    """The version of WhatsApp Web that the library claims to be; None: unknown."""
    client_published_on: date | None = None
    """When that version was published."""
    pairing_proof: str | None = None
    """A `PairingProof`, or one that only a newer version knows; None: the linked phone owes none."""
    phone_offline_days: int | None = Field(default=None, ge=0, le=36_500)
    """For how many days the phone has been away, as was told last; 0: it is not known to be; None: an older pod."""


class InstanceSettings(Envelope):
    """What AI workers need to know about an instance; published by the operator, the newest generation wins."""

    organization: OrganizationName
    instance: InstanceName
    account: str
    """Public key of the instance's NATS account."""
    generation: int = Field(ge=1)
    """``metadata.generation`` of the custom resource."""
    uid: str | None = None
    """``metadata.uid`` of the custom resource: tells a re-created instance from its predecessor of the same name."""
    created_at: AwareDatetime | None = None
    """``metadata.creationTimestamp``: of two custom resources of one name, the later one counts."""
    display_name: str
    phone_number: Phone
    timezone: str
    owners: tuple[Phone, ...] = ()
    owner_lids: tuple[Lid, ...] = ()
    """Owners that are named by their hidden addresses. Apart, because older workers can read numbers alone."""
    max_answer_age_seconds: float = Field(default=21_600, gt=0, le=1e10)
    """A message older than this when it arrives is not answered."""
    ask_to_repeat: bool = False
    """Whether a customer whose message or file was lost is asked to send it again."""
    ai: AiSettings = AiSettings()
    limits: LimitsSettings = LimitsSettings()
    queues: QueuesSettings = QueuesSettings()
    retention: RetentionSettings = RetentionSettings()
    suspended: bool = False
    frozen: Freeze | None = None
    """Whether what is to be sent is held back; None: nobody has ever wanted that."""
