"""What the command reads of a WhatsAppInstance."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from oxy_core.identity import mask


@dataclass(frozen=True, slots=True)
class Condition:
    """One of ``status.conditions``."""

    type: str
    status: str
    reason: str
    message: str
    since: str

    @classmethod
    def of(cls, condition: dict[str, Any]) -> Self:
        """Read its JSON."""
        keys = ("type", "status", "reason", "message", "lastTransitionTime")
        return cls(*(str(condition.get(key, "")) for key in keys))


@dataclass(frozen=True, slots=True)
class Instance:
    """A WhatsAppInstance as far as it concerns people."""

    namespace: str
    name: str
    organization: str
    phone: str
    method: str
    """How it is linked: PhoneCode or QRCode."""
    suspended: bool
    created_at: datetime
    phase: str
    conditions: tuple[Condition, ...]
    jid: str | None
    attempts: int
    last_reason: str | None
    next_attempt_at: str | None
    pairing_until: datetime | None
    """End of the window in which codes are offered; None: none is open."""
    repaired: str | None
    """Nonce of the last repair that was carried out."""
    restarts: int
    pod: str

    @classmethod
    def of(cls, resource: dict[str, Any]) -> Self:
        """Read the custom resource's JSON; one without a status is Pending."""
        metadata, spec, status = resource["metadata"], resource["spec"], resource.get("status") or {}
        reconnect, runtime = status.get("reconnect") or {}, status.get("runtime") or {}
        return cls(
            namespace=metadata["namespace"],
            name=metadata["name"],
            organization=spec["organizationId"],
            phone=spec["phoneNumber"],
            method=(spec.get("pairing") or {}).get("method", "PhoneCode"),
            suspended=bool(spec.get("suspend")),
            created_at=datetime.fromisoformat(metadata["creationTimestamp"]),
            phase=status.get("phase") or "Pending",
            conditions=tuple(map(Condition.of, status.get("conditions") or ())),
            jid=status.get("jid"),
            attempts=reconnect.get("attempts", 0),
            last_reason=reconnect.get("lastReason"),
            next_attempt_at=reconnect.get("nextAttemptAt"),
            pairing_until=_time((status.get("pairing") or {}).get("expiresAt")),
            repaired=(status.get("repair") or {}).get("nonce"),
            restarts=runtime.get("restarts", 0),
            pod=runtime.get("podName") or f"wai-{metadata['name']}-0",
        )

    @property
    def ready(self) -> Condition:
        """The condition Ready."""
        return self.condition("Ready")

    def condition(self, kind: str) -> Condition:
        """Return a condition, Unknown before the operator wrote it."""
        absent = Condition(kind, "Unknown", "", "the operator has not looked at this instance yet", "")
        return next((item for item in self.conditions if item.type == kind), absent)

    def summary(self) -> dict[str, Any]:
        """Return what `oxy status` lists, in JSON's types; the phone's number is masked."""
        return {
            "namespace": self.namespace,
            "name": self.name,
            "organization": self.organization,
            "phone": mask(self.phone),
            "phase": self.phase,
            "ready": self.ready.status == "True",
            "reason": self.ready.reason,
            "attempts": self.attempts,
            "createdAt": self.created_at.isoformat(),
        }

    def detail(self) -> dict[str, Any]:
        """Return what `oxy status NAME` shows, in JSON's types."""
        return {
            **self.summary(),
            "jid": mask(self.jid) if self.jid else None,
            "lastReason": self.last_reason,
            "nextAttemptAt": self.next_attempt_at,
            "pod": self.pod,
            "restarts": self.restarts,
            "suspended": self.suspended,
            "conditions": [
                {
                    "type": item.type,
                    "status": item.status,
                    "reason": item.reason,
                    "message": item.message,
                    "since": item.since,
                }
                for item in self.conditions
            ],
        }


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
