"""A tenant pod: the few values that decisions need of it, read once."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

from oxy_core.errors import ContractError
from oxy_core.instance.custom_resource import EPOCH_ANNOTATION
from oxy_core.tenant import TerminationMessage
from oxy_operator.objects import Object

CONTAINER: Final = "tenant"

_NEVER: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Termination:
    """How a container ended."""

    exit_code: int
    reason: str
    """The kubelet's, for example Error or OOMKilled."""
    finished_at: datetime
    message: TerminationMessage | None
    """The runtime's own message; None if there is none, or it cannot be read."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a container is not running, in the kubelet's words."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Pod:
    """A tenant pod."""

    namespace: str
    name: str
    uid: str
    epoch: int
    image: str
    ready: bool
    """Connected to WhatsApp and receiving."""
    running: bool
    restarts: int
    created_at: datetime
    deleted_at: datetime | None
    """When its grace period ends or ended, if it is being deleted."""
    failure: str | None
    """Why the whole pod failed, for example Evicted or NodeLost."""
    unschedulable: str | None
    """The scheduler's explanation, if no node fits the pod."""
    waiting: Waiting | None
    terminations: tuple[Termination, ...]
    """The container's current and previous termination, newest first."""

    @classmethod
    def of(cls, pod: Object) -> Self:
        """Read a pod."""
        metadata, status = pod["metadata"], pod.get("status", {})
        container = _container(status)
        state = container.get("state", {})
        conditions = {item["type"]: item for item in status.get("conditions", ())}
        ended = [value.get("terminated") for value in (state, container.get("lastState", {}))]
        terminations = [_termination(item) for item in ended if item]
        return cls(
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            epoch=int(metadata.get("annotations", {}).get(EPOCH_ANNOTATION, 0)),
            image=_image(pod),
            ready=conditions.get("Ready", {}).get("status") == "True",
            running="running" in state,
            restarts=container.get("restartCount", 0),
            created_at=_time(metadata.get("creationTimestamp")),
            deleted_at=_time(metadata["deletionTimestamp"]) if "deletionTimestamp" in metadata else None,
            failure=_failure(status, conditions),
            unschedulable=_unschedulable(conditions),
            waiting=_waiting(state),
            terminations=tuple(sorted(terminations, key=lambda item: item.finished_at, reverse=True)),
        )

    def ended(self, epoch: int) -> Termination | None:
        """Return the newest termination that carries the runtime's own message about this pod and `epoch`."""
        for termination in self.terminations:
            message = termination.message
            if message is not None and (message.pod_uid, message.epoch) == (self.uid, epoch):
                return termination
        return None


def _container(status: Object) -> Object:
    found = [item for item in status.get("containerStatuses", ()) if item["name"] == CONTAINER]
    return found[0] if found else {}


def _image(pod: Object) -> str:
    containers = pod.get("spec", {}).get("containers", ())
    return next((str(item["image"]) for item in containers if item["name"] == CONTAINER), "")


def _failure(status: Object, conditions: Object) -> str | None:
    if status.get("reason"):
        return str(status["reason"])
    disruption = conditions.get("DisruptionTarget", {})
    if disruption.get("status") == "True":
        return str(disruption.get("reason", "Disrupted"))
    return "Failed" if status.get("phase") == "Failed" else None


def _unschedulable(conditions: Object) -> str | None:
    scheduled = conditions.get("PodScheduled", {})
    is_refused = scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable"
    return str(scheduled.get("message", "no node fits")) if is_refused else None


def _waiting(state: Object) -> Waiting | None:
    waiting = state.get("waiting")
    return Waiting(waiting.get("reason", ""), waiting.get("message", "")) if waiting else None


def _termination(terminated: Object) -> Termination:
    return Termination(
        exit_code=terminated["exitCode"],
        reason=terminated.get("reason", ""),
        finished_at=_time(terminated.get("finishedAt")),
        message=_message(terminated.get("message", "")),
    )


def _message(text: str) -> TerminationMessage | None:
    try:
        return TerminationMessage.decode(text.encode())
    except ContractError:
        return None


def _time(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else _NEVER
