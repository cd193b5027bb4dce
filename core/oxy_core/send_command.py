"""What ``oxy send`` asks a worker (``python -m oxy_ai.admin send``), and what that answers.

Standard input is one line, a `SendOrder` as JSON, and right after it the bytes of the file, if there is one. Nothing of
it is an argument: arguments of a command in a pod are part of a URL, which API servers write to their audit logs.
"""

from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

from pydantic import AwareDatetime, Field

from oxy_core.identity import InstanceName, OrganizationName, Phone
from oxy_core.models import StrictModel
from oxy_core.outbound import LARGEST_FILES, MAX_FILE_NAME, SendRefusal

MAX_FILE_BYTES: Final = max(LARGEST_FILES.values())
"""Largest file that is taken; some kinds of files have a lower limit."""

MAX_WAIT_SECONDS: Final = 3_600
"""Longest wait for the result."""


class FileOrder(StrictModel):
    """The file that follows the order."""

    name: Annotated[str, Field(min_length=1, max_length=MAX_FILE_NAME)]
    size: int = Field(ge=1)
    """Bytes that follow; fewer mean that the connection broke."""
    voice: bool = False
    """Whether it is a voice note; otherwise its content decides how phones show it."""
    caption: str | None = None


class SendOrder(StrictModel):
    """A text or a file for one phone."""

    organization: OrganizationName
    instance: InstanceName
    phone: Phone
    text: str | None = None
    file: FileOrder | None = None
    """One of the two is set."""
    wait_seconds: float = Field(default=0, ge=0, le=MAX_WAIT_SECONDS)
    """How long the worker waits for the result; 0: it answers as soon as the order is stored."""


class SendState(StrEnum):
    """How far an order has come."""

    WAITING = "waiting"
    """Stored, and sent as soon as the instance can; nobody need ask again."""
    SENT = "sent"
    FAILED = "failed"
    EXPIRED = "expired"
    AMBIGUOUS = "ambiguous"
    """The pod died while sending; nobody knows whether WhatsApp accepted it, and it is not repeated."""


class SendAnswer(StrictModel):
    """How far the order had come when the wait ended."""

    id: UUID
    """Of the row in the outbox, which `oxy ledger` shows."""
    state: SendState
    whatsapp_id: str | None = None
    whatsapp_timestamp: AwareDatetime | None = None
    """When WhatsApp received it, by its own clock."""
    refusal: SendRefusal | None = None
    """Why it was not sent, or, while it waits, what WhatsApp refuses the number for now; for programs."""
    error: str | None = None
    """Why it was not sent, for people."""
