"""What ``oxy contact`` asks a worker (``python -m oxy_ai.admin contact`` and ``person``), and what it answers.

Standard input is one line, an order as JSON: a number is no argument, as in `oxy_core.send_command`.
"""

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, JsonValue

from oxy_core.identity import InstanceName, OrganizationName, OwnerAddress, Phone
from oxy_core.models import StrictModel


class ContactOrder(StrictModel):
    """A person who writes to an instance, or may."""

    organization: OrganizationName
    instance: InstanceName
    phone: Phone
    private: bool | None = None
    """Whether the assistant never answers this person; None: only show what is known."""


class ContactAnswer(StrictModel):
    """What is known of a person."""

    known: bool
    """Whether the instance has this contact."""
    private: bool = False
    """Whether the assistant never answers, by this command or by the list."""
    listed: bool = False
    """Whether the organization's catalog lists the number as private."""
    opt_out: Literal["proactive", "all"] | None = None
    """What the contact does not want: messages that nobody asked for, or any; None: nothing."""


class PersonOrder(StrictModel):
    """A person of whom everything is to be handed out, or forgotten."""

    organization: OrganizationName
    instance: InstanceName
    person: OwnerAddress
    """A number, or a hidden address where the number is not known."""
    export: bool
    """Whether everything is handed out; else, forgotten."""
    media: bool = False
    """Whether files are handed out with their bytes, in base64."""


class ExportPiece(StrictModel):
    """A line of what is known of a person: first the person; then rows; then files, each followed by its parts."""

    person: "ExportedPerson | None" = None
    table: str | None = None
    """Of `record`, a row as it is stored."""
    record: JsonValue = None
    file: JsonValue = None
    """The row of a file."""
    part: str | None = None
    """Of the file before, in base64; its parts can be joined."""


class ExportedPerson(StrictModel):
    """Of whom everything is handed out."""

    organization: OrganizationName
    instance: InstanceName
    exported_at: AwareDatetime
    addresses: tuple[str, ...]
    names: tuple[str, ...]


class ErasureStatus(StrictModel):
    """How far an erasure is."""

    id: UUID
    instance: InstanceName
    made_at: AwareDatetime
    asked_by: str
    cleared_at: AwareDatetime | None = None
    """When database, files and bus had nothing of the person any more."""
    done_at: AwareDatetime | None = None
    """When the pod had done its part."""
    waits_for: Literal["platform", "pod", "report", "instance"] | None = None
    """What is next: the workers; the pod, which has not accepted the request, or has not reported yet. The instance is
    deleted, and has no pod. None: it is finished."""
    known_to: tuple[InstanceName, ...] = ()
    """Other instances of the organization that know the number; only in the answer to an order."""
    left: tuple[str, ...] = ()
    """Files on the instance's volume that may still name the person, because they cannot be read."""
