from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from unit.wai_operator.making import NOW, Json, instance, live, pod, record, termination, waiting

from oxy_core.envelopes import LiveState
from oxy_core.instance.stored_session import VolumeProblem
from oxy_core.instance.terminal_causes import terminal_cause
from oxy_operator.decide.epoch_record import EpochEnd
from oxy_operator.decide.live_state import current_live_state
from oxy_operator.decide.situation import Situation
from oxy_operator.decide.status import status_of, without_detail
from oxy_operator.decide.verdicts import verdict_for
from oxy_operator.decide.warnings import warnings
from oxy_operator.problems import Problem


def situation(**changes: Json) -> Situation:
    base = Situation(instance(), record(), pod(), None, account_pushed=True, now=NOW)
    return replace(base, **changes)


def shown(**changes: Json) -> tuple[str, str]:
    decided = verdict_for(situation(**changes))
    assert decided.message.strip(), "every verdict says something"
    return decided.phase.value, decided.reason


def ended(code: int) -> Json:
    return record(ended=EpochEnd(epoch=2, exit_code=code, reason="x", message="the cause"))


@pytest.mark.parametrize(
    ("code", "phase", "reason"),
    [
        (64, "LoggedOut", "LoggedOut"),
        (65, "Paused", "ConnectionReplaced"),
        (66, "Failed", "TemporaryBan"),
        (67, "Failed", "ClientOutdated"),
        (68, "Failed", "BadSession"),
    ],
)
def test_an_ended_connection_has_its_phase_and_says_once_what_to_do(code: int, phase: str, reason: str) -> None:
    assert shown(record=ended(code), pod=None) == (phase, reason)
    cause = terminal_cause(code)
    assert cause is not None
    explained = cause.explain("petshop", ban_expires_at=NOW)
    left = EpochEnd(epoch=2, exit_code=code, reason=reason, message=explained)
    told = verdict_for(situation(record=record(ended=left))).message
    assert told == f"{explained} -n shops"
    assert told.count("oxy pair petshop -n shops") == 1
    silent = left.model_copy(update={"message": ""})
    assert verdict_for(situation(record=record(ended=silent))).message == cause.explain("petshop -n shops")


def test_an_end_of_an_earlier_epoch_is_over() -> None:
    over = record(epoch=3, ended=EpochEnd(epoch=2, exit_code=64, reason="x", message="y"))
    assert shown(record=over, pod=pod(epoch=3, ready=True)) == ("Connected", "Connected")


@pytest.mark.parametrize(
    ("made", "phase", "reason"),
    [
        (pod(ready=True), "Connected", "Connected"),
        (pod(), "Reconnecting", "NotReceiving"),
        (None, "Pending", "PodMissing"),
        (pod(epoch=1), "Pending", "Restarting"),
        (pod(epoch=1, ready=True), "Pending", "Restarting"),
        (pod(deleted_at=NOW), "Pending", "Restarting"),
        (pod(deleted_at=NOW - timedelta(seconds=61)), "Reconnecting", "NodeLost"),
        (pod(reason="NodeLost"), "Reconnecting", "NodeLost"),
        (pod(reason="Evicted", phase="Failed"), "Pending", "Evicted"),
        (
            pod(conditions=[{"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"}]),
            "Reconnecting",
            "NodeLost",
        ),
        (
            pod(
                state={},
                containerStatuses=[],
                conditions=[
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
                    }
                ],
            ),
            "Pending",
            "Unschedulable",
        ),
        (pod(containerStatuses=[]), "Pending", "ContainerCreating"),
        (pod(state=waiting("ContainerCreating")), "Pending", "ContainerCreating"),
        (pod(state=waiting("ImagePullBackOff")), "Failed", "ImagePullFailed"),
        (pod(state=waiting("ErrImagePull", "not found")), "Failed", "ImagePullFailed"),
        (pod(state=waiting("InvalidImageName")), "Failed", "ImagePullFailed"),
        (pod(state=waiting("CreateContainerConfigError", 'secret "x" not found')), "Failed", "ReferenceMissing"),
        (pod(state=waiting("RunContainerError", "no such file")), "Failed", "ContainerNotStarted"),
        (pod(state=waiting("CrashLoopBackOff"), last=termination(1, left=False)), "Failed", "Crashed"),
        (pod(state=waiting("CrashLoopBackOff"), last=termination(1)), "Failed", "Crashed"),
        (
            pod(state=waiting("CrashLoopBackOff"), last=termination(134, why="ConnectFailure")),
            "Reconnecting",
            "ConnectFailure",
        ),
        (
            pod(state=waiting("CrashLoopBackOff"), last=termination(134, why="ConnectFailure", pod_uid="another")),
            "Failed",
            "Crashed",
        ),
        (pod(state=waiting("CrashLoopBackOff"), last=termination(70)), "Reconnecting", "AttemptsExhausted"),
        (pod(last=termination(70)), "Reconnecting", "AttemptsExhausted"),
        (
            pod(state=waiting("CrashLoopBackOff"), last=termination(137, reason="OOMKilled", left=False)),
            "Failed",
            "OutOfMemory",
        ),
        (pod(last=termination(137, reason="OOMKilled", left=False)), "Failed", "OutOfMemory"),
        (pod(last=termination(1, left=False)), "Reconnecting", "NotReceiving"),
        (pod(state=waiting("ContainerCreating"), last=termination(0, left=False)), "Pending", "ContainerCreating"),
        (pod(state=termination(0)), "Pending", "ContainerCreating"),
    ],
)
def test_the_phase_comes_from_the_pods_status_alone(made: Json, phase: str, reason: str) -> None:
    assert shown(pod=made) == (phase, reason)


def test_a_process_that_broke_down_is_explained_by_its_last_words() -> None:
    for end in (termination(1), termination(134, why="ConnectFailure")):
        made = conditions(pod=pod(state=waiting("CrashLoopBackOff"), last=end))
        assert "the cause" in made["Ready"]["message"]


def test_a_pod_that_is_ready_again_is_connected_whatever_happened_before() -> None:
    assert shown(pod=pod(ready=True, last=termination(70))) == ("Connected", "Connected")


def test_an_unpaired_instance_waits_for_the_phone_while_its_window_is_open() -> None:
    open_window = record(paired=False, pairing_until=NOW + timedelta(seconds=1))
    assert shown(record=open_window) == ("Pairing", "WaitingForPhone")
    assert shown(record=replace(open_window, pairing_until=NOW)) == ("Pending", "PairingExpired")
    assert shown(record=replace(open_window, pairing_until=None)) == ("Pending", "PairingExpired")


OPEN = {"paired": False, "pairing_until": NOW + timedelta(minutes=5)}
CODE = {"method": "PhoneCode", "code": "ABCD1234", "expires_at": NOW + timedelta(minutes=2)}


@pytest.mark.parametrize(
    ("reported", "made", "phase", "reason"),
    [
        (live(connection="pairing", pairing=CODE), pod(), "Pairing", "WaitingForPhone"),
        (live(connection="pairing"), pod(), "Pairing", "WaitingForPhone"),
        (
            live(connection="pairing", attempts=1, last_reason="ServerUnreachable"),
            pod(),
            "Pairing",
            "ServerUnreachable",
        ),
        (live(connection="pairing", attempts=9, last_reason="ConnectFailure"), pod(), "Pairing", "ConnectFailure"),
        (live(connection="pairing", attempts=1, pairing=CODE), pod(), "Pairing", "WaitingForPhone"),
        # Nothing has failed since the last code, which ran out, or was used a moment ago.
        (live(connection="pairing", attempts=1), pod(), "Pairing", "WaitingForPhone"),
        (live(connection="connected", attempts=1, receiving=True), pod(), "Pairing", "WaitingForPhone"),
        # A process that has just started adds nothing yet to how the last one ended.
        (live(connection="starting"), pod(last=termination(70)), "Reconnecting", "AttemptsExhausted"),
        (live(connection="pairing", pairing=CODE), pod(last=termination(70)), "Pairing", "WaitingForPhone"),
        (None, pod(state=waiting("CrashLoopBackOff"), last=termination(70)), "Reconnecting", "AttemptsExhausted"),
    ],
)
def test_an_unpaired_instance_without_a_code_says_why(reported: Json, made: Json, phase: str, reason: str) -> None:
    assert shown(record=record(**OPEN), pod=made, live=reported) == (phase, reason)


def test_a_process_that_knows_nothing_yet_does_not_hide_how_the_last_one_ended() -> None:
    made = pod(last=termination(70))
    assert shown(pod=made, live=live(connection="starting")) == ("Reconnecting", "AttemptsExhausted")
    told = live(connection="reconnecting", last_reason="LoginTimedOut")
    assert shown(pod=made, live=told) == ("Reconnecting", "LoginTimedOut")
    assert shown(pod=made, live=live(connection="connected")) == ("Reconnecting", "NotReceiving")


def test_an_unreachable_server_has_a_remedy() -> None:
    reported = live(connection="pairing", attempts=3, last_reason="ServerUnreachable")
    made = conditions(record=record(**OPEN), live=reported)
    for kind in ("Paired", "Ready"):
        assert made[kind]["reason"] == "ServerUnreachable"
        assert "spec.network" in made[kind]["message"]
        assert "oxy pair" not in made[kind]["message"]


def test_an_unpaired_runtime_offers_nothing_after_its_window() -> None:
    reported = live(connection="pairing", attempts=3, last_reason="PairingExpired")
    assert shown(record=record(paired=False), pod=pod(last=termination(70)), live=reported) == (
        "Pending",
        "PairingExpired",
    )


def test_a_spec_that_is_not_applied_is_reported_and_the_phase_stays() -> None:
    unusable = Problem("TimezoneUnknown", "spec.timezone: no")
    made = conditions(pod=pod(ready=True), unusable=unusable)
    assert [made[kind]["status"] for kind in ("Accepted", "Ready", "Connected")] == ["False", "False", "True"]
    assert status_of(situation(pod=pod(ready=True), unusable=unusable))["phase"] == "Connected"


def test_suspension_takes_precedence_over_everything_but_refusal() -> None:
    suspended = instance(suspend=True)
    assert shown(instance=suspended, record=ended(64), pod=pod(ready=True)) == ("Paused", "Suspended")
    taken = Problem("OrganizationTaken", "belongs to another")
    assert shown(instance=suspended, record=None, pod=None, rejected=taken) == ("Failed", "OrganizationTaken")


def test_a_refused_child_fails_an_instance_that_is_not_connected() -> None:
    refused = Problem("StatefulSetRefused", "no")
    assert shown(unprovisioned=refused, pod=None) == ("Failed", "StatefulSetRefused")
    assert shown(unprovisioned=refused, pod=pod(ready=True)) == ("Connected", "Connected")


def test_a_live_state_supersedes_the_last_termination() -> None:
    reported = live(last_reason="ConnectionLost", attempts=3)
    assert shown(pod=pod(last=termination(70)), live=reported) == ("Reconnecting", "ConnectionLost")


@pytest.mark.parametrize(
    "reported",
    [
        live(pod_uid="another"),
        live(epoch=1),
        live(heartbeat_at=NOW - timedelta(seconds=45)),
        None,
    ],
    ids=["another pod", "another epoch", "silent for 45 s", "nothing reported"],
)
def test_a_live_state_of_another_pod_epoch_or_time_is_ignored(reported: Json) -> None:
    assert current_live_state(reported, pod(), record(), NOW) is None
    assert current_live_state(live(), None, record(), NOW) is None
    assert current_live_state(live(), pod(), record(), NOW) == live()


def conditions(**changes: Json) -> dict[str, Any]:
    return {item["type"]: item for item in status_of(situation(**changes))["conditions"]}


def test_every_condition_carries_the_generation_and_a_time() -> None:
    made = conditions()
    kinds = {
        "VolumeHasRoom",
        "Accepted",
        "Provisioned",
        "CredentialsReady",
        "Paired",
        "Connected",
        "Receiving",
        "OwnersKnown",
        "Ready",
    }
    kinds |= {"BackedUp", "Frozen", "ModelKeyReady", "EndpointsAllowed", "BudgetEnforceable", "ClientOutdated"}
    assert set(made) == kinds
    assert {item["observedGeneration"] for item in made.values()} == {3}
    assert {item["lastTransitionTime"] for item in made.values()} == {"2026-11-22T12:00:00Z"}
    assert status_of(situation())["observedGeneration"] == 3


def test_ready_follows_the_phase() -> None:
    assert conditions(pod=pod(ready=True))["Ready"]["status"] == "True"
    assert conditions(pod=pod())["Ready"]["status"] == "False"


def test_a_transition_time_stays_until_the_condition_changes() -> None:
    before = status_of(situation(pod=pod(ready=True)))
    later = NOW + timedelta(hours=1)
    kept = instance(status=before)
    same = status_of(situation(instance=kept, pod=pod(ready=True), now=later))
    assert same == before
    turned = {item["type"]: item for item in status_of(situation(instance=kept, now=later))["conditions"]}
    assert turned["Ready"]["lastTransitionTime"] == "2026-11-22T13:00:00Z"
    assert turned["Accepted"]["lastTransitionTime"] == "2026-11-22T12:00:00Z"


def test_credentials_stay_ready_while_the_bus_is_down() -> None:
    assert conditions(account_pushed=False)["CredentialsReady"]["reason"] == "BusUnavailable"
    before = status_of(situation(account_pushed=True))
    kept = conditions(instance=instance(status=before), account_pushed=False)
    assert kept["CredentialsReady"]["status"] == "True"


def test_an_instance_without_owners_says_that_nobody_is_told() -> None:
    nameless = instance(owners=[])
    shown = conditions(instance=nameless, pod=pod(ready=True))
    assert (shown["OwnersKnown"]["status"], shown["OwnersKnown"]["reason"]) == ("False", "NoOwners")
    assert "spec.owners" in shown["OwnersKnown"]["message"]
    assert shown["Ready"]["status"] == "True"
    named = instance(owners=["+5511987651111"])
    assert conditions(instance=named)["OwnersKnown"]["status"] == "True"


def test_a_rejected_instance_has_two_conditions() -> None:
    made = conditions(record=None, pod=None, rejected=Problem("OrganizationTaken", "belongs to another"))
    assert {name: item["status"] for name, item in made.items()} == {"Accepted": "False", "Ready": "False"}


@pytest.mark.parametrize(
    ("made", "status", "reason"),
    [
        (record(), "True", "Paired"),
        (record(paired=False, pairing_until=NOW + timedelta(minutes=1)), "False", "WaitingForPhone"),
        (record(paired=False), "False", "PairingExpired"),
        (replace(ended(64), paired=False), "False", "LoggedOut"),
    ],
)
def test_paired_says_why_not(made: Json, status: str, reason: str) -> None:
    paired = conditions(record=made)["Paired"]
    assert (paired["status"], paired["reason"]) == (status, reason)


def test_the_code_is_never_in_the_status() -> None:
    reported = live(
        connection="pairing",
        pairing={"method": "PhoneCode", "code": "ABCD1234", "expires_at": NOW + timedelta(minutes=2)},
    )
    made = status_of(situation(record=record(paired=False, pairing_until=NOW + timedelta(minutes=9)), live=reported))
    assert "ABCD1234" not in str(made)
    assert made["pairing"] == {
        "method": "PhoneCode",
        "secretName": "wai-petshop-pairing",
        "expiresAt": "2026-11-22T12:09:00Z",
    }


def test_pairing_is_shown_only_while_it_is_possible() -> None:
    assert "pairing" not in status_of(situation())
    assert "pairing" not in status_of(situation(record=record(paired=False)))


def test_attempts_are_shown_and_end_with_the_connection() -> None:
    reported = live(attempts=3, last_reason="ConnectionLost", next_attempt_at=NOW + timedelta(seconds=9))
    made = status_of(situation(live=reported))
    assert made["reconnect"] == {
        "attempts": 3,
        "lastReason": "ConnectionLost",
        "nextAttemptAt": "2026-11-22T12:00:09Z",
    }
    assert status_of(situation(instance=instance(status=made)))["reconnect"] == {
        "attempts": 3,
        "lastReason": "NotReceiving",
    }
    assert status_of(situation(pod=pod(ready=True), live=reported))["reconnect"] == {"attempts": 0}


def test_only_attempts_are_detail() -> None:
    one, two = (status_of(situation(live=live(attempts=count, last_reason="ConnectionLost"))) for count in (1, 2))
    assert one != two
    assert without_detail(one) == without_detail(two)


def test_activity_is_written_at_most_every_five_minutes() -> None:
    first = status_of(situation(live=live(last_activity_at=NOW)))
    assert first["lastActivityAt"] == "2026-11-22T12:00:00Z"
    kept = instance(status=first)
    soon = live(last_activity_at=NOW + timedelta(minutes=4))
    assert status_of(situation(instance=kept, live=soon))["lastActivityAt"] == "2026-11-22T12:00:00Z"
    later = live(last_activity_at=NOW + timedelta(minutes=5))
    assert status_of(situation(instance=kept, live=later))["lastActivityAt"] == "2026-11-22T12:05:00Z"
    assert status_of(situation(instance=kept))["lastActivityAt"] == "2026-11-22T12:00:00Z"


def test_the_linked_device_is_kept_until_it_is_unlinked() -> None:
    made = status_of(situation(live=live(jid="5511987650000:7@s.whatsapp.net")))
    assert made["jid"] == "5511987650000:7@s.whatsapp.net"
    kept = instance(status=made)
    assert status_of(situation(instance=kept))["jid"] == made["jid"]
    assert "jid" not in status_of(situation(instance=kept, record=record(paired=False)))


@pytest.mark.parametrize(
    ("jid", "reason"),
    [
        ("5511987650000:7@s.whatsapp.net", "Paired"),
        ("551187650000:7@s.whatsapp.net", "Paired"),
        ("5511987651111:7@s.whatsapp.net", "LinkedToAnotherNumber"),
        (None, "Paired"),
    ],
)
def test_a_phone_with_another_number_is_noticed(jid: str | None, reason: str) -> None:
    paired = conditions(live=live(jid=jid), pod=pod(ready=True))["Paired"]
    assert (paired["status"], paired["reason"]) == ("True", reason)
    assert "98765" not in paired["message"]


def test_the_runtime_is_described() -> None:
    assert status_of(situation())["runtime"] == {
        "podName": "wai-petshop-0",
        "restarts": 4,
        "image": "registry.example/tenant:1",
        "epoch": 2,
    }
    assert status_of(situation(pod=None))["runtime"] == {"epoch": 2}


def test_reports_that_wait_are_said() -> None:
    ready = conditions(pod=pod(ready=True), live=live(publish_refusal="the stream is full\x1b"))["Ready"]
    assert (ready["status"], ready["reason"]) == ("True", "ReportsWaiting")
    assert "(the stream is full)" in ready["message"]
    assert conditions(pod=pod(ready=True), live=live())["Ready"]["reason"] == "Connected"


def test_people_hear_of_a_trouble_of_a_connection_that_holds() -> None:
    before = status_of(situation(pod=pod(ready=True), live=live(connection="connected")))
    limited = live(connection="connected", last_reason="RequestsRateLimited")
    after = status_of(situation(instance=instance(status=before), pod=pod(ready=True), live=limited))
    ready = next(item for item in after["conditions"] if item["type"] == "Ready")
    assert (ready["status"], ready["reason"], after["phase"]) == ("True", "RequestsRateLimited", "Connected")
    assert "Send fewer messages to new people" in ready["message"]
    assert [warned.reason for warned in warnings(before, after)] == ["RequestsRateLimited"]
    assert warnings(after, before) == warnings(before, before) == ()


@pytest.mark.parametrize("why", ["TemporaryBan", "AttemptsExhausted"])
def test_people_hear_of_an_end_only_once_the_process_has_explained_it(why: str) -> None:
    before = status_of(situation(pod=pod(ready=True), live=live(connection="connected")))
    ending = live(connection="ended", last_reason=why)
    after = status_of(situation(instance=instance(status=before), live=ending))
    assert after["phase"] == "Reconnecting"
    assert warnings(before, after) == ()


def test_people_hear_that_all_attempts_have_failed() -> None:
    before = status_of(situation(pod=pod(ready=True), live=None))
    ended = pod(state=waiting("CrashLoopBackOff"), last=termination(70))
    after = status_of(situation(instance=instance(status=before), pod=ended, live=None))
    assert [warned.reason for warned in warnings(before, after)] == ["AttemptsExhausted"]


def test_the_handled_repair_is_shown() -> None:
    assert status_of(situation(record=record(repaired="n1")))["repair"] == {"nonce": "n1", "required": False}
    assert status_of(situation())["repair"] == {"required": False}
    assert "repair" not in status_of(situation(record=None))


@pytest.mark.parametrize(
    ("changes", "required"),
    [
        ({"ended": EpochEnd(epoch=2, exit_code=64, reason="", message="")}, True),
        ({"ended": EpochEnd(epoch=1, exit_code=64, reason="", message="")}, False),
        ({"paired": False}, True),
        ({"paired": False, "pairing_until": NOW + timedelta(seconds=1)}, False),
    ],
    ids=["ended", "an earlier epoch ended", "the window has closed", "the window is open"],
)
def test_whether_only_a_repair_helps_is_said(changes: Json, required: bool) -> None:  # noqa: FBT001 a table's column
    assert status_of(situation(record=record(**changes)))["repair"]["required"] is required


def test_a_lost_connection_is_explained_once_with_the_underlying_error_and_the_advice() -> None:
    error = "dial tcp 1.2.3.4:443: connect: connection refused"
    reported = live(attempts=2, last_reason="ServerUnreachable", last_error=error)
    made = conditions(pod=pod(), live=reported)
    expected = (
        f"WhatsApp cannot be reached: {error}. Check that pods, or their proxy if spec.network names one, can reach "
        "web.whatsapp.com:443; if they need one, set it there."
    )
    for kind in ("Ready", "Connected", "Receiving"):
        shown_as = (made[kind]["status"], made[kind]["reason"], made[kind]["message"])
        assert shown_as == ("False", "ServerUnreachable", expected)


def test_a_cause_of_another_version_is_shown_by_its_name() -> None:
    made = conditions(pod=pod(), live=live(last_reason="EatenByADog"))
    assert (made["Ready"]["reason"], made["Ready"]["message"]) == ("EatenByADog", "Reconnecting to WhatsApp.")


@pytest.mark.parametrize(
    ("ready", "reported", "receiving"),
    [
        (True, live(connection="connected", receiving=True), ("True", "Receiving")),
        (True, live(connection="connected"), ("True", "Receiving")),  # an older runtime says nothing of it
        (True, None, ("True", "Receiving")),  # the bus is down
        (True, live(receiving=False, last_reason="NothingReceived"), ("False", "NothingReceived")),
        (False, live(receiving=False, last_reason="NothingReceived"), ("False", "NothingReceived")),
        (False, None, ("False", "NotReceiving")),
    ],
)
def test_whether_it_receives_is_a_condition_of_its_own(
    reported: LiveState | None, receiving: tuple[str, str], *, ready: bool
) -> None:
    made = conditions(pod=pod(ready=ready), live=reported)["Receiving"]
    assert (made["status"], made["reason"]) == receiving


@pytest.mark.parametrize(
    ("proof", "expected"),
    [
        ("Waiting", ("False", "Waiting")),
        ("Confirmed", ("True", "Confirmed")),
        ("ReceiptMissing", ("False", "ReceiptMissing")),
        ("NoticeNotSent", ("False", "NoticeNotSent")),
        ("tomorrow's", None),
        (None, None),
    ],
)
def test_a_missing_proof_of_pairing_is_a_warning_and_no_failure(
    proof: str | None, expected: tuple[str, str] | None
) -> None:
    made = conditions(pod=pod(ready=True), live=live(connection="connected", pairing_proof=proof))
    found = made.get("PairingConfirmed")
    assert (found and (found["status"], found["reason"])) == expected
    assert made["Ready"]["status"] == "True"
    assert "PairingConfirmed" not in conditions(record=record(**OPEN), live=live(pairing_proof=proof))


def test_people_hear_once_of_a_proof_that_is_missing_and_not_of_one_that_is_on_its_way() -> None:
    def status(proof: str) -> dict[str, Any]:
        return status_of(situation(pod=pod(ready=True), live=live(connection="connected", pairing_proof=proof)))

    missing = status("ReceiptMissing")
    assert "ReceiptMissing" in {warned.reason for warned in warnings(status("Waiting"), missing)}
    assert warnings(missing, missing) == ()
    assert not {"Waiting", "Confirmed"} & {warned.reason for warned in warnings({}, status("Waiting"))}


def test_what_was_known_of_the_proof_stays_without_the_bus() -> None:
    proved = status_of(situation(pod=pod(ready=True), live=live(connection="connected", pairing_proof="Confirmed")))
    kept = conditions(instance=instance(status=proved), pod=pod(ready=True), live=None)
    assert kept["PairingConfirmed"]["status"] == "True"
    anew = conditions(instance=instance(status=proved), pod=pod(ready=True), live=live(connection="connected"))
    assert "PairingConfirmed" not in anew


def test_people_hear_of_a_phone_that_is_away_and_once_more_before_its_devices_are_unlinked() -> None:
    def status(days: int | None) -> dict[str, Any]:
        return status_of(situation(pod=pod(ready=True), live=live(connection="connected", phone_offline_days=days)))

    there, away, long = (status(days) for days in (0, 10, 12))
    assert [warned.reason for warned in warnings(there, away)] == ["PhoneOffline"]
    assert [warned.reason for warned in warnings(away, long)] == ["PhoneSoonUnlinked"]
    assert (warnings(long, long), warnings(long, there), warnings({}, status(None))) == ((), (), ())
    kept = conditions(instance=instance(status=away), pod=pod(ready=True), live=None)
    assert (kept["PhoneOnline"]["status"], kept["PhoneOnline"]["reason"]) == ("False", "PhoneOffline")
    assert kept["Ready"]["status"] == "True"
    older = conditions(instance=instance(status=away), pod=pod(ready=True), live=live(connection="connected"))
    assert "PhoneOnline" not in older
    unpaired = conditions(record=record(**OPEN), live=live(phone_offline_days=10))
    assert "PhoneOnline" not in unpaired


def test_people_hear_of_a_lock_and_of_its_end_once_whatever_its_pod_does_meanwhile() -> None:
    def status(before: dict[str, Any], told: LiveState | None) -> dict[str, Any]:
        return status_of(situation(instance=instance(status=before), pod=pod(ready=told is not None), live=told))

    def told(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, bool]]:
        return [(warned.reason, warned.is_normal) for warned in warnings(before, after)]

    since = NOW - timedelta(hours=1)
    free = status({}, live(connection="connected"))
    locked = status(free, live(connection="connected", reachout_locked_since=since))
    assert told(free, locked) == [("ReachOutLocked", False)]
    [condition] = [item for item in locked["conditions"] if item["type"] == "ReachOutAllowed"]
    assert (condition["status"], condition["reason"]) == ("False", "ReachOutLocked")
    assert "Since 2026-11-22 11:00 UTC" in condition["message"]
    assert "oxy campaign resume petshop -n shops --instance" in condition["message"]
    away = status(locked, None)
    starting = status(away, live(connection="starting"))
    back = status(starting, live(connection="connected", reachout_locked_since=since + timedelta(seconds=1)))
    for before, after in ((locked, away), (away, starting), (starting, back)):
        assert told(before, after) == []
        assert condition in after["conditions"]
    over = status(back, live(connection="connected"))
    assert told(back, over) == [("ReachOutUnlocked", True)]
    assert told(over, over) == told({}, over) == told(over, free) == []


def test_whoever_waits_for_a_code_is_told_that_nats_is_away() -> None:
    away = verdict_for(situation(record=record(**OPEN), bus_away=True))
    assert (away.phase, away.reason) == ("Pairing", "BusAway")
    assert "There is no code to show. NATS is away" in away.message
    offer = {"method": "PhoneCode", "code": "ABCD1234", "expires_at": NOW + timedelta(minutes=2)}
    shows = live(connection="pairing", pairing=offer)
    assert verdict_for(situation(record=record(**OPEN), live=shows, bus_away=True)).reason == "WaitingForPhone"


def test_a_pod_that_cannot_say_why_it_waits_says_it_in_its_log() -> None:
    silent = verdict_for(situation(bus_away=True))
    assert (silent.phase, silent.reason) == ("Reconnecting", "NotReceiving")
    assert "NATS, which is away; its log says it now: oxy logs petshop -n shops" in silent.message
    known = verdict_for(situation(live=live(last_reason="JournalFull"), bus_away=True))
    assert (known.reason, "its log" in known.message) == ("JournalFull", False)
    assert verdict_for(situation()).message == "Reconnecting to WhatsApp."


def test_nothing_is_said_of_a_lock_while_no_phone_is_linked_or_nothing_is_known() -> None:
    assert "ReachOutAllowed" not in conditions(record=record(**OPEN), live=live(reachout_locked_since=NOW))
    assert "ReachOutAllowed" not in conditions(live=live(connection="starting"))
    assert "ReachOutAllowed" not in conditions(live=None)


@pytest.mark.parametrize("why", ["PairingDenied", "PhoneCodeRefused"])
def test_what_is_wrong_with_the_code_that_is_shown_is_told_apart(why: str) -> None:
    offer = {"method": "PhoneCode", "code": "ABCD1234", "expires_at": NOW + timedelta(minutes=2)}
    reported = live(connection="pairing", pairing=offer, last_reason=why)
    verdict = verdict_for(situation(record=record(**OPEN), live=reported))
    assert (verdict.phase, verdict.reason) == ("Pairing", why)
    assert verdict.message.endswith("run: oxy pair petshop -n shops")
    plain = live(connection="pairing", pairing=offer)
    assert verdict_for(situation(record=record(**OPEN), live=plain)).reason == "WaitingForPhone"


@pytest.mark.parametrize("problem", [*VolumeProblem, "NewProblem"])
def test_a_lack_of_room_is_told_with_its_reason_also_while_the_bus_is_down(problem: str) -> None:
    told = conditions(live=live(volume_problem=problem))["VolumeHasRoom"]
    assert (told["status"], told["reason"]) == ("False", problem)
    assert told["message"].endswith(".")
    assert (told["message"] == "The pod lacks room on its volume.") == (problem == "NewProblem")
    kept = instance(status={"conditions": [told]})
    assert conditions(instance=kept, live=None)["VolumeHasRoom"] == told
    over = conditions(instance=kept, live=live())["VolumeHasRoom"]
    assert (over["status"], over["reason"]) == ("True", "HasRoom")


def test_a_pod_without_room_says_what_to_do_in_place_of_its_connection() -> None:
    made = conditions(live=live(volume_problem="VolumeFull", last_reason="VolumeFull"))
    assert made["Ready"]["reason"] == made["Connected"]["reason"] == "VolumeFull"
    assert "set aside over 30 days ago (oxy sessions prune)" in made["Ready"]["message"]
    assert "set aside over 30 days ago (oxy sessions prune)" in made["VolumeHasRoom"]["message"]
