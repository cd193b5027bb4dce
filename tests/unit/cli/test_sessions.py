"""What `oxy sessions` decides: what is left over, what a restore stands for, whether waiting makes sense."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from unit.wai_operator.making import deployment, observed, pod, record, resource

from oxy_cli.commands.session_details import backup_rows, detail_lines, remarks
from oxy_cli.commands.session_pruning import SET_ASIDE_FOR, leftover_file, orphans
from oxy_cli.commands.session_restores import how_to_list, why_not_linked
from oxy_cli.commands.session_waiting import BusWatch
from oxy_cli.errors import SessionCommandError
from oxy_cli.restore_order import RestoreOrder, of_number, progress_of, under_way
from oxy_cli.session_view import SessionView, left_behind, sessions_of
from oxy_cli.session_waits import why_stopped, why_without_session
from oxy_core.instance.terminal_causes import TERMINAL_CAUSES
from oxy_operator.decide.epoch_record import EpochEnd
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.observed import Observed
from oxy_operator.decide.ownership_problems import number_taken
from oxy_operator.decide.plan import plan_for
from oxy_operator.decide.proxy import ProxyFault, ProxyWanted
from oxy_operator.decide.status import status_of
from oxy_operator.objects import Key

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def left(
    epoch: str | None = "3",
    *,
    paired: bool = True,
    namespace: str = "shops",
    since: datetime = NOW,
    pin: object = None,
    **record: str,
) -> SessionView:
    annotations = {"oxy.dev/paired": str(paired).lower()} | ({"oxy.dev/epoch": epoch} if epoch else {})
    annotations |= {f"oxy.dev/{name.replace('_', '-')}": value for name, value in record.items()}
    annotations |= {} if pin is None else {"oxy.dev/restore": pin if isinstance(pin, str) else json.dumps(pin)}
    labels = {"oxy.dev/instance": "shop", "oxy.dev/organization": "acme"}
    named = {"name": "wai-shop-session", "uid": "u", "namespace": namespace, "creationTimestamp": since.isoformat()}
    return SessionView.of_claim({"metadata": {**named, "labels": labels, "annotations": annotations}})


def backup(epoch: int, stored_at: datetime, instance: str = "shop", *, volume: str | None = None) -> dict[str, Any]:
    made = {"organization": "acme", "instance": instance, "epoch": epoch, "storedAt": stored_at.isoformat()}
    return made | ({"volume": volume} if volume else {})


def restored(**changes: object) -> dict[str, Any]:
    """What the operator has recorded of a restore."""
    return {"epoch": 3, "outcome": "restored", "wish": {"manifest": {"id": "b1"}}} | changes


FIRST = {"id": "b1", "organization": "acme", "instance": "shop", "epoch": 1, "storedAt": NOW.isoformat(), "volume": "o"}

LINKED_AT = "2026-11-01T12:00:00Z"
LINKED = {**FIRST, "id": "b3", "volume": "u", "linkedAt": LINKED_AT}


@pytest.mark.parametrize(
    ("session", "backups", "deletable"),
    [
        (left(), [], False),
        (left(), [backup(3, NOW + DAY)], True),
        (left(), [backup(2, NOW + DAY)], False),  # of the device before, which is no longer linked
        (left(), [backup(3, NOW - DAY)], False),  # of an earlier claim
        (left(), [backup(3, NOW + DAY, "other")], False),
        (left(None), [backup(3, NOW + DAY)], False),
        (left(paired=False, set_aside="never"), [], True),
        (left(paired=False, ended='{"exit_code": 64}'), [], True),  # WhatsApp has unlinked it
        (left(paired=False, ended='{"exit_code": 68}'), [], False),  # damaged, and an older operator noted no time
        (left(paired=False), [backup(3, NOW + DAY)], False),  # likewise: it may have been set aside since
        (left(paired=False, set_aside="soon"), [backup(3, NOW + DAY)], False),
        (left(paired=False, set_aside=(NOW + DAY).isoformat()), [], False),
        (left(paired=False, set_aside=(NOW + DAY).isoformat()), [backup(3, NOW + DAY / 2)], False),
        (left(paired=False, set_aside=(NOW + DAY).isoformat()), [backup(2, NOW + 2 * DAY)], False),
        (left(paired=False, set_aside=(NOW + DAY).isoformat()), [backup(3, NOW + DAY)], True),
        (left(set_aside=(NOW + DAY).isoformat()), [backup(3, NOW + DAY / 2)], False),
        (left(set_aside="never"), [backup(3, NOW + DAY)], True),
        (left(), [backup(3, NOW + DAY, volume="u")], True),
        (left(), [backup(3, NOW + DAY, volume="of the next namespace")], False),
        (left(), [backup(2, NOW + DAY, volume="u")], False),
        (left(pin=restored()), [FIRST], True),  # its session came from there
        (left(pin=restored()), [{**FIRST, "id": "b2"}], False),
        (left("4", pin=restored()), [FIRST], False),  # another session may have been begun since
        (left(pin=restored(epoch=None)), [FIRST], False),  # likewise
        (left(pin=restored(outcome="refused")), [FIRST], False),
        (left(linked_at=f"3 {LINKED_AT}"), [LINKED], True),  # an earlier instance made it, of the same device
        (left(linked_at=f"3 {LINKED_AT}"), [{**LINKED, "linkedAt": "2026-11-02T12:00:00Z"}], False),
        (left(linked_at=f"3 {LINKED_AT}"), [{**LINKED, "linkedAt": None}], False),
        (left(linked_at=f"3 {LINKED_AT}"), [{**LINKED, "volume": "o"}], False),
        (left(linked_at=f"2 {LINKED_AT}"), [LINKED], False),  # the phone may have been linked anew since
        (left(linked_at="3"), [{**LINKED, "linkedAt": None}], False),
        (left(), [{**LINKED, "linkedAt": None}], False),
        (left(paired=False, set_aside=(NOW + DAY).isoformat(), linked_at=f"3 {LINKED_AT}"), [LINKED], False),
        (left(pin="{"), [FIRST], False),
        (left(pin="[]"), [FIRST], False),
    ],
)
def test_a_volume_goes_only_if_a_backup_replaces_its_session(
    session: SessionView, backups: list[dict[str, Any]], *, deletable: bool
) -> None:
    (found,) = orphans([session], backups)
    assert (found.kept_because is None) is deletable


@pytest.mark.parametrize(("backups", "why"), [([], "only copy"), ([LINKED], "no backup is known to be of the same")])
def test_a_volume_is_called_the_only_copy_only_if_there_is_no_backup(backups: list[dict[str, Any]], why: str) -> None:
    (found,) = orphans([left()], backups)
    assert why in (found.kept_because or "")


@pytest.mark.parametrize(("stored_after", "deletable"), [(1, True), (3, False)])
def test_what_an_instance_that_moved_has_backed_up_since_replaces_no_volume_that_it_left(
    stored_after: int, *, deletable: bool
) -> None:
    """An older pod made it, which did not say on which volume: epochs are counted by claim."""
    moved = left(namespace="elsewhere", since=NOW + 2 * DAY)
    backups = [backup(3, NOW + stored_after * DAY)]
    (found,) = orphans([left()], backups, everywhere=[left(), moved])
    assert (found.kept_because is None) is deletable


@pytest.mark.parametrize(
    ("session", "without_backup", "kept_because"),
    [
        (left(), False, "whether a backup replaces it is not known"),
        (left(paired=False, set_aside=NOW.isoformat()), False, "whether a backup replaces it is not known"),
        (left(paired=False, set_aside="never"), False, None),
        (left(), True, None),
    ],
)
def test_while_backups_are_not_known_no_volume_goes_that_one_has_to_replace(
    session: SessionView, *, without_backup: bool, kept_because: str | None
) -> None:
    (found,) = orphans([session], None, without_backup=without_backup)
    assert found.kept_because == kept_because


MONTH = timedelta(days=30)


@pytest.mark.parametrize(
    ("age", "backed_up_after", "kept_because"),
    [
        (MONTH, timedelta(seconds=1), None),
        (MONTH - timedelta(seconds=1), timedelta(seconds=1), "younger than 30 days"),
        (MONTH, timedelta(), "no backup"),
        (MONTH, -DAY, "no backup"),  # of before it was set aside
        (MONTH, None, "no backup"),
    ],
)
def test_what_was_set_aside_goes_after_thirty_days_and_a_newer_backup(
    age: timedelta, backed_up_after: timedelta | None, kept_because: str | None
) -> None:
    since = NOW - age
    newest = None if backed_up_after is None else since + backed_up_after
    found = leftover_file(left(), {"name": "f", "bytes": 1, "since": since.isoformat()}, newest, NOW)
    assert (found.kept_because is None) is (kept_because is None)
    assert (kept_because or "") in (found.kept_because or "")


# -- what deleted instances left


def test_backups_are_those_of_the_instance_or_of_what_it_left_or_stand_alone() -> None:
    alive = replace(left(namespace="elsewhere"), state="Connected")
    other = replace(left(), name="other")
    kept = [
        {**FIRST, "instance": name, "id": name, "unlinkedAfter": name == "gone"} for name in ("shop", "other", "gone")
    ]
    listed = left_behind([left(), other, alive], kept)
    assert [(item.name, item.state, item.summary()["backups"]) for item in listed] == [
        ("shop", "Orphaned", 0),
        ("other", "Orphaned", 1),
        ("gone", "BackupsOnly", 1),
    ]
    assert [item.last_backup_at for item in listed] == [None, NOW, None]
    assert [listed[-1].summary()[name] for name in ("createdAt", "namespace")] == [None, None]


def test_a_session_that_was_set_aside_is_kept_for_30_days() -> None:
    assert timedelta(days=30) == SET_ASIDE_FOR


def test_a_session_is_shown_in_words_and_units() -> None:
    fields = {
        "linked": True,
        "sizeBytes": 3_250_000,
        "linkedAt": (NOW - 3 * DAY).isoformat(),
        "claim": None,
        "backup": {"nonce": "n", "outcome": "Refused", "reason": "NotLinked", "message": "No phone is linked."},
        "restore": {"backupId": "b1", "instance": "shop", "outcome": "Restored", "at": NOW.isoformat()},
        "ofANewerRelease": 7,
    }
    assert detail_lines(fields, NOW + DAY) == [
        ("Linked", "yes"),
        ("Linked at", f"{(NOW - 3 * DAY).isoformat()} (4d ago)"),
        ("Size", "3.1 MiB"),
        ("Last request", "Refused: No phone is linked."),
        ("Last restore", f"Restored: backup b1 of shop, {NOW.isoformat()} (24h ago)"),
    ]
    listed = [
        {**FIRST, "bytes": 1, "requested": True, "library": "neonize", "unlinkedAfter": gone} for gone in (True, False)
    ]
    rows = backup_rows(listed)
    assert [row[5] for row in rows] == ["unlinked after", "good"]
    assert remarks(rows, "shop -n shops")[0].endswith("link the phone anew instead: oxy pair shop -n shops")
    assert "LoggedOut" in remarks(rows, "shop -n shops")[0]
    assert remarks(rows[1:], "shop -n shops") == []


def test_a_backup_of_which_only_the_status_tells_is_not_called_good() -> None:
    told = {"id": "b1", "storedAt": "2026-11-29T12:00:00Z", "bytes": 512, "epoch": 3, "unlinkedAfter": False}
    assert backup_rows([told], "digest") == [["b1", "2026-11-29T12:00:00Z", "512 B", "3", "", "", ""]]
    assert backup_rows([told | {"unlinkedAfter": True}])[0][5] == "unlinked after"


def test_a_backup_whose_device_was_logged_out_since_is_told() -> None:
    at, earlier = NOW.isoformat(), (NOW - DAY).isoformat()
    kept = [{**FIRST, "bytes": 1, "requested": True, "library": "neonize", "linkedAt": when} for when in (at, earlier)]
    for phase, session, states in (
        ("LoggedOut", {"linkedAt": at}, ["logged out", "earlier device"]),
        ("LoggedOut", {}, ["logged out", "logged out"]),  # nobody can tell
        ("Connected", {"linkedAt": earlier}, ["good", "good"]),  # the earlier one was restored
        ("Pairing", {"linkedAt": at}, ["good", "earlier device"]),
        ("Pairing", {"linkedAt": at, "loggedOut": at}, ["logged out", "earlier device"]),
        ("Connected", {"linkedAt": (NOW + DAY).isoformat(), "loggedOut": at}, ["logged out", "earlier device"]),
    ):
        rows = backup_rows(kept, None, {"phase": phase, "session": session})
        assert [row[5] for row in rows] == states
        assert [said.split(":")[0] for said in remarks(rows, "shop -n shops")] == sorted(
            {*states} - {"good"}, reverse=True
        )
    listed = {"id": "b1", "storedAt": at, "bytes": 512, "epoch": 3, "earlierDevice": True}
    assert backup_rows([listed])[0][5] == "earlier device", "also if only the status tells"


def test_it_is_told_before_a_restore_that_the_backup_is_of_a_device_that_may_not_be_linked_any_more() -> None:
    at = NOW.isoformat()
    for phase, session, told in (
        ("Failed", {"linkedAt": at}, ""),
        ("Failed", {"linkedAt": at, "loggedOut": at}, "removed it on the phone"),
        ("Failed", {"linkedAt": (NOW + DAY).isoformat()}, "linked anew since"),
    ):
        warning = why_not_linked({**FIRST, "linkedAt": at}, {"phase": phase, "session": session})
        assert told in warning
        assert bool(told) is bool(warning)


# -- restoring


def of(backup_id: str = "latest", *, force: bool = False, request: str | None = None) -> RestoreOrder:
    return RestoreOrder(backup_id, None, force, request)


def asking(order: RestoreOrder | None, **status: object) -> dict[str, Any]:
    made = resource(status=status, **({"session": {"restoreFrom": order.spec}} if order else {}))
    return {**made, "metadata": made["metadata"] | {"creationTimestamp": NOW.isoformat()}}


def said(status: str, reason: str, generation: int = 3) -> list[dict[str, Any]]:
    return [
        {"type": "Restored", "status": status, "reason": reason, "message": "m", "observedGeneration": generation},
    ]


def test_the_latest_backup_is_one_whose_device_was_not_unlinked_if_there_is_any() -> None:
    dead, alive = {"id": "b2", "unlinkedAfter": True}, {"id": "b1"}
    assert of().of([dead, alive]) == alive
    assert of().of([dead]) == dead
    assert of().of([]) is None
    assert of("b2").of([dead, alive]) == dead


def test_a_backup_of_another_number_is_neither_the_latest_nor_named() -> None:
    """As an earlier instance of the same name leaves it."""
    theirs, mine, unknown = {"id": "b3", "number": "other"}, {"id": "b2", "number": "own"}, {"id": "b1"}
    kept = [theirs, mine, unknown]
    assert of().of(of_number(kept, "own")) == mine
    assert of("b3").of(of_number(kept, "own")) is None
    assert of().of(of_number([theirs], "own")) is None
    assert of_number([unknown], "own") == [unknown]  # an older operator does not say
    shown = [{**FIRST, "bytes": 1, "requested": True, "library": "neonize", **item} for item in kept]
    assert [row[5] for row in backup_rows(shown, "own")] == ["another number's", "good", "good"]
    assert [row[5] for row in backup_rows(shown)] == ["good"] * 3


def test_an_id_is_checked_before_anybody_else_sees_it() -> None:
    for text in ("", "newest", "^.*$", "0194"):
        with pytest.raises(
            SessionCommandError, match=r"no id of a backup.* run: oxy sessions show shop -n shops\. For"
        ):
            RestoreOrder.asked(text, None, force=False, lists="oxy sessions show shop -n shops")
    known = RestoreOrder.asked("01940000000070008000000000000001", None, force=False, lists="")
    assert known.backup_id.count("-") == 4


def test_the_command_that_lists_backups_finds_those_of_another_instance_too() -> None:
    made = {"metadata": {"name": "shop", "namespace": "shops"}, "spec": {"organizationId": "acme"}}
    assert how_to_list(made, "shop") == "oxy sessions show shop -n shops"
    assert how_to_list(made, "old") == "oxy sessions show old -n shops --organization acme"


@pytest.mark.parametrize(
    ("order", "status", "is_under_way"),
    [
        (None, {}, False),
        (of(request="n"), {}, True),
        (of(request="n"), {"conditions": said("True", "Restored", generation=2)}, True),  # of an earlier spec
        (of(request="n"), {"conditions": said("True", "Restored")}, True),  # an operator that knows of no requests
        (of(request="n"), {"conditions": said("True", "Restored"), "session": {"restore": {"request": "n"}}}, False),
        (of(), {"conditions": said("True", "Restored"), "session": {"restore": {"outcome": "Restored"}}}, False),
        (of(request="n"), {"conditions": said("False", "BackupNotFound")}, False),
        (of(request="n"), {"conditions": said("False", "BusUnavailable")}, True),
        (
            of(request="n"),
            {
                "conditions": said("False", "BusUnavailable"),
                "session": {"restore": {"request": "m", "outcome": "Refused"}},
            },
            True,  # it was the one before that was refused
        ),
        (
            of(request="n"),
            {
                "conditions": said("False", "SessionNewer"),
                "session": {"restore": {"request": "n", "outcome": "Refused"}},
            },
            False,
        ),
    ],
)
def test_a_restore_is_under_way_until_it_is_done_or_refused(
    order: RestoreOrder | None, status: dict[str, Any], *, is_under_way: bool
) -> None:
    assert under_way(asking(order, **status)) is is_under_way


def test_an_order_leaves_nothing_of_the_one_before() -> None:
    assert of("b1").patch == {"backupId": "b1", "instance": None, "force": False, "request": None}
    assert RestoreOrder.held(asking(of("b1", force=True, request="n"))) == of("b1", force=True, request="n")
    assert of("b1", request="n").is_same(of("b1"))
    assert not of("b1").is_same(of("b1", force=True))
    assert progress_of(asking(of()), of()) is None


# -- whether waiting makes sense


def seen(given: Observed, **metadata: object) -> dict[str, Any]:
    """A resource with the status that the operator writes."""
    spec = given.instance.spec.model_dump(mode="json", by_alias=True)
    made = resource(status=status_of(plan_for(given, deployment()).situation), **spec)
    return {**made, "metadata": made["metadata"] | {"creationTimestamp": NOW.isoformat()} | metadata}


TAKEN = observed(refusal=number_taken("+5511987650000", Key("other", "shop")))
SUSPENDED = observed(instance=Instance.of(resource(suspend=True)), pod=None)
UNREACHABLE = observed(
    instance=Instance.of(resource(network={"proxySecretRef": {"name": "proxy"}})),
    proxy=ProxyWanted("proxy", fault=ProxyFault("ProxySecretMissing", "It does not exist", "Create it.")),
    pod=None,
)


@pytest.mark.parametrize(
    ("given", "reason"),
    [(TAKEN, "NumberTaken"), (SUSPENDED, "is suspended"), (UNREACHABLE, "ProxySecretMissing")],
)
def test_an_instance_without_a_pod_is_waited_for_in_vain(given: Observed, reason: str) -> None:
    for why in (why_stopped, why_without_session):
        assert reason in (why(seen(given)) or "")
    changed = seen(given, generation=4)  # the operator has not seen yet that somebody has acted
    assert (why_stopped(changed) is None) is (given is not SUSPENDED)


@pytest.mark.parametrize("reason", TERMINAL_CAUSES)
def test_a_session_that_has_ended_is_not_backed_up_but_replaced_by_a_backup(reason: str) -> None:
    end = EpochEnd(epoch=2, exit_code=TERMINAL_CAUSES[reason].exit_code, reason=reason, message="It was so.")
    ended = seen(observed(record=record(ended=end, paired=not TERMINAL_CAUSES[reason].unpairs), pod=None))
    assert f"({reason}): It was so." in (why_without_session(ended) or "")
    assert why_stopped(ended) is None
    repaired = seen(observed(record=record(ended=end, repaired="n1"), pod=None), annotations={"oxy.dev/repair": "n2"})
    assert why_without_session(repaired) is None, "it has been asked for, and the operator has not looked yet"


def test_an_instance_whose_phone_is_not_linked_has_no_session() -> None:
    for until, reason in ((NOW - timedelta(days=365), "PairingExpired"), (NOW, "WaitingForPhone")):
        unpaired = seen(observed(record=record(paired=False, pairing_until=until)))
        assert reason in (why_without_session(unpaired) or "")
        assert why_stopped(unpaired) is None


def test_a_pod_that_works_or_may_work_soon_is_waited_for() -> None:
    for given in (observed(pod=pod(ready=True)), observed(pod=None), observed()):
        assert why_without_session(seen(given)) is None
    assert why_without_session(seen(observed(), deletionTimestamp=NOW.isoformat())) == "petshop is being deleted."


@pytest.mark.parametrize(("timeout", "announced"), [(15, 15), (300, 30)])
def test_nats_is_not_waited_for_longer_than_a_person_wants(
    timeout: int, announced: int, capsys: pytest.CaptureFixture[str]
) -> None:
    BusWatch(timeout).note({"reason": "BusAway", "message": "NATS is away."}, "shop is not restored.")
    assert f"Waiting for it for {announced} s at most." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("label", "served", "orphaned"), [("acme", "", False), ("other", "", True), ("other", "uid-1", False)]
)
def test_a_claim_is_that_of_its_organization_and_of_the_instance_that_it_serves(
    label: str,
    served: str,
    orphaned: bool,  # noqa: FBT001 a table's column
) -> None:
    made = {"namespace": "shops", "creationTimestamp": "2026-11-01T00:00:00Z"}
    shop = {
        "metadata": made | {"name": "shop", "uid": "uid-1"},
        "spec": {"organizationId": "acme", "phoneNumber": "+5511987654321"},
    }
    labels = {"oxy.dev/instance": "shop", "oxy.dev/organization": label}
    annotations = {"oxy.dev/incarnation": served} if served else {}
    named = {"name": "wai-shop-session", "uid": "uid-2", "labels": labels, "annotations": annotations}
    found = sessions_of([shop], [{"metadata": made | named}])
    assert [item.claim for item in found] == ([None, "wai-shop-session"] if orphaned else ["wai-shop-session"])
    assert [item.orphaned for item in found] == ([False, True] if orphaned else [False])
