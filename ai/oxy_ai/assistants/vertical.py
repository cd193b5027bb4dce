"""The interface of a vertical (a line of business); the engine uses nothing else of one.

`oxy_ai.verticals` finds verticals by name; their tables are in the folder `schema` of their package.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from asyncpg import Pool, Record
from pydantic import BaseModel

from oxy_ai.database import Connection
from oxy_ai.records import HandOver, Turn


class Role(StrEnum):
    """Which assistant answers."""

    CUSTOMER = "customer"
    """The customers' assistant."""
    AURORA = "aurora"
    """The owner's assistant."""


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

    async def hand_over(self, ordered: HandOver) -> None:
        """Have people take the conversation over when the turn ends (`oxy_ai.assistants.people`).

        The order is stored with the tool's result. The answer is sent all the same, followed by what happens next.
        """
        await self.connection.execute(
            "select order_hand_over($1, $2, $3)", self.organization, self.turn.turn, ordered.model_dump_json()
        )


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


class Vertical(Protocol):
    """Prompts, tools, and the catalog that owners write."""

    async def brief(self, pool: "Pool[Record]", organization: UUID, turn: Turn, role: Role, now: datetime) -> Brief:
        """Return the prompt and tools of an assistant for a turn; `now` is in the instance's time zone."""
        ...

    async def apply_catalog(self, connection: Connection, organization: UUID, name: str, text: str) -> BaseModel:
        """Replace an organization's catalog with this YAML and report the change; `name` is the organization's.

        Raises AdministrationError, which names each mistake in the text.
        """
        ...

    async def applied_catalog(self, connection: Connection, organization: UUID) -> BaseModel | None:
        """Return the applied catalog in the form that `apply_catalog` reads; None if there is none."""
        ...
