"""What is said of an instance's freeze: to its pod, and in the condition Frozen."""

from typing import Final, NamedTuple

from oxy_core.freeze import RECORD_NAME, Freeze, Hold
from oxy_core.times import utc_text
from oxy_operator.decide.hearing import BUS_AWAY
from oxy_operator.decide.situation import Situation
from oxy_operator.lenient import plain_text

_SENT: Final = "What the assistant writes is sent."
_END_OF_ORDER: Final = " Receiving goes on."


class FrozenState(NamedTuple):
    """A condition's content."""

    holds: bool | None
    """None: nobody knows."""
    reason: str
    message: str


def must_be_told(wanted: Freeze | None, confirmed: Freeze | None) -> bool:
    """Whether a pod that confirmed this last has to be told what is wanted; None: it was never told anything."""
    if wanted is None:
        return False
    return wanted.hold is not None if confirmed is None else wanted.replaces(confirmed)


def frozen_state(situation: Situation) -> FrozenState:
    """Return whether messages are held back, since when, by whom and why, and whether the pod has said so."""
    wanted, live = situation.freeze, situation.live
    confirmed = live.frozen if live else None
    if wanted is not None and wanted.hold is not None and not situation.freeze_recorded:
        return _unrecorded(wanted.hold)
    if wanted is not None and wanted.hold is not None:
        if situation.pod is None or _holds_back(situation, confirmed):
            return FrozenState(holds=True, reason="Frozen", message=f"{_told(wanted.hold)} {_thaw(situation)}")
        message = (
            f"{_told(wanted.hold)} The pod has not confirmed it yet, and may still send what it has accepted, and what "
            f"reaches it before the freeze does: it is told {_when(situation)}. {_thaw(situation)}"
        )
        return FrozenState(holds=True, reason=_unconfirmed(situation, "NotConfirmed"), message=message)
    return _thawed_state(situation, confirmed)


def _thawed_state(situation: Situation, confirmed: Freeze | None) -> FrozenState:
    wanted = situation.freeze
    if _is_doubtful(situation):
        message = (
            "Sending is allowed again; whether the pod has been told is not known, because nothing is heard of it. It "
            f"is told {_when(situation)}."
        )
        return FrozenState(holds=None, reason=_unconfirmed(situation, "Thawing"), message=message)
    if confirmed is None or confirmed.hold is None:
        return FrozenState(holds=False, reason="NotFrozen", message=_SENT)
    if must_be_told(wanted, confirmed):
        message = f"Sending is allowed again; the pod has not confirmed it yet. It is told {_when(situation)}."
        return FrozenState(holds=True, reason=_unconfirmed(situation, "Thawing"), message=message)
    return _unrecorded(confirmed.hold)


def order_of(message: str) -> str:
    """Return since when, by whom and why, from the condition's message: the same before and after a pod's confirmation.

    Empty: sending is allowed again.
    """
    order, end, _ = message.partition(_END_OF_ORDER)
    return order + end if end else ""


def _holds_back(situation: Situation, confirmed: Freeze | None) -> bool:
    """Whether a pod has said that it holds back; while NATS is away, it may have been told to send since."""
    if confirmed is None or confirmed.hold is None:
        return False
    outdated = situation.freeze is not None and situation.freeze.replaces(confirmed)
    return not (situation.bus_away and outdated)


def _is_doubtful(situation: Situation) -> bool:
    """Whether a pod that was to hold back is to send again, and is not heard of: it may not know yet.

    One that was last known to send goes on sending.
    """
    wanted, live = situation.freeze, situation.live
    if wanted is None or wanted.revision == 0 or situation.pod is None:
        return False
    heard = live is not None and not (situation.bus_away and wanted.replaces(live.frozen))
    conditions = situation.instance.status.get("conditions", ())
    known = next((item["status"] for item in conditions if item["type"] == "Frozen"), None)
    return not heard and known != "False"


def _unrecorded(hold: Hold) -> FrozenState:
    message = (
        f"{_told(hold)} So it was told last; the record of it (ConfigMap {RECORD_NAME}) is missing, or cannot be read. "
        "To send again, run: oxy thaw"
    )
    return FrozenState(holds=True, reason="RecordMissing", message=message)


def _told(hold: Hold) -> str:
    reason = f" ({plain_text(hold.reason)})" if hold.reason else ""
    return f"Nothing is sent since {utc_text(hold.since)}, by order of {plain_text(hold.by)}{reason}.{_END_OF_ORDER}"


def _when(situation: Situation) -> str:
    by_settings = "by its settings within two minutes"
    if situation.bus_away:
        return f"{by_settings}, and confirms it once NATS is back. {BUS_AWAY.message.rstrip('.')}"
    return f"again every 15 seconds, and {by_settings}"


def _unconfirmed(situation: Situation, reason: str) -> str:
    return BUS_AWAY.reason if situation.bus_away else reason


def _thaw(situation: Situation) -> str:
    return f"To send again, run: oxy thaw, or oxy thaw --organization {situation.instance.spec.organization_id}"
