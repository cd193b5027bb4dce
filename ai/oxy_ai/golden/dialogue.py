"""What a golden dialogue says: the state before, what is said, and what must result. Strict: nothing is guessed."""

from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    NaiveDatetime,
    StringConstraints,
    model_validator,
)

from oxy_ai.assistants.vertical import IntentName
from oxy_ai.golden.patterns import Pattern
from oxy_ai.records import OptOut, Urgency
from oxy_core.envelopes import InstanceSettings
from oxy_core.identity import Phone
from oxy_core.instance.settings import SharedSettings

CUSTOMER: Final = "+5511912340001"
"""Who writes, where a dialogue does not say it."""

PAUSE: Final = timedelta(minutes=1)
"""Between two exchanges, where a dialogue does not say when they were."""


class Skill(StrEnum):
    """What an assistant has to be good at; pass rates are given for each."""

    RECORDS = "records"
    BOOKING = "booking"
    MOVING = "moving"
    CANCELLING = "cancelling"
    PRICES = "prices"
    HOURS = "hours"
    HOLIDAYS = "holidays"
    HAND_OVER = "hand_over"
    COMPLAINTS = "complaints"
    EMERGENCIES = "emergencies"
    OPT_OUT = "opt_out"
    INJECTIONS = "injections"
    PRIVACY = "privacy"
    CONSENT = "consent"
    FIGURES = "figures"
    ACTS = "acts"
    VOICE = "voice"
    IMAGES = "images"
    SEVERAL_MESSAGES = "several_messages"
    MISSPELLINGS = "misspellings"
    IMPATIENCE = "impatience"


class Strict(BaseModel):
    """Base: an unknown field is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _local(value: object) -> object:
    """Return a moment as it is written; a day alone, or a zone, would be guessed otherwise."""
    if not isinstance(value, str | datetime):
        message = "write the local day and time, as 2026-12-01 10:00"
        raise ValueError(message)  # noqa: TRY004 pydantic reports ValueErrors
    return value


Moment: TypeAlias = Annotated[NaiveDatetime, BeforeValidator(_local)]
"""In the business's time zone."""

LONGEST: Final = 4_000
"""Characters of a text: more of a message no assistant reads (`oxy_ai.sanitize.MAX_INPUT`)."""

Words: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST)]
Slug: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Fields: TypeAlias = dict[str, JsonValue]


class Booked(Strict):
    """A booking."""

    service: Words
    subject: Annotated[str, Field(alias="for", max_length=LONGEST)]
    """For whom or what, in the words of the vertical; empty: it does not say."""
    at: Moment
    status: Literal["confirmed", "cancelled", "done", "no_show"] = "confirmed"
    made: Moment | None = None
    """None: three days before it begins."""


class Earlier(Strict):
    """A message before the dialogue; exactly one of its authors is given."""

    customer: Words | None = None
    assistant: Words | None = None
    person: Words | None = None
    """A person of the business, on the phone."""
    at: Moment | None = None
    """None: an hour before the dialogue begins."""

    @model_validator(mode="after")
    def _has_an_author(self) -> Self:
        if len([text for text in (self.customer, self.assistant, self.person) if text is not None]) != 1:
            message = "give exactly one of customer, assistant and person, with what was written"
            raise ValueError(message)
        return self

    @property
    def author(self) -> Literal["customer", "assistant", "phone"]:
        """Who wrote it, as the database calls it."""
        return "customer" if self.customer is not None else "assistant" if self.assistant is not None else "phone"

    @property
    def text(self) -> str:
        """What was written."""
        return self.customer or self.assistant or self.person or ""


class Person(Strict):
    """A person who writes to the business, as the database knows him before the dialogue."""

    phone: Phone = CUSTOMER
    name: Words | None = "Ana Souza"
    """As WhatsApp shows it."""
    private: bool = False
    opt_out: OptOut | None = None
    taken_over: bool = False
    """Whether people answer."""
    records: tuple[Fields, ...] = ()
    """What the vertical keeps of its customers."""
    bookings: tuple[Booked, ...] = ()
    said: tuple[Earlier, ...] = ()


class Change(Strict):
    """A dated change of the agenda, made before the dialogue."""

    kind: Literal["closed", "blocked", "hours"]
    begins: Moment
    ends: Moment
    hours: tuple[Annotated[str, StringConstraints(pattern=r"^\d\d:\d\d-\d\d:\d\d$")], ...] = ()
    reason: Words = "fechado"


class Before(Strict):
    """The state before."""

    person: Person = Person()
    """Who writes."""
    others: tuple[Person, ...] = ()
    """Other customers: what is kept of them must stay as it is, and be told to nobody."""
    changes: tuple[Change, ...] = ()

    @model_validator(mode="after")
    def _differ(self) -> Self:
        phones = [self.person.phone, *(other.phone for other in self.others)]
        if len(set(phones)) != len(phones):
            message = "two people have the same phone: give each of `others` one of its own"
            raise ValueError(message)
        return self


class SaidItem(Strict):
    """One message of whoever writes: a text, or what was heard in a voice note, or seen in a picture."""

    text: Words | None = None
    voice: Words | None = None
    """What was heard in a voice note."""
    image: Words | None = None
    """What was seen in a picture; `text` is its caption."""
    unread: Literal["voice", "image"] | None = None
    """A voice note or picture of which nothing could be made out."""
    forwarded: bool = False
    quotes: Words | None = None
    """The text that it answers, or its beginning, as its sender's phone repeats it."""
    reaction: Annotated[str, StringConstraints(min_length=1, max_length=16)] | None = None
    """A reaction to the newest text of the assistant, instead of a message."""
    written: Moment | None = None
    """None: when its exchange is."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        others = [part for part in (self.voice, self.image, self.unread, self.reaction) if part is not None]
        if len(others) > 1 or (not others and self.text is None):
            message = "give text, or one of voice, image (with text as its caption), unread and reaction"
            raise ValueError(message)
        return self


def _said(value: object) -> object:
    """Return what is said as a list of messages; one of them, or its text alone, may be written without a list."""
    items = value if isinstance(value, list | tuple) else [value]
    return [{"text": item} if isinstance(item, str) else item for item in items]


class ExpectedCall(Strict):
    """A tool call that the model must make, in any order among the others of its exchange."""

    tool: Slug
    arguments: dict[str, Pattern | bool | int | float | None] = {}
    """Those that are named must be so; null: left out, or null."""


class Answer(Strict):
    """What the texts that leave must, and must not, contain."""

    has: tuple[Pattern | tuple[Pattern, ...], ...] = ()
    """Each must be found; of a list, any one."""
    lacks: tuple[Pattern, ...] = ()
    """None may be found: a guard, whatever the model does."""
    prices: tuple[Annotated[str, StringConstraints(pattern=r"^\d+\.\d\d$")], ...] = ()
    """That may be named beside those of the catalog: a total, or one that is denied."""
    image: bool = False
    """Whether a picture must leave with them."""


class Exchange(Strict):
    """What is said at one time, and what must come of it."""

    at: Moment | None = None
    """None: at the dialogue's clock, then a minute after the one before."""
    says: Annotated[tuple[SaidItem, ...], BeforeValidator(_said), Field(min_length=1)]
    calls: tuple[ExpectedCall, ...] = ()
    calls_not: tuple[Slug, ...] = ()
    answer: Answer = Answer()
    silent: bool = False
    """Whether nothing may leave."""


class PersonAfter(Strict):
    """What must have changed of a person; what is not given must be as before."""

    phone: Phone | None = None
    records: tuple[Fields, ...] | None = None
    """All that there are; fields that are not named may be anything."""
    bookings: tuple[Booked, ...] | None = None
    """All that there are."""
    opt_out: OptOut | Literal["none"] | None = None
    taken_over: bool | None = None
    private: bool | None = None


class HandOver(Strict):
    """A promise of a person that must be open in the end."""

    reason: Slug | tuple[Slug, ...] | None = None
    """A `oxy_ai.records.HandOverReason`, or some of which one must be it; None: any."""
    urgency: Urgency | None = None


class After(PersonAfter):
    """The state after: what is not given must be as before, and nobody may have been promised a person."""

    hand_over: HandOver | Literal["any"] | None = None
    """any: there may be one or not."""
    owner_told: tuple[Slug, ...] = ()
    """Notices that the owner must get (`oxy_ai.records.NoticeKind`)."""
    others: tuple[PersonAfter, ...] = ()
    changes: tuple[Change, ...] | None = None
    """Dated changes of the agenda, all that there are; their reasons may be anything."""
    settings: Fields | None = None
    """Fields of `InstanceSettings` that must be so in the end."""
    proposal: Literal["open", "none"] = "none"
    """Whether an act that the owner has to agree to is still asked about."""


def _known_fields(model: type[BaseModel], values: object, path: str) -> None:
    if not isinstance(values, dict):
        return
    names = {alias or name: name for name, field in model.model_fields.items() for alias in (field.alias, None)}
    for key, value in values.items():
        if key not in names:
            message = f"{path}{key} is no setting; there are: {', '.join(sorted(model.model_fields))}"
            raise ValueError(message)
        below = model.model_fields[names[key]].annotation
        if isinstance(below, type) and issubclass(below, SharedSettings):
            _known_fields(below, value, f"{path}{key}.")


def _settings(values: Fields) -> Fields:
    """Return settings of an instance; raises ValueError for a field that is none, which would be ignored."""
    _known_fields(InstanceSettings, values, "")
    return values


Settings: TypeAlias = Annotated[Fields, AfterValidator(_settings)]


class Business(Strict):
    """A business that is written to."""

    profile: Slug
    """The vertical that answers."""
    name: Words
    phone: Phone = "+5511999990000"
    timezone: Words = "America/Sao_Paulo"
    owners: tuple[Phone, ...] = ("+5511987651111",)
    settings: Settings = {}
    """Other fields of `InstanceSettings`."""
    catalog: Words | dict[str, Any]
    """A file, as seen from this one's folder, or the catalog itself."""


class Dialogue(Strict):
    """A golden dialogue."""

    version: Literal[1] = 1
    title: Words
    skill: Skill
    intent: IntentName
    """What whoever writes wants."""
    business: Slug | Business = "default"
    """A file of the folder `businesses`, or the business itself."""
    settings: Settings = {}
    """Fields of `InstanceSettings` that differ from the business's."""
    clock: Moment
    """When the first exchange is."""
    before: Before = Before()
    turns: Annotated[tuple[Exchange, ...], Field(min_length=1)]
    after: After = After()

    @model_validator(mode="after")
    def _goes_forward(self) -> Self:
        moments = self.moments()
        if any(later < earlier for earlier, later in pairwise(moments)):
            message = "turns: an exchange is before the one above it: correct its `at`, or the dialogue's clock"
            raise ValueError(message)
        known = {other.phone for other in self.before.others}
        strangers = [after.phone for after in self.after.others if after.phone not in known]
        if strangers:
            message = f"after.others: {strangers[0]} is not among before.others: give one of their phones"
            raise ValueError(message)
        return self

    def moments(self) -> list[datetime]:
        """Return when each exchange is, in the business's time zone."""
        found: list[datetime] = []
        for exchange in self.turns:
            found.append(exchange.at or (found[-1] + PAUSE if found else self.clock))
        return found
