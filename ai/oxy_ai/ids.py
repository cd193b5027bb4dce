"""Database identities of organizations and instances, derived from their names."""

from functools import lru_cache
from typing import Final
from uuid import UUID, uuid5

_NAMESPACE: Final = UUID("5b6f4b62-2d0f-5a63-9a0e-1c5d5d0f6f21")
"""Chosen once for Oxy; changing it would orphan every row."""


@lru_cache(maxsize=4_096)
def organization_id(name: str) -> UUID:
    """Return the id under which an organization's rows are kept.

    Derived, so that finding it needs no query that sees more than one organization.
    """
    return uuid5(_NAMESPACE, name)


@lru_cache(maxsize=4_096)
def instance_id(organization: str, instance: str) -> UUID:
    """Return the id of an organization's instance."""
    return uuid5(organization_id(organization), instance)
