"""Kubernetes events about instances: one object for each instance and cause, whose series counts how often it came."""

import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import structlog

from oxy_core.instance.custom_resource import API_VERSION, GROUP, KIND
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.warnings import Warned
from oxy_operator.errors import ApiError, ConflictError
from oxy_operator.kube.client import Kubernetes
from oxy_operator.lenient import utc_moment
from oxy_operator.metrics import WRITES
from oxy_operator.objects import EVENTS, Object

QUIET_SECONDS: Final = 600.0
"""How long the same cause of an instance is only counted, once it was written, before it is written again."""

MOST_COUNTED: Final = 4_096
"""Causes that are remembered: of more, those that were written longest ago are written again."""

MAX_NOTE: Final = 1_024
"""Longest note in bytes. Source: k8s.io/kubernetes pkg/apis/core/validation/events.go, NoteLengthLimit."""

log = structlog.get_logger()


class EventRecorder:
    """Writes events. A failure is logged: the conditions say the same."""

    def __init__(self, api: Kubernetes, identity: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._identity = identity
        self._clock = clock
        self._written: dict[str, tuple[float, int]] = {}
        """By name, in the order of writing: when it was written last, and how many came since."""

    async def record(self, instance: Instance, warned: Warned) -> None:
        """Record that something happened; unless it did within `QUIET_SECONDS`, when it is only counted."""
        name = _name(instance, warned)
        at, missed = self._written.get(name, (float("-inf"), 0))
        if self._clock() - at < QUIET_SECONDS:
            self._written[name] = at, missed + 1
            return
        self._remember(name)
        try:
            await self._write(instance, warned, name, 1 + missed)
        except ApiError as error:
            del self._written[name]
            log.warning("event_not_recorded", namespace=instance.namespace, instance=instance.name, error=str(error))

    def _remember(self, name: str) -> None:
        self._written.pop(name, None)
        self._written[name] = self._clock(), 0
        if len(self._written) > MOST_COUNTED:
            del self._written[next(iter(self._written))]

    async def _write(self, instance: Instance, warned: Warned, name: str, times: int) -> None:
        try:
            await self._api.create(EVENTS, instance.namespace, self._event(instance, warned, name))
        except ConflictError:
            held = await self._api.get(EVENTS, instance.namespace, name)
            series = held.get("series") or {"count": 1, "lastObservedTime": held.get("eventTime")}
            age = _age(series["lastObservedTime"])
            if abs(age) < QUIET_SECONDS:
                # By a process before this one, or in a request of this one whose answer never came.
                self._written[name] = self._clock() - age, times
                return
            counted = {"count": int(series["count"]) + times, "lastObservedTime": _now()}
            await self._api.merge(EVENTS, instance.namespace, name, {"series": counted})
        WRITES.labels(EVENTS.name).inc()

    def _event(self, instance: Instance, warned: Warned, name: str) -> Object:
        return {
            "apiVersion": EVENTS.group_version,
            "kind": EVENTS.name,
            "metadata": {"namespace": instance.namespace, "name": name},
            "eventTime": _now(),
            "reportingController": f"{GROUP}/operator",
            "reportingInstance": self._identity,
            "action": "Reconciled",
            "reason": warned.reason,
            "regarding": {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "namespace": instance.namespace,
                "name": instance.name,
                "uid": instance.uid,
            },
            "note": warned.note.encode()[:MAX_NOTE].decode(errors="ignore"),
            "type": "Normal" if warned.is_normal else "Warning",
        }


def _name(instance: Instance, warned: Warned) -> str:
    cause = "/".join((instance.uid, *filter(None, warned.cause)))
    digest = hashlib.blake2b(cause.encode(), digest_size=8).hexdigest()
    return f"{instance.name}.{digest}"


def _age(time: object) -> float:
    """Return how long ago a time in RFC 3339 was, in seconds; negative if it is ahead, infinite if it is none."""
    moment = utc_moment(time)
    return float("inf") if moment is None else (datetime.now(UTC) - moment).total_seconds()


def _now() -> str:
    """Return the time as Kubernetes' MicroTime."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
