"""What of a new status people must see at once, as Kubernetes events: causes that do not pass by themselves.

A reconnect is none. The same cause is one event, whose count grows (`oxy_operator.kube.event_recorder`). What was so
before is read from the status, so an operator that has just started warns of nothing again. The end of a lock of
WhatsApp's, which only waiting brings, is an event too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from oxy_core.instance.connection_causes import connection_cause
from oxy_core.instance.custom_resource import BUS_AWAY, Phase
from oxy_core.instance.pairing_proof import PairingProof
from oxy_core.instance.session_states import RestoreOutcome
from oxy_core.instance.stored_session import VolumeProblem
from oxy_operator.decide import reach_out
from oxy_operator.decide.freezing import order_of
from oxy_operator.decide.restores import UNFIT
from oxy_operator.decide.session_status import LOST
from oxy_operator.decide.status import Status

_FINAL: Final = frozenset({Phase.FAILED.value, Phase.LOGGED_OUT.value, Phase.PAUSED.value})

_WORRIES: Final[Mapping[str, str]] = {"ClientOutdated": "True", "ClientAgeing": "True"}
"""Conditions beside Ready, with the status in which people must see them."""

_UNPROVED: Final = frozenset({PairingProof.RECEIPT_MISSING.value, PairingProof.NOT_SENT.value})
"""Reasons of the condition PairingConfirmed."""

_WANTED: Final = frozenset({"Suspended"})
"""Reasons that are no surprise: the spec says so."""


_NOT_BACKED_UP: Final[Mapping[str, str | None]] = {
    "Overdue": "BackupOverdue",
    "NoRoomForBackups": "NoRoomForBackups",
    "NotYet": None,
    "Disabled": None,
    "BusUnavailable": None,
}
"""Reasons of the condition BackedUp with those of their events, None: there is none. Any other is of a backup that
failed."""

_TO_BACK_UP: Final = "Once what keeps it is mended, to make one at once, run: oxy sessions backup"

_NOT_RESTORED_YET: Final = frozenset({"Restoring", "BusUnavailable", BUS_AWAY})
"""Reasons of the condition Restored that pass by themselves, also if an earlier backup was refused."""

_LOST: Final = (
    "Messages of customers were received and lost before they were journalled: status.session.messagesLost counts "
    "them, and whatsapp:message_lost on OXY_EVENTS tells of each. They are on the business's phone: read them there, "
    "and answer who wrote. With spec.inbound.askToRepeat, customers are asked to write again."
)

_UNLOCKED: Final = (
    "WhatsApp lets the number write to people first again, as a message that was sent has shown. If campaigns and "
    "automations are still held back, oxy status says so, and how to let the number go on."
)


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that people must see."""

    reason: str
    """CamelCase."""
    note: str
    """What happened and what to do."""
    about: str = ""
    """What distinguishes it from another of the same reason; empty: they are one."""
    is_normal: bool = False
    """Whether it is good news, and no warning."""

    @property
    def cause(self) -> tuple[str, str]:
        """What makes two the same."""
        return self.reason, self.about


def warnings(before: Status, after: Status) -> tuple[Warned, ...]:
    """Return what people must see of a status, and was not so before; each cause once."""
    known = {warned.cause for warned in _all(before)}
    found = {warned.cause: warned for warned in reversed([*_all(after), *_changes(before, after)])}
    return tuple(warned for cause, warned in reversed(found.items()) if cause not in known)


def _changes(before: Status, after: Status) -> Iterator[Warned]:
    yield from _lost(before, after)
    yield from _unlocked(before, after)


def _lost(before: Status, after: Status) -> Iterator[Warned]:
    """Yield that messages were lost; the journal forgets old ones, so their number may also fall."""
    earlier, now = (status.get("session", {}).get("messagesLost", 0) for status in (before, after))
    if now > earlier:
        yield Warned("MessagesLost", _LOST)


def _unlocked(before: Status, after: Status) -> Iterator[Warned]:
    """Yield that the number may write first again."""
    earlier, now = (_by_type(status).get(reach_out.CONDITION) for status in (before, after))
    if earlier is not None and now is not None and (earlier["status"], now["status"]) == ("False", "True"):
        yield Warned("ReachOutUnlocked", _UNLOCKED, is_normal=True)


def _by_type(status: Status) -> Mapping[str, Any]:
    return {item["type"]: item for item in status.get("conditions", ())}


def _all(status: Status) -> Iterator[Warned]:
    conditions = _by_type(status)
    yield from _of_connection(status, conditions)
    yield from _of_session(status, conditions)


def _of_session(status: Status, conditions: Mapping[str, Any]) -> Iterator[Warned]:
    backed_up, restored, room = (conditions.get(kind) for kind in ("BackedUp", "Restored", "VolumeHasRoom"))
    if backed_up is not None and backed_up["status"] == "False":
        reason = _NOT_BACKED_UP.get(backed_up["reason"], "BackupFailed")
        if reason is not None:
            said = backed_up["message"]
            yield Warned(reason, said if backed_up["reason"] in LOST else f"{said.rstrip('.')}. {_TO_BACK_UP}")
    if restored is not None and restored["status"] == "False" and _is_refused(status, restored["reason"]):
        yield Warned("RestoreRefused", restored["message"], about=restored["message"])
    if room is not None and room["status"] == "False":
        known = room["reason"] in set(VolumeProblem)
        yield Warned(room["reason"] if known else "VolumeHasNoRoom", room["message"])


def _is_refused(status: Status, reason: str) -> bool:
    outcome = status.get("session", {}).get("restore", {}).get("outcome")
    by_pod = outcome == RestoreOutcome.REFUSED.value.capitalize() and reason not in _NOT_RESTORED_YET
    return by_pod or reason in UNFIT


def _of_connection(status: Status, conditions: Mapping[str, Any]) -> Iterator[Warned]:
    accepted = conditions.get("Accepted")
    if accepted is not None and accepted["status"] == "False":
        yield Warned(accepted["reason"], accepted["message"])
    ready = conditions.get("Ready")
    if ready is not None and _is_worth_it(status.get("phase"), ready["reason"]):
        yield Warned(ready["reason"], ready["message"])
    proof = conditions.get("PairingConfirmed")
    if proof is not None and proof["reason"] in _UNPROVED:
        yield Warned(proof["reason"], proof["message"])
    phone = conditions.get("PhoneOnline")
    if phone is not None and phone["status"] == "False":
        yield Warned(phone["reason"], phone["message"])
    lock = conditions.get(reach_out.CONDITION)
    if lock is not None and lock["status"] == "False":
        yield Warned(lock["reason"], lock["message"])
    frozen = conditions.get("Frozen")
    order = order_of(frozen["message"]) if frozen is not None and frozen["status"] == "True" else ""
    if order:
        yield Warned("Frozen", f"{order} oxy status shows whether the pod has confirmed it.", about=order)
    for kind, value in _WORRIES.items():
        found = conditions.get(kind)
        if found is not None and found["status"] == value:
            yield Warned(kind, found["message"])


def _is_worth_it(phase: str | None, reason: str) -> bool:
    cause = connection_cause(reason)
    if cause is not None:
        return cause.warns
    return phase in _FINAL and reason not in _WANTED
