"""The businesses of a seeded database: their pods and their customers."""

from collections.abc import Sequence
from dataclasses import dataclass

from oxy_dev.pod_double import PodDouble
from oxy_dev.seed.plan import Customer


@dataclass(frozen=True, slots=True)
class Town:
    """All businesses' pods and customers."""

    pods: Sequence[PodDouble]
    people: Sequence[Customer]

    def pod(self, customer: Customer) -> PodDouble:
        """Return the pod of a customer's business."""
        return self.pods[customer.number * len(self.pods) // len(self.people)]
