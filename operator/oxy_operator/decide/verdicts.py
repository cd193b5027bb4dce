"""The phase of an instance and its cause: one verdict for each situation that Oxy distinguishes.

The phase comes from the custom resource, the epoch record and the pod's status alone; live states only add detail.
The wording of conditions is here and in `status`; that of terminal causes is in `oxy_core.instance.terminal_causes`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from oxy_core.envelopes import ConnectionState, LiveState
from oxy_core.instance.connection_causes import connection_cause
from oxy_core.instance.custom_resource import Phase
from oxy_core.instance.pairing_window import PAIRING_EXPIRED
from oxy_core.instance.terminal_causes import ExitCode, terminal_cause
from oxy_operator.decide.epoch_record import EpochEnd, EpochRecord
from oxy_operator.decide.hearing import BUS_AWAY
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.pod import Pod, Termination
from oxy_operator.decide.restores import found_backup
from oxy_operator.decide.situation import Situation
from oxy_operator.lenient import plain_text
from oxy_operator.problems import Problem

LOST_AFTER: Final = timedelta(seconds=60)
"""A pod that still exists this long after its grace period is on a node that does not respond."""

_PULL: Final = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_MISCONFIGURED: Final = frozenset({"CreateContainerConfigError"})
_NOT_CREATED: Final = frozenset({"CreateContainerError", "RunContainerError"})
_NODE_LOST: Final = frozenset({"NodeLost", "DeletionByTaintManager"})
_EXHAUSTED: Final = "No connection to WhatsApp after all attempts. Oxy retries automatically."
"""Shown if the runtime left no explanation."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Phase and cause: `reason` is in CamelCase, `message` says what to do."""

    phase: Phase
    reason: str
    message: str


def verdict_for(situation: Situation) -> Verdict:
    """Return the phase and its cause."""
    if situation.rejected:
        return Verdict(Phase.FAILED, situation.rejected.reason, situation.rejected.message)
    if situation.record is None:
        return Verdict(Phase.PENDING, "Starting", "Waiting for the operator.")
    return _verdict_for_stopped(situation, situation.record) or _verdict_for_started(situation, situation.record)


def _verdict_for_stopped(situation: Situation, record: EpochRecord) -> Verdict | None:
    """Return the verdict on an instance that should have no pod; None if it should have one."""
    instance = situation.instance
    if instance.spec.suspend:
        return Verdict(Phase.PAUSED, "Suspended", "Suspended by spec.suspend; set it to false to connect again.")
    if record.end:
        return _verdict_for_end(record.end, instance)
    missing = found_backup(instance, situation.source_backups) if record.awaits_backup(instance) else None
    return Verdict(Phase.PENDING, missing.reason, missing.message) if isinstance(missing, Problem) else None


def _verdict_for_end(end: EpochEnd, instance: Instance) -> Verdict | None:
    """Return the verdict on a connection that ended for good, in the runtime's own words if it left any."""
    cause = terminal_cause(end.exit_code, end.reason)
    said = _placed(end.message, instance)
    return Verdict(cause.phase, cause.reason, said or cause.explain(instance.place)) if cause else None


def _placed(said: str, instance: Instance) -> str:
    """Return what a runtime said with its instance's namespace, which one of an older version does not know."""
    advice = f"oxy pair {instance.name}"
    return f"{said.removesuffix(advice)}oxy pair {instance.place}" if said.endswith(advice) else said


def _verdict_for_started(situation: Situation, record: EpochRecord) -> Verdict:
    """Return the verdict on an instance that should have a pod."""
    pod = situation.pod
    if pod is not None and pod.epoch == record.epoch and pod.ready:
        return Verdict(Phase.CONNECTED, "Connected", "Connected to WhatsApp and receiving.")
    if situation.unprovisioned:
        return Verdict(Phase.FAILED, situation.unprovisioned.reason, situation.unprovisioned.message)
    if pod is None:
        return Verdict(Phase.PENDING, "PodMissing", "The pod is being created.")
    return _verdict_for_pod(situation, record, pod)


def _verdict_for_pod(situation: Situation, record: EpochRecord, pod: Pod) -> Verdict:
    """Return the verdict on a pod that is not ready."""
    stuck = pod.deleted_at is not None and situation.now - pod.deleted_at > LOST_AFTER
    if pod.failure in _NODE_LOST or stuck:
        return Verdict(
            Phase.RECONNECTING,
            "NodeLost",
            f"The node of pod {pod.name} does not respond. Bring it back, or delete the Node object; until then the "
            "session cannot be used elsewhere.",
        )
    if pod.epoch != record.epoch or pod.deleted_at is not None:
        return Verdict(Phase.PENDING, "Restarting", "The pod is being replaced.")
    if pod.failure:
        return Verdict(Phase.PENDING, pod.failure, f"Pod {pod.name} failed and is being replaced.")
    if pod.unschedulable:
        message = f"No node accepts the pod: {pod.unschedulable} Add capacity, or change spec.runtime."
        return Verdict(Phase.PENDING, "Unschedulable", message)
    return _verdict_for_waiting(pod) or _verdict_for_container(situation, record, pod)


def _verdict_for_waiting(pod: Pod) -> Verdict | None:
    """Return the verdict on a container that the kubelet cannot start; None if it can."""
    if pod.waiting is None:
        return None
    reason, message = pod.waiting.reason, pod.waiting.message
    if reason in _PULL:
        text = (
            f"The image {pod.image} cannot be pulled: {message or reason}. Check spec.runtime.image and the registry."
        )
        return Verdict(Phase.FAILED, "ImagePullFailed", text)
    if reason in _MISCONFIGURED:
        text = f"The container refers to something that does not exist: {message}. Create it, or correct the spec."
        return Verdict(Phase.FAILED, "ReferenceMissing", text)
    if reason in _NOT_CREATED:
        return Verdict(Phase.FAILED, "ContainerNotStarted", f"The container cannot be started: {message or reason}.")
    return None


def _verdict_for_container(situation: Situation, record: EpochRecord, pod: Pod) -> Verdict:
    """Return the verdict on a container that runs but is not ready, or that the kubelet restarts."""
    last = next((item for item in pod.terminations if item.exit_code != 0), None)
    # Until its live state says more, a restarted container is explained by how the last one ended.
    superseded = pod.running and _is_conclusive(situation.live, record, situation.now)
    failed = _verdict_for_termination(last, record, pod) if last is not None and not superseded else None
    if failed is not None:
        return failed
    if not pod.running:
        return Verdict(Phase.PENDING, "ContainerCreating", "The container is being created.")
    if record.restore is not None and not record.restore.settled:
        message = "A backup of the session is restored before the pod connects; the condition Restored says more."
        return Verdict(Phase.PENDING, "Restoring", message)
    if not record.paired:
        return _verdict_for_unpaired(situation, record)
    return lost_connection(situation)


def lost_connection(situation: Situation) -> Verdict:
    """Return the verdict on a linked runtime that is not ready; without a live state it cannot say why."""
    live = situation.live
    if live is not None and live.connection is ConnectionState.ENDED:
        # Its termination message comes in a moment and says more: when a ban ends, what the last error was.
        return Verdict(Phase.RECONNECTING, "Ending", "The pod's process is ending, and then says why.")
    reason = (live.last_reason if live else None) or "NotReceiving"
    place, cause = situation.instance.place, connection_cause(reason)
    if live is not None and cause is not None:
        return Verdict(Phase.RECONNECTING, reason, cause.explain(place, live.last_error or ""))
    message = "Reconnecting to WhatsApp."
    if situation.bus_away:
        message += f" Why, the pod says over NATS, which is away; its log says it now: oxy logs {place}"
    return Verdict(Phase.RECONNECTING, reason, message)


def _is_conclusive(live: LiveState | None, record: EpochRecord, now: datetime) -> bool:
    """Whether a runtime has reported enough since it started to supersede how it last ended."""
    if live is None:
        return False
    if record.paired:
        return live.last_reason is not None or live.attempts > 0 or live.connection is ConnectionState.CONNECTED
    return not record.window_open(now) or live.pairing is not None or live.attempts > 0


def _verdict_for_termination(last: Termination, record: EpochRecord, pod: Pod) -> Verdict | None:
    if last.exit_code == ExitCode.ATTEMPTS_EXHAUSTED:
        ended = pod.ended(record.epoch)
        explained = ended.message.message if ended and ended.message else ""
        return Verdict(Phase.RECONNECTING, "AttemptsExhausted", explained or _EXHAUSTED)
    if last.reason == "OOMKilled":
        message = "The container ran out of memory. Raise spec.runtime.resources.limits.memory."
        return Verdict(Phase.FAILED, "OutOfMemory", message)
    if pod.running:
        return None
    told = last.message if pod.ended(record.epoch) is last else None
    cause = connection_cause(told.reason) if told is not None else None
    if told is not None and cause is not None and cause.reconnects:
        return Verdict(Phase.RECONNECTING, cause.reason, plain_text(told.message))
    said = f": {plain_text(told.message).rstrip('.')}" if told is not None else ""
    message = f"The runtime exited with code {last.exit_code}{said}. See: kubectl logs --previous {pod.name}"
    return Verdict(Phase.FAILED, "Crashed", message)


def _verdict_for_unpaired(situation: Situation, record: EpochRecord) -> Verdict:
    place, live = situation.instance.place, situation.live
    if record.window_open(situation.now):
        if situation.bus_away and (live is None or live.pairing is None):
            return Verdict(Phase.PAIRING, BUS_AWAY.reason, f"There is no code to show. {BUS_AWAY.message}")
        if live is not None and live.pairing is None and live.attempts > 0 and live.last_reason is not None:
            return _verdict_for_failed_offer(place, live, live.last_reason)
        offered = live.last_reason if live is not None and live.pairing is not None else None
        cause, how = connection_cause(offered), f"To show the code, run: oxy pair {place}"
        if cause is not None:
            return Verdict(Phase.PAIRING, cause.reason, f"{cause.explain(place)} {how}")
        return Verdict(Phase.PAIRING, "WaitingForPhone", f"Waiting for the phone to be linked. {how}")
    message = f"The phone was not linked in time. To offer codes again, run: oxy pair {place}"
    return Verdict(Phase.PENDING, PAIRING_EXPIRED, message)


def _verdict_for_failed_offer(place: str, live: LiveState, reason: str) -> Verdict:
    """Return the verdict on a runtime that cannot get a code from WhatsApp, for this `reason`."""
    cause = connection_cause(reason)
    why = cause.explain(place, live.last_error or "") if cause else "WhatsApp closed the connection."
    return Verdict(Phase.PAIRING, reason, f"There is no code to show yet; Oxy retries automatically. {why}")
