"""How a deleted instance gives its session up if the policy is Delete: backed up, unlinked on the phone, then deleted.

The claim is the only place where a session lives. So it is deleted only if it holds no credentials of a device that may
still be linked, or if a backup of this epoch's session exists, made after credentials were last set aside, whose key
derives from the names and outlives the resource. Otherwise it stays, as with the policy Retain: an event says why, and
`oxy sessions list` names it.
"""

from dataclasses import dataclass, replace
from typing import Final

from oxy_core.envelopes import LiveState
from oxy_core.instance.custom_resource import claim_name
from oxy_core.instance.session_states import LeaveState, LeaveStep
from oxy_core.instance.set_aside import UNKNOWN
from oxy_core.instance.terminal_causes import ExitCode
from oxy_core.session_backups import LeaveWish
from oxy_core.times import utc_text
from oxy_operator.decide.backups import StoredBackup
from oxy_operator.decide.epoch_record import EpochRecord
from oxy_operator.decide.live_state import current_live_state
from oxy_operator.decide.observed import Observed
from oxy_operator.decide.pod import Pod
from oxy_operator.lenient import plain_text
from oxy_operator.problems import Problem

_UNTIL: Final = (
    "Five minutes after its deletion, the instance goes without waiting any longer, and with it the volume if there is "
    "any backup of this session, be it a day old."
)

_STARTING: Final = "StartingPod"

_BY_HAND: Final = "On the phone, remove the device by hand: WhatsApp > Settings > Linked devices."

_STEPS: Final = {
    LeaveStep.BACKING_UP: "BackingUp",
    LeaveStep.UNLINKING: "Unlinking",
    LeaveStep.FAILED: "UnlinkFailed",
    LeaveStep.LEFT: "ReadingBackups",
}


@dataclass(frozen=True, slots=True)
class Farewell:
    """What becomes of a session whose instance is deleted with it."""

    wish: LeaveWish
    waits_for: Problem | None
    """None: the pod has left, or cannot be asked, or was waited for long enough."""
    deletes_claim: bool
    record: EpochRecord | None = None
    """What the claim is to say before the pod goes, which alone tells that a phone is linked, or that it has left."""
    remark: Problem | None = None
    """What people must see once the instance is gone: why the claim stays, or that its device may still be linked."""

    @property
    def asks(self) -> bool:
        """Whether the pod is to be told."""
        return self.waits_for is not None

    @property
    def starts_pod(self) -> bool:
        """Whether there is none to tell, because the instance was suspended."""
        return self.waits_for is not None and self.waits_for.reason == _STARTING


def farewell(observed: Observed, *, overdue: bool) -> Farewell:
    """Return what becomes of the session of a deleted instance that used its claim."""
    record, wish = observed.record, LeaveWish(id=observed.instance.uid)
    linked = record is not None and _is_linked(observed, record)
    if record is None or not (linked or record.set_aside):
        return Farewell(wish, None, deletes_claim=True)
    waits_for = _waits_for(observed, record, wish) if linked and not overdue else None
    backup = _replacing(observed, record, wish)
    if backup is None:
        noted = replace(record, paired=linked)
        return Farewell(wish, waits_for, deletes_claim=False, record=noted, remark=_kept(observed, record))
    is_unlinked = _is_unlinked(observed, record, wish)
    has_left = is_unlinked and waits_for is None
    return Farewell(
        wish,
        waits_for,
        deletes_claim=True,
        record=replace(record, paired=linked and not has_left),
        remark=None if is_unlinked and record.set_aside is None else _still_linked(backup),
    )


def _is_linked(observed: Observed, record: EpochRecord) -> bool:
    """Whether a phone is linked; also if that happened while no operator could record it."""
    pod = observed.pod
    return record.paired or (pod is not None and pod.ready and pod.epoch == record.epoch)


def _replacing(observed: Observed, record: EpochRecord, wish: LeaveWish) -> StoredBackup | None:
    """Return the newest backup that replaces what the claim holds; None: there is none."""
    # Epochs are counted by claim: an earlier instance of this name, with a claim of its own, has used the same ones.
    since = max((moment for moment in (observed.instance.created_at, record.set_aside) if moment), default=None)
    own = (item for item in observed.backups or () if since is None or item.stored_at >= since)
    fitting = (item for item in own if wish.id == item.manifest.request or record.epoch == item.manifest.epoch)
    return max(fitting, key=lambda item: item.place, default=None)


def _is_unlinked(observed: Observed, record: EpochRecord, wish: LeaveWish) -> bool:
    """Whether the linked device is known to be removed on the phone: by its pod, as it was told, or by somebody."""
    if _has_logged_out(observed.pod, record):
        return True
    live = _last_said(observed, record)
    said = live.leaving if live is not None else None
    return said is not None and (said.wish, said.step) == (wish.id, LeaveStep.LEFT)


def _has_logged_out(pod: Pod | None, record: EpochRecord) -> bool:
    ended = pod.ended(record.epoch) if pod is not None else None
    return ended is not None and ended.exit_code == ExitCode.LOGGED_OUT


def _kept(observed: Observed, record: EpochRecord) -> Problem:
    instance, since = observed.instance, record.set_aside
    why = "no verified backup of its session is known"
    if since is not None:
        moment = "at a time that an older version did not note" if since == UNKNOWN else f"on {utc_text(since)}"
        why = f"credentials were set aside on it {moment}, and no verified backup was made since"
    message = (
        f"deletionPolicy is Delete, but volume {claim_name(instance.name)} is kept: {why}, and its device may still be "
        f"linked. To delete it for good: oxy sessions delete {instance.place}. {_BY_HAND}"
    )
    return Problem("SessionKept", message)


def _still_linked(backup: StoredBackup) -> Problem:
    message = (
        "The volume was deleted, and a device whose credentials it held may still be linked. What is left of the "
        f"session is backup {backup.manifest.id} of {utc_text(backup.stored_at)}. {_BY_HAND}"
    )
    return Problem("DeviceStillLinked", message)


def _waits_for(observed: Observed, record: EpochRecord, wish: LeaveWish) -> Problem | None:
    """Return why to wait; None if the pod has left, or none will come that could.

    One that is away for the moment (evicted, or its node is drained) comes again, for another to leave in its place. A
    suspended instance has none, so one is started. The workers know that it is suspended, and answer nobody.
    """
    pod, workload = observed.pod, observed.workload
    if workload is None or record.end is not None:
        return None
    if workload.replicas == 0:
        return _starting(observed, record)
    if _has_logged_out(pod, record):
        return None if observed.backups is not None else _unlisted()
    is_away = pod is None or pod.deleted_at is not None or pod.epoch != record.epoch
    live = _last_said(observed, record) if is_away else current_live_state(observed.reported, pod, record, observed.now)
    said = live.leaving if live and live.leaving and live.leaving.wish == wish.id else None
    if said is not None and _has_left(said, observed):
        return None
    return (
        Problem("PodMissing", f"The pod is away; the next one is told to leave. {_UNTIL}")
        if is_away
        else _explained(said)
    )


def _starting(observed: Observed, record: EpochRecord) -> Problem | None:
    instance = observed.instance
    if not instance.spec.suspend or observed.proxy.fault is not None or record.awaits_backup(instance):
        return None
    message = f"The instance was suspended. Its pod is started once more, to leave without answering anybody. {_UNTIL}"
    return Problem(_STARTING, message)


def _unlisted() -> Problem:
    message = f"The device is unlinked on the phone. NATS has not listed the session's backups yet. {_UNTIL}"
    return Problem(_STEPS[LeaveStep.LEFT], message)


def _last_said(observed: Observed, record: EpochRecord) -> LiveState | None:
    reported = observed.reported
    return reported if reported is not None and reported.epoch == record.epoch else None


def _has_left(said: LeaveState, observed: Observed) -> bool:
    """Whether a pod has left, and the bus has told us of its backup too."""
    known = {backup.manifest.id for backup in observed.backups or ()}
    return said.step is LeaveStep.LEFT and (said.backup is None or said.backup in known)


def _explained(said: LeaveState | None) -> Problem:
    if said is None:
        message = f"The pod is told to back its session up and to unlink the device on the phone. {_UNTIL}"
        return Problem("TellingPod", message)
    doing = {
        LeaveStep.BACKING_UP: "The session is backed up, before its device is unlinked on the phone.",
        LeaveStep.UNLINKING: "The session is backed up. Its device is unlinked on the phone.",
        LeaveStep.LEFT: "The session is backed up, and its device is unlinked on the phone.",
    }.get(said.step, "The device could not be unlinked on the phone; the pod tries again.")
    detail = f" {plain_text(said.detail)}" if said.detail else ""
    return Problem(said.reason or _STEPS.get(said.step, "Leaving"), f"{doing}{detail} {_UNTIL}")
