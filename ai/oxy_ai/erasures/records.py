"""Erasures as values, as the SQL functions in `schema/` take and return them."""

from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from oxy_ai.records import Record
from oxy_core.identity import Jid, PersonDigest


class EraseRefusal(StrEnum):
    """Why a person is not forgotten."""

    UNKNOWN = "unknown"
    OWNER = "owner"
    LISTED = "listed"
    """The catalog lists the number under `private_contacts`."""
    NAMED = "named"
    """The custom resource names the number."""


class Begun(Record):
    """How the order to forget a person began: one of the two is set."""

    erasure: UUID | None = None
    refusal: EraseRefusal | None = None


class Person(Record):
    """By what a person is found who is being forgotten."""

    addresses: tuple[Jid, ...]
    names: tuple[str, ...] = ()


class Erasure(Record):
    """A person who is to be forgotten, and how far that is."""

    id: UUID
    organization: UUID
    instance: UUID
    account: str | None
    """The instance's, on the bus; None: it is deleted."""
    names: tuple[str, str]
    """Of organization and instance."""
    digests: tuple[PersonDigest, ...]
    """Empty: the addresses are forgotten, too."""
    person: Person | None = None
    """None: database, files and bus have nothing of the person any more."""
    seconds_ago: float
    """Since the person was forgotten."""
    is_done: bool
    """Whether the pod has done its part."""


class Sweep(NamedTuple):
    """A look through everything for what is left of a person (`schema/sweeps.sql`)."""

    began: datetime
    quiet: bool
    """Whether nobody was at work any more who may have known the person."""
    pattern: str | None
    """A regular expression by which texts of owners are searched; None: there is nothing to be found any more."""


class SweepOutcome(StrEnum):
    """What a sweep came to."""

    CLEARED = "cleared"
    """Nothing is left."""
    FOUND = "found"
    """Something was: who has read it before may write it down again."""
    WAITING = "waiting"
    """Something is on its way, or somebody was at work."""


class DueErasure(NamedTuple):
    """An erasure that this worker has claimed."""

    organization: UUID
    erasure: UUID


class PersonsFile(NamedTuple):
    """A file that is to be deleted."""

    id: UUID
    location: str | None
    arriving: bool
    """Whether chunks of it may be on the bus."""


REMEDIES: Final = {
    EraseRefusal.UNKNOWN: "nobody with this number or address is known to the instance: `oxy contact erasures NAME "
    "--all` lists who was forgotten. Somebody whose number is hidden is named by the address: 123456789@lid",
    EraseRefusal.OWNER: "this is an owner, or the business itself: remove the number from spec.owners first, if it is "
    "no owner's any more",
    EraseRefusal.LISTED: "the catalog lists this number under private_contacts: remove it there, apply the catalog, "
    "and try again",
    EraseRefusal.NAMED: "the WhatsAppInstance names this number (spec.ai.onlyNumbers): remove it there and try again",
}
"""What to say about each refusal."""
