"""A tenant pod: the few values that decisions need of it, read once.

Whoever may write pods chooses most of them, and whoever may run code in one its termination message. So all are
bounded, and none can raise.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

from oxy_core.errors import ContractError, NewerVersionError
from oxy_core.instance.custom_resource import ASKED_ANNOTATION, EPOCH_ANNOTATION, PAIRING_UNTIL_ANNOTATION
from oxy_core.instance.session_states import MAX_NONCE
from oxy_core.tenant import TerminationMessage
from oxy_operator.lenient import plain_text, reason, utc_moment, whole_number
from oxy_operator.objects import Object

CONTAINER: Final = "tenant"

_TERMINATION: Final = 4_096
"""Longest termination message; the kubelet cuts at the same number of bytes."""

_IMAGE: Final = 512
"""Longest name of an image, in characters, that the status repeats."""

_MOMENT: Final = 64
"""Longest time in an annotation, in characters."""

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
    newer: bool = False
    """Whether there is one that only a newer operator can read. The exit code counts all the same."""


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
    noticed: str = ""
    """The end of the pairing window that its annotation names; empty if there is none."""
    asked: str = ""
    """The request about its session that its annotation names."""

    @classmethod
    def of(cls, pod: Object) -> Self:
        """Read a pod."""
        metadata, status = pod["metadata"], pod.get("status", {})
        container = _container(status)
        state = container.get("state", {})
        conditions = {item.get("type"): item for item in status.get("conditions", ())}
        ended = [value.get("terminated") for value in (state, container.get("lastState", {}))]
        terminations = [_termination(item) for item in ended if item]
        return cls(
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            epoch=whole_number(metadata.get("annotations", {}).get(EPOCH_ANNOTATION)) or 0,
            image=_image(pod),
            ready=conditions.get("Ready", {}).get("status") == "True",
            running="running" in state,
            restarts=container.get("restartCount", 0),
            created_at=utc_moment(metadata.get("creationTimestamp")) or _NEVER,
            deleted_at=(utc_moment(metadata["deletionTimestamp"]) or _NEVER)
            if "deletionTimestamp" in metadata
            else None,
            failure=_failure(status, conditions),
            unschedulable=_unschedulable(conditions),
            waiting=_waiting(state),
            noticed=plain_text(metadata.get("annotations", {}).get(PAIRING_UNTIL_ANNOTATION), _MOMENT),
            asked=plain_text(metadata.get("annotations", {}).get(ASKED_ANNOTATION), MAX_NONCE),
            terminations=tuple(sorted(terminations, key=lambda item: item.finished_at, reverse=True)),
        )

    def waits_in(self, epoch: int) -> bool:
        """Whether it runs in this epoch without being connected, and is to go on."""
        return self.epoch == epoch and self.running and not self.ready and self.deleted_at is None and not self.failure

    def ended(self, epoch: int) -> Termination | None:
        """Return the newest termination that carries the runtime's own message about this pod and `epoch`.

        A newer runtime's message is taken to be about both: a container's end is in the status of its own pod.
        """
        for termination in self.terminations:
            message = termination.message
            told = (message.pod_uid, message.epoch) == (self.uid, epoch) if message else termination.newer
            if told:
                return termination
        return None


def _container(status: Object) -> Object:
    found = [item for item in status.get("containerStatuses", ()) if item.get("name") == CONTAINER]
    return found[0] if found else {}


def _image(pod: Object) -> str:
    containers = pod.get("spec", {}).get("containers", ())
    return next((plain_text(item.get("image"), _IMAGE) for item in containers if item.get("name") == CONTAINER), "")


def _failure(status: Object, conditions: Object) -> str | None:
    if status.get("reason"):
        return reason(status["reason"], "Failed")
    disruption = conditions.get("DisruptionTarget", {})
    if disruption.get("status") == "True":
        return reason(disruption.get("reason"), "Disrupted")
    return "Failed" if status.get("phase") == "Failed" else None


def _unschedulable(conditions: Object) -> str | None:
    scheduled = conditions.get("PodScheduled", {})
    is_refused = scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable"
    return plain_text(scheduled.get("message")) or "no node fits" if is_refused else None


def _waiting(state: Object) -> Waiting | None:
    waiting = state.get("waiting")
    return Waiting(reason(waiting.get("reason"), ""), plain_text(waiting.get("message"))) if waiting else None


def _termination(terminated: Object) -> Termination:
    message, newer = _message(terminated.get("message", ""))
    return Termination(
        exit_code=terminated.get("exitCode", 0),
        reason=reason(terminated.get("reason"), ""),
        finished_at=utc_moment(terminated.get("finishedAt")) or _NEVER,
        message=message,
        newer=newer,
    )


def _message(text: str) -> tuple[TerminationMessage | None, bool]:
    """Read a runtime's message; the second value tells whether a newer version wrote it."""
    try:
        return TerminationMessage.decode(text[:_TERMINATION].encode(errors="replace")), False
    except NewerVersionError:
        return None, True
    except ContractError:
        return None, False
