"""Which instances count as having confirmed a freeze or a thaw."""

import os

import pytest
from unit.wai_operator.making import NOW, Json, deployment, instance, live, observed, pod, record

from oxy_cli.commands.freeze import (
    POLL_SECONDS,
    freeze,
    has_confirmed,
    named,
    patience,
    pause,
    unconfirmed,
    whoever,
)
from oxy_cli.errors import FreezeError
from oxy_cli.instance import InstanceView
from oxy_core.freeze import Freeze, Hold
from oxy_operator.decide.plan import plan_for
from oxy_operator.decide.status import status_of
from oxy_operator.problems import Problem

FROZEN = Freeze(revision=5, hold=Hold(since=NOW, by="ana"))


def shown(**seen: Json) -> InstanceView:
    """Return an instance as the operator shows it."""
    status = status_of(plan_for(observed(**{"freeze": FROZEN, **seen}), deployment()).situation)
    return InstanceView.of(
        {
            "metadata": {"namespace": "n", "name": "shop", "creationTimestamp": "2026-03-04T11:00:00Z"},
            "spec": {"organizationId": "org", "phoneNumber": "+5511987654321"},
            "status": status,
        }
    )


@pytest.mark.parametrize("timezone", ["America/Sao_Paulo", "Mars/Olympus"])
@pytest.mark.parametrize("confirmed", [False, True])
def test_a_pod_that_may_send_has_to_confirm_also_if_a_new_spec_cannot_be_used(timezone: str, confirmed: bool) -> None:  # noqa: FBT001 a case
    said = live(frozen=FROZEN if confirmed else None)
    found = shown(
        instance=instance(timezone=timezone),
        record=record(paired=True),
        pod=pod(ready=True),
        reported=said,
    )
    assert found.condition("Accepted").status == str(timezone != "Mars/Olympus")
    assert has_confirmed(found, frozen=True) is confirmed


def test_a_pod_that_cannot_be_told_because_nats_is_away_has_not_confirmed() -> None:
    running = {"record": record(paired=True), "pod": pod(ready=True)}
    away, slow = shown(**running, bus_away=True), shown(**running)
    assert not has_confirmed(away, frozen=True)
    assert (away.condition("Frozen").reason, slow.condition("Frozen").reason) == ("BusAway", "NotConfirmed")
    assert "by its settings within two minutes, and confirms it once NATS is back" in away.condition("Frozen").message
    assert "because NATS is away" in unconfirmed([slow, away], frozen=True)
    assert "; `oxy status shop -n n` shows when, and what to do. " in unconfirmed([slow, away], frozen=True)
    assert "; `oxy status shop -n n` shows when. " in unconfirmed([slow], frozen=True)
    assert "NATS" not in unconfirmed([slow], frozen=True)
    sent = "they may send what they have accepted, and what reaches them before the freeze does"
    assert all(unconfirmed([found], frozen=True).endswith(sent) for found in (slow, away))
    for found in (slow, away):
        assert "what it has accepted, and what reaches it before the freeze does" in found.condition("Frozen").message
    assert unconfirmed([slow], frozen=False).endswith("they may hold back what they are to send")
    assert has_confirmed(shown(**running, reported=live(frozen=FROZEN), bus_away=True), frozen=True)


def test_nobody_knows_whether_a_pod_sends_again_that_was_frozen_and_is_not_heard_of() -> None:
    thawed = Freeze(revision=6)
    running = {"record": record(paired=True), "pod": pod(ready=True)}
    for before in ({"status": "True"}, {"status": "Unknown"}):
        frozen = instance(status={"conditions": [{"type": "Frozen", **before}]})
        away = shown(**running, instance=frozen, freeze=thawed, bus_away=True)
        unheard = shown(**running, instance=frozen, freeze=thawed)
        for found, reason in ((away, "BusAway"), (unheard, "Thawing")):
            assert (found.condition("Frozen").status, found.condition("Frozen").reason) == ("Unknown", reason)
            assert "is not known" in found.condition("Frozen").message
            assert not has_confirmed(found, frozen=False)
            assert found.summary()["frozen"] is None
        assert has_confirmed(
            shown(**running, instance=frozen, freeze=thawed, reported=live(frozen=thawed)), frozen=False
        )


def test_a_pod_that_is_not_heard_of_sends_as_before_if_it_was_not_frozen() -> None:
    sending = instance(status={"conditions": [{"type": "Frozen", "status": "False"}]})
    running = {"record": record(paired=True), "pod": pod(ready=True), "bus_away": True}
    for seen in ({"instance": sending, "freeze": Freeze(revision=6)}, {"freeze": Freeze(revision=0)}, {"freeze": None}):
        assert has_confirmed(shown(**running, **seen), frozen=False)


def test_what_a_pod_said_before_nats_went_away_confirms_nothing_newer() -> None:
    frozen = instance(status={"conditions": [{"type": "Frozen", "status": "True"}]})
    running = {"record": record(paired=True), "pod": pod(ready=True), "instance": frozen, "bus_away": True}
    again = Freeze(revision=7, hold=FROZEN.hold)
    assert not has_confirmed(shown(**running, freeze=again, reported=live(frozen=FROZEN)), frozen=True)
    for said in (None, FROZEN, Freeze(revision=4)):
        found = shown(**running, freeze=Freeze(revision=6), reported=live(frozen=said))
        assert not has_confirmed(found, frozen=False)


def test_one_with_an_unusable_spec_that_is_not_heard_of_has_not_confirmed_a_thaw() -> None:
    frozen = instance(timezone="Mars/Olympus", status={"conditions": [{"type": "Frozen", "status": "True"}]})
    found = shown(instance=frozen, record=record(paired=True), pod=pod(ready=True), freeze=Freeze(revision=6))
    assert found.condition("Accepted").status == "False"
    assert not has_confirmed(found, frozen=False)


def test_an_instance_that_is_refused_has_no_pod_to_confirm() -> None:
    found = shown(refusal=Problem("NumberTaken", "of another"))
    assert has_confirmed(found, frozen=True)
    assert has_confirmed(found, frozen=False)


@pytest.mark.parametrize("option", ["reason", "by"])
def test_what_would_be_cut_is_refused_before_anything_is_asked(option: str) -> None:
    with pytest.raises(FreezeError, match=rf"--{option} has 201 characters; at most 200"):
        freeze(**{option: "x" * 201})  # type: ignore[arg-type]  # one of two texts
    with pytest.raises(FreezeError, match=rf"--{option} has a line break"):
        freeze(**{option: "wrong\nprices"})  # type: ignore[arg-type]  # one of two texts


def test_who_has_no_name_can_freeze(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container with a user id that nothing names."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 1_234_567)
    assert whoever() == "user 1234567"


@pytest.mark.parametrize(
    ("took", "left", "paused"),
    [(0.01, 20, POLL_SECONDS), (2, 20, 8), (2, 5, 5), (9, -1, 0)],
)
def test_what_takes_longer_to_look_at_is_looked_at_more_rarely_and_once_more_at_the_end(
    took: float, left: float, paused: float
) -> None:
    assert pause(took, left) == paused


def test_more_instances_are_waited_for_longer_unless_a_person_says_how_long() -> None:
    assert [patience(None, count) for count in (0, 99, 5_000)] == [20, 20, 70]
    assert patience(0, 5_000) == 0


def test_thousands_that_have_not_confirmed_fill_no_screen() -> None:
    assert named(["a", "b"]) == "a, b"
    assert named([str(number) for number in range(5_000)]) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 4990 more"
