"""What of a status is a Kubernetes event: each cause once, as long as it lasts."""

from typing import Any

import pytest
from unit.wai_operator.making import NOW, deployment, live, observed, pod

from oxy_core.freeze import Freeze, Hold
from oxy_operator.decide.conclusion import conclude
from oxy_operator.decide.outcome import Outcome
from oxy_operator.decide.plan import plan_for
from oxy_operator.decide.warnings import warnings

BACKUP = "0b1c7a52-0000-4000-8000-00000000000a"


def status(session: dict[str, Any] | None = None, **conditions: str) -> dict[str, Any]:
    """Return a status with false conditions, each with this reason."""
    made = [
        {"type": kind, "status": "False", "reason": reason, "message": f"{reason} happened."}
        for kind, reason in conditions.items()
    ]
    return {"phase": "Connected", "conditions": made, "session": session or {}}


def reasons(after: dict[str, Any], before: dict[str, Any] | None = None) -> list[str]:
    return [warned.reason for warned in warnings(before or {}, after)]


def refused(message: str, outcome: str = "Refused") -> dict[str, Any]:
    found = status({"restore": {"backupId": BACKUP, "outcome": outcome}}, Restored="NewerSession")
    found["conditions"][0]["message"] = message
    return found


@pytest.mark.parametrize(
    ("condition", "reason", "expected"),
    [
        ("BackedUp", "Overdue", ["BackupOverdue"]),
        ("BackedUp", "NoRoomForBackups", ["NoRoomForBackups"]),
        ("BackedUp", "StoreFull", ["BackupFailed"]),
        ("BackedUp", "NotYet", []),
        ("BackedUp", "Disabled", []),
        ("BackedUp", "BusUnavailable", []),
        ("VolumeHasRoom", "VolumeFull", ["VolumeFull"]),
        ("VolumeHasRoom", "JournalTrimmed", ["JournalTrimmed"]),
        ("VolumeHasRoom", "of a newer version", ["VolumeHasNoRoom"]),
        ("Restored", "BackupNotFound", ["RestoreRefused"]),
        ("Restored", "DeviceUnlinked", ["RestoreRefused"]),
        ("Restored", "Restoring", []),
        ("Restored", "BusUnavailable", []),
        ("Restored", "NoRoom", []),  # it waits
    ],
)
def test_people_see_what_is_wrong_with_a_session_once(condition: str, reason: str, expected: list[str]) -> None:
    after = status(**{condition: reason})
    assert reasons(after) == expected
    assert reasons(after, after) == []
    assert all(f"{reason} happened." in warned.note for warned in warnings({}, after))
    after["conditions"][0]["status"] = "True"
    assert reasons(after) == []


@pytest.mark.parametrize("reason", ["SessionMissing", "SessionDamaged"])
def test_nobody_is_told_to_back_up_a_session_that_is_lost(reason: str) -> None:
    [lost], [full] = warnings({}, status(BackedUp=reason)), warnings({}, status(BackedUp="StoreFull"))
    assert (lost.reason, lost.note) == ("BackupFailed", f"{reason} happened.")
    assert full.note.endswith("run: oxy sessions backup")
    failed = status(BackedUp="StoreFull")
    failed["conditions"][0]["message"] = "The last backup failed: no room"
    [full] = warnings({}, failed)
    assert full.note.startswith("The last backup failed: no room. Once")


def test_a_volume_that_keeps_a_pod_from_connecting_is_one_event() -> None:
    full = status(Ready="VolumeFull", VolumeHasRoom="VolumeFull")
    assert reasons(full) == ["VolumeFull"]
    # The pod starts again, or the operator does: only the one condition knows it for a while.
    assert reasons(full, status(Ready="NotReceiving", VolumeHasRoom="VolumeFull")) == []


def test_each_restore_that_is_refused_is_an_event_and_one_that_is_under_way_none() -> None:
    first, second = refused("Backup 1 was not restored."), refused("Backup 2 was not restored.")
    assert reasons(first) == ["RestoreRefused"]
    assert reasons(second, first) == ["RestoreRefused"]
    assert reasons(second, second) == []
    assert reasons(refused("It waits.", "Restoring")) == []
    assert reasons(status(first["session"], Restored="Restoring"), first) == []


@pytest.mark.parametrize(("before", "after", "told"), [(None, 1, True), (1, 3, True), (3, 3, False), (3, 2, False)])
def test_messages_that_are_lost_are_told_whenever_there_are_more(before: int | None, after: int, *, told: bool) -> None:
    earlier = status({} if before is None else {"messagesLost": before})
    assert reasons(status({"messagesLost": after}), earlier) == ["MessagesLost"] * told
    assert reasons(status(), earlier) == []


def test_each_freeze_is_one_event_whenever_its_pod_confirms_it() -> None:
    first, second = (Freeze(revision=n, hold=Hold(since=NOW, by="ana", reason=f"reason {n}")) for n in (1, 2))

    def shown(wanted: Freeze, confirmed: Freeze | None) -> dict[str, Any]:
        made = observed(freeze=wanted, reported=live(connection="connected", frozen=confirmed), pod=pod(ready=True))
        return conclude(made, plan_for(made, deployment()), Outcome(account_pushed=True)).status

    asked, confirmed = shown(first, None), shown(first, first)
    [warned] = [one for one in warnings({}, asked) if one.reason == "Frozen"]
    assert "by order of ana (reason 1)" in warned.note
    assert "not confirmed" not in warned.note, "what passes in a second does not stay in an event"
    assert "Frozen" not in reasons(confirmed, asked)
    assert "Frozen" in reasons(shown(second, first), confirmed)
    assert "Frozen" not in reasons(shown(Freeze(revision=3), second), shown(second, second))
