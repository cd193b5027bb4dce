"""The Secrets that pass instances' API keys on to the workers (`oxy_core.model_keys`): digests of what they hold.

They hold the entries of many instances, so each entry is written alone, by a patch that leaves the others.
"""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from oxy_core.instance.custom_resource import MANAGED_BY
from oxy_core.model_keys import SHARDS, entry_name, shard_name, shard_of
from oxy_operator.errors import ConflictError, MissingError
from oxy_operator.kube.client import Kubernetes
from oxy_operator.metrics import WRITES
from oxy_operator.objects import SECRETS, Key, Object

KEY_STORES: Final = f"app.kubernetes.io/managed-by={MANAGED_BY},app.kubernetes.io/component=model-keys"
"""Selects the Secrets that hold keys."""

_LABELS: Final = {"app.kubernetes.io/managed-by": MANAGED_BY, "app.kubernetes.io/component": "model-keys"}

_DIGEST_BYTES: Final = 16

log = structlog.get_logger()


@dataclass(slots=True)
class _Shard:
    """One Secret as it was last seen or written."""

    version: int = 0
    digests: dict[str, bytes] = field(default_factory=dict)


class KeyStore:
    """Reads and writes entries. A sink of the watch on the Secrets that it writes."""

    def __init__(self, api: Kubernetes, namespace: str, prefix: str, enqueue: Callable[[Key], None]) -> None:
        self._api = api
        self._namespace = namespace
        self._enqueue = enqueue
        self._names = tuple(shard_name(prefix, number) for number in range(SHARDS))
        self._shards: dict[str, _Shard] = {}
        self._writers: dict[str, Key] = {}

    def digest(self, organization: str, instance: str) -> bytes | None:
        """Return a digest of an instance's entry; None if there is none."""
        shard = self._shards.get(self._names[shard_of(organization, instance)])
        return shard.digests.get(entry_name(organization, instance)) if shard else None

    async def put(self, organization: str, instance: str, value: bytes | None, writer: Key) -> None:
        """Write an instance's entry, or remove it, unless it is so already. Raises ApiError.

        InvalidError: the Secret would become too large. `writer` is enqueued if somebody else changes the entry.
        """
        entry = entry_name(organization, instance)
        if value is not None:
            self._writers[entry] = writer
        wanted = None if value is None else digest_of(value)
        if self.digest(organization, instance) == wanted:
            return
        await self._write(self._names[shard_of(organization, instance)], {entry: value})
        log.info("model_keys_written", namespace=writer.namespace, instance=writer.name, kept=value is not None)

    async def remove(self, organization: str, instance: str, writer: Key) -> None:
        """Remove the entry of an instance that is deleted, unless it is known to be another's. Raises ApiError.

        One that was refused may bear the name of another in its place.
        """
        if self._writers.get(entry_name(organization, instance), writer) == writer:
            await self.put(organization, instance, None, writer)

    async def remove_of(self, writer: Key) -> None:
        """Do as `remove`, but by key alone, for a custom resource that no longer exists. Raises ApiError."""
        for entry in [entry for entry, key in self._writers.items() if key == writer]:
            organization, _, instance = entry.partition(".")
            await self.put(organization, instance, None, writer)

    async def sweep(self, wanted: Container[str]) -> None:
        """Remove the entries of instances that went while no operator was running. Raises ApiError."""
        for name, shard in list(self._shards.items()):
            unwanted = [entry for entry in shard.digests if entry not in wanted]
            if unwanted:
                await self._write(name, dict.fromkeys(unwanted))
                log.info("model_keys_swept", secret=name, entries=len(unwanted))

    async def _write(self, name: str, entries: Mapping[str, bytes | None]) -> None:
        data = {entry: None if value is None else b64encode(value).decode() for entry, value in entries.items()}
        version = await self._patch(name, data)
        WRITES.labels(SECRETS.name).inc()
        shard = self._shards.setdefault(name, _Shard())
        if version < shard.version:
            return  # the watch has reported what came after
        shard.version = version
        for entry, value in entries.items():
            shard.digests.pop(entry, None)
            if value is None:
                self._writers.pop(entry, None)
            else:
                shard.digests[entry] = digest_of(value)

    async def _patch(self, name: str, data: Mapping[str, str | None]) -> int:
        """Patch a Secret, which is created if it does not exist; return its new version."""
        body: Object = {"metadata": {"labels": _LABELS}, "data": data}
        for _ in range(2):
            try:
                answer = await self._api.merge(SECRETS, self._namespace, name, body)
            except MissingError:
                kept = {entry: value for entry, value in data.items() if value is not None}
                whole = {"metadata": {"name": name, "labels": _LABELS}, "type": "Opaque", "data": kept}
                try:
                    answer = await self._api.create(SECRETS, self._namespace, whole)
                except ConflictError:
                    continue  # another instance's entry was first
            return int(answer["metadata"]["resourceVersion"])
        raise ConflictError(409, f"Secret {name} appears and disappears")

    # -- what the watch reports

    def observe(self, live: Object) -> Key | None:
        """Note what a Secret holds; enqueue the instances whose entries somebody else has changed."""
        metadata = live["metadata"]
        name, version = metadata["name"], int(metadata["resourceVersion"])
        if metadata["namespace"] != self._namespace or name not in self._names:
            return None
        known = self._shards.get(name, _Shard())
        if version < known.version:
            return None
        digests = {entry: digest_of(b64decode(value)) for entry, value in (live.get("data") or {}).items()}
        self._shards[name] = _Shard(version, digests)
        self._report(known.digests, digests)
        return None

    def forget(self, namespace: str, name: str) -> Key | None:
        """Note that a Secret does not exist; enqueue the instances whose entries it held."""
        if namespace == self._namespace and (known := self._shards.pop(name, None)) is not None:
            self._report(known.digests, {})
        return None

    def known(self) -> set[tuple[str, str]]:
        """Return namespace and name of the Secrets that exist."""
        return {(self._namespace, name) for name in self._shards}

    def _report(self, before: Mapping[str, bytes], after: Mapping[str, bytes]) -> None:
        for entry in _differing(before, after):
            if entry in self._writers:
                self._enqueue(self._writers[entry])


def digest_of(value: bytes) -> bytes:
    """Return the digest by which entries are compared; nothing else of a key is kept."""
    return hashlib.blake2b(value, digest_size=_DIGEST_BYTES).digest()


def _differing(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Iterable[str]:
    return [entry for entry in before.keys() | after.keys() if before.get(entry) != after.get(entry)]
