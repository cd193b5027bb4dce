"""Clients that WhatsApp refuses, or may soon."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
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
    record,
    termination,
)

from oxy_core.instance.terminal_causes import ExitCode
from oxy_operator.decide.client import Client, ClientRefusal, client_of, refusal_of, refusing
from oxy_operator.decide.conclusion import Conclusion, conclude
from oxy_operator.decide.epoch_record import EpochEnd, EpochRecord
from oxy_operator.decide.outcome import Outcome
from oxy_operator.decide.plan import plan_for
from oxy_operator.lenient import utc_moment

IMAGE = "registry.example/tenant:1"
VERSION = "2.3000.1047769893"
PUBLISHED = date(2026, 9, 17)
AGES = datetime(2026, 11, 3, tzinfo=UTC)
"""A month before the earliest cut-off that is known."""


def said(**changes: Json) -> Any:  # noqa: ANN401 a live state
    return live(client_version=VERSION, client_published_on=PUBLISHED, **changes)


def concluded(**changes: Json) -> Conclusion:
    seen = observed(**changes)
    return conclude(seen, plan_for(seen, deployment()), Outcome(account_pushed=True))


def condition(made: Conclusion, kind: str) -> Any:  # noqa: ANN401 any JSON value
    return next((item for item in made.status["conditions"] if item["type"] == kind), None)


def at(moment: datetime, **changes: Json) -> Conclusion:
    return concluded(now=moment, reported=said(heartbeat_at=moment), **changes)


def test_a_client_ages_a_month_before_it_may_be_refused_without_any_event() -> None:
    before = at(AGES - timedelta(seconds=10))
    found = condition(before, "ClientAgeing")
    assert (found["status"], found["reason"]) == ("False", "Recent")
    assert "will not refuse 2.3000.1047769893 before 2026-12-03" in found["message"]
    assert before.requeue_after == 11.0
    after = at(AGES)
    found = condition(after, "ClientAgeing")
    assert (found["status"], found["reason"]) == ("True", "CutOffExpected")
    assert "A forecast, no fault" in found["message"]
    assert "at a login from 2026-12-03 on" in found["message"]
    assert "if yours is the newest, there is nothing else to do" in found["message"]
    assert len(found["message"]) <= 1_024, "the longest note of a Kubernetes event"
    assert condition(after, "Ready")["reason"] == condition(before, "Ready")["reason"]


def test_nothing_is_said_of_the_age_of_a_client_that_is_not_known() -> None:
    made = concluded(reported=live())
    assert condition(made, "ClientAgeing") is None
    assert condition(made, "ClientOutdated")["status"] == "False"
    assert "client" not in made.status


def test_what_an_image_contains_is_remembered_without_the_bus_and_without_a_pod() -> None:
    status = at(AGES).status
    assert status["client"] == {"version": VERSION, "publishedOn": "2026-09-17", "image": IMAGE}
    for changes in ({"reported": None}, {"reported": None, "pod": None}):
        kept = concluded(now=AGES, instance=instance(status=status), **changes)
        assert kept.status["client"] == status["client"]
        assert condition(kept, "ClientAgeing")["status"] == "True"


def test_another_image_contains_another_client() -> None:
    status = at(AGES).status
    moved = instance(status=status, runtime={"image": "registry.example/tenant:2"})
    made = concluded(now=AGES, instance=moved, reported=None, pod=None)
    assert "client" not in made.status
    assert condition(made, "ClientAgeing") is None


@pytest.mark.parametrize(
    "client",
    [
        None,
        {},
        {"version": 7, "image": IMAGE},
        {"version": "latest", "publishedOn": "2026-09-17", "image": IMAGE},
        {"version": VERSION, "publishedOn": "yesterday", "image": IMAGE},
        {"version": VERSION, "publishedOn": 3, "image": ["x"]},
    ],
)
def test_a_status_that_others_changed_harms_nobody(client: Json) -> None:
    made = concluded(instance=instance(status={"client": client}), reported=None)
    assert condition(made, "ClientAgeing") is None


# -- refusals


def ended(version: str = VERSION, image: str = IMAGE, code: int = ExitCode.CLIENT_OUTDATED) -> EpochRecord:
    end = EpochEnd(epoch=2, exit_code=code, reason="ClientOutdated", message="", client_version=version, image=image)
    return record(ended=end)


@pytest.mark.parametrize(
    ("client", "is_covered"),
    [
        (Client(IMAGE, VERSION), True),
        (Client("other", VERSION), True),
        (Client("other", "2.3000.1"), True),
        (Client(IMAGE, "2.3000.1047769894"), False),
        (Client(IMAGE), True),
        (Client("other"), False),
        (Client(""), False),
    ],
)
def test_a_refusal_is_about_that_version_and_older_ones(client: Client, *, is_covered: bool) -> None:
    assert ClientRefusal(VERSION, IMAGE, NOW).covers(client) is is_covered


def test_a_refusal_without_a_version_is_about_its_image() -> None:
    refusal = ClientRefusal("", IMAGE, NOW)
    assert refusal.covers(Client(IMAGE, VERSION))
    assert not refusal.covers(Client("other", "2.3000.1"))
    assert not ClientRefusal(VERSION, "", NOW).covers(Client(""))


def test_only_an_end_by_an_outdated_client_is_a_refusal() -> None:
    assert refusal_of(ended(), NOW, IMAGE) == ClientRefusal(VERSION, IMAGE, NOW)
    assert refusal_of(ended("", IMAGE), NOW, IMAGE) == ClientRefusal("", IMAGE, NOW)
    assert refusal_of(ended("newest", IMAGE), NOW, IMAGE) == ClientRefusal("", IMAGE, NOW)
    assert refusal_of(ended("", ""), NOW, IMAGE) is None
    assert refusal_of(ended(code=ExitCode.LOGGED_OUT), NOW, IMAGE) is None
    assert refusal_of(replace(ended(), epoch=3), NOW, IMAGE) is None
    assert refusal_of(record(), NOW, IMAGE) is None


def test_an_image_of_an_instances_own_cannot_alarm_others() -> None:
    claimed = ended("99.9", "registry.example/own:1")
    refusal = refusal_of(claimed, NOW, IMAGE)
    assert refusal == ClientRefusal("", "registry.example/own:1", NOW)
    assert not refusal.covers(Client(IMAGE, VERSION))


@pytest.mark.parametrize("day", [date.max, date.min, date(2201, 1, 1)])
def test_a_day_that_is_none_breaks_no_status(day: date) -> None:
    made = concluded(reported=live(client_version=VERSION, client_published_on=day))
    assert made.status["client"] == {"version": VERSION, "image": IMAGE}
    assert condition(made, "ClientAgeing") is None


def test_the_end_of_a_pod_is_recorded_with_its_client_and_told_to_all() -> None:
    state = termination(ExitCode.CLIENT_OUTDATED)
    seen = observed(pod=pod(state=state), reported=None)
    plan = plan_for(seen, deployment())
    assert plan.refusal == ClientRefusal("", IMAGE, NOW)
    assert plan.record is not None
    assert EpochRecord.of(plan.record.annotations) == plan.record


def test_the_first_refusal_of_any_instance_is_a_condition_of_each() -> None:
    refusals = (ClientRefusal(VERSION, IMAGE, NOW), ClientRefusal("2.3000.2000000000", IMAGE, NOW - timedelta(days=1)))
    made = concluded(reported=said(), refusals=refusals, pod=pod(ready=True))
    found = condition(made, "ClientOutdated")
    assert (found["status"], found["reason"]) == ("True", "RefusedByWhatsApp")
    assert (
        "refused client version 2.3000.2000000000 on 2026-11-21. This instance has 2.3000.1047769893."
        in (found["message"])
    )
    assert condition(made, "Ready")["status"] == "True"
    newer = live(client_version="2.3000.2000000001", client_published_on=PUBLISHED)
    assert condition(concluded(reported=newer, refusals=refusals), "ClientOutdated")["status"] == "False"


def test_a_client_that_is_not_known_is_told_apart_by_its_image() -> None:
    refusals = (ClientRefusal(VERSION, IMAGE, NOW),)
    assert condition(concluded(reported=None, refusals=refusals), "ClientOutdated")["status"] == "True"
    moved = instance(runtime={"image": "registry.example/tenant:2"})
    made = concluded(instance=moved, pod=None, reported=None, refusals=refusals)
    assert condition(made, "ClientOutdated")["status"] == "False"


def test_a_refusal_is_read_back_and_nonsense_is_not() -> None:
    refusal = ClientRefusal(VERSION, IMAGE, NOW)
    assert ClientRefusal.decode(refusal.encode()) == refusal
    moment = '"2026-11-22T12:00:00Z"'
    for text in (
        "",
        "[]",
        "{",
        "{}",
        f'{{"version": "new", "image": "x", "at": {moment}}}',
        f'{{"version": "", "image": "", "at": {moment}}}',
        f'{{"version": "{VERSION}", "image": "x", "at": "soon"}}',
    ):
        assert ClientRefusal.decode(text) is None
    assert utc_moment("2026-11-22T12:00:00Z") == NOW


def test_a_live_state_that_is_not_current_tells_nothing() -> None:
    stale = said(pod_uid=POD_UID, heartbeat_at=NOW - timedelta(minutes=5))
    made = concluded(reported=stale)
    assert "client" not in made.status
    assert client_of(instance(), pod(), None, "x") == Client(IMAGE)
    assert refusing(Client(IMAGE), ()) is None
