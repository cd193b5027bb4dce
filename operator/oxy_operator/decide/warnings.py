"""What of a new status people must see at once, as Kubernetes events: causes that do not pass by themselves.

A reconnect is none. The same cause is one event, whose count grows (`oxy_operator.kube.event_recorder`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from oxy_core.instance.connection_causes import connection_cause
from oxy_core.instance.custom_resource import Phase
from oxy_core.instance.pairing_proof import PairingProof
from oxy_operator.decide.status import Status

_FINAL: Final = frozenset({Phase.FAILED.value, Phase.LOGGED_OUT.value, Phase.PAUSED.value})

_WORRIES: Final[Mapping[str, str]] = {"Frozen": "True", "ClientOutdated": "True", "ClientAgeing": "True"}
"""Conditions beside Ready, with the status in which people must see them."""

_UNPROVED: Final = frozenset({PairingProof.RECEIPT_MISSING.value, PairingProof.NOT_SENT.value})
"""Reasons of the condition PairingConfirmed."""

_WANTED: Final = frozenset({"Suspended"})
"""Reasons that are no surprise: the spec says so."""


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that people must see."""

    reason: str
    """CamelCase."""
    note: str
    """What happened and what to do."""


def warnings(before: Status, after: Status) -> tuple[Warned, ...]:
    """Return what people must see of a status, and was not so before."""
    known = {warned.reason for warned in _all(before)}
    return tuple(warned for warned in _all(after) if warned.reason not in known)


def _all(status: Status) -> Iterator[Warned]:
    conditions: dict[str, Any] = {item["type"]: item for item in status.get("conditions", ())}
    ready = conditions.get("Ready")
    if ready is not None and _is_worth_it(status.get("phase"), ready["reason"]):
        yield Warned(ready["reason"], ready["message"])
    proof = conditions.get("PairingConfirmed")
    if proof is not None and proof["reason"] in _UNPROVED:
        yield Warned(proof["reason"], proof["message"])
    phone = conditions.get("PhoneOnline")
    if phone is not None and phone["status"] == "False":
        yield Warned(phone["reason"], phone["message"])
    for kind, value in _WORRIES.items():
        found = conditions.get(kind)
        if found is not None and found["status"] == value:
            yield Warned(kind, found["message"])


def _is_worth_it(phase: str | None, reason: str) -> bool:
    cause = connection_cause(reason)
    if cause is not None:
        return cause.warns
    return phase in _FINAL and reason not in _WANTED
