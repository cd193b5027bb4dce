"""Stored sessions as the command reads them: of instances, and of volume claims whose instance was deleted."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from oxy_core.identity import number_digest
from oxy_core.instance.custom_resource import (
    EPOCH_ANNOTATION,
    INSTANCE_LABEL,
    LINKED_ANNOTATION,
    ORGANIZATION_LABEL,
    Phase,
    claim_name,
)
from oxy_core.instance.set_aside import PAIRED_ANNOTATION, set_aside_at
from oxy_core.times import utc_text

ORPHANED: Final = "Orphaned"
"""State of a session whose instance was deleted, and whose volume was kept."""

BACKUPS_ONLY: Final = "BackupsOnly"
"""State of a session of which only backups are left."""

_RESTORE: Final = "oxy.dev/restore"
_INCARNATION: Final = "oxy.dev/incarnation"
"""On a claim: the uid of the instance that it serves, or served last."""

Backup = Mapping[str, Any]
"""A backup as the operator lists it."""


@dataclass(frozen=True, slots=True)
class SessionView:
    """A stored session."""

    namespace: str
    """Empty if only backups are left: no namespace has them."""
    name: str
    """Of its instance, which may no longer exist."""
    organization: str
    state: str
    """The instance's phase, or `ORPHANED`, or `BACKUPS_ONLY`."""
    since: datetime
    """When the instance, or the claim of a deleted one, was created; if only backups are left: long ago."""
    claim: str | None
    claim_uid: str | None
    linked: bool
    pod: str | None
    epoch: str | None = None
    """In which a deleted instance last used its claim; None: unknown, or it exists."""
    restored_from: str | None = None
    """Id of the backup from which its claim got the session in that epoch; None: from none, or that is not known."""
    linked_at: str | None = None
    """When the phone linked the device of a deleted instance's session, as its backups have it; None: unknown."""
    number: str | None = None
    """Digest of the number that the instance has; None: it does not exist."""
    set_aside: datetime | None = None
    """When credentials were last set aside on the claim of a deleted instance (`set_aside_at`); None: never."""
    status: Mapping[str, Any] = field(default_factory=dict)
    """``status.session``."""

    @classmethod
    def of_instance(cls, resource: Mapping[str, Any], claim: Mapping[str, Any] | None) -> Self:
        """Read a custom resource and its claim."""
        metadata, status = resource["metadata"], resource.get("status") or {}
        paired = (item for item in status.get("conditions") or () if item["type"] == "Paired")
        return cls(
            namespace=metadata["namespace"],
            name=metadata["name"],
            organization=resource["spec"]["organizationId"],
            state=status.get("phase") or "Pending",
            since=datetime.fromisoformat(metadata["creationTimestamp"]),
            claim=claim["metadata"]["name"] if claim else None,
            claim_uid=claim["metadata"]["uid"] if claim else None,
            linked=any(item["status"] == "True" for item in paired),
            pod=(status.get("runtime") or {}).get("podName"),
            number=number_digest(resource["spec"]["phoneNumber"]),
            status=status.get("session") or {},
        )

    @classmethod
    def of_claim(cls, claim: Mapping[str, Any]) -> Self:
        """Read a claim that no instance has."""
        metadata = claim["metadata"]
        labels, annotations = metadata.get("labels", {}), metadata.get("annotations", {})
        return cls(
            namespace=metadata["namespace"],
            name=labels.get(INSTANCE_LABEL, ""),
            organization=labels.get(ORGANIZATION_LABEL, ""),
            state=ORPHANED,
            since=datetime.fromisoformat(metadata["creationTimestamp"]),
            claim=metadata["name"],
            claim_uid=metadata["uid"],
            linked=annotations.get(PAIRED_ANNOTATION) == "true",
            pod=None,
            epoch=annotations.get(EPOCH_ANNOTATION),
            restored_from=_restored_from(annotations),
            linked_at=_linked_at(annotations),
            set_aside=set_aside_at(annotations),
        )

    @classmethod
    def gone(cls, namespace: str, name: str, organization: str) -> Self:
        """Stand for a deleted instance whose claim is gone too."""
        since = datetime.fromtimestamp(0, UTC)
        return cls(namespace, name, organization, BACKUPS_ONLY, since, None, None, linked=False, pod=None)

    @property
    def orphaned(self) -> bool:
        """Whether its instance no longer exists."""
        return self.state in {ORPHANED, BACKUPS_ONLY}

    def with_backups(self, backups: Sequence[Backup]) -> Self:
        """Return it with its backups, newest first, as the status of an instance lists them."""
        last = next((item["storedAt"] for item in backups if not item.get("unlinkedAfter")), None)
        return replace(self, status={"backups": backups} | ({"lastBackupAt": last} if last else {}))

    @property
    def last_backup_at(self) -> datetime | None:
        """When the newest backup was stored, as far as the instance's status knows."""
        text = self.status.get("lastBackupAt")
        return datetime.fromisoformat(text) if text else None

    def summary(self) -> dict[str, Any]:
        """Return what `oxy sessions list --output json` lists."""
        return {
            "namespace": self.namespace or None,
            "name": self.name,
            "organization": self.organization,
            "state": self.state,
            "linked": self.linked,
            "claim": self.claim,
            "createdAt": None if self.state == BACKUPS_ONLY else utc_text(self.since),
            **{name: value for name, value in self.status.items() if name not in {"backups", "backup", "restore"}},
            "backups": len(self.status.get("backups") or ()),
        }


@dataclass(frozen=True, slots=True)
class StaleBackups:
    """Backups of a session that were made before a person was forgotten, and may name the person."""

    count: int
    until: datetime | None
    """About when newer ones will have replaced the last of them; None: no newer ones are made."""

    @classmethod
    def of(cls, resource: Mapping[str, Any], forgotten_at: datetime) -> Self:
        """Read them from an instance, as far as its status lists its backups."""
        plan = {"enabled": True, "everyHours": 24, "keep": 7, **_part(resource, "spec", "session", "backup")}
        made = [
            datetime.fromisoformat(item["storedAt"]) for item in _part(resource, "status", "session").get("backups", ())
        ]
        newer = sum(stored_at > forgotten_at for stored_at in made)
        if newer == len(made):
            return cls(0, None)
        replaced_after = timedelta(hours=plan["everyHours"]) * max(plan["keep"] - newer, 1)
        return cls(len(made) - newer, max(made) + replaced_after if plan["enabled"] else None)


def was_logged_out(backup: Backup, status: Mapping[str, Any]) -> bool:
    """Whether WhatsApp has ended the connection of a backup's device since, by its instance's status.

    It may also be so if either does not say when its device was linked.
    """
    session, linked_at = status.get("session") or {}, backup.get("linkedAt")
    if linked_at is not None and linked_at == session.get("loggedOut"):
        return True
    if status.get("phase") != Phase.LOGGED_OUT:
        return False
    return None in {linked_at, session.get("linkedAt")} or linked_at == session["linkedAt"]


def is_of_earlier_device(backup: Backup, status: Mapping[str, Any]) -> bool:
    """Whether the phone of a backup's instance was linked anew since, by the instance's status."""
    # One that an older pod made does not say when its device was linked; it was by the time that it was stored.
    since, linked_at = backup.get("linkedAt") or backup.get("storedAt"), (status.get("session") or {}).get("linkedAt")
    if since is None or linked_at is None:
        return False
    return datetime.fromisoformat(since) < datetime.fromisoformat(linked_at)


def _part(resource: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    found = resource
    for name in path:
        found = found.get(name) or {}
    return found


def sessions_of(instances: Iterable[Mapping[str, Any]], claims: Iterable[Mapping[str, Any]]) -> list[SessionView]:
    """Return the sessions of all instances, then those of claims that no instance has, by namespace and name.

    The claim that an instance of another organization left is not that of its namesake, which is refused for it.
    """
    held = {(item["metadata"]["namespace"], item["metadata"]["name"]): item for item in claims if _is_ours(item)}
    living = [
        SessionView.of_instance(item, held.pop(_claim_of(item)) if _has_claim(item, held) else None)
        for item in sorted(instances, key=lambda item: (item["metadata"]["namespace"], item["metadata"]["name"]))
    ]
    return [*living, *(SessionView.of_claim(held[place]) for place in sorted(held))]


def _restored_from(annotations: Mapping[str, str]) -> str | None:
    """Return the backup that a claim's session is, by what the operator has recorded of the last restore.

    An operator that recorded no epoch with it may have begun another session since.
    """
    try:
        pin = json.loads(annotations.get(_RESTORE, "{}"))
        of_now = pin["outcome"] == "restored" and str(pin["epoch"]) == annotations.get(EPOCH_ANNOTATION)
        return str(pin["wish"]["manifest"]["id"]) if of_now else None
    except (ValueError, KeyError, TypeError):
        return None


def _linked_at(annotations: Mapping[str, str]) -> str | None:
    """Return when the phone linked the device that a claim's session has in its last epoch."""
    epoch, _, moment = annotations.get(LINKED_ANNOTATION, "").partition(" ")
    return moment or None if epoch == annotations.get(EPOCH_ANNOTATION) else None


def left_behind(sessions: Sequence[SessionView], backups: Iterable[Backup]) -> list[SessionView]:
    """Return what deleted instances left, with their backups: of all sessions of a cluster, and of all backups.

    Backups of a volume are those of another instance of its name, if that exists.
    """
    of_each: defaultdict[tuple[str, str], list[Backup]] = defaultdict(list)
    for backup in backups:
        of_each[backup["organization"], backup["instance"]].append(backup)
    known = {(item.organization, item.name) for item in sessions}
    living = {(item.organization, item.name) for item in sessions if not item.orphaned}
    orphans = [
        item.with_backups([] if (item.organization, item.name) in living else of_each[item.organization, item.name])
        for item in sessions
        if item.orphaned
    ]
    gone = (
        SessionView.gone("", name, organization).with_backups(of_each[organization, name])
        for organization, name in sorted(of_each.keys() - known)
    )
    return [*orphans, *gone]


def _claim_of(instance: Mapping[str, Any]) -> tuple[str, str]:
    metadata = instance["metadata"]
    return metadata["namespace"], claim_name(metadata["name"])


def _has_claim(instance: Mapping[str, Any], claims: Mapping[tuple[str, str], Mapping[str, Any]]) -> bool:
    """Whether the claim of an instance's name is its own, and not one that another organization left."""
    claim = claims.get(_claim_of(instance))
    if claim is None:
        return False
    metadata, organization = claim["metadata"], instance["spec"]["organizationId"]
    # Somebody may have changed the label of a claim in use, which the operator puts right.
    serves = metadata.get("annotations", {}).get(_INCARNATION, "") == instance["metadata"].get("uid")
    return serves or bool(metadata["labels"].get(ORGANIZATION_LABEL, organization) == organization)


def _is_ours(claim: Mapping[str, Any]) -> bool:
    """Whether a claim is named as the operator names that of the instance in its label."""
    metadata = claim["metadata"]
    name = metadata.get("labels", {}).get(INSTANCE_LABEL)
    return bool(name) and metadata["name"] == claim_name(name)
