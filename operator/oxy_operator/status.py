"""The status of an instance, derived from facts alone: the same facts always give the same status.

The phase comes from the custom resource, the claim's memory and the pod's status; the bus only adds detail. Each
cause has a reason of its own and a message that says what to do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from oxy_core.envelopes import LiveState
from oxy_core.identity import Jid, mask, same_phone
from oxy_core.instance.terminal_causes import ExitCode
from oxy_core.times import utc_text
from oxy_operator.lifecycle import Ended, Memory
from oxy_operator.pod import Pod, Termination
from oxy_operator.resource import Instance
from oxy_operator.specs.names import pairing_name

HEARTBEAT_SECONDS: Final = 45.0
"""A live state older than this says nothing about now."""

ACTIVITY_EVERY: Final = timedelta(minutes=5)
"""``lastActivityAt`` is written at most this often."""

LOST_AFTER: Final = timedelta(seconds=60)
"""A pod that is still there so long after its grace period ended is on a node that does not answer."""

Status = dict[str, Any]
"""``status`` as JSON."""


class Phase(StrEnum):
    """``status.phase``."""

    PENDING = "Pending"
    PAIRING = "Pairing"
    CONNECTED = "Connected"
    RECONNECTING = "Reconnecting"
    PAUSED = "Paused"
    LOGGED_OUT = "LoggedOut"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Phase, and why: the reason in CamelCase, the message saying what to do."""

    phase: Phase
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps the operator from doing its part."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the status of an instance derives from."""

    instance: Instance
    memory: Memory | None
    """None where the instance is not accepted: it has no claim."""
    pod: Pod | None
    live: LiveState | None
    """Only if it is the current pod's and fresh: see `counting`."""
    rejected: Problem | None = None
    """Why the instance is not acted upon at all."""
    unusable: Problem | None = None
    """Why its spec as it is now is not taken up; what was applied before goes on."""
    unprovisioned: Problem | None = None
    """Why its children are not as they should be."""
    account_pushed: bool = False
    """Whether the bus has taken the instance's account since this process started."""
    now: datetime = field(kw_only=True)


def counting(live: LiveState | None, pod: Pod | None, memory: Memory, now: datetime) -> LiveState | None:
    """Return `live` if it tells about the current pod, now."""
    if live is None or pod is None or (live.pod_uid, live.epoch) != (pod.uid, memory.epoch):
        return None
    return live if (now - live.heartbeat_at).total_seconds() < HEARTBEAT_SECONDS else None


def verdict(facts: Facts) -> Verdict:
    """Return the phase and its cause."""
    if facts.rejected or facts.memory is None:
        problem = facts.rejected or Problem("Starting", "The operator has not looked at this instance yet.")
        return Verdict(Phase.FAILED if facts.rejected else Phase.PENDING, problem.reason, problem.message)
    return _of_stopped(facts.instance, facts.memory) or _of_started(facts, facts.memory)


def _of_stopped(instance: Instance, memory: Memory) -> Verdict | None:
    """Return the verdict on an instance that is to have no pod; None if it is to have one."""
    if instance.spec.suspend:
        return Verdict(Phase.PAUSED, "Suspended", "Suspended by spec.suspend; set it to false to connect again.")
    return _of_end(memory.end, instance.name) if memory.end else None


def _of_started(facts: Facts, memory: Memory) -> Verdict:
    """Return the verdict on an instance that is to have a pod."""
    pod = facts.pod
    if pod is not None and pod.epoch == memory.epoch and pod.ready:
        return Verdict(Phase.CONNECTED, "Connected", "Connected to WhatsApp and receiving.")
    if facts.unprovisioned:
        return Verdict(Phase.FAILED, facts.unprovisioned.reason, facts.unprovisioned.message)
    if pod is None:
        return Verdict(Phase.PENDING, "PodMissing", "The pod is being created.")
    return _of_pod(facts, memory, pod)


def _of_end(end: Ended, name: str) -> Verdict:
    """Return the verdict on a connection that ended for good."""
    repair = f"run: oxy pair {name}"
    phase, reason, message = {
        ExitCode.LOGGED_OUT: (
            Phase.LOGGED_OUT,
            "LoggedOut",
            f"The device was unlinked on the phone. To link it again, {repair}",
        ),
        ExitCode.CONNECTION_REPLACED: (
            Phase.PAUSED,
            "ConnectionReplaced",
            f"Another client took over this session, and Oxy does not fight it. Stop the other one, then {repair}",
        ),
        ExitCode.TEMPORARY_BAN: (
            Phase.FAILED,
            "TemporaryBan",
            f"WhatsApp has banned this number for a time. Wait until the phone works again, then {repair}",
        ),
        ExitCode.CLIENT_OUTDATED: (
            Phase.FAILED,
            "ClientOutdated",
            f"WhatsApp refuses this version of the client. Upgrade Oxy, then {repair}",
        ),
        ExitCode.BAD_SESSION: (
            Phase.FAILED,
            "BadSession",
            f"The session broke twice within a day. To link the phone anew, {repair}",
        ),
    }[ExitCode(end.exit_code)]
    return Verdict(phase, reason, f"{message} ({end.message})" if end.message else message)


_PULL: Final = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_MISCONFIGURED: Final = frozenset({"CreateContainerConfigError"})
_NOT_CREATED: Final = frozenset({"CreateContainerError", "RunContainerError"})
_NODE_LOST: Final = frozenset({"NodeLost", "DeletionByTaintManager"})


def _of_pod(facts: Facts, memory: Memory, pod: Pod) -> Verdict:
    """Return the verdict on a pod that is not ready."""
    stuck = pod.deleted_at is not None and facts.now - pod.deleted_at > LOST_AFTER
    if pod.failure in _NODE_LOST or stuck:
        return Verdict(
            Phase.RECONNECTING,
            "NodeLost",
            f"The node of pod {pod.name} does not answer. Bring it back, or delete the Node object: only then may the "
            "session be used elsewhere.",
        )
    if pod.epoch != memory.epoch or pod.deleted_at is not None:
        return Verdict(Phase.PENDING, "Restarting", "The pod is being replaced.")
    if pod.failure:
        return Verdict(Phase.PENDING, pod.failure, f"Pod {pod.name} failed as a whole and is being replaced.")
    if pod.unschedulable:
        message = f"No node takes the pod: {pod.unschedulable} Add room, or change spec.runtime."
        return Verdict(Phase.PENDING, "Unschedulable", message)
    return _of_waiting(pod) or _of_container(facts, memory, pod)


def _of_waiting(pod: Pod) -> Verdict | None:
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
        text = f"The container lacks what it refers to: {message}. Create it, for example the Secret of spec.network."
        return Verdict(Phase.FAILED, "ReferenceMissing", text)
    if reason in _NOT_CREATED:
        return Verdict(Phase.FAILED, "ContainerNotStarted", f"The container cannot be started: {message or reason}.")
    return None


def _of_container(facts: Facts, memory: Memory, pod: Pod) -> Verdict:
    """Return the verdict on a container that runs and is not ready, or that the kubelet starts again."""
    last = next((item for item in pod.terminations if item.exit_code != 0), None)
    if last is not None and not (pod.running and _tells(facts.live, memory, facts.now)):
        failed = _of_termination(last, memory, pod)
        if failed:
            return failed
    if not pod.running:
        return Verdict(Phase.PENDING, "ContainerCreating", "The container is being created.")
    if not memory.paired:
        return _of_unpaired(facts, memory)
    reason = (facts.live.last_reason if facts.live else None) or "NotReceiving"
    return Verdict(Phase.RECONNECTING, reason, "The connection to WhatsApp is being made again.")


def _tells(live: LiveState | None, memory: Memory, now: datetime) -> bool:
    """Whether a runtime has said enough since it started for its last end to count no more."""
    if live is None:
        return False
    to_offer_codes = not memory.paired and memory.window_open(now)
    return not to_offer_codes or live.pairing is not None or live.attempts > 0


def _of_termination(last: Termination, memory: Memory, pod: Pod) -> Verdict | None:
    if last.exit_code == ExitCode.ATTEMPTS_EXHAUSTED:
        reason = pod.ended(memory.epoch)
        why = reason.message.message if reason and reason.message else "every attempt to connect failed"
        return Verdict(
            Phase.RECONNECTING,
            "BackingOff",
            f"WhatsApp cannot be reached ({why}); the next attempts follow by themselves.",
        )
    if last.reason == "OOMKilled":
        message = "The container ran out of memory. Raise spec.runtime.resources.limits.memory."
        return Verdict(Phase.FAILED, "OutOfMemory", message)
    if pod.running:
        return None
    message = f"The runtime ended with exit code {last.exit_code}. See: kubectl logs --previous {pod.name}"
    return Verdict(Phase.FAILED, "Crashed", message)


def _of_unpaired(facts: Facts, memory: Memory) -> Verdict:
    name, live = facts.instance.name, facts.live
    if memory.window_open(facts.now):
        if live is not None and live.pairing is None and live.attempts > 0:
            return _of_failed_offer(live.last_reason or "ServerUnreachable")
        message = f"Waiting for the phone to be linked. Show the code: oxy pair {name}"
        return Verdict(Phase.PAIRING, "WaitingForPhone", message)
    message = f"Nobody linked the phone in time. To offer codes again: oxy pair {name}"
    return Verdict(Phase.PENDING, "PairingExpired", message)


def _of_failed_offer(reason: str) -> Verdict:
    """Return the verdict on a runtime that tries to get a code from WhatsApp in vain."""
    what = {"ServerUnreachable": "WhatsApp cannot be reached"}.get(reason, "WhatsApp ended the connection")
    message = (
        f"{what}, so there is no code to show; it is tried again by itself. Check that pods may reach "
        "web.whatsapp.com:443, and spec.network if they need a proxy or authorities of their own."
    )
    return Verdict(Phase.PAIRING, reason, message)


def status_of(facts: Facts) -> Status:
    """Return the whole ``status``; what does not change keeps its transition times."""
    decided = verdict(facts)
    instance, old = facts.instance, facts.instance.status
    fields: Status = {
        "observedGeneration": instance.generation,
        "phase": decided.phase.value,
        "conditions": _conditions(facts, decided),
        "jid": _jid(facts),
        "pairing": _pairing(facts, decided),
        "repair": {"nonce": facts.memory.repaired} if facts.memory and facts.memory.repaired else None,
        "reconnect": _reconnect(facts, decided),
        "runtime": _runtime(facts),
        "lastActivityAt": _activity(old.get("lastActivityAt"), facts.live),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _conditions(facts: Facts, decided: Verdict) -> list[Status]:
    connected = decided.phase is Phase.CONNECTED
    old = {item["type"]: item for item in facts.instance.status.get("conditions", ())}

    def condition(kind: str, reason: str, message: str, *, holds: bool) -> Status:
        value = "True" if holds else "False"
        before: Mapping[str, Any] = old.get(kind, {})
        since = before.get("lastTransitionTime") if before.get("status") == value else None
        return {
            "type": kind,
            "status": value,
            "reason": reason,
            "message": message,
            "lastTransitionTime": since or utc_text(facts.now),
            "observedGeneration": facts.instance.generation,
        }

    def problem(kind: str, trouble: Problem | None, reason: str, message: str) -> Status:
        if trouble is None:
            return condition(kind, reason, message, holds=True)
        return condition(kind, trouble.reason, trouble.message, holds=False)

    refused = facts.rejected or facts.unusable
    accepted = problem("Accepted", refused, "Accepted", "Organization and number are this instance's.")
    if facts.rejected:
        return [accepted, condition("Ready", decided.reason, decided.message, holds=False)]
    paired = _linked(facts) if facts.memory is not None and facts.memory.paired else None
    ready = (facts.unusable.reason, facts.unusable.message) if facts.unusable else (decided.reason, decided.message)
    return [
        accepted,
        problem("Provisioned", facts.unprovisioned, "Applied", "Everything the instance needs is applied."),
        problem(
            "CredentialsReady", _credentials_problem(facts, old), "Issued", "The bus knows the instance's account."
        ),
        condition("Paired", *(paired or _unpaired(facts, decided)), holds=paired is not None),
        condition("Connected", decided.reason, decided.message, holds=connected),
        condition("Ready", *ready, holds=connected and facts.unusable is None),
    ]


def _credentials_problem(facts: Facts, old: Mapping[str, Status]) -> Problem | None:
    """Return what is wrong with the account; one that was pushed stays known, also while the bus is away."""
    if facts.account_pushed or old.get("CredentialsReady", {}).get("status") == "True":
        return None
    return Problem("BusUnavailable", "NATS has not taken the instance's account yet; it is tried until it does.")


def _linked(facts: Facts) -> tuple[str, str]:
    """Say that the phone is linked, and if it is another one: by a QR code any phone can be."""
    jid, wanted = _jid(facts), facts.instance.spec.phone_number
    phone = Jid.parse(jid).phone if jid else None
    if phone is None or same_phone(phone, wanted):
        return "Paired", "The phone is linked."
    message = (
        f"The linked phone is {mask(phone)}, not {mask(wanted)} as in spec.phoneNumber, and its customers are "
        f"answered. If that is not meant, unlink the device on that phone, then run: oxy pair {facts.instance.name}"
    )
    return "LinkedToAnotherNumber", message


def _unpaired(facts: Facts, decided: Verdict) -> tuple[str, str]:
    """Why the phone is not linked: the verdict's own cause if it is about that."""
    about_pairing = decided.phase is Phase.PAIRING or decided.reason in {"LoggedOut", "BadSession", "PairingExpired"}
    if about_pairing or facts.memory is None:
        return decided.reason, decided.message
    return "NotPaired", "The phone is not linked yet."


def _jid(facts: Facts) -> str | None:
    if facts.live and facts.live.jid:
        return str(facts.live.jid)
    paired = facts.memory is not None and facts.memory.paired
    return facts.instance.status.get("jid") if paired else None


def _pairing(facts: Facts, decided: Verdict) -> Status | None:
    if decided.phase is not Phase.PAIRING or facts.memory is None or facts.memory.pairing_until is None:
        return None
    offered = facts.live.pairing if facts.live else None
    pairing: Status = {
        "method": offered.method if offered else facts.instance.spec.pairing.method,
        "expiresAt": utc_text(facts.memory.pairing_until),
    }
    return pairing | ({"secretName": pairing_name(facts.instance.name)} if offered else {})


def _reconnect(facts: Facts, decided: Verdict) -> Status:
    """Return the attempts since the last success; without the bus what was known, until the connection is back."""
    if decided.phase is Phase.CONNECTED:
        return {"attempts": 0}
    old: Status = facts.instance.status.get("reconnect", {})
    if facts.live is None:
        lasting = decided.phase is Phase.RECONNECTING
        return {"attempts": old.get("attempts", 0) if lasting else 0, "lastReason": decided.reason}
    reconnect: Status = {"attempts": facts.live.attempts, "lastReason": facts.live.last_reason or decided.reason}
    upcoming = facts.live.next_attempt_at
    return reconnect | ({"nextAttemptAt": utc_text(upcoming)} if upcoming else {})


def _runtime(facts: Facts) -> Status | None:
    if facts.memory is None:
        return None
    runtime: Status = {"epoch": facts.memory.epoch}
    if facts.pod is None:
        return runtime
    return runtime | {"podName": facts.pod.name, "restarts": facts.pod.restarts, "image": facts.pod.image}


def _activity(old: str | None, live: LiveState | None) -> str | None:
    latest = live.last_activity_at if live else None
    if latest is None:
        return old
    recent = old is not None and latest - datetime.fromisoformat(old) < ACTIVITY_EVERY
    return old if recent else utc_text(latest)


def without_detail(status: Status) -> Status:
    """Return a status without what may change at any moment and is written at a bounded rate."""
    return {name: value for name, value in status.items() if name != "reconnect"}
