"""Objects that the tests of this folder start from."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from oxy_core.envelopes import LiveState
from oxy_core.identity import number_digest
from oxy_core.tenant import TerminationMessage
from oxy_operator.decide.epoch_record import EpochRecord
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.observed import Deployment, Observed
from oxy_operator.decide.pod import Pod
from oxy_operator.decide.workload import Workload
from oxy_operator.tenancy import Tenancy, Validity

Json: TypeAlias = Any
"""Any JSON value."""

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
UID = "0b1c7a52-0000-4000-8000-000000000001"
PHONE = "+5511987650000"
VOLUME = "0b1c7a52-0000-4000-8000-000000000003"
POD_UID = "0b1c7a52-0000-4000-8000-000000000002"


def resource(
    *,
    annotations: dict[str, str] | None = None,
    finalizers: list[str] | None = None,
    deleted_at: datetime | None = None,
    status: dict[str, Any] | None = None,
    **spec: Json,
) -> Json:
    deletion = {"deletionTimestamp": deleted_at.isoformat()} if deleted_at else {}
    return {
        "metadata": deletion
        | {
            "name": "petshop",
            "namespace": "shops",
            "uid": UID,
            "generation": 3,
            "annotations": annotations or {},
            "finalizers": finalizers or [],
        },
        "spec": {
            "organizationId": "paws",
            "displayName": "Paws",
            "phoneNumber": PHONE,
            **spec,
        },
        "status": status or {},
    }


def instance(**fields: Json) -> Instance:
    return Instance.of(resource(**fields))


def record(**changes: Json) -> EpochRecord:
    base = EpochRecord(
        epoch=2,
        incarnation=UID,
        paired=True,
        pairing_until=NOW - timedelta(hours=1),
        repaired=None,
        ended=None,
        number=number_digest(PHONE),
    )
    return replace(base, **changes)


def termination(  # noqa: PLR0913 what a kubelet knows of an end
    exit_code: int,
    *,
    epoch: int = 2,
    pod_uid: str = POD_UID,
    at: datetime = NOW,
    reason: str = "Error",
    left: bool = True,
    why: str = "Why",
) -> dict[str, Any]:
    """A container's state as a kubelet writes it; with `left`, the runtime left its message, which gives `why`."""
    message = TerminationMessage(
        epoch=epoch, pod_uid=pod_uid, exit_code=exit_code, reason=why, message="the cause", ended_at=at
    )
    return {
        "terminated": {
            "exitCode": exit_code,
            "reason": reason,
            "finishedAt": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "message": message.encode().decode() if left else "",
        }
    }


RUNNING = {"running": {"startedAt": "2026-11-22T11:00:00Z"}}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def pod_object(
    *,
    ready: bool = False,
    state: dict[str, Any] | None = None,
    last: dict[str, Any] | None = None,
    epoch: int = 2,
    deleted_at: datetime | None = None,
    **status: Json,
) -> Json:
    metadata: dict[str, Any] = {
        "name": "wai-petshop-0",
        "namespace": "shops",
        "uid": POD_UID,
        "creationTimestamp": "2026-11-22T11:00:00Z",
        "annotations": {"oxy.dev/epoch": str(epoch)},
        "labels": {"oxy.dev/instance": "petshop"},
    }
    if deleted_at is not None:
        metadata["deletionTimestamp"] = deleted_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    conditions = [{"type": "Ready", "status": str(ready)}, *status.pop("conditions", ())]
    container = {
        "name": "tenant",
        "restartCount": 4,
        "state": RUNNING if state is None else state,
        "lastState": last or {},
    }
    return {
        "metadata": metadata,
        "spec": {"containers": [{"name": "tenant", "image": "registry.example/tenant:1"}]},
        "status": {"conditions": conditions, "containerStatuses": [container], **status},
    }


def pod(**fields: Json) -> Pod:
    return Pod.of(pod_object(**fields))


def live(**changes: Json) -> LiveState:
    fields = {
        "organization": "paws",
        "instance": "petshop",
        "pod_uid": POD_UID,
        "epoch": 2,
        "heartbeat_at": NOW - timedelta(seconds=5),
        "connection": "reconnecting",
    }
    return LiveState.model_validate(fields | changes)


def observed(**changes: Json) -> Observed:
    """A paired instance whose pod runs, is not ready, and has not reported."""
    now = int(NOW.timestamp())
    tenancy = Tenancy("A" * 56, "token", "credentials", Validity(now - 1_000_000, now + 3_000_000), UID)
    base = Observed(
        now=NOW,
        instance=instance(),
        tenancy=tenancy,
        pod=pod(),
        account_held=True,
        record=record(),
        known_epoch=2,
        volume=VOLUME,
        workload=Workload(epoch=2, replicas=1, volume=VOLUME),
    )
    return replace(base, **changes)


def deployment() -> Deployment:
    return Deployment("registry.example/tenant:1", "nats://nats:4222", "ReadWriteOncePod")
