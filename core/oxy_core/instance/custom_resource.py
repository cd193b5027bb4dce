"""The custom resource WhatsAppInstance by name: its API, phases, annotations and labels, and its children's names."""

from enum import StrEnum
from typing import Final

GROUP: Final = "oxy.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "WhatsAppInstance"
PLURAL: Final = "whatsappinstances"

FINALIZER: Final = f"{GROUP}/bus"
"""Holds a deleted instance until its pod has ended and its account is removed from the bus."""

REPAIR_ANNOTATION: Final = f"{GROUP}/repair"
"""On the instance: asks for a new pairing window. Its value is a nonce, which the status repeats when it is done."""

BACKUP_ANNOTATION: Final = f"{GROUP}/backup"
"""On the instance: asks for a backup of its session at once. A nonce, as that of a repair."""

ASKED_ANNOTATION: Final = f"{GROUP}/asked"
"""On the pod: the last request about its session, a backup or its end, which it reads from its settings file."""

EPOCH_ANNOTATION: Final = f"{GROUP}/epoch"
"""On claim and pod: the epoch of the session that they serve. A terminal cause ends it, a repair begins the next."""

LINKED_ANNOTATION: Final = f"{GROUP}/linked-at"
"""On the claim: when the phone linked the session's device, as its pod told last, after the epoch in which it did."""

PAIRING_UNTIL_ANNOTATION: Final = f"{GROUP}/pairing-until"
"""On claim and pod: end of the pairing window, RFC 3339."""

INSTANCE_LABEL: Final = f"{GROUP}/instance"
ORGANIZATION_LABEL: Final = f"{GROUP}/organization"

MANAGED_BY: Final = "oxy-operator"
"""Value of the label ``app.kubernetes.io/managed-by`` on everything that the operator creates."""

BUS_AWAY: Final = "BusAway"
"""The operator's reason while it cannot reach NATS, for what waits for a pod's word."""


class Phase(StrEnum):
    """``status.phase``."""

    PENDING = "Pending"
    PAIRING = "Pairing"
    CONNECTED = "Connected"
    RECONNECTING = "Reconnecting"
    PAUSED = "Paused"
    LOGGED_OUT = "LoggedOut"
    FAILED = "Failed"


def place_of(instance: str, namespace: str) -> str:
    """Return an instance's name as commands take it, from whatever namespace they are run."""
    return f"{instance} -n {namespace}"


def runtime_name(instance: str) -> str:
    """Return the name of the instance's StatefulSet, ConfigMap, credentials Secret and NetworkPolicy."""
    return f"wai-{instance}"


def pod_name(instance: str) -> str:
    """Return the name of the instance's only pod, as its StatefulSet numbers it."""
    return f"{runtime_name(instance)}-0"


def claim_name(instance: str) -> str:
    """Return the name of the session volume's claim."""
    return f"{runtime_name(instance)}-session"


def session_folder(organization: str, instance: str) -> str:
    """Return where the session volume is mounted. Neither name contains an underscore, so the path is unambiguous."""
    return f"/app/sessions/{organization}_{instance}"


def pairing_secret_name(instance: str) -> str:
    """Return the name of the Secret that holds the current pairing code."""
    return f"{runtime_name(instance)}-pairing"
