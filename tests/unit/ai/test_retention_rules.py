"""For how long each kind of data is kept."""

from datetime import timedelta
from uuid import UUID

import pytest

from oxy_ai.retention.rules import KeptData, Walk, audit_kept, kept
from oxy_core.instance.settings import LimitsSettings, RetentionSettings

INSTANCE = UUID(int=1)


def data(limits: LimitsSettings | None = None, **days: int) -> KeptData:
    return KeptData(INSTANCE, RetentionSettings(**days), limits or LimitsSettings())


@pytest.mark.parametrize(
    ("walk", "days"),
    [
        (Walk.MESSAGES, 730),
        (Walk.TURNS, 730),
        (Walk.TEXTS, 730),
        (Walk.NOTICES, 730),
        (Walk.PROPOSALS, 730),
        (Walk.LONE_FILES, 730),
        (Walk.OCCURRENCES, 730),
        (Walk.FILES, 90),
        (Walk.READINGS, 730),
        (Walk.TURN_STEPS, 90),
        (Walk.CALLS, 400),
        (Walk.JOBS, 90),
        (Walk.CAMPAIGNS, 730),
        (Walk.DEAD_TURNS, 180),
        (Walk.DEAD_REPORTS, 180),
        (Walk.DEAD_JOBS, 180),
    ],
)
def test_each_kind_has_its_days(walk: Walk, days: int) -> None:
    assert kept(data(), walk) == timedelta(days=days)


def test_nothing_is_kept_for_longer_than_its_message() -> None:
    short = data(messages=30, media=90, readings=60, turn_steps=45)
    assert {walk: kept(short, walk).days for walk in (Walk.FILES, Walk.READINGS, Walk.TURN_STEPS)} == {
        Walk.FILES: 30,
        Walk.READINGS: 30,
        Walk.TURN_STEPS: 30,
    }


def test_a_text_is_kept_until_another_promotion_may_follow() -> None:
    assert kept(data(LimitsSettings(proactive_interval_days=365), messages=30), Walk.TEXTS).days == 365


def test_the_audit_log_of_several_instances_is_kept_as_the_most_patient_says() -> None:
    assert audit_kept([data(audit=30), data(audit=900)]).days == 900
    assert audit_kept([]).days == RetentionSettings().audit
