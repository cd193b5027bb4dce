"""Whether an instance owns its organization and its number, and which of several instances gets a number."""

from oxy_core.identity import number_digest
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.ownership_problems import number_taken, organization_taken
from oxy_operator.errors import MissingError
from oxy_operator.kube.cache import ClusterCache
from oxy_operator.kube.client import Kubernetes
from oxy_operator.objects import INSTANCES, Key, Object
from oxy_operator.ownership.numbers import Numbers
from oxy_operator.ownership.organizations import Organizations
from oxy_operator.problems import Problem


class Ownership:
    """Acquires and releases organizations and numbers, using the cache of all instances."""

    def __init__(self, api: Kubernetes, operator_namespace: str, cache: ClusterCache) -> None:
        self._api = api
        self._cache = cache
        self._organizations = Organizations(api, operator_namespace)
        self._numbers = Numbers(api, operator_namespace)

    async def load(self) -> None:
        """Read who owns what, once the cache holds all instances and pods. Raises ApiError."""
        await self._organizations.load()
        await self._numbers.load()
        await self._numbers.release_orphans(
            lambda key: self._cache.instances.get(key) is None and self._cache.pods.of(key) is None
        )

    async def acquire(self, key: Key, instance: Instance) -> Problem | None:
        """Acquire organization and number for an instance; return a problem if it cannot have them. Raises ApiError."""
        organization = instance.spec.organization_id
        if await self._organizations.acquire(organization, key.namespace) != key.namespace:
            return organization_taken(organization)
        owner = await self._number_owner(key, instance.spec.phone_number)
        return None if owner == key else number_taken(instance.spec.phone_number, owner)

    async def release_number(self, key: Key, instance: Instance) -> list[Key]:
        """Release an instance's number; return the instances that may want it now. Raises ApiError."""
        phone = instance.spec.phone_number
        await self._numbers.release(phone, key)
        return [other for other in self._cache.instances.of_number(phone) if other != key]

    async def _number_owner(self, key: Key, phone: str) -> Key:
        """Return who owns a number. A free one goes to the oldest instance that names it."""
        if self._numbers.known_owner(phone) is None:
            oldest = self._oldest(phone)
            if oldest not in {None, key}:
                # The oldest one acquires the number itself, when it is reconciled.
                return oldest or key
        owner = await self._numbers.acquire(phone, key)
        if owner != key and await self._has_left(owner, phone):
            await self._numbers.release(phone, owner)
            return await self._number_owner(key, phone)
        return owner

    def _oldest(self, phone: str) -> Key | None:
        """Return the oldest instance that may own a number."""
        candidates = [
            (resource["metadata"]["creationTimestamp"], key)
            for key in self._cache.instances.of_number(phone)
            if (resource := self._cache.instances.get(key)) is not None and self._may_own(key, resource)
        ]
        return min(candidates, default=(None, None))[1]

    def _may_own(self, key: Key, resource: Object) -> bool:
        organization = resource["spec"]["organizationId"]
        leaving = "deletionTimestamp" in resource["metadata"]
        return not leaving and self._organizations.known_owner(organization) in {None, key.namespace}

    async def _has_left(self, owner: Key, phone: str) -> bool:
        """Whether an instance is gone, or has another number by now, without having released this one."""
        try:
            resource = await self._api.get(INSTANCES, owner.namespace, owner.name)
        except MissingError:
            return self._cache.pods.of(owner) is None
        return number_digest(resource["spec"]["phoneNumber"]) != number_digest(phone)
