"""Whether an instance may be acted upon: its organization, its number and its session must be its own."""

from typing import Final

from oxy_core.identity import mask
from oxy_operator.errors import MissingError
from oxy_operator.kubernetes_api import INSTANCES, Kubernetes, Object
from oxy_operator.lifecycle import Memory
from oxy_operator.numbers import Numbers, number_digest
from oxy_operator.organizations import Organizations, binding_name
from oxy_operator.resource import Instance
from oxy_operator.specs.names import claim_name
from oxy_operator.status import Problem
from oxy_operator.store import Pods, Resources
from oxy_operator.workqueue import Key

_REMEDY: Final = "Two would answer each customer twice. Delete one of the two, or correct its spec.phoneNumber"


class Admission:
    """Answers for one operator process, by what it knows of all instances."""

    def __init__(self, api: Kubernetes, operator_namespace: str, resources: Resources, pods: Pods) -> None:
        self._api = api
        self._resources = resources
        self._pods = pods
        self._organizations = Organizations(api, operator_namespace)
        self._numbers = Numbers(api, operator_namespace)

    async def load(self) -> None:
        """Read who holds organizations and numbers, once all instances and pods are known. Raises ApiError."""
        await self._organizations.load()
        await self._numbers.load()
        await self._numbers.give_back_of_gone(
            lambda key: self._resources.get(key) is None and self._pods.of(key) is None
        )

    async def problem(self, key: Key, instance: Instance) -> Problem | None:
        """Return why an instance may not be acted upon, None if it may. Raises ApiError."""
        organization = instance.spec.organization_id
        if await self._organizations.holder(organization, key.namespace) != key.namespace:
            return organization_taken(organization)
        holder = await self._number_holder(key, instance.spec.phone_number)
        return None if holder == key else number_taken(instance.spec.phone_number, holder)

    async def leave(self, key: Key, instance: Instance) -> list[Key]:
        """Give an instance's number back; return the instances that may want it now. Raises ApiError."""
        phone = instance.spec.phone_number
        await self._numbers.give_back(phone, key)
        return [other for other in self._resources.of_number(phone) if other != key]

    async def _number_holder(self, key: Key, phone: str) -> Key:
        """Return who holds a number. A free one goes to the oldest instance that asks for it."""
        if self._numbers.known_holder(phone) is None:
            oldest = self._oldest(phone)
            if oldest not in {None, key}:
                return oldest or key
        holder = await self._numbers.take(phone, key)
        if holder != key and await self._has_left(holder, phone):
            await self._numbers.give_back(phone, holder)
            return await self._number_holder(key, phone)
        return holder

    def _oldest(self, phone: str) -> Key | None:
        """Return the oldest instance that may have a number."""
        candidates = [
            (resource["metadata"]["creationTimestamp"], key)
            for key in self._resources.of_number(phone)
            if (resource := self._resources.get(key)) is not None and self._may_have(key, resource)
        ]
        return min(candidates, default=(None, None))[1]

    def _may_have(self, key: Key, resource: Object) -> bool:
        organization = resource["spec"]["organizationId"]
        going = "deletionTimestamp" in resource["metadata"]
        return not going and self._organizations.known_holder(organization) in {None, key.namespace}

    async def _has_left(self, holder: Key, phone: str) -> bool:
        """Whether an instance went without giving its number back: someone removed its finalizer."""
        try:
            resource = await self._api.get(INSTANCES, holder.namespace, holder.name)
        except MissingError:
            return self._pods.of(holder) is None
        return number_digest(resource["spec"]["phoneNumber"]) != number_digest(phone)


def organization_taken(organization: str) -> Problem:
    """Return what is wrong where an organization belongs to another namespace, which is not named."""
    message = (
        f"Organization {organization} belongs to another namespace. Use a name of your own, or have a platform admin "
        f"release it by deleting the ConfigMap {binding_name(organization)} in the operator's namespace"
    )
    return Problem("OrganizationTaken", message)


def number_taken(phone: str, holder: Key) -> Problem:
    """Return what is wrong where another instance has the number."""
    other = f"{holder.namespace}/{holder.name}"
    return Problem("NumberTaken", f"The number {mask(phone)} is that of WhatsAppInstance {other}. {_REMEDY}.")


def session_problem(instance: Instance, memory: Memory) -> Problem | None:
    """Return what is wrong where the claim keeps another number's session, from an earlier instance of this name."""
    if memory.number == number_digest(instance.spec.phone_number):
        return None
    claim = claim_name(instance.name)
    message = (
        f"The volume claim {claim} keeps the session of another number, from an earlier instance of this name. "
        f"Choose another name for this instance, or give that session up: "
        f"kubectl delete pvc {claim} -n {instance.namespace}"
    )
    return Problem("SessionOfAnotherNumber", message)
