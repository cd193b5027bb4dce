"""The interface of a vertical (a line of business); the engine uses nothing else of one.

`oxy_ai.verticals` finds verticals by name; their tables are in the folder `schema` of their package.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar, cast, runtime_checkable
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from oxy_ai.assistants.review.evidence import Offer
from oxy_ai.database import Connection
from oxy_ai.errors import FileLostError
from oxy_ai.records import HandOver, Turn
from oxy_core.files import FileFailure

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Role(StrEnum):
    """Which assistant answers."""

    CUSTOMER = "customer"
    """The customers' assistant."""
    AURORA = "aurora"
    """The owner's assistant."""


class IntentName(StrEnum):
    """What people want of an assistant (`oxy_ai.assistants.intents`)."""

    BOOKING = "booking"
    MOVING = "moving"
    """To move a booking."""
    CANCELLING = "cancelling"
    TIMES = "times"
    """To know when there is time, or when the business is open."""
    SERVICES = "services"
    """To know what is offered, and what it costs."""
    REGISTRATION = "registration"
    """To say, or hear, what is kept about the customer."""
    PERSON = "person"
    COMPLAINT = "complaint"
    THANKS = "thanks"
    GREETING = "greeting"
    FIGURES = "figures"
    """An owner wants to know how the business does."""
    ORDER = "order"
    """An owner wants something done."""
    OTHER = "other"


class Scope(StrEnum):
    """Whose rows a part is read from, and so which version of the facts tells whether it has changed."""

    ORGANIZATION = "organization"
    """The same for all of an organization's contacts."""
    CONTACT = "contact"
    """A contact's own, and what they name of the organization's."""


@dataclass(frozen=True, slots=True)
class ContextPart(Generic[T_co]):
    """A part of what an assistant knows beside the conversation.

    Each is read by itself, so that one that cannot be had in time is missing alone: the model is told so, and nothing
    is invented in its place.
    """

    name: str
    scope: Scope
    load: Callable[[Connection, UUID, int, datetime], Awaitable[T_co]]
    """Called as `load(connection, organization, contact, now)`, in a transaction that sees the organization's rows as
    of one moment. What it returns is kept for later turns, so it must not change, nor depend on the time of day."""
    if_missing: str
    """What the model reads instead, in Portuguese."""


class Facts:
    """The parts that could be read."""

    def __init__(self, found: Mapping[str, object]) -> None:
        self._found = dict(found)

    def of(self, part: ContextPart[T]) -> T | None:
        """Return a part; None: it is missing."""
        return cast("T | None", self._found.get(part.name))

    def missing(self, parts: Iterable[ContextPart[Any]]) -> str:
        """Return what the model reads of the missing ones of these parts."""
        return " ".join(part.if_missing for part in parts if part.name not in self._found)


@dataclass(frozen=True, slots=True)
class Context:
    """What an assistant's prompt is made of."""

    turn: Turn
    role: Role
    now: datetime
    """In the instance's time zone."""
    facts: Facts


class Attachments(Protocol):
    """Where the pictures go that a call of a tool attaches to the answer."""

    async def add(self, connection: Connection, image: bytes, caption: str) -> None:
        """Store a picture and its place among the others, as a part of the tool's transaction.

        Raises FileLostError if there is no room for it; the transaction can go on.
        """
        ...


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What a tool may use.

    `connection` is in the transaction that also stores the tool's result under the turn's fence, so that a call's
    effect and its result are committed together, once.
    """

    connection: Connection
    organization: UUID
    turn: Turn
    timezone: ZoneInfo
    """The time zone of the instance."""
    now: datetime
    """In that time zone; the same for all calls of an attempt."""
    known: str = ""
    """What the prompt says about this customer."""
    attachments: Attachments | None = None
    """None: the answer can have none."""

    async def hand_over(self, ordered: HandOver) -> None:
        """Have people take the conversation over when the turn ends (`oxy_ai.assistants.people`).

        The order is stored with the tool's result. The answer is sent all the same, followed by what happens next.
        """
        await self.connection.execute(
            "select order_hand_over($1, $2, $3)", self.organization, self.turn.turn, ordered.model_dump_json()
        )

    async def attach(self, image: bytes, caption: str) -> None:
        """Have a picture (PNG or JPEG) sent before the answer's text, after those that were attached earlier.

        Raises FileLostError if it cannot be kept: then the answer has to do without.
        """
        if self.attachments is None:
            raise FileLostError(FileFailure.NO_SPACE)
        await self.attachments.add(self.connection, image, caption)

    async def propose(self, tool: str, intent: str, order: BaseModel) -> bool:
        """Have the owner asked, after the answer, whether a tool is to carry this out; `intent` says what will happen.

        False: another tool has proposed something in this turn.
        """
        proposed = {"tool": tool, "intent": intent, "arguments": order.model_dump(mode="json")}
        kept: bool = await self.connection.fetchval(
            "select prepare_proposal($1, $2, $3)", self.organization, self.turn.turn, json.dumps(proposed)
        )
        return kept


@dataclass(frozen=True, slots=True)
class ActOutcome:
    """What became of an act that an owner has agreed to."""

    said: str
    """What he is told: what was done, or why not."""
    done: bool = True


class Proposed(BaseModel):
    """Result of a tool that asks first: it has done nothing yet."""

    o_que_vai_acontecer: str
    instrucao: str = (
        "Nada foi feito ainda. Logo depois da sua resposta, o sistema mostra isto ao dono e pergunta se pode fazer; só "
        "o sim dele faz acontecer. Responda em uma frase curta: não pergunte, não repita isto, não diga que foi feito."
    )


@dataclass(frozen=True, slots=True)
class ConfirmedAct:
    """What a tool that asks first does once the owner has agreed.

    Such a tool's `run` finds out what is meant, and proposes it (`ToolContext.propose`).
    """

    order: type[BaseModel]
    """What is to be done, each customer, day and booking in it resolved when it was proposed."""
    carry_out: Callable[[ToolContext, Any], Awaitable[ActOutcome]]
    """Called as `carry_out(context, order)`, in the transaction that settles the proposal. It looks again at what may
    have changed since."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What a customer must have written himself before a tool acts (`oxy_ai.assistants.consent`)."""

    wishes: tuple[str, ...] = ()
    """Beginnings of folded words, one of which says that he wants it; or he says yes after the shop has used one."""
    by_moment: bool = False
    """Whether naming a day or a time says so as well: that is how people take one of those that they were offered."""
    written: tuple[str, ...] = ()
    """Arguments with a word that he wrote."""
    named: tuple[str, ...] = ()
    """Arguments with a word that he or the shop wrote."""
    registered: tuple[str, ...] = ()
    """Arguments with a word that he or the shop wrote, or that the prompt says about him."""
    moment: tuple[str, str] | None = None
    """Arguments with a day and a time, each of which he or the shop has named, or which he leaves to the shop."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call."""

    name: str
    description: str
    arguments: type[BaseModel]
    """The model is shown their JSON schema; a call that does not validate never reaches `run`."""
    run: Callable[[ToolContext, Any], Awaitable[BaseModel]]
    """Called as `run(context, arguments)`; the model gets the result as JSON."""
    acts: bool = False
    """Whether it changes data, and not only reads."""
    consent: Consent | None = None
    """None: it needs none."""
    intent: IntentName | None = None
    """What whoever is answered with it wants; None: it does not tell."""
    act: ConfirmedAct | None = None
    """What it does once an owner has agreed to what it proposed; None: it does not ask."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What an assistant is told before a conversation, in two parts.

    What never changes comes first, so that providers recognise the beginning of many requests and charge less for it.
    """

    stable: str
    """Instructions, tone, catalog: the same for all customers of an instance."""
    changing: str
    """The day and time, the customer, what is booked."""
    hash: str = ""
    """Which version of the instructions it was made from."""


@dataclass(frozen=True, slots=True)
class Brief:
    """An assistant's instructions for one turn."""

    prompt: Prompt
    tools: tuple[Tool, ...]
    instructions: str = ""
    """The part of the prompt that is nobody's business: an answer must not quote it."""
    offers: tuple[Offer, ...] = ()
    """Services with their prices: an answer must not give one the price of another."""
    booked: tuple[datetime, ...] = ()
    """When this customer's bookings begin, in the instance's time zone: an answer may call them booked."""
    at_once: str | None = None
    """What the customer is told without asking a model, because it is an emergency; people take over, urgently."""


class Vertical(Protocol):
    """Prompts, tools, and the catalog that owners write."""

    def is_emergency(self, text: str) -> bool:
        """Return whether a customer's text may be about an emergency, alone or with other messages.

        A turn then looks at them at once, whoever answers: `Brief.at_once` decides, and is what the customer is told.
        """
        ...

    def parts(self, role: Role) -> tuple[ContextPart[Any], ...]:
        """Return the parts of the context that an assistant's prompt is made of."""
        ...

    def brief(self, context: Context) -> Brief:
        """Return the prompt and tools of an assistant for a turn."""
        ...

    async def apply_catalog(self, connection: Connection, organization: UUID, name: str, text: str) -> BaseModel:
        """Replace an organization's catalog with this YAML and report the change; `name` is the organization's.

        Raises AdministrationError, which names each mistake in the text.
        """
        ...

    async def applied_catalog(self, connection: Connection, organization: UUID) -> BaseModel | None:
        """Return the applied catalog in the form that `apply_catalog` reads; None if there is none."""
        ...


@runtime_checkable
class Prompted(Protocol):
    """A vertical whose prompts can be others than its own, so that an evaluation can compare them."""

    def with_prompts(self, folder: Path) -> Vertical:
        """Return the same with the prompts of a folder; those that are not there stay. Raises PromptFileError."""
        ...


@runtime_checkable
class RecordKeeper(Protocol):
    """A vertical that keeps something of customers beside their bookings, as evaluation sets and reads it."""

    record: ClassVar[type[BaseModel]]
    """What is kept of a customer, one thing each, as golden dialogues write it."""

    async def keep_record(self, connection: Connection, organization: UUID, contact: int, record: Any) -> None:  # noqa: ANN401 a `record`
        """Keep something of a customer, as if he had told it before."""
        ...

    async def records_of(self, connection: Connection, organization: UUID, contact: int) -> Sequence[BaseModel]:
        """Return all that is kept of a customer."""
        ...
