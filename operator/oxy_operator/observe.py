"""Gathers, at one moment, everything about an instance that decisions may need."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TypeAlias

from oxy_core.instance.custom_resource import claim_name, runtime_name
from oxy_core.jetstream import BACKUP_STREAM
from oxy_operator.bus.accounts import tenancy
from oxy_operator.bus.connection import Bus
from oxy_operator.bus.nkeys import PlatformKeys
from oxy_operator.decide.backups import StoredBackup
from oxy_operator.decide.epoch_record import EpochRecord
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.model_keys import NO_KEYS, KeysWanted, SecretData, key_references, keys_wanted
from oxy_operator.decide.observed import Observed
from oxy_operator.decide.proxy import NO_PROXY, ProxyWanted, proxy_secret, proxy_wanted
from oxy_operator.decide.restores import asked_for, source_of
from oxy_operator.decide.specs.config_map import bus_state_of, freeze_of
from oxy_operator.decide.workload import Workload
from oxy_operator.errors import MissingError
from oxy_operator.kube.cache import ClusterCache
from oxy_operator.kube.client import Kubernetes
from oxy_operator.kube.client_refusals import ClientRefusals
from oxy_operator.kube.freeze_record import FreezeStore
from oxy_operator.kube.secret_reads import SecretReads
from oxy_operator.objects import CLAIMS, CONFIG_MAPS, SECRETS, STATEFUL_SETS, Key, Kind
from oxy_operator.ownership.arbitration import Ownership
from oxy_operator.problems import Problem
from oxy_operator.tenancy import Tenancy

Backups: TypeAlias = Sequence[StoredBackup] | None
"""Of an instance; None: not known."""


@dataclass(slots=True)
class Remembered:
    """What this process remembers about an instance between reconciles; all of it can be read or issued again."""

    tenancy: Tenancy | None = None
    """Cached for a rotation period, because signing is slow."""
    keys: KeysWanted = NO_KEYS
    proxy: ProxyWanted = NO_PROXY
    """Both are valid while `SecretReads` knows of no change."""
    record: EpochRecord | None = None
    """The last one written; used if the claim loses its annotations."""
    status_written_at: datetime | None = None

    def keep_record(self, record: EpochRecord) -> None:
        """Remember the record that the claim holds now."""
        self.record = record


class Observer:
    """Reads caches, bus and cluster; keeps nothing."""

    def __init__(  # noqa: PLR0913 every source to observe
        self,
        api: Kubernetes,
        cache: ClusterCache,
        bus: Bus,
        ownership: Ownership,
        *,
        reads: SecretReads,
        freezes: FreezeStore,
        keys: PlatformKeys,
        refusals: ClientRefusals,
        rotation_seconds: int,
        clock: Callable[[], float],
    ) -> None:
        self._api = api
        self._cache = cache
        self._bus = bus
        self._ownership = ownership
        self._reads = reads
        self._freezes = freezes
        self._keys = keys
        self._refusals = refusals
        self._rotation_seconds = rotation_seconds
        self._clock = clock

    async def observe(self, key: Key, instance: Instance, remembered: Remembered) -> Observed:
        """Return everything known about an instance now. Raises ApiError.

        This also acquires the organization and the number if they are free: checking and acquiring are one request, so
        that of several instances that want a number at the same time only one gets it.
        """
        refusal = await self._ownership.acquire(key, instance) if instance.deleted_at is None else None
        owns = instance.deleted_at is None and refusal is None
        model_keys, proxy = await self._from_secrets(key, instance, remembered) if owns else (NO_KEYS, NO_PROXY)
        claim = self._cache.child(CLAIMS, key.namespace, claim_name(key.name))
        settings = self._cache.child(CONFIG_MAPS, key.namespace, runtime_name(key.name))
        workload = self._workload(key)
        last = remembered.record
        issued = self._tenancy(instance, remembered.tenancy)
        record = (EpochRecord.of(claim.annotations) or last) if claim else None
        own, source = await self._backups(instance, record or last)
        return Observed(
            now=datetime.fromtimestamp(self._clock(), UTC),
            instance=instance,
            tenancy=issued,
            pod=self._cache.pods.of(key),
            reported=self._bus.live(issued.account),
            clock_ahead=self._bus.clock_ahead(issued.account),
            account_held=self._bus.holds(issued.account, instance.uid),
            bus_away=self._bus.absence.lasts,
            bus_state=self._bus.state or (bus_state_of(settings.annotations) if settings else None),
            record=record,
            known_epoch=max(workload.epoch if workload else 0, last.epoch if last else 0),
            volume=claim.uid if claim else None,
            volume_owner=claim.organization if claim else None,
            workload=workload,
            keys=model_keys,
            proxy=proxy,
            backups=own,
            source_backups=source,
            backups_unlisted=self._backups_unlisted(instance),
            backups_refused=self._bus.missing(BACKUP_STREAM),
            backup_key=partial(self._keys.backup_key, instance.spec.organization_id),
            restoring=self._cache.restoring,
            refusal=refusal,
            refusals=self._refusals.known,
            freeze=self._freezes.of(instance.spec.organization_id),
            freeze_before=freeze_of(settings.annotations) if settings else None,
            status_written_at=remembered.status_written_at,
        )

    def _workload(self, key: Key) -> Workload | None:
        held = self._cache.child(STATEFUL_SETS, key.namespace, runtime_name(key.name))
        return held.workload if held else None

    async def _from_secrets(self, key: Key, instance: Instance, held: Remembered) -> tuple[KeysWanted, ProxyWanted]:
        """Return what an instance's Secrets have for it; they are read only if they or the spec have changed.

        All are read if one is: two that had read different versions of the same could not both be told of a change.
        """
        references, proxy = key_references(instance), proxy_secret(instance)
        names = {named.secret for named in references} | ({proxy} if proxy else set())
        unchanged = (references, proxy) == (held.keys.references, held.proxy.secret)
        if unchanged and all(self._reads.current(key, name) for name in names):
            return held.keys, held.proxy
        contents = {name: await self._secret(key, name) for name in names}
        secret = self._keys.proxy_key(instance.spec.organization_id, instance.name)
        return keys_wanted(instance, contents), proxy_wanted(instance, contents.get(proxy or ""), secret)

    async def _backups(self, instance: Instance, record: EpochRecord | None) -> tuple[Backups, Backups]:
        """Return the instance's backups, and those of the instance that it is to be restored from.

        Of a restore that is not begun, only what the bus says now counts: its pod would disconnect first, and then wait
        until the bus hands the backup out.
        """
        organization, source = instance.spec.organization_id, source_of(instance)
        own = await self._bus.backups.of(organization, instance.name, now=instance.deleted_at is not None)
        begins = asked_for(instance) is not None if record is None else record.lacks_backup(instance)
        if source == instance.name and not begins:
            return own, own
        return own, await self._bus.backups.of(organization, source, now=begins)

    def _backups_unlisted(self, instance: Instance) -> bool:
        names = (instance.name, source_of(instance))
        return any(self._bus.backups.is_behind(instance.spec.organization_id, name) for name in names)

    async def _secret(self, key: Key, name: str) -> SecretData | None:
        self._reads.announce(key, name)
        try:
            found = await self._api.get(SECRETS, key.namespace, name)
        except MissingError:
            self._reads.done(key, name, 0)
            return None
        self._reads.done(key, name, int(found["metadata"]["resourceVersion"]))
        data: SecretData = found.get("data") or {}
        return data

    def forget(self, key: Key) -> None:
        """Forget what was read for an instance that no longer exists."""
        self._reads.drop(key)

    async def missing_reference(self, observed: Observed) -> Problem | None:
        """Return a problem if the spec refers to an object that does not exist; for mounts the kubelet reports none.

        This asks the API server, but only about an instance whose pod is waiting. Raises ApiError.
        """
        if observed.pod is None or observed.pod.waiting is None:
            return None
        for kind, field, name in _references(observed.instance):
            if not await self._exists(kind, observed.instance.namespace, name):
                message = f"{field}: {kind.name} {name} does not exist. Create it, or correct the spec."
                return Problem("ReferenceMissing", message)
        return None

    async def _exists(self, kind: Kind, namespace: str, name: str) -> bool:
        try:
            await self._api.get(kind, namespace, name)
        except MissingError:
            return False
        return True

    def _tenancy(self, instance: Instance, held: Tenancy | None) -> Tenancy:
        """Return account and credentials; new ones are issued once per rotation period and for a new incarnation."""
        now = self._clock()
        if held is not None and now < held.validity.renewed_at and held.incarnation == instance.uid:
            return held
        return tenancy(
            self._keys,
            instance.spec.organization_id,
            instance.name,
            now=now,
            incarnation=instance.uid,
            created_at=instance.created_at.timestamp() if instance.created_at else 0.0,
            rotation=self._rotation_seconds,
        )


def _references(instance: Instance) -> Iterator[tuple[Kind, str, str]]:
    network = instance.spec.network
    if network.ca_bundle_config_map_ref is not None:
        yield CONFIG_MAPS, "spec.network.caBundleConfigMapRef", network.ca_bundle_config_map_ref.name
