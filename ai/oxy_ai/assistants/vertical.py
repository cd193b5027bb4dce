"""What a line of business brings: its prompts and its tools. The engine knows nothing else of it."""

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
from oxy_ai.records import Turn


class Role(StrEnum):
    """Who answers."""

    CUSTOMER = "customer"
    """The assistant that customers write with."""
    AURORA = "aurora"
    """The owner's assistant."""


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What a tool may use. Its transaction holds the turn: what it writes and its result are kept together, once."""

    connection: Connection
    organization: UUID
    turn: Turn
    timezone: ZoneInfo
    now: datetime


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call."""

    name: str
    description: str
    arguments: type[BaseModel]
    """Checked before `run` is called; its JSON schema is what the model is shown."""
    run: Callable[[ToolContext, Any], Awaitable[BaseModel]]
    """Called as `run(context, arguments)`; the result is given to the model as JSON."""


@dataclass(frozen=True, slots=True)
class Brief:
    """What an assistant is told and may do in one turn."""

    system_prompt: str
    tools: tuple[Tool, ...]


class Vertical(Protocol):
    """A line of business: prompts, tools, and the catalog that its owners write."""

    async def brief(self, pool: "Pool[Record]", organization: UUID, turn: Turn, role: Role, now: datetime) -> Brief:
        """Prepare an assistant for a turn; `now` is in the tenant's time zone."""
        ...

    async def apply_catalog(self, connection: Connection, organization: UUID, name: str, text: str) -> BaseModel:
        """Replace an organization's catalog by this YAML; return what it did. Raises AdministrationError."""
        ...

    async def applied_catalog(self, connection: Connection, organization: UUID) -> BaseModel | None:
        """Return the applied catalog in the form that `apply_catalog` reads; None if there is none."""
        ...
