"""The format of scenario files: who says what when, which fault when, and what must come back.

See docs/simulator.md. Durations are seconds. `oxy-simulator schema` prints the JSON schema of `Scenario`.
"""

import re
import warnings
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, Self, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from oxy_simulator.actions import ACTIONS
from oxy_simulator.contents import AnyContent, ContentKind
from oxy_simulator.errors import RequestError
from oxy_simulator.jid import phone_digits
from oxy_simulator.requests import (
    AddProxy,
    Addressing,
    Fault,
    MediaFault,
    Restart,
    complaint,
    require_message_id,
)

_Part = TypeVar("_Part", bound=BaseModel)

NAME: Final = "^[A-Za-zÀ-ÖØ-öø-ɏ_][0-9A-Za-zÀ-ÖØ-öø-ɏ_]*$"
"""Names of phones, clients and variables, written so that Python, pydantic and editors read it alike."""
YEAR: Final = 365 * 86_400
"""The longest wait, in seconds."""

Path: TypeAlias = tuple[str | int, ...]
"""Where something stands in a scenario: fields and places in lists."""


class WrittenNumber(float):
    """A number that keeps how it was written: 1.50 is just that where text is meant."""

    written: str

    def __new__(cls, written: str) -> Self:
        """Read a number as YAML writes it: with a dot in .inf and .nan, which Python has without."""
        number = super().__new__(cls, re.sub(r"\.(?=inf|nan)", "", written.lower()))
        number.written = written
        return number


def _check_number(text: str) -> str:
    try:
        return "+" + phone_digits(text)
    except RequestError as error:
        raise ValueError(str(error)) from error


def _check_pattern(text: str) -> str:
    try:
        compiled(text)
    except re.error as error:
        msg = f"not a regular expression: {error}"
        raise ValueError(msg) from error
    return text


def _check_id(text: str) -> str:
    return text if "${" in text else require_message_id(text)  # what stands for a variable is checked when it is sent


def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern; raise re.error for whatever is wrong with it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return re.compile(pattern)
    except (RecursionError, OverflowError, Warning) as error:
        raise re.error(str(error), pattern) from error


def _to_text(value: object) -> object:
    """Take numbers as the text that they were written as: YAML reads 5511… as a number."""
    if isinstance(value, WrittenNumber):
        return value.written
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _short_phone(value: object) -> object:
    return {"number": value} if isinstance(value, str | int) else value


Text: TypeAlias = Annotated[str, BeforeValidator(_to_text)]
Name: TypeAlias = Annotated[str, Field(pattern=NAME)]
Pattern: TypeAlias = Annotated[str, AfterValidator(_check_pattern)]
Seconds: TypeAlias = Annotated[float, Field(gt=0, le=YEAR)]


class Part(BaseModel):
    """A part of a scenario: unknown fields and values of another type are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class PhoneSpec(Part):
    """A simulated phone."""

    number: Annotated[Text, AfterValidator(_check_number)] = Field(description="E.164, like +5511911111111")
    name: str = Field(default="", description="the name that contacts see")
    addressing: Addressing = "lid"
    sends_read_receipts: bool = False


class Source(Part):
    """Where a linking code or the text of a QR code is read: exactly one place."""

    output: Pattern | None = Field(default=None, description="pattern in the client's output; group 1 is the code")
    file: str | None = Field(default=None, description="a file that will hold it")
    url: str | None = Field(default=None, description="an address that will answer it")
    command: list[str] | None = Field(default=None, min_length=1, description="a program that prints it")
    pattern: Pattern | None = Field(default=None, description="with file, url, command: pattern; group 1 is the code")

    @model_validator(mode="after")
    def _one_place(self) -> "Source":
        return _exactly_one(self, "output", "file", "url", "command")


class LinkSpec(Part):
    """What a phone types (the client's code) or scans (its QR code)."""

    code: Source | None = None
    qr: Source | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "LinkSpec":
        return _exactly_one(self, "code", "qr")

    @property
    def source(self) -> Source:
        """Where the code, or the text of the QR code, is read."""
        source = self.code or self.qr
        if source is None:
            msg = "a link has a code or a QR code"
            raise TypeError(msg)
        return source


class ClientSpec(Part):
    """A client under test that the scenario runs as a process."""

    phone: Name = Field(description="the phone that it is linked to")
    command: list[Text] = Field(min_length=1, description="program and arguments")
    environment: dict[str, Text] = Field(default_factory=dict, description="beside the scenario runner's own")
    folder: str = Field(default="", description="working folder, from the scenario file's folder")
    link: LinkSpec


def _short_start(value: object) -> object:
    return value if isinstance(value, dict) else {"client": value}


class Start(Part):
    """A client is started: its name, or this."""

    client: Name
    within: Seconds | None = Field(default=None, description="until it offers a code, and again until it is online")


AnyStart: TypeAlias = Annotated[Start, BeforeValidator(_short_start, json_schema_input_type=str | Start)]


class Send(Part):
    """A phone sends a text or any other kind of message; to itself it is the "message yourself" chat."""

    sender: Name = Field(alias="from")
    to: Name
    text: Text | None = Field(default=None, min_length=1)
    message: AnyContent | None = Field(default=None, description="any kind, instead of a text")
    file: str | None = Field(default=None, description="the file of such a message, from the scenario file's folder")
    quote: Text | None = Field(default=None, description="id of the message to quote, like ${question}")
    id: Annotated[Text, AfterValidator(_check_id)] | None = Field(
        default=None, description="an id to repeat on purpose"
    )
    save: Name | None = Field(default=None, description="variable for the message's id")

    @model_validator(mode="after")
    def _says_one_thing(self) -> "Send":
        if self.file is not None and "file" not in getattr(type(self.message), "model_fields", {}):
            msg = "'file' belongs to a 'message' of a kind that has one, like {kind: image}"
            raise ValueError(msg)
        return _exactly_one(self, "text", "message")


class Act(Part):
    """A phone does something beside writing, as `POST /phones/{phone}/{action}`."""

    phone: Name
    action: Literal[
        "reinstall", "prekeys", "presence", "typing", "mark", "profile", "block", "trust", "history", "lid-mapping"
    ]
    fields: dict[str, Any] = Field(default_factory=dict, alias="with", description="its fields; phones by their names")

    @model_validator(mode="after")
    def _has_its_fields(self) -> "Act":
        model = ACTIONS[self.action].request
        try:
            model.model_validate(self.fields)
        except ValidationError as error:
            raise ValueError(complaint(model, error)) from error
        return self


class Expect(Part):
    """A phone must get a message, the next one that fits all of this."""

    phone: Name
    text: Text | None = None
    pattern: Pattern | None = Field(default=None, description="searched for in the text; named groups become variables")
    kind: ContentKind | None = None
    sender: Name | None = Field(default=None, alias="from")
    within: Seconds | None = None
    save: Name | None = Field(default=None, description="variable for the message's id")

    @model_validator(mode="after")
    def _text_or_pattern(self) -> "Expect":
        if self.text is not None and self.pattern is not None:
            msg = "give one of 'text' and 'pattern', not both"
            raise ValueError(msg)
        return self


class ExpectNothing(Part):
    """A phone must get nothing at all for a while."""

    phone: Name
    within: Seconds = 1.0


class Link(LinkSpec):
    """A phone links a client that was started elsewhere."""

    phone: Name
    within: Seconds | None = Field(default=None, description="until the client offers a code")

    @model_validator(mode="after")
    def _elsewhere(self) -> "Link":
        if self.source.output is not None:
            msg = "'output' is that of a client that the scenario starts; use 'file', 'url' or 'command' for others"
            raise ValueError(msg)
        return self


class ClearFaults(Part):
    """Faults end: those of a phone, or all."""

    phone: Name | None = None


class Online(Part):
    """A linked client of this phone must be connected."""

    phone: Name
    within: Seconds | None = None


class Settled(Part):
    """Every linked client must have acknowledged everything."""

    within: Seconds | None = None


class Journalled(Part):
    """What a phone's clients acknowledged or rejected must be in the journal that they keep."""

    phone: Name
    file: Text = Field(description="one JSON object or string a line; from the scenario file's folder")
    key: str = Field(default="id", description="where an object has the message's id")
    within: Seconds | None = None


class Step(Part):
    """One step: exactly one of these."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    start: AnyStart | None = Field(default=None, description="client to start, linked if it is not, until it is online")
    terminate: Name | None = Field(default=None, description="client to end by SIGTERM")
    kill: Name | None = Field(default=None, description="client to end by SIGKILL")
    restart: AnyStart | None = Field(default=None, description="client to kill and start")
    stop: Name | None = Field(default=None, description="client to stop where it is (SIGSTOP)")
    continue_: Name | None = Field(default=None, alias="continue", description="stopped client to go on (SIGCONT)")
    restart_server: Restart | None = Field(default=None, description="the server restarts: {}, or {memory: false}")
    link: Link | None = None
    unlink: Name | None = Field(default=None, description="phone that removes all its linked clients")
    send: Send | None = None
    act: Act | None = None
    expect: Expect | None = None
    expect_nothing: ExpectNothing | None = None
    fault: Fault | None = None
    media_fault: MediaFault | None = None
    clear_faults: ClearFaults | None = Field(default=None, description="all faults end: {}, or those of a {phone: …}")
    online: Online | None = None
    settled: Settled | None = None
    journalled: Journalled | None = None
    wait: Seconds | None = None
    parallel: "list[list[Step]] | None" = Field(default=None, min_length=1, description="lists of steps, side by side")

    @model_validator(mode="after")
    def _one_verb(self) -> "Step":
        return _exactly_one(self, *type(self).model_fields)

    @property
    def verb(self) -> str:
        """What the step does."""
        return next(iter(self.model_fields_set))


class Scenario(Part):
    """A whole scenario."""

    scenario: str = Field(min_length=1, description="what it shows")
    phones: dict[Name, Annotated[PhoneSpec, BeforeValidator(_short_phone, json_schema_input_type=str | PhoneSpec)]]
    clients: dict[Name, ClientSpec] = Field(default_factory=dict)
    proxies: dict[Name, AddProxy] = Field(default_factory=dict, description="more proxies; ${name} is the URL of one")
    variables: dict[Name, Text] = Field(default_factory=dict, description="used as ${name} in any text")
    within: Seconds = Field(default=10.0, description="how long to wait where a step does not say")
    allow_violations: list[str] = Field(default_factory=list, description="rules that clients may break here")
    steps: list[Step] = Field(min_length=1)

    def all_steps(self) -> Iterator[tuple[Path, Step]]:
        """Yield every step with its place, those of parallel branches too."""
        yield from _walk(("steps",), self.steps)


def _walk(path: Path, steps: list[Step]) -> Iterator[tuple[Path, Step]]:
    for index, step in enumerate(steps):
        yield (*path, index), step
        for branch, listed in enumerate(step.parallel or []):
            yield from _walk((*path, index, "parallel", branch), listed)


def _exactly_one(part: _Part, *names: str) -> _Part:
    given = [name.strip("_") for name in names if getattr(part, name) is not None]
    if len(given) != 1:
        msg = f"give exactly one of {', '.join(name.strip('_') for name in names)}" + (
            f", not {' and '.join(given)}" if given else ""
        )
        raise ValueError(msg)
    return part
