"""``status.session``, and the conditions of backing up and restoring: what is stored, and what becomes of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from oxy_core.envelopes import ConnectionState, LiveState
from oxy_core.instance.session_states import BackupOutcome, BackupState, RestoreOutcome
from oxy_core.instance.stored_session import SessionFacts
from oxy_core.instance.terminal_causes import ExitCode
from oxy_core.session_backups import FIRST_AFTER
from oxy_core.times import utc_text
from oxy_operator.decide.backups import StoredBackup, of_earlier_devices, of_other_devices, unlinked_after
from oxy_operator.decide.epoch_record import EpochRecord
from oxy_operator.decide.hearing import BUS_AWAY, unheard
from oxy_operator.decide.live_state import ACTIVITY_STEP
from oxy_operator.decide.restores import UNFIT, RestorePin, asked_for, found_backup
from oxy_operator.decide.situation import Situation
from oxy_operator.lenient import plain_text, utc_moment
from oxy_operator.problems import Problem

SHOWN: Final = 30
"""Most backups that the status lists; `oxy sessions show` has all."""

_LATE: Final = 2
"""After so many intervals without one, a backup is overdue."""

_UNLINKED: Final = (
    "Once it was made, its device was to be unlinked on the phone, because its instance was deleted with "
    "deletionPolicy Delete. If it was (unless the event DeviceStillLinked says otherwise), WhatsApp ends the session "
    "at once (LoggedOut), and the phone has to be linked anew."
)

_NOT_OF_BACKUPS: Final = frozenset({"Disabled", "NoRoomForBackups", "BusUnavailable"})
"""Reasons of the condition BackedUp that say nothing of the session's backups."""

_NOT_FAILED: Final = _NOT_OF_BACKUPS | {"NotYet", "Overdue"}
"""Its reasons that no pod gives."""

LOST: Final = frozenset({"SessionMissing", "SessionDamaged"})
"""Its reasons after which no backup follows, however young the newest is."""

_REQUESTED: Final = "Requested"

_WAITED_FOR: Final = frozenset({_REQUESTED, BackupOutcome.RUNNING.value.capitalize()})
"""Outcomes of a request after which the pod will say more."""

_VERSION: Final = 64
"""Longest version of a library, in characters, that the status repeats."""

_FIGURES: Final = (
    *("sizeBytes", "volumeBytes", "volumeFreeBytes", "journalBytes", "linkedAt", "device", "libraryVersion"),
    *("messages", "peers", "setAsideBytes", "checkedAt", "restoredAt", "updatedAt"),
)

_STEPS: Final = ("linkedAt", "device", "setAsideBytes", "restoredAt")
"""Figures that change only if something was done to the session; as in `live_state.steps`."""

Fields = dict[str, Any]


def session_status(situation: Situation) -> Fields | None:
    """Return ``status.session``; what is not known now stays as it was shown last."""
    old: Fields = situation.instance.status.get("session", {})
    fields = {
        **_facts(situation.live, old, step=_has_new_backup(situation.backups, old)),
        **_backups(situation, old),
        "loggedOut": _logged_out(situation, old),
        "messagesLost": situation.live.messages_lost if situation.live else old.get("messagesLost"),
        "backup": _request(situation, old),
        "restore": _restore(situation),
    }
    return {name: value for name, value in fields.items() if value is not None} or None


def backup_problem(situation: Situation) -> Problem | None:
    """Return why a linked session has no current backup; None if it has one."""
    if not situation.instance.spec.session.backup.enabled:
        return Problem("Disabled", "spec.session.backup.enabled is false: if the volume is lost, so is the session.")
    if situation.backups_refused is not None:
        message = (
            f"NATS has no room for the stream OXY_BACKUPS ({plain_text(situation.backups_refused)}), so no session is "
            "backed up. Give its volume, or its max_file_store, more; Oxy tries again every ten seconds."
        )
        return Problem("NoRoomForBackups", message)
    if (lost := _lost(situation)) is not None:
        return lost
    overdue_at = backup_overdue_at(situation)
    if overdue_at is not None and situation.now < overdue_at:
        return None
    if situation.backups is None:
        return _known_problem(situation)
    failed = _failure(situation.live.backup) if situation.live else _failed_before(situation)
    return failed or _due(_counting(situation))


def _counting(situation: Situation) -> Sequence[StoredBackup]:
    """Return the backups that may be of the present session; while it leaves, also those whose device is unlinked."""
    backups = situation.backups or ()
    unlinked = frozenset() if situation.leaving is not None else unlinked_after(backups)
    gone = unlinked | of_other_devices(backups, _linked_at(situation))
    return [backup for backup in backups if backup.manifest.id not in gone]


def _linked_at(situation: Situation) -> datetime | None:
    """Return when the phone linked the present device, as its pod said last; None: that is not known."""
    if situation.live is not None and situation.live.session is not None:
        return situation.live.session.linked_at
    return utc_moment(situation.instance.status.get("session", {}).get("linkedAt"))


def _logged_out(situation: Situation, old: Fields) -> str | None:
    """Return when the device was linked that WhatsApp logged out last, unless it is there again."""
    record, linked_at = situation.record, _linked_at(situation)
    linked = utc_text(linked_at) if linked_at is not None else None
    if record is not None and record.end is not None and record.end.exit_code == ExitCode.LOGGED_OUT:
        return linked
    known: str | None = old.get("loggedOut")
    is_back = situation.live is not None and situation.live.connection is ConnectionState.CONNECTED and known == linked
    return None if is_back else known


def _due(backups: Sequence[StoredBackup]) -> Problem:
    if backups:
        message = f"The newest backup is of {utc_text(backups[0].stored_at)}. The next one is made while the pod runs."
        return Problem("Overdue", message)
    minutes = int(FIRST_AFTER.total_seconds() // 60)
    message = f"The first backup is made {minutes} minutes after the phone was linked, while the pod runs."
    return Problem("NotYet", message)


def backup_overdue_at(situation: Situation) -> datetime | None:
    """Return when the newest backup becomes too old; None: there is none, or none is wanted."""
    plan = situation.instance.spec.session.backup
    backups = _counting(situation)
    if not plan.enabled or not backups:
        return None
    return backups[0].stored_at + _LATE * timedelta(hours=plan.every_hours)


def restore_condition(situation: Situation) -> tuple[str, str, bool] | None:
    """Return reason, message and status of the condition Restored; None: nothing is to be restored."""
    asked, record = asked_for(situation.instance), situation.record
    if asked is None or record is None:
        return None
    pin = record.restore
    if pin is None or pin.asked != asked:
        if situation.source_backups is None and (known := _looked_for_before(situation)) is not None:
            return known
        found = found_backup(situation.instance, situation.source_backups)
        problem = found if isinstance(found, Problem) else Problem("Restoring", "The pod is being replaced.")
        problem = BUS_AWAY if situation.source_backups is None and situation.bus_away else problem
        return problem.reason, problem.message, False
    return _settled(pin, situation.live, bus_away=situation.bus_away)


def _looked_for_before(situation: Situation) -> tuple[str, str, bool] | None:
    """Return why this spec's backup was not restored when NATS last listed the backups."""
    before = _before(situation, "Restored")
    if before is None or before["reason"] not in UNFIT or before["observedGeneration"] != situation.instance.generation:
        return None
    return before["reason"], before["message"], False


def _settled(pin: RestorePin, live: LiveState | None, *, bus_away: bool) -> tuple[str, str, bool]:
    named = f"Backup {pin.wish.manifest.id} of {utc_text(pin.stored_at or pin.wish.manifest.made_at)}"
    is_kept = live is not None and live.connection is ConnectionState.CONNECTED
    if pin.outcome is RestoreOutcome.RESTORED and pin.unlinked and not is_kept:
        return "Restored", f"{named} was restored. {_UNLINKED}", True
    if pin.outcome is RestoreOutcome.RESTORED:
        caveat = (
            "It does not know what was received and sent after it was made: of those chats, WhatsApp may have to send "
            "messages again before they can be read, and the first ones may be lost."
        )
        return "Restored", f"{named} was restored. {caveat}", True
    if pin.outcome is RestoreOutcome.REFUSED:
        return pin.reason or "Refused", f"{named} was not restored: {plain_text(pin.detail).rstrip('.')}.", False
    said = live.restore if live and live.restore and live.restore.wish == pin.wish.id else None
    why = f" It waits: {plain_text(said.detail).rstrip('.')}." if said and said.detail else ""
    why = f" {BUS_AWAY.message}" if bus_away else why
    why += f" {_UNLINKED}" if pin.unlinked else ""
    reason = BUS_AWAY.reason if bus_away else (said and said.reason) or "Restoring"
    return reason, f"{named} is restored before the pod connects.{why}", False


def _known_problem(situation: Situation) -> Problem | None:
    """Return what was wrong when NATS last listed the backups; an operator that has just started knows no more."""
    before = _before(situation, "BackedUp")
    if before is None or before["reason"] in _NOT_OF_BACKUPS:
        return Problem("BusUnavailable", "NATS has not listed the backups yet. Oxy retries automatically.")
    return None if before["status"] == "True" else Problem(before["reason"], before["message"])


def _failed_before(situation: Situation) -> Problem | None:
    """Return how the last backup failed, as the pod said before it fell silent."""
    before = _before(situation, "BackedUp")
    if before is None or before["status"] == "True" or before["reason"] in _NOT_FAILED:
        return None
    return Problem(before["reason"], before["message"])


def _lost(situation: Situation) -> Problem | None:
    """Return why the session can be backed up no more, as the pod said last; it may be silent now, or look again."""
    said = situation.live.backup if situation.live else None
    is_unheard = situation.live is None or (said is not None and said.outcome is BackupOutcome.RUNNING)
    problem = _failed_before(situation) if is_unheard else _failure(said)
    return problem if problem is not None and problem.reason in LOST else None


def _before(situation: Situation, kind: str) -> Fields | None:
    conditions = situation.instance.status.get("conditions", ())
    return next((item for item in conditions if item["type"] == kind), None)


def _failure(said: BackupState | None) -> Problem | None:
    if said is None or said.outcome not in {BackupOutcome.FAILED, BackupOutcome.REFUSED}:
        return None
    what = "The last backup failed" if said.outcome is BackupOutcome.FAILED else "Nothing was backed up"
    return Problem(said.reason or "BackupFailed", f"{what}: {plain_text(said.detail)}")


def _has_new_backup(backups: Sequence[StoredBackup] | None, old: Fields) -> bool:
    shown = {item["id"] for item in old.get("backups", ())}
    return any(str(backup.manifest.id) not in shown for backup in (backups or ())[:1])


def _facts(live: LiveState | None, old: Fields, *, step: bool) -> Fields:
    """Return sizes and figures, which are written at most every five minutes, or when more of them are known.

    Also after a `step` or one that they tell of: a phone was linked, a backup was made or restored.
    """
    shown: Fields = {name: old[name] for name in _FIGURES if name in old}
    fresh = _fresh(live) if live is not None else {}
    updated = utc_moment(old.get("updatedAt"))
    # Either way: a clock that was put back must not keep figures of a future that was none.
    young = live is not None and updated is not None and abs(live.heartbeat_at - updated) < ACTIVITY_STEP
    step = step or (live is not None and live.session is not None and _steps(fresh) != _steps(shown))
    return shown if not fresh or (young and not step and fresh.keys() <= shown.keys()) else fresh


def _steps(figures: Fields) -> Fields:
    return {name: figures[name] for name in _STEPS if name in figures}


def _fresh(live: LiveState) -> Fields:
    session = live.session or SessionFacts()
    known = {
        "sizeBytes": live.session_bytes,
        "volumeBytes": live.volume_bytes,
        "volumeFreeBytes": live.volume_free_bytes,
        "journalBytes": live.journal_bytes,
        "linkedAt": session.linked_at and utc_text(session.linked_at),
        "device": session.device,
        "libraryVersion": plain_text(session.library_version, _VERSION) or None,
        "messages": session.messages,
        "peers": session.peers,
        "setAsideBytes": session.set_aside_bytes,
        "checkedAt": session.checked_at and utc_text(session.checked_at),
        "restoredAt": session.restored_at and utc_text(session.restored_at),
        "updatedAt": utc_text(live.heartbeat_at),
    }
    return {name: value for name, value in known.items() if value is not None}


def _backups(situation: Situation, old: Fields) -> Fields:
    backups, linked_at = situation.backups, _linked_at(situation)
    if backups is None:
        return {name: old[name] for name in ("lastBackupAt", "backups") if name in old}
    if not backups:
        return {}
    unlinked, earlier = unlinked_after(backups), of_earlier_devices(backups, linked_at)
    gone = unlinked | of_other_devices(backups, linked_at)
    newest = next((backup for backup in backups if backup.manifest.id not in gone), None)
    listed = [
        {
            "id": str(backup.manifest.id),
            "storedAt": utc_text(backup.stored_at),
            "bytes": backup.manifest.compressed_bytes,
            "epoch": backup.manifest.epoch,
            **({"unlinkedAfter": True} if backup.manifest.id in unlinked else {}),
            **({"earlierDevice": True} if backup.manifest.id in earlier else {}),
        }
        for backup in backups[:SHOWN]
    ]
    return ({"lastBackupAt": utc_text(newest.stored_at)} if newest else {}) | {"backups": listed}


def _request(situation: Situation, old: Fields) -> Fields | None:
    """Return what became of the last request; a backup that answers it proves that it was carried out."""
    nonce = situation.instance.backup_nonce
    if nonce is None:
        return None
    made = next((backup for backup in situation.backups or () if backup.manifest.request == nonce), None)
    if made is not None:
        return {"nonce": nonce, "outcome": "Done", "backupId": str(made.manifest.id)}
    said = situation.live.backup if situation.live else None
    cut_off = situation.bus_away and said is not None and said.outcome is BackupOutcome.RUNNING
    if said is not None and said.request == nonce and said.outcome is not BackupOutcome.DONE and not cut_off:
        outcome = said.outcome.value.capitalize()
        told = {"reason": said.reason, "message": plain_text(said.detail) or None}
        return {"nonce": nonce, "outcome": outcome} | {name: value for name, value in told.items() if value}
    before: Fields = old.get("backup", {})
    if before.get("nonce") == nonce and before.get("outcome") not in _WAITED_FOR:
        return _still_true(before, situation.record)
    silence = unheard(situation)
    told = {} if silence is None else {"reason": silence.reason, "message": silence.message}
    outcome = before["outcome"] if before.get("nonce") == nonce else _REQUESTED
    return {"nonce": nonce, "outcome": outcome} | told


def _still_true(answer: Fields, record: EpochRecord | None) -> Fields:
    """Return an answer from before without advice for a session that was lost then, if a backup replaced it since."""
    pin = record.restore if record is not None and record.end is None else None
    if answer.get("reason") not in LOST or pin is None or record is None:
        return answer
    if pin.outcome is not RestoreOutcome.RESTORED or pin.epoch != record.epoch:
        return answer
    return {name: value for name, value in answer.items() if name != "message"}


def awaits_pod(situation: Situation) -> bool:
    """Whether a backup was asked for of which the pod has not said yet what became."""
    asked = _request(situation, situation.instance.status.get("session", {}))
    return asked is not None and asked["outcome"] in _WAITED_FOR


def _restore(situation: Situation) -> Fields | None:
    pin = situation.record.restore if situation.record else None
    if pin is None:
        return None
    outcome = pin.outcome.value.capitalize() if pin.outcome else "Restoring"
    shown = {"backupId": str(pin.wish.manifest.id), "instance": pin.wish.manifest.instance, "outcome": outcome}
    shown |= {"request": pin.request} if pin.request is not None else {}
    return shown | ({"at": utc_text(pin.at)} if pin.at else {})
