"""The informer cache: instances as last seen; of children and pods only what decisions need.

Anybody may give an object the operator's labels. An object belongs to the instance that its label names only if it also
has the name that the operator gives to such an object of that instance; all others are left out.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol
from uuid import UUID

from oxy_core.identity import phone_key
from oxy_core.instance.custom_resource import (
    INSTANCE_LABEL,
    ORGANIZATION_LABEL,
    claim_name,
    pairing_secret_name,
    pod_name,
    runtime_name,
)
from oxy_core.subjects import instance_key
from oxy_operator.decide.epoch_record import RECORD_ANNOTATIONS, EpochRecord
from oxy_operator.decide.pod import Pod
from oxy_operator.decide.specs.config_map import BUS_STATE_ANNOTATION, FREEZE_ANNOTATION
from oxy_operator.decide.workload import Workload
from oxy_operator.kube.digest import live_digest
from oxy_operator.objects import (
    CHILD_KINDS,
    CLAIMS,
    CONFIG_MAPS,
    METADATA_ONLY,
    SECRETS,
    STATEFUL_SETS,
    Key,
    Kind,
    Object,
)

_NAMES: Final[Mapping[Kind, tuple[Callable[[str], str], ...]]] = {
    CLAIMS: (claim_name,),
    SECRETS: (runtime_name, pairing_secret_name),
}
"""How an instance's objects of a kind are named, where it is not by `runtime_name` alone."""

_KEPT: Final[Mapping[Kind, frozenset[str]]] = {
    CLAIMS: RECORD_ANNOTATIONS,
    CONFIG_MAPS: frozenset({BUS_STATE_ANNOTATION, FREEZE_ANNOTATION}),
}
"""Annotations that something is read from."""


class Sink(Protocol):
    """Receives what a reflector sees of one kind of object."""

    def observe(self, live: Object) -> Key | None:
        """Store an object's current state; return the instance to reconcile, None if nothing relevant changed."""
        ...

    def forget(self, namespace: str, name: str) -> Key | None:
        """Remove a deleted object; return the instance to reconcile."""
        ...

    def known(self) -> set[tuple[str, str]]:
        """Return namespace and name of every stored object."""
        ...


@dataclass(frozen=True, slots=True)
class CachedChild:
    """A child as it was last seen or applied."""

    uid: str
    version: int
    """``metadata.resourceVersion``; grows with every change."""
    instance: str
    organization: str | None
    """That its label names; None: it has none."""
    digest: bytes
    """Of the fields that the operator owns."""
    annotations: Mapping[str, str]
    """Those in `_KEPT`."""
    workload: Workload | None
    """What a StatefulSet says; None: it is another kind of object."""
    deleting: bool = False


class ChildCache:
    """Children of one kind."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._held: dict[tuple[str, str], CachedChild] = {}

    def get(self, namespace: str, name: str) -> CachedChild | None:
        """Return a child, if it exists."""
        return self._held.get((namespace, name))

    def observe(self, live: Object) -> Key | None:
        """Store a child's current state, unless a newer one is stored."""
        metadata = live["metadata"]
        place = (metadata["namespace"], metadata["name"])
        if not self._belongs(metadata):
            return self.forget(*place)
        child, held = self._child(live), self._held.get(place)
        if held is not None and held.uid == child.uid and held.version > child.version:
            return None
        self._held[place] = child
        return None if held is not None and _same(held, child) else Key(place[0], child.instance)

    def applied(self, body: Object, answer: Object, digest: bytes) -> None:
        """Store what was just applied, so that its watch event causes no reconcile."""
        metadata, uid = body["metadata"], answer["metadata"]["uid"]
        before = self._held.get((metadata["namespace"], metadata["name"]))
        known = before.annotations if before is not None and before.uid == uid else {}
        self._held[metadata["namespace"], metadata["name"]] = CachedChild(
            uid=uid,
            version=int(answer["metadata"]["resourceVersion"]),
            instance=metadata["labels"][INSTANCE_LABEL],
            organization=metadata["labels"].get(ORGANIZATION_LABEL),
            digest=digest,
            annotations={**known, **self._kept(metadata)},
            workload=Workload.of(body) if self.kind == STATEFUL_SETS else None,
        )

    def annotated(self, namespace: str, name: str, annotations: Mapping[str, str], answer: Object) -> None:
        """Store annotations that were just applied to a claim."""
        held = self._held.get((namespace, name))
        if held is None:
            # The watch has reported its deletion since.
            return
        version = int(answer["metadata"]["resourceVersion"])
        # All that is kept of a claim's (RECORD_ANNOTATIONS): what the record no longer has is gone from the claim.
        self._held[namespace, name] = replace(held, version=version, annotations=annotations)

    def forget(self, namespace: str, name: str) -> Key | None:
        """Remove a deleted child."""
        child = self._held.pop((namespace, name), None)
        return Key(namespace, child.instance) if child else None

    def known(self) -> set[tuple[str, str]]:
        """Return namespace and name of every child."""
        return set(self._held)

    def items(self) -> Iterator[tuple[Key, CachedChild]]:
        """Yield every child with its instance, which may no longer exist."""
        return ((Key(namespace, child.instance), child) for (namespace, _), child in self._held.items())

    def _belongs(self, metadata: Object) -> bool:
        """Whether the object has the name that the operator gives to one of the instance that its label names."""
        instance = _instance(metadata)
        return metadata["name"] in {name(instance) for name in _NAMES.get(self.kind, (runtime_name,))}

    def _kept(self, metadata: Object) -> dict[str, str]:
        annotations, names = metadata.get("annotations", {}), _KEPT.get(self.kind, frozenset())
        return {name: value for name, value in annotations.items() if name in names}

    def _child(self, live: Object) -> CachedChild:
        metadata = live["metadata"]
        return CachedChild(
            uid=metadata["uid"],
            version=int(metadata["resourceVersion"]),
            instance=_instance(metadata),
            organization=metadata.get("labels", {}).get(ORGANIZATION_LABEL),
            digest=live_digest(live, metadata_only=self.kind in METADATA_ONLY),
            annotations=self._kept(metadata),
            workload=Workload.of(live) if self.kind == STATEFUL_SETS else None,
            deleting="deletionTimestamp" in metadata,
        )


def _same(one: CachedChild, other: CachedChild) -> bool:
    """Whether two states of a child are equal except for their version."""
    return replace(one, version=0) == replace(other, version=0)


def _instance(metadata: Object) -> str:
    """Return the name of the instance that an object claims to belong to; empty if it claims none."""
    return str(metadata.get("labels", {}).get(INSTANCE_LABEL, ""))


class PodCache:
    """The pod of each instance: a StatefulSet of one replica names it."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], tuple[Key, Pod]] = {}

    def of(self, key: Key) -> Pod | None:
        """Return the instance's pod, if there is one."""
        found = self._held.get((key.namespace, pod_name(key.name)))
        return found[1] if found else None

    def observe(self, live: Object) -> Key | None:
        """Store a pod's current state."""
        metadata = live["metadata"]
        place = (metadata["namespace"], metadata["name"])
        key = Key(place[0], _instance(metadata))
        if place[1] != pod_name(key.name):
            return self.forget(*place)
        pod, before = Pod.of(live), self._held.get(place)
        self._held[place] = (key, pod)
        return None if before is not None and before[1] == pod else key

    def forget(self, namespace: str, name: str) -> Key | None:
        """Remove a deleted pod."""
        found = self._held.pop((namespace, name), None)
        return found[0] if found else None

    def known(self) -> set[tuple[str, str]]:
        """Return namespace and name of every pod."""
        return set(self._held)


class InstanceCache:
    """Custom resources as last seen, by instance and by number."""

    def __init__(self) -> None:
        self._held: dict[Key, Object] = {}
        self._of_number: dict[str, set[Key]] = {}

    def __iter__(self) -> Iterator[Key]:
        return iter(self._held)

    def get(self, key: Key) -> Object | None:
        """Return a custom resource, if it exists."""
        return self._held.get(key)

    def names(self) -> set[tuple[str, str]]:
        """Return organization and name of every instance."""
        return {(held["spec"]["organizationId"], key.name) for key, held in self._held.items()}

    def of_number(self, phone: str) -> list[Key]:
        """Return the instances with this E.164 number, or another that reaches the same WhatsApp account."""
        return sorted(self._of_number.get(phone_key(phone), ()))

    def settings_keys(self) -> dict[str, set[str]]:
        """Return the keys of all instances' settings on the bus, each with the uids of the instances that have it."""
        found: dict[str, set[str]] = {}
        for key, held in self._held.items():
            name = instance_key(held["spec"]["organizationId"], key.name)
            found.setdefault(name, set()).add(held["metadata"]["uid"])
        return found

    def put(self, resource: Object) -> Key:
        """Store a custom resource's current state, unless a newer one is stored."""
        key = Key(resource["metadata"]["namespace"], resource["metadata"]["name"])
        held = self._held.get(key)
        if held is not None and _is_older(resource, held):
            return key
        self.drop(key)
        self._held[key] = resource
        self._of_number.setdefault(_number(resource), set()).add(key)
        return key

    def drop(self, key: Key) -> None:
        """Remove a deleted custom resource."""
        resource = self._held.pop(key, None)
        if resource is None:
            return
        number = _number(resource)
        self._of_number[number].discard(key)
        if not self._of_number[number]:
            del self._of_number[number]


def _is_older(one: Object, other: Object) -> bool:
    """Whether `one` is an older state of the same object; false for another object of its name."""
    mine, others = one["metadata"], other["metadata"]
    return bool(mine["uid"] == others["uid"] and int(mine["resourceVersion"]) < int(others["resourceVersion"]))


def _number(resource: Object) -> str:
    return phone_key(resource["spec"]["phoneNumber"])


def _child_caches() -> dict[Kind, ChildCache]:
    return {kind: ChildCache(kind) for kind in CHILD_KINDS}


@dataclass(frozen=True, slots=True)
class ClusterCache:
    """Everything that this process has seen of the cluster, shared by the watches and all readers."""

    instances: InstanceCache = field(default_factory=InstanceCache)
    children: Mapping[Kind, ChildCache] = field(default_factory=_child_caches)
    pods: PodCache = field(default_factory=PodCache)

    def child(self, kind: Kind, namespace: str, name: str) -> CachedChild | None:
        """Return a child as it was last seen."""
        return self.children[kind].get(namespace, name)

    def restoring(self) -> set[UUID]:
        """Return the backups that existing instances are to restore."""
        claims = (claim for key, claim in self.children[CLAIMS].items() if self.instances.get(key) is not None)
        records = (EpochRecord.of(claim.annotations) for claim in claims)
        return {record.restoring for record in records if record is not None and record.restoring is not None}
