"""How the operator names Kubernetes objects: kinds, keys of instances, field managers."""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from oxy_core.instance.custom_resource import API_VERSION, KIND, PLURAL

Object = dict[str, Any]
"""A Kubernetes object as JSON. The only form in which objects cross module boundaries."""

FIELD_MANAGER: Final = "oxy-operator"
STATUS_MANAGER: Final = "oxy-operator-status"
RECORD_MANAGER: Final = "oxy-operator-record"
"""Owns the claim's annotations, separately from its spec; see decision 30."""


class Key(NamedTuple):
    """Namespace and name of a WhatsAppInstance: the unit of queueing and reconciling."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object and where the API serves it."""

    group_version: str
    name: str
    plural: str

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str = "") -> str:
        """Return the path of the collection, of one object, or of its subresource."""
        root = "/api" if "/" not in self.group_version else "/apis"
        parts = [root, self.group_version]
        parts += ["namespaces", namespace] if namespace else []
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/".join(parts)


INSTANCES: Final = Kind(API_VERSION, KIND, PLURAL)
CLAIMS: Final = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
CONFIG_MAPS: Final = Kind("v1", "ConfigMap", "configmaps")
SECRETS: Final = Kind("v1", "Secret", "secrets")
PODS: Final = Kind("v1", "Pod", "pods")
STATEFUL_SETS: Final = Kind("apps/v1", "StatefulSet", "statefulsets")
EVENTS: Final = Kind("events.k8s.io/v1", "Event", "events")
LEASES: Final = Kind("coordination.k8s.io/v1", "Lease", "leases")
NETWORK_POLICIES: Final = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")

CHILD_KINDS: Final = (CLAIMS, CONFIG_MAPS, SECRETS, STATEFUL_SETS, NETWORK_POLICIES)
"""Kinds that the operator applies for an instance."""

METADATA_ONLY: Final = frozenset({SECRETS})
"""Kinds of which only metadata is listed and watched, as far as they are children."""
