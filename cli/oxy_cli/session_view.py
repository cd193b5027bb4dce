"""Stored sessions as the command reads them: of instances, and of volume claims whose instance was deleted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from oxy_core.instance.custom_resource import EPOCH_ANNOTATION, INSTANCE_LABEL, ORGANIZATION_LABEL, claim_name

ORPHANED: Final = "Orphaned"
"""State of a session whose instance was deleted, and whose volume was kept."""

_PAIRED: Final = "oxy.dev/paired"


@dataclass(frozen=True, slots=True)
class SessionView:
    """A stored session."""

    namespace: str
    name: str
    """Of its instance, which may no longer exist."""
    organization: str
    state: str
    """The instance's phase, or `ORPHANED`."""
    since: datetime
    """When the instance, or the claim of a deleted one, was created; of one that is gone altogether: long ago."""
    claim: str | None
    claim_uid: str | None
    linked: bool
    pod: str | None
    epoch: str | None = None
    """In which a deleted instance last used its claim; None: unknown, or it exists."""
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
            linked=annotations.get(_PAIRED) == "true",
            pod=None,
            epoch=annotations.get(EPOCH_ANNOTATION),
        )

    @classmethod
    def gone(cls, namespace: str, name: str, organization: str) -> Self:
        """Stand for a deleted instance whose claim is gone too."""
        since = datetime.fromtimestamp(0, UTC)
        return cls(namespace, name, organization, ORPHANED, since, None, None, linked=False, pod=None)

    @property
    def orphaned(self) -> bool:
        """Whether its instance no longer exists."""
        return self.state == ORPHANED

    @property
    def last_backup_at(self) -> datetime | None:
        """When the newest backup was stored, as far as the instance's status knows."""
        text = self.status.get("lastBackupAt")
        return datetime.fromisoformat(text) if text else None

    def summary(self) -> dict[str, Any]:
        """Return what `oxy sessions list --output json` lists."""
        return {
            "namespace": self.namespace,
            "name": self.name,
            "organization": self.organization,
            "state": self.state,
            "linked": self.linked,
            "claim": self.claim,
            "createdAt": self.since.isoformat(),
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


def _part(resource: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    found = resource
    for name in path:
        found = found.get(name) or {}
    return found


def sessions_of(instances: Iterable[Mapping[str, Any]], claims: Iterable[Mapping[str, Any]]) -> list[SessionView]:
    """Return the sessions of all instances, then those of claims that no instance has, by namespace and name."""
    held = {(item["metadata"]["namespace"], item["metadata"]["name"]): item for item in claims if _is_ours(item)}
    living = [
        SessionView.of_instance(item, held.pop(_claim_of(item), None))
        for item in sorted(instances, key=lambda item: (item["metadata"]["namespace"], item["metadata"]["name"]))
    ]
    return [*living, *(SessionView.of_claim(held[place]) for place in sorted(held))]


def _claim_of(instance: Mapping[str, Any]) -> tuple[str, str]:
    metadata = instance["metadata"]
    return metadata["namespace"], claim_name(metadata["name"])


def _is_ours(claim: Mapping[str, Any]) -> bool:
    """Whether a claim is named as the operator names that of the instance in its label."""
    metadata = claim["metadata"]
    name = metadata.get("labels", {}).get(INSTANCE_LABEL)
    return bool(name) and metadata["name"] == claim_name(name)
