"""What the control API is asked, shared by the server, its client and Python tests.

Phones are written as E.164 with or without the plus sign; durations are seconds.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, ValidationError, model_validator

from oxy_simulator.content import Body, Identifier
from oxy_simulator.contents import AnyContent
from oxy_simulator.errors import RequestError
from oxy_simulator.faultkind import OPTIONS, SERVER_KINDS, FaultKind, TlsTrouble, foreign_options
from oxy_simulator.impairments import Direction
from oxy_simulator.mediadesk import MEDIA_OPTIONS, MediaFaultKind
from oxy_simulator.proxy_protocol import MAX_CODE, Answer, Scheme
from oxy_simulator.surrogates import ADVICE, halved
from oxy_simulator.wording import worded

Addressing = Literal["lid", "pn"]

MAX_WAIT_SECONDS: Final = 60.0
MAX_SECONDS: Final = 10 * 365 * 86_400  # ten years
MAX_NUMBER: Final = 1_000_000_000  # of pieces, bytes a second, …
MAX_LOAD_TEXT: Final = 16_384  # what is filled in may make it three times as long, and a message's text has a limit

_MESSAGE_ID: Final = re.compile(r"[!-~]{1,1024}")

_Request = TypeVar("_Request", bound="Request")


def require_message_id(text: str) -> str:
    """Return a message's id; raise ValueError if none can be like that.

    Clients make 20 to 40 hexadecimal digits, but a stranger's may make any. Source: whatsmeow `send.go`,
    GenerateMessageID; Baileys `src/Utils/generics.ts`, generateMessageID and generateMessageIDV2.
    """
    if not _MESSAGE_ID.fullmatch(text):
        msg = "must be 1 to 1,024 printable ASCII characters without spaces, like 3EB0C431D26A1916E07E"
        raise ValueError(msg)
    return text


MessageId: TypeAlias = Annotated[str, AfterValidator(require_message_id)]


class Request(BaseModel):
    """A request's body: unknown fields and values of another type are refused, whole numbers are numbers too."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    def given(self) -> set[str]:
        """Return the names of the fields that were given, null being as good as nothing."""
        return {name for name in self.model_fields_set if getattr(self, name) is not None}


def request_of(model: type[_Request], values: Mapping[str, object]) -> _Request:
    """Check the fields of a request; raise RequestError naming each wrong one and those that there are."""
    require_whole_characters(values)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise RequestError(complaint(model, error)) from error


def require_whole_characters(values: object) -> None:
    """Raise RequestError naming the fields of plain data in which a half of a character stands."""
    problems = [f"{'.'.join(map(str, path)) or 'body'}: {ADVICE}" for path in dict.fromkeys(halved(values))]
    if problems:
        raise RequestError("; ".join(problems))


def complaint(model: type[Request], error: ValidationError) -> str:
    """Explain what is wrong with a request's fields."""
    items = error.errors()
    if all(not item["loc"] and item["type"] == "value_error" for item in items):
        # The fields are all there; what they say together is wrong, and the model explains it itself.
        return "; ".join(item["msg"].removeprefix("Value error, ") for item in items)
    problems = [f"{'.'.join(map(str, item['loc'])) or 'body'}: {worded(item)}" for item in items]
    fields = ", ".join(field.alias or name for name, field in model.model_fields.items())
    return f"{'; '.join(problems)} (fields of this request: {fields})"


class AddPhone(Request):
    """Add a phone, or rename it if it exists."""

    phone: str
    name: str = ""
    addressing: Addressing = "lid"
    sends_read_receipts: bool = False


class SendText(Request):
    """Let a phone send `message` (any kind), or `text` for short; `id` repeats a message id on purpose.

    `quote` answers a message with a text; other kinds have a quote of their own.
    """

    to: str
    text: Body | None = None
    message: AnyContent | None = None
    id: MessageId | None = None
    quote: Identifier | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> "SendText":
        if (self.text is None) == (self.message is None):
            msg = "give exactly one of 'text' and 'message'"
            raise ValueError(msg)
        if self.quote is not None and self.message is not None:
            msg = "'quote' belongs to 'text'; put it into the message"
            raise ValueError(msg)
        return self


class MediaFault(Request):
    """Break something about files; see `MediaFaultKind` for what each kind needs."""

    kind: Annotated[MediaFaultKind, Strict(strict=False)]
    count: int = Field(default=1, ge=1, le=1000)
    status: int = Field(default=404, ge=400, le=599)
    rate: int = Field(default=65_536, ge=1, le=MAX_NUMBER)
    ttl: int = Field(default=300, ge=0, le=MAX_SECONDS)

    @model_validator(mode="after")
    def _takes_its_options(self) -> "MediaFault":
        problem = foreign_options(self.kind, MEDIA_OPTIONS[self.kind], self.given() - {"kind"})
        if problem:
            raise ValueError(problem)
        return self


class SelfChat(Request):
    """Let a phone write in its own "message yourself" chat."""

    text: Body


class LinkDevice(Request):
    """Link a device: exactly one of the client's phone code and the text of its QR code."""

    code: str | None = None
    qr: str | None = None


class UnlinkDevice(Request):
    """Remove a linked device, or every one if none is named."""

    device: int | None = None


class Fault(Request):
    """Break something; see `FaultKind` for what each kind needs."""

    kind: Annotated[FaultKind, Strict(strict=False)]
    phone: str | None = None
    count: int | None = Field(default=None, ge=1, le=100_000)
    code: int | None = Field(default=None, ge=0, le=9999)
    expire: int = Field(default=3600, ge=0, le=MAX_SECONDS)
    duration: float | None = Field(default=None, gt=0, le=MAX_SECONDS)
    delay: float = Field(default=5.0, gt=0, le=MAX_SECONDS)
    direction: Direction | None = None
    peer: str | None = None
    limit: int = Field(default=0, ge=0, le=MAX_NUMBER)
    window: float = Field(default=60.0, gt=0, le=MAX_SECONDS)
    stanza: str | None = None
    rate: int = Field(default=1000, ge=1, le=MAX_NUMBER)
    tls: TlsTrouble = "untrusted"

    @model_validator(mode="after")
    def _takes_its_options(self) -> "Fault":
        whom: set[str] = set() if self.kind in SERVER_KINDS else {"phone"}
        problem = foreign_options(self.kind, OPTIONS[self.kind], self.given() - whom - {"kind"})
        if not problem and self.kind is FaultKind.LOGIN_FAILURE and self.code is None:
            problem = f"{self.kind.value} needs 'code': with which error to fail"
        if not problem and self.kind not in {FaultKind.PROXY, FaultKind.LOGIN_FAILURE} and self.code == 0:
            problem = f"code: must be from 1 to 9999 for {self.kind.value}; 0 (hang) is for proxy, login-failure"
        if problem:
            raise ValueError(problem)
        return self


class Restart(Request):
    """Restart the server: everybody is cut off and the state is read back, with or without memory."""

    memory: bool = True


class AddProxy(Request):
    """Start another proxy for clients: who may use it, and whether it serves, refuses or hangs."""

    scheme: Scheme = "http"
    host: str | None = None
    port: int = Field(default=0, ge=0, le=65535)
    username: str | None = None
    password: str = ""
    answer: Answer = "serve"
    code: int | None = Field(default=None, ge=1, le=MAX_CODE)
    tls: TlsTrouble | None = None


class StartClient(Request):
    """Start a client process; it is pointed at this simulator by its environment."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    command: list[str] = Field(min_length=1)
    environment: dict[str, str] = Field(default_factory=dict)
    folder: str | None = None


class Journal(Request):
    """What a client journalled: message ids, or a file with one JSON object (its `key`) or string a line."""

    ids: Annotated[list[str], Strict(strict=False)] | None = None
    path: str | None = None
    key: str = "id"


class AdvanceClock(Request):
    """Move the server's and the phones' time forward, by seconds (ten years at most)."""

    advance: float = Field(gt=0, le=MAX_SECONDS)


class VersionFloor(Request):
    """Refuse clients below a version, like 2.3000.1023223821, with 405."""

    version: str


class NewGroup(Request):
    """Make a group; its creator is in it."""

    creator: str
    subject: str = Field(min_length=1, max_length=100)
    members: list[str] = Field(min_length=1)


class ChangeMembers(Request):
    """Add members to a group and remove others."""

    add: list[str] = Field(default_factory=list)
    remove: list[str] = Field(default_factory=list)


class StartLoad(Request):
    """Send `count` texts from several phones in turn, `rate` a second (0: as fast as possible).

    With several recipients they are taken in turn too. `{sender}`, `{index}` and `{time}` (Unix seconds) in the text
    are filled in.
    """

    senders: list[str] = Field(alias="from", min_length=1)
    to: str | list[str] = Field(min_length=1)
    count: int = Field(ge=1, le=1_000_000)
    rate: float = Field(default=0.0, ge=0.0, le=10_000.0)
    text: str = Field(default="{sender}/{index}", min_length=1, max_length=MAX_LOAD_TEXT)

    model_config = ConfigDict(populate_by_name=True)
