"""The status of an instance, derived from its situation alone: conditions, pairing, attempts, runtime.

Each condition has its own reason, and a message that says what to do. The phase is decided in `verdicts`.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from oxy_core.envelopes import LiveState
from oxy_core.identity import Jid, same_phone, tell_apart
from oxy_core.instance.client_versions import expected_cut_off
from oxy_core.instance.connection_causes import Effect, connection_cause
from oxy_core.instance.custom_resource import Phase, pairing_secret_name
from oxy_core.instance.pairing_proof import EXPLANATIONS, PairingProof
from oxy_core.instance.pairing_window import PAIRING_EXPIRED
from oxy_core.instance.terminal_causes import TERMINAL_CAUSES
from oxy_core.times import utc_text
from oxy_operator.decide.client import ageing_problem, outdated_problem
from oxy_operator.decide.epoch_record import EpochRecord
from oxy_operator.decide.freezing import frozen_state
from oxy_operator.decide.live_state import is_later_activity
from oxy_operator.decide.phone import absence
from oxy_operator.decide.reach_out import CONDITION, NOT_LOCKED, is_settled, reach_out_problem
from oxy_operator.decide.session_status import backup_problem, restore_condition, session_status
from oxy_operator.decide.situation import Situation
from oxy_operator.decide.verdicts import Verdict, lost_connection, verdict_for
from oxy_operator.decide.volume import volume_problem
from oxy_operator.lenient import plain_text
from oxy_operator.problems import Problem

DETAIL_SECONDS: Final = 15.0
"""Minimum interval between status writes that change only the connection attempts."""

_UNPAIRED: Final = {PAIRING_EXPIRED, *(cause.reason for cause in TERMINAL_CAUSES.values() if cause.unpairs)}
"""Reasons of verdicts that also say why no phone is linked."""

Status = dict[str, Any]
"""``status`` as JSON."""


def status_of(situation: Situation) -> Status:
    """Return the whole ``status``; conditions that do not change keep their transition times."""
    verdict = verdict_for(situation)
    instance, record, old = situation.instance, situation.record, situation.instance.status
    fields: Status = {
        "observedGeneration": instance.generation,
        "phase": verdict.phase.value,
        "conditions": _conditions(situation, verdict),
        "jid": _jid(situation),
        "pairing": _pairing(situation, verdict),
        "session": session_status(situation) if record else None,
        "repair": _repair(record, situation.now) if record else None,
        "reconnect": _reconnect(situation, verdict),
        "runtime": _runtime(situation),
        "client": situation.client.to_status(),
        "lastActivityAt": _activity(old.get("lastActivityAt"), situation.live),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _repair(record: EpochRecord, now: datetime) -> Status:
    nonce = {"nonce": record.repaired} if record.repaired else {}
    return {**nonce, "required": record.repair_required(now)}


def held_back_seconds(status: Status, old: Status, *, written_at: datetime | None, now: datetime) -> float | None:
    """Return how long to hold back a status that differs from the old one only in detail; None: not at all."""
    if status == old or without_detail(status) != without_detail(old) or written_at is None:
        return None
    rest = DETAIL_SECONDS - (now - written_at).total_seconds()
    return rest if rest > 0 else None


def without_detail(status: Status) -> Status:
    """Return a status without the fields that change often and are written at a bounded rate."""
    return {name: value for name, value in status.items() if name != "reconnect"}


def _conditions(situation: Situation, verdict: Verdict) -> list[Status]:
    accepted = _accepted(situation)
    if situation.rejected:
        return [accepted, _condition(situation, "Ready", verdict.reason, verdict.message, holds=False)]
    return [
        accepted,
        _condition_unless(
            situation,
            "Provisioned",
            situation.unprovisioned,
            "Applied",
            "All objects of the instance are applied.",
        ),
        _condition_unless(
            situation, "CredentialsReady", _credentials_problem(situation), "Issued", "NATS has the instance's account."
        ),
        _paired(situation, verdict),
        *_proved(situation),
        *_phone(situation),
        *_reach_out(situation),
        _condition(situation, "Connected", verdict.reason, verdict.message, holds=verdict.phase is Phase.CONNECTED),
        _receiving(situation, verdict),
        _condition_unless(
            situation, "OwnersKnown", _nobody_to_tell(situation), "Named", "The first of spec.owners is told."
        ),
        *_models(situation),
        *_client(situation),
        *_session(situation),
        _volume(situation),
        _frozen(situation),
        _ready(situation, verdict),
    ]


def _condition(situation: Situation, kind: str, reason: str, message: str, *, holds: bool | None) -> Status:
    """Return one condition; its transition time changes only with its status. None: nobody knows whether it holds."""
    value = "Unknown" if holds is None else str(holds)
    before = _old_condition(situation, kind)
    since = before.get("lastTransitionTime") if before.get("status") == value else None
    return {
        "type": kind,
        "status": value,
        "reason": reason,
        "message": message,
        "lastTransitionTime": since or utc_text(situation.now),
        "observedGeneration": situation.instance.generation,
    }


def _condition_unless(situation: Situation, kind: str, problem: Problem | None, reason: str, message: str) -> Status:
    """Return a condition that is true, with this reason and message, unless there is a problem."""
    if problem is None:
        return _condition(situation, kind, reason, message, holds=True)
    return _condition(situation, kind, problem.reason, problem.message, holds=False)


def _condition_if(situation: Situation, kind: str, problem: Problem | None, otherwise: Problem) -> Status:
    """Return a condition that is false, with the other reason and message, unless there is a problem."""
    shown = problem or otherwise
    return _condition(situation, kind, shown.reason, shown.message, holds=problem is not None)


def _old_condition(situation: Situation, kind: str) -> Mapping[str, Any]:
    conditions = situation.instance.status.get("conditions", ())
    return next((item for item in conditions if item["type"] == kind), {})


def _accepted(situation: Situation) -> Status:
    refusal = situation.rejected or situation.unusable
    message = "The organization and the number belong to this instance."
    return _condition_unless(situation, "Accepted", refusal, "Accepted", message)


def _credentials_problem(situation: Situation) -> Problem | None:
    """Return why the bus lacks the account; one that it accepted before still counts while the bus is down."""
    if situation.account_pushed or _old_condition(situation, "CredentialsReady").get("status") == "True":
        return None
    return Problem("BusUnavailable", "NATS has not accepted the instance's account yet. Oxy retries automatically.")


def _nobody_to_tell(situation: Situation) -> Problem | None:
    """Return that a customer who needs a person waits until somebody happens to look at the phone."""
    if situation.instance.spec.owners or situation.instance.is_unread("owners"):
        return None
    message = (
        "spec.owners is empty, so nobody can be told that a customer waits for a person: customers are told so, and a "
        "note is left in the business's chat with itself. Add the number of whoever answers them to spec.owners."
    )
    return Problem("NoOwners", message)


def _models(situation: Situation) -> list[Status]:
    """Return what may keep the workers from asking models; customers wait or are handed over to people then."""
    ai, problems = situation.instance.spec.ai, situation.models
    named = ai.api_key_secret_ref or ai.transcription.api_key_secret_ref or ai.vision.api_key_secret_ref
    key = ("PassedOn", "The workers get the keys that spec.ai names.")
    no_key = ("NoneNamed", "spec.ai names no key: the platform's endpoint gets the platform's, any other none.")
    budget = ("Enforceable", "Each model has a price.")
    no_budget = ("NoBudget", "spec.ai.monthlyBudgetUsd is not set.")
    return [
        _condition_unless(situation, "ModelKeyReady", problems.key, *(key if named else no_key)),
        _condition_unless(
            situation,
            "EndpointsAllowed",
            problems.endpoint,
            "Allowed",
            "The workers may connect to what spec.ai names.",
        ),
        _condition_unless(
            situation,
            "BudgetEnforceable",
            problems.budget,
            *(no_budget if ai.monthly_budget_microdollars is None else budget),
        ),
    ]


def _client(situation: Situation) -> Iterator[Status]:
    """Return whether WhatsApp refuses the client, or may soon. Unlike the others, these are true if something is wrong.

    Nothing is said of the age of a client that is not known.
    """
    client = situation.client
    outdated = outdated_problem(client, situation.client_refusal)
    accepted = Problem("NotRefused", "No instance's client of this version has been refused by WhatsApp.")
    yield _condition_if(situation, "ClientOutdated", outdated, accepted)
    if client.published_on is not None:
        day = expected_cut_off(client.published_on)
        recent = Problem("Recent", f"By what is known, WhatsApp will not refuse {client.version} before {day}.")
        yield _condition_if(situation, "ClientAgeing", ageing_problem(client, situation.now), recent)


def _session(situation: Situation) -> list[Status]:
    """Return what is known of the session's backups; of restoring one and of leaving only if either is to be done."""
    made: list[Status] = []
    if situation.record is not None and situation.record.paired:
        kept = "The newest backup is as young as spec.session.backup wants it, and was restored in a test."
        made.append(_condition_unless(situation, "BackedUp", backup_problem(situation), "Verified", kept))
    restored = restore_condition(situation)
    if restored is not None:
        reason, message, holds = restored
        made.append(_condition(situation, "Restored", reason, message, holds=holds))
    if situation.leaving is not None:
        leaving = situation.leaving
        made.append(_condition(situation, "Removed", leaving.reason, leaving.message, holds=False))
    return made


def _paired(situation: Situation, verdict: Verdict) -> Status:
    if situation.record is not None and situation.record.paired:
        return _condition(situation, "Paired", *_linked_phone(situation), holds=True)
    return _condition(situation, "Paired", *_missing_phone(situation, verdict), holds=False)


def _proved(situation: Situation) -> Iterator[Status]:
    """Return whether the phone has confirmed the notice in its own chat; nothing if it owes that to nobody.

    What was last known stays while the bus is down.
    """
    record, kind = situation.record, "PairingConfirmed"
    if record is None or not record.paired:
        return
    said = situation.live.pairing_proof if situation.live else None
    if said in set(PairingProof):
        proof = PairingProof(said)
        yield _condition(situation, kind, proof.value, EXPLANATIONS[proof], holds=proof is PairingProof.CONFIRMED)
    elif situation.live is None and (known := _old_condition(situation, kind)):
        yield dict(known)


def _phone(situation: Situation) -> Iterator[Status]:
    """Return whether the linked phone is away; nothing if the pod does not say.

    What was last known stays while the bus is down.
    """
    record, kind = situation.record, "PhoneOnline"
    if record is None or not record.paired:
        return
    days = situation.live.phone_offline_days if situation.live else None
    if days is not None:
        yield _condition_unless(situation, kind, absence(days), "NotAway", "The phone is not known to be away.")
    elif situation.live is None and (known := _old_condition(situation, kind)):
        yield dict(known)


def _reach_out(situation: Situation) -> Iterator[Status]:
    """Return whether the number may write first; what was last known stays while its pod is away."""
    record, live = situation.record, situation.live
    if record is None or not record.paired:
        return
    if live is not None and is_settled(live):
        problem = reach_out_problem(live, situation.instance.place)
        yield _condition_unless(situation, CONDITION, problem, NOT_LOCKED.reason, NOT_LOCKED.message)
    elif known := _old_condition(situation, CONDITION):
        yield dict(known)


def _linked_phone(situation: Situation) -> tuple[str, str]:
    """Return reason and message for a linked phone; any phone can scan a QR code, whatever its number."""
    jid, wanted = _jid(situation), situation.instance.spec.phone_number
    phone = Jid.parse(jid).phone if jid else None
    if phone is None or same_phone(phone, wanted):
        return "Paired", "The phone is linked."
    linked, named = tell_apart(phone, wanted)
    message = (
        f"The linked phone is {linked}, but spec.phoneNumber is {named}; Oxy answers the linked phone's "
        f"customers. If that is not intended, unlink the device on that phone, then run: oxy pair "
        f"{situation.instance.place}"
    )
    return TERMINAL_CAUSES["LinkedToAnotherNumber"].reason, message


def _missing_phone(situation: Situation, verdict: Verdict) -> tuple[str, str]:
    """Return why the phone is not linked: the verdict's cause if that is about pairing."""
    about_pairing = verdict.phase is Phase.PAIRING or verdict.reason in _UNPAIRED
    if about_pairing or situation.record is None:
        return verdict.reason, verdict.message
    return "NotPaired", "The phone is not linked yet."


def _receiving(situation: Situation, verdict: Verdict) -> Status:
    """Return whether WhatsApp says anything on the connection; with the bus down, as far as readiness tells."""
    live = situation.live
    connected = verdict.phase is Phase.CONNECTED
    if connected and live is not None and live.receiving is False:
        # The kubelet has not asked yet whether the pod is ready.
        lost = lost_connection(situation)
        return _condition(situation, "Receiving", lost.reason, lost.message, holds=False)
    if connected:
        return _condition(situation, "Receiving", "Receiving", "WhatsApp answers on the connection.", holds=True)
    return _condition(situation, "Receiving", verdict.reason, verdict.message, holds=False)


def _volume(situation: Situation) -> Status:
    problem = volume_problem(situation.live, _old_condition(situation, "VolumeHasRoom"))
    return _condition_unless(situation, "VolumeHasRoom", problem, "HasRoom", "The pod has told of no lack of room.")


def _frozen(situation: Situation) -> Status:
    state = frozen_state(situation)
    return _condition(situation, "Frozen", state.reason, state.message, holds=state.holds)


def _ready(situation: Situation, verdict: Verdict) -> Status:
    unusable = situation.unusable
    if unusable is not None:
        return _condition(situation, "Ready", unusable.reason, unusable.message, holds=False)
    connected = verdict.phase is Phase.CONNECTED
    refusal = situation.live.publish_refusal if situation.live else None
    if connected and refusal:
        message = f"Connected to WhatsApp, but NATS takes no reports ({plain_text(refusal)}). They wait on the volume."
        return _condition(situation, "Ready", "ReportsWaiting", message, holds=True)
    trouble = connection_cause(situation.live.last_reason) if situation.live else None
    if connected and trouble is not None and trouble.effect is Effect.HOLDS:
        message = f"{verdict.message} {trouble.explain(situation.instance.place)}"
        return _condition(situation, "Ready", trouble.reason, message, holds=True)
    return _condition(situation, "Ready", verdict.reason, verdict.message, holds=connected)


def _jid(situation: Situation) -> str | None:
    if situation.live and situation.live.jid:
        return str(situation.live.jid)
    paired = situation.record is not None and situation.record.paired
    return situation.instance.status.get("jid") if paired else None


def _pairing(situation: Situation, verdict: Verdict) -> Status | None:
    record, instance = situation.record, situation.instance
    if verdict.phase is not Phase.PAIRING or record is None or record.pairing_until is None:
        return None
    offered = situation.live.pairing if situation.live else None
    pairing: Status = {
        "method": (offered.method if offered else instance.spec.pairing.method).value,
        "expiresAt": utc_text(record.pairing_until),
    }
    return pairing | ({"secretName": pairing_secret_name(instance.name)} if offered else {})


def _reconnect(situation: Situation, verdict: Verdict) -> Status:
    """Return the attempts since the last success; without a live state, the last known ones until connected."""
    if verdict.phase is Phase.CONNECTED:
        return {"attempts": 0}
    old: Status = situation.instance.status.get("reconnect", {})
    live = situation.live
    if live is None:
        lasting = verdict.phase is Phase.RECONNECTING
        return {"attempts": old.get("attempts", 0) if lasting else 0, "lastReason": verdict.reason}
    reconnect: Status = {"attempts": live.attempts, "lastReason": live.last_reason or verdict.reason}
    return reconnect | ({"nextAttemptAt": utc_text(live.next_attempt_at)} if live.next_attempt_at else {})


def _runtime(situation: Situation) -> Status | None:
    if situation.record is None:
        return None
    runtime: Status = {"epoch": situation.record.epoch}
    pod = situation.pod
    if pod is None:
        return runtime
    return runtime | {"podName": pod.name, "restarts": pod.restarts, "image": pod.image}


def _activity(old: str | None, live: LiveState | None) -> str | None:
    latest = live.last_activity_at if live else None
    if latest is None:
        return old
    known = datetime.fromisoformat(old) if old else None
    return utc_text(latest) if is_later_activity(latest, known) else old
