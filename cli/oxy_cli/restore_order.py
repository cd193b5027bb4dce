"""An order to restore a session, as ``spec.session.restoreFrom`` holds it, and how far it is. Pure."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self
from uuid import UUID

from oxy_cli.errors import SessionCommandError

LATEST: Final = "latest"
"""Stands for the newest backup whose device was not unlinked, or for the newest if there is no such."""

_REFUSALS: Final = frozenset({"BackupNotFound", "BackupOfAnotherNumber", "DeviceUnlinked"})
"""Reasons for which the operator does not even tell the pod; waiting changes nothing."""

Resource = Mapping[str, Any]
"""A WhatsAppInstance's JSON."""


@dataclass(frozen=True, slots=True)
class RestoreOrder:
    """Which backup is to replace the session."""

    backup_id: str
    instance: str | None
    """Whose backup; None: the instance's own."""
    force: bool
    request: str | None
    """Tells it from another order for the same; None: a person, or an older definition of the resource, keeps none."""

    @classmethod
    def asked(cls, backup_id: str, instance: str | None, *, force: bool, lists: str) -> Self:
        """Make a new order; raises SessionCommandError for what cannot be a backup's id.

        `lists` is the command that shows the ids.
        """
        try:
            known = LATEST if backup_id == LATEST else str(UUID(backup_id))
        except ValueError:
            message = (
                f"{backup_id} is no id of a backup, which looks like 01940000-0000-7000-8000-000000000001. To see the "
                f"ids, run: {lists}. For the newest, say latest"
            )
            raise SessionCommandError(message) from None
        return cls(known, instance, force, secrets.token_hex(8))

    @classmethod
    def held(cls, resource: Resource) -> Self | None:
        """Return the one in an instance's spec; None: there is none."""
        found = (resource["spec"].get("session") or {}).get("restoreFrom")
        if found is None:
            return None
        return cls(found["backupId"], found.get("instance"), bool(found.get("force")), found.get("request"))

    @property
    def patch(self) -> dict[str, Any]:
        """The field as a merge patch, which leaves nothing of the one before."""
        return {"backupId": self.backup_id, "instance": self.instance, "force": self.force, "request": self.request}

    @property
    def spec(self) -> dict[str, Any]:
        """The field as it is then."""
        return {name: value for name, value in self.patch.items() if value is not None}

    @property
    def described(self) -> str:
        """What it wants, in a few words."""
        whose = f" of {self.instance}" if self.instance else ""
        return f"backup {self.backup_id}{whose}" + (" with --force" if self.force else "")

    def is_same(self, other: Self) -> bool:
        """Whether both want the same."""
        return replace(self, request=None) == replace(other, request=None)

    def of(self, backups: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """Return the backup that it stands for, of those of its number with the newest first."""
        if self.backup_id != LATEST:
            return next((item for item in backups if item["id"] == self.backup_id), None)
        linked = (item for item in backups if not item.get("unlinkedAfter"))
        return next(linked, next(iter(backups), None))


@dataclass(frozen=True, slots=True)
class RestoreProgress:
    """What the operator says of an order."""

    reason: str
    message: str
    restored: bool
    refused: bool
    """Whether it will not come about by waiting."""
    pinned: bool
    """Whether the pod was told."""


def of_number(backups: Iterable[Mapping[str, Any]], number: str) -> list[Mapping[str, Any]]:
    """Return the backups of a number's session (`number_digest`); an older operator does not say of which they are."""
    return [item for item in backups if item.get("number") in {None, number}]


def progress_of(resource: Resource, order: RestoreOrder) -> RestoreProgress | None:
    """Return what an instance says of an order in its spec; None: the operator has not looked at this spec yet."""
    status = resource.get("status") or {}
    current = resource["metadata"].get("generation", 0)
    conditions = (item for item in status.get("conditions") or () if item["type"] == "Restored")
    found = next((item for item in conditions if item.get("observedGeneration", current) >= current), None)
    if found is None:
        return None
    told = (status.get("session") or {}).get("restore") or {}
    # Of an earlier order, it may still be there.
    mine = told if told.get("request") == order.request else {}
    return RestoreProgress(
        found["reason"],
        found["message"],
        restored=bool(mine) and found["status"] == "True",
        refused=mine.get("outcome") == "Refused" or found["reason"] in _REFUSALS,
        pinned=bool(mine),
    )


def under_way(resource: Resource) -> bool:
    """Whether what an instance's spec orders, if anything, is neither done nor refused."""
    order = RestoreOrder.held(resource)
    told = progress_of(resource, order) if order else None
    return order is not None and (told is None or not (told.restored or told.refused))
