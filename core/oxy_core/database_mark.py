"""What workers publish of their database, so that one that begins anew is recognised by all components."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from oxy_core.envelopes import Envelope


class DatabaseMark(Envelope):
    """The value of `oxy_core.subjects.DATABASE_KEY`."""

    id: UUID
    """Of the database."""
    mark: int = Field(ge=0)
    """Its counter: if the database itself has counted less, it was set back to an older copy."""
    began_anew: Annotated[str, Field(max_length=32)] | None = None
    """Names the last time that this database replaced another or was set back; None: never since the bucket began."""
