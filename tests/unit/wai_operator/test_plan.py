"""One row for each rule of a plan."""

from datetime import timedelta
from typing import Any

import pytest
from unit.wai_operator.making import (
    NOW,
    POD_UID,
    Json,
    deployment,
    instance,
    live,
    observed,
    pod,
    pod_object,
    record,
    termination,
    waiting,
)

from oxy_core.instance.custom_resource import FINALIZER
from oxy_core.instance.pairing_window import PAIRING_WINDOW
from oxy_operator.decide.epoch_record import EpochEnd
from oxy_operator.decide.plan import Plan, PodNotice, no_children, plan_for
from oxy_operator.decide.pod import Pod
from oxy_operator.decide.stopping import Halt
from oxy_operator.decide.workload import Workload
from oxy_operator.objects import CLAIMS, CONFIG_MAPS, NETWORK_POLICIES, SECRETS, STATEFUL_SETS
from oxy_operator.problems import Problem

CODE = {"method": "PhoneCode", "code": "ABCD1234", "expires_at": NOW + timedelta(minutes=2)}
CLAIM_UID = "the claim's uid"
OPEN = {"paired": False, "pairing_until": NOW + timedelta(minutes=5)}


def plan(**changes: Json) -> Plan:
    return plan_for(observed(**changes), deployment())


def applied(made: Plan) -> list[tuple[str, str]]:
    return [(child.kind.name, child.body["metadata"]["name"]) for child in made.children(CLAIM_UID)]


def removed(made: Plan) -> list[tuple[str, str]]:
    return [(child.kind.name, child.name) for child in made.absent]


def replicas(made: Plan) -> int:
    return next(
        int(child.body["spec"]["replicas"]) for child in made.children(CLAIM_UID) if child.kind == STATEFUL_SETS
    )


def test_an_instance_gets_everything_and_its_pod_last() -> None:
    made = plan()
    assert made.claim is not None
    assert made.claim.kind == CLAIMS
    assert [child.kind for child in made.children(CLAIM_UID)] == [CONFIG_MAPS, SECRETS, NETWORK_POLICIES, STATEFUL_SETS]
    assert made.record == record()
    assert made.settings is not None
    assert made.settings.account == observed().tenancy.account
    assert replicas(made) == 1


def test_a_new_instance_begins_a_record() -> None:
    made = plan(record=None, known_epoch=0, volume=None, workload=None, pod=None)
    assert made.record is not None
    assert (made.record.epoch, made.record.pairing_until) == (1, NOW + PAIRING_WINDOW)


@pytest.mark.parametrize(("finalizers", "adds"), [([], True), ([FINALIZER], False), (["other", FINALIZER], False)])
def test_the_finalizer_is_added_once(finalizers: list[str], adds: bool) -> None:  # noqa: FBT001 a table's column
    assert plan(instance=instance(finalizers=finalizers)).adds_finalizer is adds


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 1),
        ({"instance": instance(suspend=True)}, 0),
        ({"record": record(ended=EpochEnd(epoch=2, exit_code=64, reason="x", message="y"))}, 0),
        ({"record": record(ended=EpochEnd(epoch=1, exit_code=64, reason="x", message="y"))}, 1),
        ({"pod": pod(state=termination(65))}, 0),
        ({"pod": pod(state=termination(70))}, 1),
    ],
    ids=["running", "suspended", "ended", "an earlier epoch ended", "ends now", "out of attempts"],
)
def test_an_instance_that_a_person_stopped_or_has_to_repair_has_no_pod(changes: Any, count: int) -> None:  # noqa: ANN401 a table's column
    assert replicas(plan(**changes)) == count


@pytest.mark.parametrize(
    ("changes", "shown", "absent"),
    [
        ({"record": record(**OPEN), "reported": live(connection="pairing", pairing=CODE)}, True, False),
        ({"record": record(**OPEN), "reported": live(connection="pairing")}, False, False),
        ({"record": record(**OPEN), "reported": live(pairing=CODE, pod_uid="another")}, False, False),
        ({"record": record(paired=False), "reported": live(connection="pairing", pairing=CODE)}, False, True),
        ({"record": record(), "reported": None}, False, True),
    ],
    ids=["a code", "no code yet", "a code of another pod", "the window has closed", "paired"],
)
def test_the_pairing_secret_exists_while_a_phone_can_be_linked(
    changes: Any,  # noqa: ANN401 a table's column
    shown: bool,  # noqa: FBT001 as above
    absent: bool,  # noqa: FBT001 as above
) -> None:
    made = plan(**changes)
    assert (("Secret", "wai-petshop-pairing") in applied(made)) is shown
    assert (("Secret", "wai-petshop-pairing") in removed(made)) is absent


REFUSAL = Problem("NumberTaken", "it belongs to another")


@pytest.mark.parametrize(
    ("changes", "reason", "adds_finalizer"),
    [
        ({"refusal": REFUSAL}, "NumberTaken", False),
        ({"record": record(number="another")}, "SessionOfAnotherNumber", True),
        (
            {"record": record(incarnation="earlier"), "volume_owner": "another"},
            "SessionOfAnotherOrganization",
            True,
        ),
        ({"record": None, "volume_owner": "another"}, "SessionOfAnotherOrganization", True),
        ({"instance": instance(timezone="Mars/Olympus"), "workload": None}, "TimezoneUnknown", True),
    ],
)
def test_a_rejected_instance_loses_its_pod_and_gets_nothing(changes: Any, reason: str, adds_finalizer: bool) -> None:  # noqa: ANN401, FBT001 a table's columns
    made = plan(**changes)
    assert removed(made) == [("StatefulSet", "wai-petshop")]
    assert (made.claim, made.record, made.children, made.settings) == (None, None, no_children, None)
    assert made.adds_finalizer is adds_finalizer
    assert made.situation.rejected is not None
    assert made.situation.rejected.reason == reason
    assert (made.situation.record, made.situation.pod, made.situation.live) == (None, None, None)


def test_a_label_that_somebody_changed_on_a_claim_in_use_refuses_nothing() -> None:
    assert plan(volume_owner="another").situation.rejected is None
    assert plan(record=record(incarnation="earlier"), volume_owner=None).situation.rejected is None


def test_a_spec_that_is_not_applied_leaves_objects_and_record_unchanged() -> None:
    made = plan(instance=instance(timezone="Mars/Olympus"), pod=pod(state=termination(64)))
    assert (made.claim, made.children, made.absent, made.settings) == (None, no_children, (), None)
    assert made.keeps_settings
    assert made.record is not None
    assert made.record.end is not None
    assert made.situation.unusable is not None
    assert made.situation.rejected is None


@pytest.mark.parametrize(
    ("before", "reference", "kept"),
    [
        (Workload(epoch=2, replicas=1), {"name": "proxy"}, False),
        (Workload(epoch=2, replicas=1, proxy="digest"), {"name": "proxy"}, True),
        (Workload(epoch=2, replicas=0), {"name": "proxy"}, True),  # it has no pod that could connect
        (Workload(epoch=2, replicas=1), None, True),
    ],
)
def test_what_connects_past_a_proxy_does_not_outlast_a_spec_that_is_not_applied(
    before: Workload,
    reference: dict[str, str] | None,
    *,
    kept: bool,
) -> None:
    wanted = instance(timezone="Mars/Olympus", network={"proxySecretRef": reference} if reference else {})
    made = plan(instance=wanted, workload=before, pod=pod(ready=True))
    assert (made.situation.rejected is None) is kept
    assert removed(made) == ([] if kept else [("StatefulSet", "wai-petshop")])
    if not kept:
        again = plan(instance=wanted, workload=None, pod=None)
        assert again.situation.rejected == made.situation.rejected, "what is shown stays once the pod has ended"
        assert made.situation.rejected is not None
        assert "no pod runs: one that an earlier spec made may connect past" in made.situation.rejected.message


@pytest.mark.parametrize(
    ("spec", "before", "ends"),
    [
        ({"suspend": True}, Workload(epoch=2, replicas=1), True),
        ({"suspend": True}, Workload(epoch=2, replicas=1, proxy="digest"), True),
        ({"suspend": True}, Workload(epoch=2, replicas=0), False),
        ({"suspend": False}, Workload(epoch=2, replicas=1), False),
        ({"network": {"proxySecretRef": {"name": "proxy"}}}, Workload(epoch=2, replicas=1), True),
        ({"network": {"proxySecretRef": {"name": "proxy"}}}, Workload(epoch=2, replicas=1, proxy="digest"), False),
        ({"network": {"proxySecretRef": {"name": "proxy"}}}, Workload(epoch=2, replicas=0), False),
        ({"network": {}}, Workload(epoch=2, replicas=1), False),
        ({"network": "?", "suspend": "yes"}, Workload(epoch=2, replicas=1), False),
    ],
)
def test_a_pause_and_a_proxy_end_an_earlier_pod_whatever_else_is_wrong_with_a_spec(
    spec: Json, before: Workload, *, ends: bool
) -> None:
    assert Halt.of_unreadable({"spec": spec}).ends(before) is ends
    if isinstance(spec.get("network", {}), dict):
        assert plan(instance=instance(**spec), workload=before).stop.ends(before) is ends
        unusable = plan(instance=instance(timezone="Mars/Olympus", **spec), workload=before)
        assert (unusable.stop.ends(before) or bool(unusable.absent)) is ends


@pytest.mark.parametrize("proxy", [None, "digest"])
@pytest.mark.parametrize("part", ["network", "runtime"])
def test_what_cannot_be_read_leaves_the_earlier_pod_unless_it_may_name_a_proxy(part: str, proxy: str | None) -> None:
    kept = part != "network" or proxy is not None
    made = plan(instance=instance(**{part: "?"}), workload=Workload(epoch=2, replicas=1, proxy=proxy), pod=pod())
    assert removed(made) == ([] if kept else [("StatefulSet", "wai-petshop")])
    assert made.children("volume") == ()
    assert made.claim is made.settings is made.keys is None
    assert made.expired_backups == ()
    problem = made.situation.unusable if kept else made.situation.rejected
    assert problem is not None
    assert problem.reason == "SpecUnreadable"
    assert problem.message.startswith(f"spec.{part}: ")


def test_a_live_state_of_an_epoch_that_has_just_ended_is_ignored() -> None:
    asked = instance(annotations={"oxy.dev/repair": "n1"})
    reported = live(pod_uid=POD_UID, epoch=2)
    assert plan(reported=reported).situation.live == reported
    assert plan(instance=asked, reported=reported).situation.live is None


def test_a_pod_that_runs_is_told_of_a_new_window_once_and_no_other_is() -> None:
    def notice(**changes: Json) -> PodNotice | None:
        return plan(**changes).notice

    opened = {"record": record(paired=False, pairing_until=NOW + timedelta(minutes=9))}
    told = notice(**opened)
    assert told == PodNotice("wai-petshop-0", POD_UID, {"oxy.dev/pairing-until": "2026-11-22T12:09:00Z"})
    assert told is not None
    knows = pod_object()
    knows["metadata"]["annotations"] |= told.annotations
    assert notice(**opened, pod=Pod.of(knows)) is None
    for seen in (None, pod(epoch=1), pod(state=waiting("ContainerCreating"))):
        assert notice(**opened, pod=seen) is None
    assert notice(record=record(paired=False, pairing_until=NOW)) is None
    assert notice() is None
