"""Ownership of organizations, numbers and sessions: names of the objects that record it, and refusals.

`oxy_operator.ownership` checks it and records it in the cluster.
"""

import hashlib
from typing import Final

from oxy_core.identity import mask, number_digest
from oxy_core.instance.custom_resource import claim_name
from oxy_operator.decide.instance import Instance
from oxy_operator.objects import Key
from oxy_operator.problems import Problem

_REMEDY: Final = (
    "Two instances would answer each customer twice. Delete one of them. The number of an instance cannot be changed; "
    "for another number, create another instance"
)


def number_name(phone: str) -> str:
    """Return the name of the ConfigMap that records who owns a number."""
    return f"oxy-number-{number_digest(phone)}"


def organization_name(organization: str) -> str:
    """Return the name of the ConfigMap that records which namespace owns an organization."""
    return f"oxy-org-{hashlib.sha256(organization.encode()).hexdigest()[:24]}"


def organization_taken(organization: str) -> Problem:
    """Return the problem that an organization belongs to another namespace, which the message does not name."""
    message = (
        f"Organization {organization} belongs to another namespace. Choose another name, or ask a platform admin to "
        f"release it by deleting ConfigMap {organization_name(organization)} in the operator's namespace."
    )
    return Problem("OrganizationTaken", message)


def number_taken(phone: str, owner: Key) -> Problem:
    """Return the problem that another instance owns the number."""
    other = f"{owner.namespace}/{owner.name}"
    return Problem("NumberTaken", f"The number {mask(phone)} belongs to WhatsAppInstance {other}. {_REMEDY}.")


def session_problem(instance: Instance, number: str, organization: str | None) -> Problem | None:
    """Return a problem if the claim keeps a session that is not this instance's, from an earlier one of its name.

    `number` is the digest of the number whose session the claim keeps, `organization` whose it is, if it says.
    """
    claim = claim_name(instance.name)
    if organization not in {None, instance.spec.organization_id}:
        message = (
            f"The volume claim {claim} keeps the session and the messages of organization {organization}, from an "
            f"earlier instance of this name. Choose another name for this instance. If nobody needs that session any "
            f"more, delete it with its backups: oxy sessions delete {instance.place} --organization {organization}"
        )
        return Problem("SessionOfAnotherOrganization", message)
    if number == number_digest(instance.spec.phone_number):
        return None
    message = (
        f"The volume claim {claim} keeps the session of another number, from an earlier instance of this name. "
        f"Choose another name for this instance, or discard that session: "
        f"kubectl delete pvc {claim} -n {instance.namespace}"
    )
    return Problem("SessionOfAnotherNumber", message)
