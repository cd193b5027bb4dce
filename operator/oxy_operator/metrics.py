"""Metrics of the operator, on ``/metrics``."""

from collections import Counter as Tally
from collections.abc import Mapping
from typing import Any, Final

from prometheus_client import Counter, Gauge, Histogram

from oxy_core.instance.custom_resource import Phase
from oxy_operator.objects import Key

RECONCILES: Final = Counter("oxy_operator_reconciles", "Reconciles of instances.")
ERRORS: Final = Counter(
    "oxy_operator_reconcile_errors", "Reconciles that failed and were requeued, by kind of error.", ["kind"]
)
DURATION: Final = Histogram("oxy_operator_reconcile_duration_seconds", "Duration of one reconcile, in seconds.")
QUEUE: Final = Gauge("oxy_operator_queue_depth", "Instances waiting to be reconciled.")
UNREADABLE: Final = Counter("oxy_operator_unreadable_objects", "Objects that were skipped, by kind.", ["kind"])
WRITES: Final = Counter("oxy_operator_writes", "Objects applied to the Kubernetes API.", ["kind"])
INSTANCES: Final = Gauge("oxy_operator_instances", "Instances by phase.", ["phase"])
OUTDATED: Final = Gauge(
    "oxy_operator_instances_outdated",
    "Instances whose client WhatsApp has refused, theirs or that of another instance.",
)
AGEING: Final = Gauge("oxy_operator_instances_ageing", "Instances whose client WhatsApp may refuse within a month.")
LEADS: Final = Gauge("oxy_operator_leads", "Whether this process holds the leader lease.")
BUS: Final = Gauge("oxy_operator_bus_connected", "Whether NATS is connected and prepared.")
BACKUP_BYTES: Final = Gauge("oxy_operator_backup_bytes", "Bytes of all backups on the bus.")
BACKUP_FULLNESS: Final = Gauge(
    "oxy_operator_backups_full_ratio", "How much of the limits of the stream of backups is used, 0 to 1; 0.8 warns."
)
STREAMS_REFUSED: Final = Gauge("oxy_operator_streams_refused", "Streams that NATS has no room for.")


class PhaseCount:
    """Keeps the gauge `INSTANCES` in step with the phase of each instance."""

    def __init__(self) -> None:
        self._phases: dict[Key, str] = {}
        for phase in Phase:
            INSTANCES.labels(phase.value).set(0)

    def set(self, key: Key, phase: str) -> None:
        """Count an instance in its phase."""
        if self._phases.get(key) != phase:
            self._phases[key] = phase
            self._publish()

    def drop(self, key: Key) -> None:
        """Stop counting an instance."""
        if self._phases.pop(key, None) is not None:
            self._publish()

    def _publish(self) -> None:
        tally = Tally(self._phases.values())
        for phase in Phase:
            INSTANCES.labels(phase.value).set(tally[phase.value])


class ConditionCount:
    """Keeps a gauge in step with how many instances have a condition that is true."""

    def __init__(self, gauge: Gauge, condition: str) -> None:
        self._gauge = gauge
        self._condition = condition
        self._keys: set[Key] = set()
        gauge.set(0)

    def set(self, key: Key, status: Mapping[str, Any]) -> None:
        """Count an instance if its status says so."""
        found = (item["status"] for item in status["conditions"] if item["type"] == self._condition)
        (self._keys.add if next(found, "False") == "True" else self._keys.discard)(key)
        self._gauge.set(len(self._keys))

    def drop(self, key: Key) -> None:
        """Stop counting an instance."""
        self._keys.discard(key)
        self._gauge.set(len(self._keys))
