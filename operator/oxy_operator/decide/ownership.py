"""Ownership of organizations, numbers and sessions: names of the objects that record it, and refusals.

`oxy_operator.ownership` asks for it and records it in the cluster.
"""

import hashlib
from typing import Final

from oxy_core.identity import mask, phone_key
from oxy_core.instance.custom_resource import claim_name
from oxy_operator.decide.instance import Instance
from oxy_operator.objects import Key
from oxy_operator.problems import Problem

_REMEDY: Final = "Two would answer each customer twice. Delete one of the two, or correct its spec.phoneNumber"


def number_digest(phone: str) -> str:
    """Return the digest of a number for names and annotations; the same for all ways to write the number."""
    return hashlib.sha256(phone_key(phone).encode()).hexdigest()[:24]


def number_name(phone: str) -> str:
    """Return the name of the ConfigMap that records who owns a number."""
    return f"oxy-number-{number_digest(phone)}"


def organization_name(organization: str) -> str:
    """Return the name of the ConfigMap that records which namespace owns an organization."""
    return f"oxy-org-{hashlib.sha256(organization.encode()).hexdigest()[:24]}"


def organization_taken(organization: str) -> Problem:
    """Return the problem of an organization that belongs to another namespace, which is not named."""
    message = (
        f"Organization {organization} belongs to another namespace. Use a name of your own, or have a platform admin "
        f"release it by deleting the ConfigMap {organization_name(organization)} in the operator's namespace."
    )
    return Problem("OrganizationTaken", message)


def number_taken(phone: str, owner: Key) -> Problem:
    """Return the problem of a number that another instance owns."""
    other = f"{owner.namespace}/{owner.name}"
    return Problem("NumberTaken", f"The number {mask(phone)} is that of WhatsAppInstance {other}. {_REMEDY}.")


def session_problem(instance: Instance, number: str) -> Problem | None:
    """Return the problem if the claim keeps another number's session, from an earlier instance of this name.

    `number` is the digest of the number whose session the claim keeps.
    """
    if number == number_digest(instance.spec.phone_number):
        return None
    claim = claim_name(instance.name)
    message = (
        f"The volume claim {claim} keeps the session of another number, from an earlier instance of this name. "
        f"Choose another name for this instance, or give that session up: "
        f"kubectl delete pvc {claim} -n {instance.namespace}"
    )
    return Problem("SessionOfAnotherNumber", message)
