from dataclasses import replace
from datetime import timedelta

import pytest
from unit.wai_operator.making import (
    NOW,
    PHONE,
    POD_UID,
    RUNNING,
    UID,
    Json,
    instance,
    live,
    pod,
    record,
    termination,
    waiting,
)

from oxy_core.identity import number_digest
from oxy_core.instance.pairing_window import PAIRING_WINDOW
from oxy_core.instance.set_aside import UNKNOWN
from oxy_core.times import utc_text
from oxy_operator.decide.epoch_record import EpochEnd, EpochRecord, next_record


def following(before: EpochRecord | None, **facts: Json) -> EpochRecord:
    made = {"known_epoch": 0, "pod": None, "live": None, "now": NOW} | facts
    return next_record(made.pop("of", instance()), before, **made)


def test_a_new_instance_begins_with_an_open_window() -> None:
    begun = following(None)
    window = NOW + PAIRING_WINDOW
    number = number_digest(PHONE)
    assert begun == EpochRecord(1, UID, paired=False, pairing_until=window, repaired=None, ended=None, number=number)


def test_if_nothing_happens_nothing_changes() -> None:
    assert following(record()) == record()


@pytest.mark.parametrize("known", [0, 1, 2])
def test_a_lost_claim_does_not_lower_the_epoch(known: int) -> None:
    assert following(None, known_epoch=known).epoch == max(known, 1)


def test_a_claim_with_an_older_epoch_than_the_pods_continues_from_there() -> None:
    assert following(record(epoch=2), known_epoch=5).epoch == 5


def test_a_kept_claim_is_adopted_in_a_new_epoch_with_a_window() -> None:
    kept = record(incarnation="earlier", ended=EpochEnd(epoch=2, exit_code=64, reason="x", message="y"))
    begun = following(kept)
    assert (begun.epoch, begun.incarnation, begun.pairing_until) == (3, UID, NOW + PAIRING_WINDOW)
    assert begun.end is None
    assert begun.paired


LINKED_AT = NOW - timedelta(days=3)


@pytest.mark.parametrize(
    ("connection", "session", "is_noted"),
    [
        ("connected", {"linked_at": LINKED_AT, "device": 2}, True),
        ("starting", {"linked_at": LINKED_AT, "device": 2}, False),  # as the last process left it
        ("connected", {"linked_at": LINKED_AT, "device": None}, False),  # it is not examined yet
        ("connected", {"linked_at": None, "device": 2}, False),
        ("connected", None, False),
    ],
)
def test_when_a_phone_was_linked_is_noted_with_the_epoch_once_its_pod_knows(
    connection: str, session: Json, *, is_noted: bool
) -> None:
    told = {"pod": pod(ready=True), "live": live(connection=connection, session=session)}
    made = following(record(linked="1 of before"), **told)
    assert made.linked == (f"2 {utc_text(LINKED_AT)}" if is_noted else "1 of before")
    assert EpochRecord.of(made.annotations) == made
    adopted = following(replace(made, incarnation="earlier"))
    assert (adopted.epoch, adopted.linked) == (3, made.linked), "it says that it is of the epoch before"


def test_a_repair_opens_a_window_in_a_new_epoch_once() -> None:
    asked = instance(annotations={"oxy.dev/repair": "n1"})
    repaired = following(record(ended=EpochEnd(epoch=2, exit_code=64, reason="x", message="y")), of=asked)
    assert (repaired.epoch, repaired.repaired, repaired.end) == (3, "n1", None)
    assert repaired.pairing_until == NOW + PAIRING_WINDOW
    assert following(repaired, of=asked, now=NOW + timedelta(days=1)) == repaired


def test_an_instance_created_with_a_repair_annotation_is_not_repaired_twice() -> None:
    asked = instance(annotations={"oxy.dev/repair": "n1"})
    assert following(following(None, of=asked), of=asked).epoch == 1


def test_a_removed_annotation_repairs_nothing() -> None:
    assert following(record(repaired="n1")) == record(repaired="n1")


@pytest.mark.parametrize(("code", "paired"), [(64, False), (65, True), (66, True), (67, True), (68, False)])
def test_a_terminal_cause_is_recorded(code: int, paired: bool) -> None:  # noqa: FBT001 a table's column
    ended = following(record(), pod=pod(state=termination(code)))
    assert ended.end == EpochEnd(
        epoch=2,
        exit_code=code,
        reason="Why",
        message="the cause",
        image="registry.example/tenant:1",
        aside_before="never",
    )
    assert ended.paired is paired
    assert ended.epoch == 2


@pytest.mark.parametrize("code", [0, 1, 63, 70, 73, 137])
def test_any_other_exit_is_left_to_the_kubelet(code: int) -> None:
    assert following(record(), pod=pod(state=termination(code))) == record()


@pytest.mark.parametrize(
    "ended",
    [
        pod(state=termination(64, epoch=1)),
        pod(state=termination(64, pod_uid="another")),
        pod(state=termination(64, left=False)),
        pod(state=termination(64), epoch=1),
    ],
    ids=["older epoch", "another pod", "no message", "pod of an older epoch"],
)
def test_terminations_of_another_epoch_or_pod_are_ignored(ended: Json) -> None:
    assert following(record(), pod=ended) == record()


def test_the_newest_termination_of_the_epoch_counts() -> None:
    older, newer = NOW - timedelta(minutes=2), NOW - timedelta(minutes=1)
    both = pod(state=termination(65, at=older), last=termination(64, at=newer))
    assert both.ended(2).exit_code == 64
    mixed = pod(state=termination(65, epoch=1, at=newer), last=termination(64, at=older))
    assert mixed.ended(2).exit_code == 64


def test_an_end_is_recorded_even_if_the_container_runs_again() -> None:
    assert following(record(), pod=pod(state=RUNNING, last=termination(65))).end is not None


def test_an_end_is_not_replaced_by_a_later_one_of_its_epoch() -> None:
    first = EpochEnd(epoch=2, exit_code=64, reason="x", message="y")
    assert following(record(ended=first), pod=pod(state=termination(65))).end == first


def test_a_ready_pod_means_paired() -> None:
    assert following(record(paired=False), pod=pod(ready=True)).paired
    assert not following(record(paired=False), pod=pod(ready=True, epoch=1)).paired


@pytest.mark.parametrize(
    ("before", "seen", "epoch"),
    [
        (record(paired=False), pod(), 2),
        (record(paired=False, pairing_until=NOW + PAIRING_WINDOW), pod(last=termination(70)), 2),
        (record(paired=False), None, 3),
        (record(paired=False), pod(epoch=1), 3),
        (record(paired=False), pod(deleted_at=NOW), 3),
        (record(paired=False), pod(reason="Evicted"), 3),
        (record(paired=False), pod(state=waiting("CrashLoopBackOff"), last=termination(70)), 3),
        (record(paired=False), pod(state=termination(64)), 3),
        (record(), pod(), 3),
        (record(), pod(ready=True), 3),
        (record(ended=EpochEnd(epoch=2, exit_code=64, reason="x", message="y"), paired=False), pod(), 3),
    ],
    ids=[
        "waits",
        "offers codes",
        "no pod",
        "older pod",
        "leaves",
        "evicted",
        "backs off",
        "has ended",
        "linked",
        "connected",
        "epoch ended",
    ],
)
def test_a_repair_leaves_a_pod_that_only_waits_for_a_phone(before: EpochRecord, seen: Json, epoch: int) -> None:
    asks = instance(annotations={"oxy.dev/repair": "new"})
    repaired = following(before, of=asks, pod=seen)
    assert (repaired.epoch, repaired.repaired, repaired.pairing_until) == (epoch, "new", NOW + PAIRING_WINDOW)
    assert repaired.end is None
    assert following(repaired, of=asks) == repaired


def test_a_session_set_aside_opens_a_window_once() -> None:
    reported = live(connection="pairing")
    reopened = following(record(), pod=pod(), live=reported)
    assert (reopened.paired, reopened.pairing_until, reopened.epoch) == (False, NOW + PAIRING_WINDOW, 2)
    assert reopened.set_aside == NOW
    just_after = following(record(), pod=pod(), live=reported, now=NOW + timedelta(milliseconds=1)).set_aside
    assert just_after == NOW + timedelta(seconds=1), "a backup of the same second is not newer"
    assert following(reopened, pod=pod(), live=reported, now=NOW + timedelta(hours=1)) == reopened


@pytest.mark.parametrize(
    ("code", "kept"),
    [(64, False), (65, False), (66, False), (67, False), (68, True), (69, False), (71, False), (72, True)],
)
def test_it_is_noted_that_credentials_stay_on_the_volume_unless_whatsapp_unlinked_them(
    code: int, *, kept: bool
) -> None:
    assert following(record(), pod=pod(state=termination(code))).set_aside == (NOW if kept else None)
    earlier = record(set_aside=NOW - PAIRING_WINDOW)
    assert following(earlier, pod=pod(state=termination(64))).set_aside == earlier.set_aside, "those are of another one"


@pytest.mark.parametrize(("size", "kept"), [(None, False), (0, False), (1, True)])
def test_what_a_pod_says_is_set_aside_is_noted_once(size: int | None, *, kept: bool) -> None:
    said = live(session={"set_aside_bytes": size})
    noted = following(record(), pod=pod(ready=True), live=said)
    assert noted.set_aside == (NOW if kept else None)
    same = live(session={"set_aside_bytes": size, "others_aside": False})
    assert following(record(), pod=pod(ready=True), live=same).set_aside is None
    later = following(noted, pod=pod(ready=True), live=said, now=NOW + timedelta(hours=1))
    assert later == noted


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("code", [None, 64, 68, 69])
def test_of_what_an_older_operator_did_not_note_the_worst_is_assumed(code: int | None, *, paired: bool) -> None:
    ended = None if code is None else EpochEnd(epoch=2, exit_code=code, reason="x", message="y")
    before = record(paired=paired, ended=ended).annotations
    del before["oxy.dev/set-aside"]
    read = EpochRecord.of(before)
    assert read is not None
    is_certain = paired or code in {64, 69}
    assert read.set_aside == (None if is_certain else UNKNOWN)
    assert following(read).set_aside == (None if is_certain else NOW)


@pytest.mark.parametrize("text", ["", "soon", "2026-11-22T11:00:00"])
def test_a_time_that_cannot_be_read_is_later_than_every_backup(text: str) -> None:
    read = EpochRecord.of(record(paired=True).annotations | {"oxy.dev/set-aside": text})
    assert read is not None
    assert read.set_aside == UNKNOWN


@pytest.mark.parametrize(
    "made",
    [
        record(),
        record(paired=False, set_aside=NOW),
        record(paired=False, pairing_until=None),
        record(repaired="n", ended=EpochEnd(epoch=2, exit_code=68, reason="r", message='quoted "text"')),
    ],
)
def test_a_record_reads_back_what_it_writes(made: EpochRecord) -> None:
    assert EpochRecord.of(made.annotations) == made
    assert all(isinstance(value, str) for value in made.annotations.values())


@pytest.mark.parametrize("annotations", [{}, {"oxy.dev/epoch": "x"}, {"oxy.dev/paired": "true"}])
def test_annotations_without_an_epoch_hold_no_record(annotations: dict[str, str]) -> None:
    assert EpochRecord.of(annotations) is None


def test_damaged_annotations_do_not_affect_the_others() -> None:
    damaged = record().annotations | {"oxy.dev/ended": "{", "oxy.dev/pairing-until": "soon"}
    assert EpochRecord.of(damaged) == replace(record(), ended=None, pairing_until=None)


def test_a_pod_without_our_container_is_read() -> None:
    bare = pod(containerStatuses=[])
    assert (bare.running, bare.restarts, bare.terminations, bare.uid) == (False, 0, (), POD_UID)
