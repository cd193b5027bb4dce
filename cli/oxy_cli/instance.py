"""A WhatsAppInstance as the command reads it, and its short and detailed views."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from oxy_core.identity import mask
from oxy_core.instance.custom_resource import Phase, place_of, pod_name
from oxy_core.instance.pairing_offer import PairingMethod
from oxy_core.times import utc_text

HOW_TO_CREATE: Final = (
    "To create one, write it to a file and run: kubectl apply -f FILE. `kubectl explain whatsappinstance.spec` "
    "describes its fields; README.md shows one for the real WhatsApp, and on a cluster of `make up`, .oxy/petshop.yaml "
    "is one for the simulated."
)
"""Advice where there is no WhatsAppInstance; it works on any cluster."""


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
        """Read a condition of the custom resource's JSON."""
        keys = ("type", "status", "reason", "message", "lastTransitionTime")
        return cls(*(str(condition.get(key, "")) for key in keys))


@dataclass(frozen=True, slots=True)
class InstanceView:
    """The fields of a WhatsAppInstance that are shown to people."""

    namespace: str
    name: str
    organization: str
    phone: str
    timezone: str | None
    method: str
    """How its phone is linked, a `PairingMethod`."""
    suspended: bool
    created_at: datetime
    phase: str
    conditions: tuple[Condition, ...]
    jid: str | None
    attempts: int
    last_reason: str | None
    next_attempt_at: str | None
    repaired: str | None
    """Nonce of the last repair that the operator carried out."""
    repair_required: bool
    """Whether only a repair lets it connect again."""
    restarts: int
    pod: str

    @classmethod
    def of(cls, resource: dict[str, Any]) -> Self:
        """Read the custom resource's JSON; one without a status is pending."""
        metadata, spec, status = resource["metadata"], resource["spec"], resource.get("status") or {}
        reconnect, runtime, repair = (status.get(name) or {} for name in ("reconnect", "runtime", "repair"))
        return cls(
            namespace=metadata["namespace"],
            name=metadata["name"],
            organization=spec["organizationId"],
            phone=spec["phoneNumber"],
            timezone=spec.get("timezone"),
            method=(spec.get("pairing") or {}).get("method", PairingMethod.PHONE_CODE),
            suspended=bool(spec.get("suspend")),
            created_at=datetime.fromisoformat(metadata["creationTimestamp"]),
            phase=status.get("phase") or Phase.PENDING,
            conditions=tuple(map(Condition.of, status.get("conditions") or ())),
            jid=status.get("jid"),
            attempts=reconnect.get("attempts", 0),
            last_reason=reconnect.get("lastReason"),
            next_attempt_at=reconnect.get("nextAttemptAt"),
            repaired=repair.get("nonce"),
            repair_required=repair.get("required") is True,
            restarts=runtime.get("restarts", 0),
            pod=runtime.get("podName") or pod_name(metadata["name"]),
        )

    @property
    def ready(self) -> Condition:
        """The condition Ready: whether the instance is connected and receives messages."""
        return self.condition("Ready")

    @property
    def place(self) -> str:
        """Its name as commands take it, from whatever namespace they are run."""
        return place_of(self.name, self.namespace)

    @property
    def frozen(self) -> bool | None:
        """Whether what it is to send is held back; None: the operator does not know."""
        found = self.condition("Frozen")
        return None if found.status == "Unknown" and found.reason else found.status == "True"

    def condition(self, kind: str) -> Condition:
        """Return a condition; its status is Unknown if the operator has not set it yet."""
        absent = Condition(kind, "Unknown", "", "Waiting for the operator.", "")
        return next((item for item in self.conditions if item.type == kind), absent)

    def summary(self) -> dict[str, Any]:
        """Return what `oxy status --output json` lists; the phone number is masked."""
        return {
            "namespace": self.namespace,
            "name": self.name,
            "organization": self.organization,
            "phone": mask(self.phone),
            "phase": self.phase,
            "ready": self.ready.status == "True",
            "reason": self.ready.reason,
            "frozen": self.frozen,
            "attempts": self.attempts,
            "createdAt": utc_text(self.created_at),
        }

    def detail(self) -> dict[str, Any]:
        """Return what `oxy status NAME` shows, as JSON values; phone numbers are masked."""
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
