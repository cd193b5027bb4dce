"""What the control API answers, shared by the server, its client and Python tests.

Phones are digits; times are Unix seconds; durations are seconds.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from oxy_simulator.contents import AnyContent
from oxy_simulator.faultkind import FaultKind, TlsTrouble
from oxy_simulator.impairments import Direction
from oxy_simulator.mediadesk import MediaFaultKind
from oxy_simulator.processes import Condition
from oxy_simulator.proxy_protocol import Answer, Scheme


class Reply(BaseModel):
    """An answer's body."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class ProxyView(Reply):
    """A proxy that clients may use, with the URL that they take."""

    id: int
    scheme: Scheme
    port: int
    url: str
    answer: Answer
    code: int | None
    tls: TlsTrouble | None


class ClientView(Reply):
    """A client process; `exit_code` is negative for a signal, and None while it lives."""

    name: str
    condition: Condition
    pid: int | None
    exit_code: int | None
    starts: int
    log_file: Path


class RuleView(Reply):
    """A fault that holds or waits; `left` None: until it ends by time or is cleared; `code` None: the kind's own.

    `phone` is None for those of the whole server: `tls` (in which way), `proxy` (with which `code`; 0 if it hangs),
    `down`, and those of `files`. `taken` None: nobody counts. `held` is how many messages
    or acknowledgements it keeps back: it is listed until they are gone.
    """

    kind: FaultKind | MediaFaultKind
    phone: str | None = None
    left: int | None = None
    until: float | None = None
    direction: Direction | None = None
    peer: str | None = None
    taken: int | None = None
    held: int = 0
    rate: int | None = None
    files: bool = False
    code: int | None = None
    tls: TlsTrouble | None = None


class ClockView(Reply):
    """The server's time in Unix seconds, and how far it is ahead of the wall clock's."""

    now: float
    advanced: float


class SentId(Reply):
    """The WhatsApp id of a message that was sent."""

    id: str


class FileId(Reply):
    """A file that a phone can send: its id, and its size in bytes."""

    file: str
    size: int


class MediaView(Reply):
    """A message's file; `checked` once the phone has fetched it, `error` says what is wrong with it."""

    kind: str
    mimetype: str
    file_length: int
    checked: bool
    error: str | None


class MessageState(Reply):
    """A message as it stands on a phone now: after edits, deletion, reactions and votes.

    `tally` gives who took each option of a poll, or each choice of an event or a menu.
    """

    id: str
    chat: str
    sender: str
    kind: str
    text: str
    at: float
    edited_at: float | None
    revoked_at: float | None
    reactions: dict[str, str]
    tally: dict[str, list[str]]
    media: MediaView | None


class Message(Reply):
    """A message in a phone's inbox; `from_me` marks its own, `duplicate` a repeated id.

    `content` says what is in it (None for plain texts), `target_id` which message it is about, and
    `state` what became of it since (None for a text to which nothing happened).
    """

    number: int
    id: str
    chat: str
    sender: str
    from_me: bool
    kind: str
    text: str
    at: float
    quoted_id: str | None
    duplicate: bool
    content: AnyContent | None = None
    target_id: str | None = None
    state: MessageState | None = None


class DeviceView(Reply):
    """A linked device: whether it is connected, and what waits for it."""

    id: int
    platform: str
    online: bool
    prekeys: int
    waiting: int


class PhoneView(Reply):
    """A phone, its linked devices, and who is typing to it."""

    phone: str
    name: str
    lid: str
    devices: list[DeviceView]
    messages: int
    chat_states: dict[str, str]
    waits_for_code: bool


class LineView(Reply):
    """A message's life line; `stages` gives the time of each stage it reached."""

    number: int
    id: str
    direction: Literal["inbound", "outbound"]
    account: str
    device: int
    chat: str
    sender: str
    text: str | None
    stages: dict[str, float]
    deliveries: int
    duplicates: int
    error: str | None
    kind: str = "text"


class DeviceDescriptionView(Reply):
    """How a companion presented itself when it was linked; limits are None where it named none."""

    os: str
    browser: str
    version: str
    full_history: bool
    inline_history: bool
    recent_days: int | None
    full_days: int | None
    full_megabytes: int | None
    quota_megabytes: int | None


class GroupView(Reply):
    """A group; members by number, the creator first."""

    id: str
    subject: str
    creator: str
    members: list[str]
    created_at: int


class LoginView(Reply):
    """One attempt to connect: what the client said about itself, and what came of it."""

    number: int
    at: float
    phone: str | None
    device: int | None
    kind: Literal["link", "login"]
    outcome: str
    version: str
    platform: str
    push_name: str
    passive: bool
    pull: bool
    lid_migrated: bool
    connect_type: str
    connect_reason: str
    described: DeviceDescriptionView


class LossView(Reply):
    """Messages that were acknowledged or rejected, and that the journal does not have.

    The list is exact while `forgotten`, the number of life lines that went because there were too many, is 0.
    """

    journalled: int
    lost: list[LineView]
    forgotten: int


class ViolationView(Reply):
    """A breach of the protocol by a client."""

    number: int
    at: float
    phone: str | None
    rule: str
    detail: str


class PacketView(Reply):
    """A stanza of a connection as XML on one line, or a note; `device` is `phone:device`, or `-`."""

    number: int
    at: float
    connection: int
    device: str
    direction: Literal["to-client", "from-client", "note"]
    text: str


class StateView(Reply):
    """An overview."""

    version: str
    phones: list[PhoneView]
    connections: int
    messages: int
    forgotten: int
    """Life lines that went because there were more than are kept."""
    violations: int
    down: bool
    load_running: bool


class SettledView(Reply):
    """Whether no linked device has anything left to acknowledge."""

    settled: bool


class TrustView(Reply):
    """What a client needs: the proxy's port, the authority for TLS (PEM) and the Noise root (hexadecimal)."""

    proxy_port: int
    ca: str
    noise_root: str


class Problem(Reply):
    """Why a request was refused, and what to do."""

    error: str
