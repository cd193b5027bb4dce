"""Backups that are kept, restored once, and made before a session is deleted."""

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from unit.wai_operator.making import (
    NOW,
    PHONE,
    UID,
    Json,
    deployment,
    instance,
    live,
    observed,
    pod,
    pod_object,
    record,
    resource,
    termination,
    waiting,
)

from oxy_core.freeze import Freeze, Hold
from oxy_core.identity import number_digest
from oxy_core.instance.session_states import MAX_DETAIL, RestoreOutcome
from oxy_core.instance.set_aside import UNKNOWN
from oxy_core.session_backups import BackupManifest, LeaveWish
from oxy_core.tenant import TenantSettings
from oxy_core.times import utc_text
from oxy_operator.decide.backups import (
    MOST_UNFINISHED,
    UNFINISHED_AFTER,
    HeldBackup,
    StoredBackup,
    StreamUse,
    abandoned,
    excess,
    of_earlier_devices,
    of_other_devices,
    surplus,
    unlinked_after,
)
from oxy_operator.decide.conclusion import conclude
from oxy_operator.decide.epoch_record import EpochEnd, EpochRecord, next_record
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.leaving import farewell
from oxy_operator.decide.live_state import HEARTBEAT_SECONDS
from oxy_operator.decide.observed import Observed
from oxy_operator.decide.outcome import Outcome
from oxy_operator.decide.plan import plan_for
from oxy_operator.decide.pod import Pod
from oxy_operator.decide.proxy import ProxyFault, ProxyWanted
from oxy_operator.decide.removal import RELEASE_AFTER, removal_plan
from oxy_operator.decide.requeue import CORRECTION_SECONDS
from oxy_operator.decide.restores import RestorePin, asked_for
from oxy_operator.decide.workload import Workload
from oxy_operator.kube.cache import ClusterCache
from oxy_operator.objects import CLAIMS, STATEFUL_SETS

ID = "01940000-0000-7000-8000-{:012}"
HOUR = timedelta(hours=1)


def backup(place: int = 1, *, age: timedelta = timedelta(hours=1), **fields: Json) -> StoredBackup:
    manifest = {
        "id": ID.format(place),
        "organization": "paws",
        "instance": "petshop",
        "number": number_digest(PHONE),
        "device": "ab" * 32,
        "epoch": 2,
        "made_at": NOW - age,
        "database_bytes": 2_000_000,
        "compressed_bytes": 600_000,
        "sha256": "ab" * 32,
        "chunks": 3,
        "key_id": "ab" * 8,
        "library": "neonize 0.5.2",
    }
    return StoredBackup(BackupManifest.model_validate(manifest | fields), NOW - age, place)


def uuid(number: int) -> UUID:
    return UUID(ID.format(number))


def restoring(backup_id: str = "latest", **fields: Json) -> Instance:
    return instance(session={"restoreFrom": {"backupId": backup_id, **fields}})


def following(made: Instance, before: EpochRecord | None, **seen: Json) -> EpochRecord:
    given = {"known_epoch": 2, "pod": None, "live": None, "now": NOW, "backups": None} | seen
    return next_record(made, before, **given)


def status(given: Observed) -> Json:
    return conclude(given, plan_for(given, deployment()), Outcome(account_pushed=True)).status


def condition(shown: Json, kind: str) -> Json:
    return next((item for item in shown["conditions"] if item["type"] == kind), None)


# -- what is kept


@pytest.mark.parametrize(
    ("numbers", "keep", "wanted", "deleted"),
    [
        ([], 3, set(), []),
        ([1, 2, 3], 3, set(), []),
        ([5, 1, 4, 2, 3], 3, set(), [2, 1]),
        ([1, 2, 3], 1, {1}, [2]),
    ],
)
def test_the_newest_are_kept_and_what_is_wanted(numbers: Json, keep: int, wanted: Json, deleted: Json) -> None:
    # The pods' clocks say the opposite of the order in which the bus got them.
    made = [backup(number, age=timedelta(hours=number)) for number in numbers]
    assert surplus(made, keep, {uuid(number) for number in wanted}) == tuple(map(uuid, deleted))


LINKED_AT = NOW - timedelta(days=9)


@pytest.mark.parametrize(
    ("made", "unlinked"),
    [
        ([], []),
        ([{"request": "4f1c4f1c4f1c4f1c"}, {}], []),
        ([{}, {}, {"leaving": True}], [1, 2, 3]),  # the device is gone, and with it the earlier backups of it
        ([{"device": "cd" * 32}, {"leaving": True}], [2]),
        ([{"leaving": True}, {"device": "cd" * 32}], [1]),  # linked anew since
        ([{"leaving": True}, {"linked_at": NOW}], [1]),  # likewise, and WhatsApp has given the same number
        ([{"leaving": True}, {}], []),  # the phone has kept it: it was backed up since
        ([{"request": UID}], [1]),  # of a pod that does not say so: the uid of a deleted instance
        ([{"request": UID, "leaving": False}], []),
        ([{"request": UID}, {"request": "n2"}], []),  # somebody had asked for a backup by a uid
    ],
)
def test_the_backups_of_a_device_that_was_unlinked_are_known(made: Json, unlinked: Json) -> None:
    backups = [backup(place, **({"linked_at": LINKED_AT} | fields)) for place, fields in enumerate(made, 1)]
    assert unlinked_after(backups[::-1]) == set(map(uuid, unlinked))


@pytest.mark.parametrize(
    ("fields", "earlier", "other"),
    [
        ({"linked_at": LINKED_AT}, False, False),
        ({"linked_at": LINKED_AT - HOUR}, True, True),
        ({"linked_at": LINKED_AT + HOUR}, False, True),  # a backup of an earlier device was restored since
        ({"linked_at": None}, False, False),  # an older pod made it, since the link
        ({"linked_at": None, "made_at": LINKED_AT - HOUR}, True, True),
    ],
)
def test_the_backups_of_another_device_than_the_linked_one_are_known(
    fields: Json, *, earlier: bool, other: bool
) -> None:
    made = [backup(1, **fields)]
    now = LINKED_AT + timedelta(milliseconds=400)  # the status has whole seconds
    assert of_earlier_devices(made, now) == ({uuid(1)} if earlier else set())
    assert of_other_devices(made, now) == ({uuid(1)} if other else set())
    assert of_earlier_devices(made, None) == of_other_devices(made, None) == set()


def test_what_is_never_finished_is_deleted_and_a_flood_at_once() -> None:
    old, new = NOW - UNFINISHED_AFTER - timedelta(seconds=1), NOW
    assert abandoned([unfinished("a", 3, old), unfinished("b", 3, new), unfinished("gone", 3)], NOW) == ("a",)
    assert abandoned([unfinished("a", 4_000, new), unfinished("b", 97, new)], NOW) == ("a", "b")
    assert abandoned([unfinished("a", 4_000, new), unfinished("b", 96, new), finished("c", 2, old)], NOW) == ()
    many = [unfinished(str(number), 1) for number in range(MOST_UNFINISHED + 1)]
    assert abandoned([*many, finished("c", 2, old)], NOW) == tuple(backup.id for backup in many)
    assert abandoned(many[1:], NOW) == ()


def unfinished(name: str, chunks: int, since: datetime | None = None) -> HeldBackup:
    return HeldBackup(name, chunks, finished=False, since=since)


def finished(name: str, chunks: int, since: datetime | None = None) -> HeldBackup:
    return HeldBackup(name, chunks, finished=True, since=since)


def test_beyond_its_share_an_instance_loses_what_is_unfinished_then_the_oldest() -> None:
    held = [finished("new", 3, NOW), unfinished("half", 9), finished("old", 3, NOW - timedelta(days=1))]
    for share, gone in ((6, ("half",)), (5, ("half", "old")), (3, ("half", "old")), (2, ("half", "old", "new"))):
        assert excess(held, share) == gone
        assert excess([*held, finished("pinned", 9, NOW - timedelta(days=9))], share, {"pinned"}) == gone


@pytest.mark.parametrize(
    ("use", "is_nearly_full", "share"),
    [
        (StreamUse(79, 1, 1, 100, 10), False, 1),
        (StreamUse(80, 1, 1, 100, 10), True, 1),
        (StreamUse(1, 8, 8, 512 << 20, 10), True, 512),
        (StreamUse(1 << 40, 8, 8, -1, 0), False, 1),
    ],
)
def test_a_stream_is_nearly_full_by_either_of_its_limits(use: StreamUse, share: int, *, is_nearly_full: bool) -> None:
    assert (use.is_nearly_full, use.share) == (is_nearly_full, share)


def test_the_plan_deletes_what_the_spec_does_not_keep_and_nobody_is_to_restore() -> None:
    made = (backup(3), backup(2), backup(1))
    given = observed(instance=instance(session={"backup": {"keep": 1}}), backups=made)
    assert plan_for(given, deployment()).expired_backups == (uuid(2), uuid(1))
    wanted = replace(given, restoring=lambda: {uuid(2)})
    assert plan_for(wanted, deployment()).expired_backups == (uuid(1),)
    assert plan_for(observed(), deployment()).expired_backups == ()


# -- what is asked of a pod, and shown


def settings_of(given: Observed) -> TenantSettings:
    children = {child.kind.name: child.body for child in plan_for(given, deployment()).children("volume")}
    return TenantSettings.decode(children["ConfigMap"]["data"]["settings.json"].encode())


def test_a_pod_is_told_when_to_make_backups_and_of_requests() -> None:
    made = instance(annotations={"oxy.dev/backup": "n1\n"}, session={"backup": {"everyHours": 6}})
    plan = settings_of(observed(instance=made)).backup
    assert (plan.enabled, plan.every_hours, plan.request) == (True, 6, "n1")
    assert settings_of(observed()).backup.request is None


def test_a_running_pod_is_annotated_once_for_each_request_so_that_it_reads_its_settings_now() -> None:
    asked = instance(annotations={"oxy.dev/backup": "n1"})
    told = pod_object()
    notice = plan_for(observed(instance=asked, pod=Pod.of(told)), deployment()).notice
    assert notice is not None
    assert (notice.pod, notice.annotations) == ("wai-petshop-0", {"oxy.dev/asked": "n1"})
    told["metadata"]["annotations"] |= notice.annotations
    for seen in (Pod.of(told), pod(epoch=1), pod(state=waiting("ContainerCreating")), None):
        assert plan_for(observed(instance=asked, pod=seen), deployment()).notice is None
    plan = removal_plan(leaving())
    assert plan is not None
    assert plan.notice is not None
    assert plan.notice.annotations == {"oxy.dev/asked": LEAVE}


@pytest.mark.parametrize(
    ("spec", "made", "said", "reason"),
    [
        ({}, [backup(age=timedelta(hours=47))], None, "Verified"),
        ({}, [backup(age=timedelta(hours=49))], None, "Overdue"),
        ({}, [], None, "NotYet"),
        ({}, None, None, "BusUnavailable"),
        ({"enabled": False}, [backup()], None, "Disabled"),
        ({}, [], {"outcome": "failed", "at": NOW, "reason": "StoreFull", "detail": "x"}, "StoreFull"),
        ({}, [backup()], {"outcome": "failed", "at": NOW, "reason": "StoreFull"}, "Verified"),
        ({}, [], {"outcome": "failed", "at": NOW}, "BackupFailed"),
        ({}, [backup()], {"outcome": "refused", "at": NOW, "reason": "SessionMissing"}, "SessionMissing"),
        ({}, [backup()], {"outcome": "refused", "at": NOW, "reason": "SessionDamaged"}, "SessionDamaged"),
    ],
)
def test_a_linked_session_is_backed_up_or_the_status_says_why_not(
    spec: Json, made: Json, said: Json, reason: str
) -> None:
    shown = status(
        observed(instance=instance(session={"backup": spec}), backups=made, reported=live(backup=said), pod=pod())
    )
    found = condition(shown, "BackedUp")
    assert (found["reason"], found["status"]) == (reason, str(reason == "Verified"))
    assert condition(status(observed(record=record(paired=False), backups=made)), "BackedUp") is None
    refused = condition(status(observed(backups=made, backups_refused="no storage")), "BackedUp")
    assert (refused["reason"], refused["status"]) == ("NoRoomForBackups", "False")
    assert "no storage" in refused["message"]


def test_a_session_that_was_backed_up_stays_so_while_nobody_knows() -> None:
    shown = status(observed(backups=[backup()]))
    later = status(observed(instance=instance(status=shown), backups=None))
    assert condition(later, "BackedUp") == condition(shown, "BackedUp")
    assert later["session"] == shown["session"]


def test_what_was_wrong_with_backups_is_not_new_to_an_operator_that_has_just_started() -> None:
    shown = status(observed(backups=[backup(age=timedelta(hours=49))]))
    later = status(observed(instance=instance(status=shown), backups=None))
    assert condition(later, "BackedUp") == condition(shown, "BackedUp")
    assert condition(shown, "BackedUp")["reason"] == "Overdue"
    failed = status(observed(backups=[], reported=live(backup={"outcome": "failed", "at": NOW}), pod=pod()))
    silent = status(observed(instance=instance(status=failed), backups=[], reported=None, pod=pod()))
    assert condition(silent, "BackedUp") == condition(failed, "BackedUp")
    mended = status(observed(instance=instance(status=failed), backups=[], reported=live(), pod=pod()))
    assert condition(mended, "BackedUp")["reason"] == "NotYet"


@pytest.mark.parametrize("reason", ["SessionMissing", "SessionDamaged"])
def test_a_session_that_was_lost_under_its_pod_is_not_backed_up_until_the_pod_says_otherwise(reason: str) -> None:
    def shown(before: Json, **said: Json) -> Json:
        return status(observed(instance=instance(status=before), backups=[backup()], pod=pod(ready=True), **said))

    refused = {"outcome": "refused", "at": NOW, "reason": reason, "detail": "gone."}
    lost = shown({}, reported=live(backup=refused))
    assert condition(lost, "BackedUp")["message"] == "Nothing was backed up: gone."
    for said in (live(backup={"outcome": "running", "at": NOW}), None):
        assert condition(shown(lost, reported=said), "BackedUp") == condition(lost, "BackedUp")
    for said in (live(backup={"outcome": "done", "at": NOW}), live()):
        assert condition(shown(lost, reported=said), "BackedUp")["reason"] == "Verified"


def test_why_a_backup_was_not_restored_stays_while_nobody_knows_unless_another_is_wanted() -> None:
    def restored(generation: int, made: Json, before: Json) -> Json:
        wanted = restoring(ID.format(1)).model_copy(update={"generation": generation, "status": before})
        return status(observed(instance=wanted, backups=made, source_backups=made))

    first = restored(3, [], {})
    assert condition(first, "Restored")["reason"] == "BackupNotFound"
    assert condition(restored(3, None, first), "Restored") == condition(first, "Restored")
    assert condition(restored(4, None, first), "Restored")["reason"] == "BusUnavailable"
    away = status(observed(instance=restoring(ID.format(1)), bus_away=True))
    assert condition(away, "Restored")["reason"] == "BusAway"
    pinned = following(restoring(), record(), backups=[backup()])
    waits = status(observed(instance=restoring(), record=pinned, known_epoch=3, pod=None, bus_away=True))
    assert condition(waits, "Restored")["reason"] == "BusAway"
    assert "Bring NATS back" in condition(waits, "Restored")["message"]


def test_a_restored_backup_is_told_of_by_the_time_that_lists_of_backups_have() -> None:
    pinned = following(restoring(), record(), backups=[replace(backup(), stored_at=NOW)])
    for known in (pinned, EpochRecord.of(pinned.annotations)):
        told = condition(status(observed(instance=restoring(), record=known, known_epoch=3, pod=None)), "Restored")
        assert f"Backup {ID.format(1)} of {utc_text(NOW)} " in told["message"]


def test_why_a_restore_waits_is_a_sentence_before_the_next_one() -> None:
    pinned = following(restoring(), record(), backups=[backup(leaving=True)])
    assert pinned.restore is not None
    waits = {"wish": pinned.restore.wish.id, "outcome": "waiting", "at": NOW, "detail": "no room (oxy sessions prune)"}
    there = {"known_epoch": 3, "pod": pod(epoch=3), "reported": live(epoch=3, restore=waits)}
    told = condition(status(observed(instance=restoring(), record=pinned, **there)), "Restored")
    assert "It waits: no room (oxy sessions prune). " in told["message"]


def test_lost_messages_are_counted_also_while_nobody_knows() -> None:
    shown = status(observed(reported=live(messages_lost=3)))
    assert shown["session"]["messagesLost"] == 3
    assert status(observed(instance=instance(status=shown), reported=None))["session"]["messagesLost"] == 3


def test_the_status_lists_backups_and_figures_at_a_bounded_rate() -> None:
    facts = {"session": {"messages": 7, "set_aside_bytes": 0}, "session_bytes": 4096, "volume_free_bytes": 9}
    shown = status(observed(backups=[backup(2), backup(1)], reported=live(**facts)))["session"]
    assert [item["id"] for item in shown["backups"]] == [ID.format(2), ID.format(1)]
    assert (shown["sizeBytes"], shown["messages"], shown["volumeFreeBytes"], shown["setAsideBytes"]) == (4096, 7, 9, 0)
    more = observed(
        instance=instance(status={"session": shown}), backups=(), reported=live(**facts | {"session_bytes": 8192})
    )
    assert status(more)["session"]["sizeBytes"] == 4096
    assert "lastBackupAt" not in status(more)["session"]
    fuller = observed(
        instance=instance(status={"session": shown}),
        reported=live(**facts | {"session_bytes": 8192, "journal_bytes": 1}),
    )
    assert status(fuller)["session"]["sizeBytes"] == 8192
    outdated = shown | {"updatedAt": "2026-11-22T11:54:00Z"}
    later = observed(instance=instance(status={"session": outdated}), reported=live(**facts | {"session_bytes": 8192}))
    assert status(later)["session"]["sizeBytes"] == 8192
    ahead = shown | {"updatedAt": "2026-11-23T12:00:00Z"}  # the clock was put back by a day
    later = observed(instance=instance(status={"session": ahead}), reported=live(**facts | {"session_bytes": 8192}))
    assert status(later)["session"]["sizeBytes"] == 8192


@pytest.mark.parametrize(
    ("session", "made", "is_new"),
    [
        ({"messages": 8, "peers": 3}, [backup(1)], False),
        ({}, None, False),
        ({"linked_at": NOW}, [backup(1)], True),
        ({"device": 3}, [backup(1)], True),
        ({"device": None}, [backup(1)], True),
        ({"set_aside_bytes": 0}, [backup(1)], True),
        ({"restored_at": NOW}, [backup(1)], True),
        ({}, [backup(2), backup(1)], True),
    ],
)
def test_figures_are_written_anew_after_a_link_a_backup_or_a_restore(
    session: Json, made: Json, *, is_new: bool
) -> None:
    earlier = NOW - HOUR
    facts = {"linked_at": earlier, "device": 2, "set_aside_bytes": 9, "restored_at": earlier, "messages": 7, "peers": 2}
    shown = status(observed(backups=[backup(1)], reported=live(session=facts, session_bytes=4096)))
    said = live(session=facts | session, session_bytes=8192)
    later = status(observed(instance=instance(status=shown), backups=made, reported=said))
    assert later["session"]["sizeBytes"] == (8192 if is_new else 4096)
    starting = live(session=None, session_bytes=None, volume_bytes=None)
    waiting = status(observed(instance=instance(status=shown), backups=[backup(1)], reported=starting))
    assert waiting["session"]["sizeBytes"] == 4096


@pytest.mark.parametrize(
    ("made", "said", "outcome"),
    [
        ([], None, "Requested"),
        ([backup(request="n0")], {"outcome": "done", "at": NOW, "request": "n0"}, "Requested"),
        ([], {"outcome": "running", "at": NOW, "request": "n1"}, "Running"),
        ([], {"outcome": "failed", "at": NOW, "request": "n1", "reason": "BusUnavailable"}, "Failed"),
        ([], {"outcome": "refused", "at": NOW, "request": "n1", "detail": "x" * MAX_DETAIL}, "Refused"),
        ([backup(request="n1")], {"outcome": "failed", "at": NOW, "request": "n1"}, "Done"),
    ],
)
def test_a_request_is_answered(made: Json, said: Json, outcome: str) -> None:
    asked = instance(annotations={"oxy.dev/backup": "n1"})
    shown = status(observed(instance=asked, backups=made, reported=live(backup=said)))["session"]["backup"]
    assert (shown["nonce"], shown["outcome"]) == ("n1", outcome)
    assert shown.get("backupId") == (ID.format(1) if outcome == "Done" else None)


def test_an_answer_is_remembered_until_the_next_request() -> None:
    before = {"session": {"backup": {"nonce": "n1", "outcome": "Refused", "reason": "NotLinked"}}}
    same = instance(annotations={"oxy.dev/backup": "n1"}, status=before)
    assert status(observed(instance=same, pod=None))["session"]["backup"] == before["session"]["backup"]
    other = instance(annotations={"oxy.dev/backup": "n2"}, status=before)
    assert status(observed(instance=other, pod=None))["session"]["backup"] == {"nonce": "n2", "outcome": "Requested"}


@pytest.mark.parametrize("reason", ["SessionMissing", "SessionDamaged"])
def test_nobody_is_told_of_a_lost_session_that_was_restored_since(reason: str) -> None:
    answer = {"nonce": "n1", "outcome": "Refused", "reason": reason, "message": "Restore the newest backup."}
    fields = {"annotations": {"oxy.dev/backup": "n1"}, "session": {"restoreFrom": {"backupId": "latest"}}}
    asked = instance(**fields, status={"session": {"backup": answer}})
    lost, there = record(paired=False), {"known_epoch": 3, "pod": pod(epoch=3)}
    assert status(observed(instance=asked, record=lost, backups=[]))["session"]["backup"] == answer
    shown = status(observed(instance=asked, record=restored(lost), backups=[], **there))["session"]["backup"]
    assert "message" not in shown
    assert (shown["outcome"], shown["reason"]) == ("Refused", reason)
    again = instance(**fields, status={"session": {"backup": answer}})
    said = live(epoch=3, backup={"outcome": "refused", "at": NOW, "request": "n1", "reason": reason, "detail": "gone"})
    shown = status(observed(instance=again, record=restored(lost), backups=[], reported=said, **there))
    assert shown["session"]["backup"]["message"] == "gone", "it was lost again"


def test_a_request_says_why_nothing_is_heard_of_it_until_the_pod_speaks() -> None:
    def shown(before: Json, **changes: Json) -> tuple[Json, float]:
        asked = instance(annotations={"oxy.dev/backup": "n1"}, status={"session": {"backup": before}})
        made = observed(instance=asked, backups=[], **changes)
        concluded = conclude(made, plan_for(made, deployment()), Outcome(account_pushed=True))
        return concluded.status["session"]["backup"], concluded.requeue_after

    away, _ = shown({}, bus_away=True, reported=live(connection="connected"), pod=pod(ready=True))
    assert (away["outcome"], away["reason"]) == ("Requested", "BusAway")
    assert "Bring NATS back" in away["message"]
    silent, _ = shown(away, pod=pod(ready=True))
    assert (silent["outcome"], silent["reason"]) == ("Requested", "PodUnheard")
    assert "oxy logs petshop -n shops" in silent["message"]
    assert shown(silent)[0] == {"nonce": "n1", "outcome": "Requested"}, "of a pod that is not ready, Ready says why"
    heard, again = shown(silent, reported=live(connection="connected"), pod=pod(ready=True))
    assert heard == {"nonce": "n1", "outcome": "Requested"}
    assert again == HEARTBEAT_SECONDS, "no event tells that a pod falls silent"
    running = {"nonce": "n1", "outcome": "Running"}
    under_way = live(connection="connected", backup={"outcome": "running", "at": NOW, "request": "n1"})
    cut_off, _ = shown(running, bus_away=True, reported=under_way)
    assert (cut_off["outcome"], cut_off["reason"]) == ("Running", "BusAway")
    over = {"nonce": "n1", "outcome": "Failed", "reason": "StoreFull"}
    assert shown(over, bus_away=True)[0] == over


# -- restoring


def test_a_wish_is_pinned_in_a_new_epoch_and_latest_stays_what_it_was() -> None:
    pinned = following(restoring(), record(ended=None), backups=[backup(2), backup(1)])
    assert pinned.restore is not None
    assert (pinned.epoch, pinned.restore.wish.manifest.id, pinned.window_open(NOW)) == (3, uuid(2), True)
    read = EpochRecord.of(pinned.annotations)
    assert read == pinned
    later = following(restoring(), read, backups=[backup(3), backup(2)], known_epoch=3)
    assert later == pinned


def test_another_wish_and_the_same_one_set_again_are_new_ones() -> None:
    one = ID.format(1)
    specs = [restoring(), restoring(one), restoring(one, force=True), instance(), restoring(one, force=True)]
    made, wishes = record(), []
    for generation, spec in enumerate(specs):
        changed = spec.model_copy(update={"generation": generation})
        made = following(changed, made, backups=[backup(2), backup(1)])
        wishes.append(made.restore and made.restore.wish)
    assert [wish and (wish.manifest.id, wish.force) for wish in wishes] == [
        (uuid(2), False),
        (uuid(1), False),
        (uuid(1), True),
        None,
        (uuid(1), True),
    ]
    assert len({wish.id for wish in wishes if wish}) == 4


def test_the_same_backup_is_restored_once_more_for_another_request_and_none_of_earlier_releases_is() -> None:
    digest = hashlib.sha256(b'{"backup_id":"latest","instance":null,"force":false}').hexdigest()[:16]
    assert asked_for(restoring()) == digest, "what was pinned before there were requests stays pinned"
    first = following(restoring(request="n1"), record(), backups=[backup()])
    assert following(restoring(request="n1"), first, known_epoch=3, backups=[backup()]) == first
    again = following(restoring(request="n2"), first, known_epoch=3, backups=[backup()])
    assert (again.epoch, first.epoch) == (4, 3)
    shown = status(observed(instance=restoring(request="n2"), record=again, known_epoch=4, pod=None))
    assert shown["session"]["restore"]["request"] == "n2"


def test_a_restored_session_is_known_by_its_epoch_until_another_takes_its_place() -> None:
    pinned = following(restoring(), record(), backups=[backup()])
    assert pinned.restore is not None
    assert pinned.restore.epoch == pinned.epoch == 3
    # The session was damaged: a runtime of before set it aside, and offers codes for another.
    other = following(restoring(), pinned, known_epoch=3, pod=pod(epoch=3), live=live(epoch=3, connection="pairing"))
    assert other.restore == pinned.restore.model_copy(update={"epoch": None})


def test_a_backup_whose_device_was_unlinked_is_restored_only_if_a_person_insists_or_there_is_no_other() -> None:
    older, last = backup(1), backup(2, device="cd" * 32, leaving=True)
    both = observed(instance=restoring(), record=record(), backups=[last, older], source_backups=[last, older])
    passed_over = following(both.instance, record(), backups=both.source_backups)
    assert passed_over.restore is not None
    assert (passed_over.restore.wish.manifest.id, passed_over.restore.unlinked) == (uuid(1), False)
    only = following(restoring(), record(), backups=[last])
    assert only.restore is not None
    assert (only.restore.wish.manifest.id, only.restore.unlinked) == (uuid(2), True)
    for outcome in (None, RestoreOutcome.RESTORED):
        pin = only.restore.model_copy(update={"outcome": outcome})
        given = observed(instance=restoring(), record=replace(only, restore=pin), known_epoch=3, pod=None)
        assert "LoggedOut" in condition(status(given), "Restored")["message"]
    given = replace(given, pod=pod(epoch=3, ready=True), reported=live(epoch=3, connection="connected"))
    assert "LoggedOut" not in condition(status(given), "Restored")["message"], "the phone has kept it"
    named = observed(instance=restoring(ID.format(2)), record=record(), source_backups=[last, older])
    assert following(named.instance, record(), backups=[last, older]) == record()
    told = condition(status(named), "Restored")
    assert (told["status"], told["reason"]) == ("False", "DeviceUnlinked")
    assert "spec.session.restoreFrom.force" in told["message"]
    assert "link the phone: oxy pair petshop -n shops" in told["message"]
    insisting = following(restoring(ID.format(2), force=True), record(), backups=[last, older])
    assert insisting.restore is not None
    assert insisting.restore.unlinked


def test_the_phone_is_not_blamed_for_a_restored_device_that_oxy_itself_had_unlinked() -> None:
    last = backup(2, device="cd" * 32, leaving=True)
    pinned = following(restoring(), record(), backups=[last])
    assert pinned.restore is not None
    said = live(epoch=3, restore={"wish": pinned.restore.wish.id, "outcome": "restored", "at": NOW})
    there = {"known_epoch": 3, "pod": pod(epoch=3), "live": said}
    settled = following(restoring(), pinned, **there)
    over = {"known_epoch": 3, "pod": pod(epoch=3, state=termination(64, epoch=3))}
    ended = following(restoring(), settled, **over)
    assert ended.end is not None
    assert "Oxy had it unlinked" in ended.end.message
    assert ended.end.message.endswith("run: oxy pair petshop -n shops")
    shown = condition(status(observed(instance=restoring(), record=ended, known_epoch=3, pod=None)), "Ready")
    assert (shown["reason"], shown["message"]) == ("LoggedOut", ended.end.message)
    # The phone had kept it: then somebody has removed it since.
    kept = following(restoring(), settled, **there | {"pod": pod(epoch=3, ready=True)})
    ended = following(restoring(), kept, **over)
    assert ended.end is not None
    assert ended.end.message == "the cause"
    banned = following(restoring(), settled, **over | {"pod": pod(epoch=3, state=termination(66, epoch=3))})
    assert banned.end is not None
    assert banned.end.message == "the cause"


def test_backups_of_a_device_that_was_unlinked_are_shown_as_such_and_do_not_count() -> None:
    last = backup(2, device="cd" * 32, leaving=True)
    shown = status(observed(backups=[last], pod=pod(ready=True)))
    assert shown["session"]["backups"][0]["unlinkedAfter"] is True
    assert "lastBackupAt" not in shown["session"]
    assert condition(shown, "BackedUp")["reason"] == "NotYet"
    shown = status(observed(backups=[last, backup(1, age=timedelta(hours=3))], pod=pod(ready=True)))
    assert ["unlinkedAfter" in item for item in shown["session"]["backups"]] == [True, False]
    assert shown["session"]["lastBackupAt"] == "2026-11-22T09:00:00Z"
    assert condition(shown, "BackedUp")["reason"] == "Verified"
    plan = removal_plan(leaving(backups=(backup(leaving=True),), reported=left("unlinking")))
    assert plan is not None
    assert plan.status is not None
    assert condition(plan.status, "BackedUp")["reason"] == "Verified", "it is about to be unlinked"


def test_backups_of_an_earlier_device_do_not_count_and_are_shown_as_such_once_a_phone_is_linked_anew() -> None:
    old, now = backup(1, linked_at=LINKED_AT), {"linked_at": NOW - timedelta(minutes=2)}
    there = {"pod": pod(ready=True), "reported": live(session=now)}
    shown = status(observed(backups=[old], **there))
    assert condition(shown, "BackedUp")["reason"] == "NotYet"
    assert shown["session"]["backups"][0]["earlierDevice"] is True
    assert "lastBackupAt" not in shown["session"]
    silent = status(observed(instance=instance(status=shown), backups=[old]))
    assert condition(silent, "BackedUp")["reason"] == "NotYet"
    shown = status(observed(backups=[backup(2, age=timedelta(), **now), old], **there))
    assert condition(shown, "BackedUp")["reason"] == "Verified"
    assert ["earlierDevice" in item for item in shown["session"]["backups"]] == [False, True]


def test_the_device_that_was_logged_out_stays_known_until_it_is_there_again() -> None:
    told = {"linkedAt": "2026-11-13T12:00:00Z"}
    end = EpochEnd(epoch=2, exit_code=64, reason="LoggedOut", message="removed")
    out = status(observed(instance=instance(status={"session": told}), record=replace(record(), ended=end), pod=None))
    assert out["session"]["loggedOut"] == told["linkedAt"]
    for since, there in ((NOW, True), (LINKED_AT, False)):
        said = live(session={"linked_at": since}, connection="connected")
        shown = status(observed(instance=instance(status=out), pod=pod(ready=True), reported=said))
        assert ("loggedOut" in shown["session"]) is there
    damaged = EpochEnd(epoch=2, exit_code=68, reason="BadSession", message="damaged")
    lost = status(
        observed(instance=instance(status={"session": told}), record=replace(record(), ended=damaged), pod=None)
    )
    assert "loggedOut" not in lost["session"]


def test_a_pin_that_is_lost_is_made_again_as_the_wish_that_the_volume_remembers() -> None:
    first = following(restoring(), record(), backups=[backup()])
    again = following(restoring(), replace(first, restore=None), backups=[backup()])
    assert first.restore is not None
    assert again.restore is not None
    assert (again.restore.wish, again.epoch) == (first.restore.wish, first.epoch + 1)


def test_a_pin_stays_while_what_is_asked_for_cannot_be_read() -> None:
    first = following(restoring(), record(), backups=[backup()])
    assert following(instance(session={"backup": "?"}), first, known_epoch=3, backups=[backup()]) == first
    assert following(instance(), first, known_epoch=3).restore is None


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (None, "BusUnavailable"),
        ([], "BackupNotFound"),
        ([backup(2)], "BackupNotFound"),
        ([backup(1, number="cd" * 12)], "BackupOfAnotherNumber"),
        ([backup(1, organization="other")], "BackupOfAnotherNumber"),
    ],
)
def test_what_cannot_be_restored_is_explained_and_starts_no_pod_that_could_only_pair(made: Json, reason: str) -> None:
    wanted = restoring(ID.format(1))
    assert following(wanted, record(), backups=made) == record()
    for paired, replicas in ((True, 1), (False, 0)):
        given = observed(instance=wanted, source_backups=made, record=record(paired=paired))
        shown = condition(status(given), "Restored")
        if reason == "BackupNotFound":
            lists = "show petshop -n shops" if made else "list -A"
            assert shown["message"].endswith(f"run: oxy sessions {lists}")
        assert (shown["status"], shown["reason"]) == ("False", reason)
        children = plan_for(given, deployment()).children("volume")
        [workload] = [child.body for child in children if child.kind == STATEFUL_SETS]
        assert workload["spec"]["replicas"] == replicas
        concluded = conclude(given, plan_for(given, deployment()), Outcome(account_pushed=True))
        assert concluded.requeue_after <= CORRECTION_SECONDS, "no event says that another instance has made one"
        ready = condition(status(replace(given, pod=None)), "Ready")
        assert ready["reason"] == ("PodMissing" if paired else reason)


@pytest.mark.parametrize(
    ("outcome", "holds", "reason"),
    [("waiting", "False", "NoAnswer"), ("restored", "True", "Restored"), ("refused", "False", "SessionNewer")],
)
def test_the_pods_answer_is_shown_and_a_final_one_remembered(outcome: str, holds: str, reason: str) -> None:
    pinned = following(restoring(), record(), backups=[backup()])
    assert pinned.restore is not None
    said = {
        "wish": pinned.restore.wish.id,
        "outcome": outcome,
        "at": NOW,
        "reason": {"restored": None}.get(outcome, reason),
        "detail": "as it is",
    }
    seen = {"instance": restoring(), "record": pinned, "known_epoch": 3, "pod": pod(epoch=3)}
    shown = condition(status(observed(**seen, reported=live(epoch=3, restore=said))), "Restored")
    assert (shown["status"], shown["reason"]) == (holds, reason)
    ready = condition(status(observed(**seen, reported=live(epoch=3, restore=said))), "Ready")
    assert (ready["reason"] == "Restoring") is (outcome == "waiting")
    kept = following(restoring(), pinned, known_epoch=3, pod=pod(epoch=3), live=live(epoch=3, restore=said))
    silent = condition(status(observed(**seen | {"record": kept, "pod": None})), "Restored")
    assert silent["reason"] == (reason if outcome != "waiting" else "Restoring")
    if outcome == "restored":
        assert "may be lost" in silent["message"]


def test_a_backup_is_to_be_restored_until_its_pod_has_settled_that() -> None:
    pinned = following(restoring(), record(), backups=[backup()])
    assert (record().restoring, pinned.restoring) == (None, uuid(1))
    assert pinned.restore is not None
    said = {"wish": pinned.restore.wish.id, "outcome": "refused", "at": NOW, "reason": "SessionNewer"}
    kept = following(restoring(), pinned, known_epoch=3, pod=pod(epoch=3), live=live(epoch=3, restore=said))
    assert kept.restoring is None

    cache, place = ClusterCache(), {"namespace": "shops", "labels": {"oxy.dev/instance": "petshop"}}
    claim = {"name": "wai-petshop-session", "uid": "u", "resourceVersion": "1", "annotations": pinned.annotations}
    cache.children[CLAIMS].observe({"metadata": claim | place})
    assert cache.restoring() == set(), "its instance was deleted"
    cache.instances.put(resource() | {"metadata": resource()["metadata"] | {"resourceVersion": "1"}})
    assert cache.restoring() == {uuid(1)}


def test_an_answer_to_another_wish_and_a_damaged_pin_count_for_nothing() -> None:
    pinned = following(restoring(), record(), backups=[backup()])
    said = {"wish": "another", "outcome": "restored", "at": NOW}
    assert following(restoring(), pinned, known_epoch=3, pod=pod(epoch=3), live=live(epoch=3, restore=said)) == pinned
    assert pinned.restore is not None
    written = json.loads(pinned.restore.model_dump_json())
    written["wish"] |= {"newer": 1, "manifest": written["wish"]["manifest"] | {"newer": 1}}
    assert RestorePin.of(json.dumps(written)) == pinned.restore
    assert RestorePin.of("{}") is None
    assert RestorePin.of("x") is None


def test_a_linked_session_that_a_backup_replaces_is_set_aside() -> None:
    """Its device stays linked whatever becomes of the one of the backup."""
    for paired, noted in ((True, NOW), (False, None)):
        assert following(restoring(), record(paired=paired), backups=[backup()]).set_aside == noted


def restored(before: EpochRecord, **session: Json) -> EpochRecord:
    """Return the record after a backup was restored, and what the pod says of the session then."""
    pinned = following(restoring(), before, backups=[backup()])
    assert pinned.restore is not None
    wish = pinned.restore.wish.id
    facts = {"set_aside_bytes": 9, "others_aside": False, "regained_by": wish} | session
    said = live(epoch=3, restore={"wish": wish, "outcome": "restored", "at": NOW}, session=facts)
    later = following(restoring(), pinned, known_epoch=3, pod=pod(epoch=3, ready=True), live=said)
    assert following(restoring(), later, known_epoch=3, pod=pod(epoch=3, ready=True), live=said) == later
    return later


MISSING: Json = {"pod": pod(state=termination(68, why="SessionMissing"))}


@pytest.mark.parametrize("earlier", [None, NOW - HOUR])
@pytest.mark.parametrize("observations", [{}, MISSING], ids=["linked", "missing"])
def test_a_device_that_its_own_backup_brings_back_is_not_one_that_was_set_aside(
    observations: Json, earlier: datetime | None
) -> None:
    before = following(instance(), record(set_aside=earlier), **observations)
    assert before.set_aside == (NOW if observations else earlier)
    assert restored(before).set_aside == earlier, "of an earlier one, the record stays"
    for other in ({"regained_by": None, "others_aside": True}, {"regained_by": "an earlier wish"}):
        assert restored(before, **other).set_aside == NOW


def test_the_end_of_a_session_that_was_missing_and_restored_leaves_no_device_behind() -> None:
    regained = restored(following(instance(), record(), **MISSING))
    changes = {"record": regained, "known_epoch": 3, "reported": left("left", backup=ID.format(2))}
    made = backup(2, epoch=3, request=LEAVE)
    ended = pod(epoch=3, state=termination(64, epoch=3))
    plan = removal_plan(leaving(**changes, backups=(made,), pod=ended))
    assert plan is not None
    assert (plan.claim is not None, plan.remark) == (True, None)


# -- deletion with the policy Delete


def leaving(**changes: Json) -> Observed:
    deleted_at = changes.pop("deleted_at", NOW - timedelta(seconds=10))
    spec = {"session": {"deletionPolicy": "Delete"}} | changes.pop("spec", {})
    made = instance(**spec, finalizers=["oxy.dev/bus"], deleted_at=deleted_at)
    made = made.model_copy(update={"created_at": NOW - timedelta(days=1)})
    return observed(**{"instance": made, "backups": ()} | changes)


LEAVE = instance().uid


def left(step: str, **fields: Json) -> Json:
    return live(leaving={"wish": LEAVE, "step": step, "at": NOW, **fields})


STOPPED: Json = {"pod": None, "spec": {"suspend": True}, "workload": Workload(epoch=2, replicas=0)}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "TellingPod"),
        ({"reported": left("backing_up")}, "BackingUp"),
        ({"reported": left("unlinking")}, "Unlinking"),
        ({"reported": left("failed", reason="NotConnected")}, "NotConnected"),
        ({"reported": left("left")}, None),
        ({"reported": left("left", backup=ID.format(1))}, "ReadingBackups"),
        ({"reported": left("left", backup=ID.format(1)), "backups": (backup(1),)}, None),
        ({"pod": None}, "PodMissing"),
        ({"pod": pod(deleted_at=NOW)}, "PodMissing"),
        ({"pod": pod(epoch=1)}, "PodMissing"),
        ({"pod": None, "reported": left("unlinking")}, "PodMissing"),
        ({"pod": None, "reported": left("left")}, None),
        ({"pod": None, "workload": Workload(epoch=2, replicas=0)}, None),
        ({"pod": None, "spec": {"suspend": True}}, "PodMissing"),  # not stopped yet, so it can leave
        (STOPPED, "StartingPod"),
        (STOPPED | {"deleted_at": NOW - RELEASE_AFTER - timedelta(seconds=1)}, None),
        (STOPPED | {"record": record(paired=False)}, None),
        (STOPPED | {"proxy": ProxyWanted("proxy", fault=ProxyFault("ProxySecretMissing", "", ""))}, None),
        ({"pod": None, "record": record(ended=EpochEnd(epoch=2, exit_code=64, reason="x", message="y"))}, None),
        ({"pod": pod(state=termination(64))}, None),
        ({"pod": pod(state=termination(64)), "backups": None}, "ReadingBackups"),
        ({"workload": None}, None),
        ({"deleted_at": NOW - RELEASE_AFTER - timedelta(seconds=1)}, None),
        ({"record": record(paired=False)}, None),
    ],
)
def test_a_pod_is_told_to_leave_and_waited_for(changes: Json, reason: str | None) -> None:
    given = leaving(**changes)
    plan = removal_plan(given)
    assert plan is not None
    assert (plan.settings is None, plan.status is None) == (reason is None, reason is None)
    if plan.settings is not None and plan.status is not None:
        told = TenantSettings.decode(plan.settings["data"]["settings.json"].encode())
        assert told.leave == LeaveWish(id=LEAVE)
        assert plan.starts_pod is (reason == "StartingPod")
        shown = condition(plan.status, "Removed")
        assert (shown["status"], shown["reason"]) == ("False", reason)


def test_an_instance_that_is_frozen_stays_so_while_it_leaves() -> None:
    frozen = Freeze(revision=5, hold=Hold(since=NOW, by="ana"))
    plan = removal_plan(leaving(freeze=frozen, reported=live(frozen=frozen)))
    assert plan is not None
    assert plan.settings is not None
    assert plan.status is not None
    assert TenantSettings.decode(plan.settings["data"]["settings.json"].encode()).frozen == frozen
    assert condition(plan.status, "Frozen")["reason"] == "Frozen"


@pytest.mark.parametrize(
    ("changes", "deletes"),
    [
        ({}, False),
        ({"backups": None}, False),
        ({"backups": (backup(epoch=1),)}, False),
        ({"backups": (backup(epoch=1, request=LEAVE),)}, True),
        ({"backups": (backup(),)}, True),
        ({"backups": (backup(age=timedelta(days=30)),)}, False),  # of an earlier instance of this name
        ({"record": record(paired=False)}, True),  # never linked, or unlinked by WhatsApp
        ({"record": record(paired=False), "pod": pod(ready=True)}, False),  # linked, which nobody has recorded yet
        ({"record": record(paired=False, set_aside=NOW - HOUR)}, False),
        ({"record": record(paired=False, set_aside=NOW - HOUR), "backups": None}, False),
        ({"record": record(paired=False, set_aside=NOW - HOUR), "backups": (backup(age=2 * HOUR),)}, False),
        ({"record": record(paired=False, set_aside=NOW - HOUR), "backups": (backup(age=HOUR),)}, True),
        ({"record": record(paired=False, set_aside=NOW - HOUR), "backups": (backup(epoch=1),)}, False),
        ({"record": record(paired=False, set_aside=UNKNOWN), "backups": (backup(),)}, False),
        ({"record": record(set_aside=NOW - HOUR), "backups": (backup(age=2 * HOUR),)}, False),
        ({"record": record(set_aside=NOW - HOUR), "backups": (backup(age=HOUR / 2),)}, True),
    ],
)
def test_the_only_copy_of_credentials_is_never_deleted(changes: Json, *, deletes: bool) -> None:
    for since in (timedelta(seconds=1), RELEASE_AFTER + timedelta(seconds=1)):
        given = leaving(**{"deleted_at": NOW - since, "pod": None} | changes)
        assert farewell(given, overdue=since > RELEASE_AFTER).deletes_claim is deletes
        plan = removal_plan(given)
        assert plan is not None
        assert (plan.claim is not None) is deletes
        if not deletes:
            assert plan.remark is not None
            assert plan.remark.reason == "SessionKept"
            assert "oxy sessions delete petshop -n shops" in plan.remark.note


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "DeviceStillLinked"),
        ({"reported": left("failed", reason="NotConnected")}, "DeviceStillLinked"),
        ({"reported": left("left")}, None),
        ({"reported": left("left"), "record": record(set_aside=NOW - HOUR)}, "DeviceStillLinked"),  # another one
        ({"pod": pod(state=termination(64))}, None),
        ({"record": record(paired=False)}, None),
        ({"record": record(paired=False, set_aside=NOW - HOUR)}, "DeviceStillLinked"),
    ],
)
def test_people_see_that_a_device_may_be_linked_whose_volume_is_gone(changes: Json, reason: str | None) -> None:
    made = backup(age=HOUR / 2)
    plan = removal_plan(leaving(**{"deleted_at": NOW - 2 * RELEASE_AFTER, "backups": (made,)} | changes))
    assert plan is not None
    assert plan.claim is not None
    assert (plan.remark and plan.remark.reason) == reason
    if plan.remark is not None:
        assert f"backup {made.manifest.id} of 2026-11-22T11:30:00Z" in plan.remark.note
        assert "Linked devices" in plan.remark.note


MADE = (backup(age=HOUR / 2),)


@pytest.mark.parametrize(
    ("changes", "unlinked"),
    [
        ({}, False),
        ({"pod": pod(state=termination(64))}, True),
        ({"pod": pod(last=termination(64))}, True),  # started once more meanwhile
        ({"reported": left("left"), "pod": None}, True),
        ({"reported": left("left", backup=ID.format(9))}, False),  # waited for: its backup is not listed yet
        ({"reported": left("unlinking")}, False),
        ({"deleted_at": NOW - 2 * RELEASE_AFTER}, False),
        ({"deleted_at": NOW - 2 * RELEASE_AFTER, "reported": left("failed")}, False),
        ({"deleted_at": NOW - 2 * RELEASE_AFTER, "pod": pod(state=termination(70))}, False),
    ],
)
def test_that_a_device_was_unlinked_is_known_once_its_pod_is_gone(changes: Json, *, unlinked: bool) -> None:
    for aside in (None, NOW - HOUR):
        plan = removal_plan(leaving(**{"backups": MADE, "record": record(set_aside=aside)} | changes))
        assert plan is not None
        assert plan.record == record(paired=not unlinked, set_aside=aside)
        # Another operator, which has heard nothing of the pod.
        kept = EpochRecord.of(plan.record.annotations)
        later = removal_plan(leaving(backups=MADE, record=kept, pod=None, workload=None))
        assert later is not None
        assert later.claim is not None
        assert (later.remark is None) is (unlinked and aside is None)


@pytest.mark.parametrize("deleted_at", [NOW, NOW - 2 * RELEASE_AFTER])
def test_that_a_phone_is_linked_is_known_once_its_pod_is_gone(deleted_at: datetime) -> None:
    connected = pod(ready=True)
    plan = removal_plan(leaving(backups=[], record=record(paired=False), pod=connected, deleted_at=deleted_at))
    assert plan is not None
    assert plan.record == record(paired=True)
    later = removal_plan(leaving(backups=[], record=plan.record, pod=None, deleted_at=NOW - 2 * RELEASE_AFTER))
    assert later is not None
    assert later.claim is None
    assert later.remark is not None
    assert later.remark.reason == "SessionKept"
