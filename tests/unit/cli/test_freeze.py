"""Which instances count as having confirmed a freeze or a thaw."""

import os

import pytest
from unit.wai_operator.making import NOW, Json, deployment, instance, live, observed, pod, record

from oxy_cli.commands.freeze import has_confirmed, whoever
from oxy_cli.instance import InstanceView
from oxy_core.freeze import Freeze, Hold
from oxy_operator.decide.plan import plan_for
from oxy_operator.decide.status import status_of
from oxy_operator.problems import Problem

FROZEN = Freeze(revision=5, hold=Hold(since=NOW, by="ana"))


def shown(**seen: Json) -> InstanceView:
    """Return an instance as the operator shows it."""
    status = status_of(plan_for(observed(freeze=FROZEN, **seen), deployment()).situation)
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
        has_workload=True,
    )
    assert found.condition("Accepted").status == str(timezone != "Mars/Olympus")
    assert has_confirmed(found, frozen=True) is confirmed


def test_an_instance_that_is_refused_has_no_pod_to_confirm() -> None:
    found = shown(refusal=Problem("NumberTaken", "of another"))
    assert has_confirmed(found, frozen=True)
    assert has_confirmed(found, frozen=False)


def test_who_has_no_name_can_freeze(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container with a user id that nothing names."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 1_234_567)
    assert whoever() == "user 1234567"
