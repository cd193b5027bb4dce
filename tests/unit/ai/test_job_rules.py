"""When a job is tried again, how often, and what is said of its failure."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import BaseModel, ValidationError

from oxy_ai.engine.job_runner import JobSettings, outage_pause, queue_of, why_failed
from oxy_ai.errors import JobAbandonedError, JobTimeoutError, ModelRefusalError
from oxy_ai.jobs.records import ALONE_SECONDS, Cancelled, Done, JobEnding, JobRow, Later, NewJob
from oxy_core.envelopes import Lane

SETTINGS = JobSettings(job_outage_seconds=2, job_outage_max_seconds=300)
MOMENT = datetime(2026, 11, 29, 8, tzinfo=UTC)
INSTANCE = (
    '{"organization": "petshop", "instance": "main", "account": "A", "generation": 1, "display_name": "Pet", '
    '"phone_number": "+5511999990000", "timezone": "America/Sao_Paulo", "queues": {"campaign": {"attempts": 7}}}'
)


class Empty(BaseModel):
    """What a job carries that needs nothing."""


def row(settings: str, lane: Lane = Lane.CAMPAIGN) -> JobRow:
    return JobRow.model_validate(
        {
            "instance": "22222222-2222-4222-8222-222222222222",
            "kind": "note",
            "key": "1",
            "lane": lane,
            "contact": None,
            "payload": "{}",
            "planned_at": MOMENT,
            "late_seconds": 0,
            "attempts": 0,
            "waits": 0,
            "trace": None,
            "settings": settings,
            "away": False,
        }
    )


@pytest.mark.parametrize(
    ("waits", "asked", "seconds"), [(0, 0, 2), (1, 0, 4), (9, 0, 300), (5_000, 0, 300), (0, 60, 60), (0, 3600, 300)]
)
def test_the_pause_of_an_outage_doubles_up_to_a_limit(waits: int, asked: float, seconds: float) -> None:
    assert outage_pause(waits, asked, SETTINGS) == seconds


@pytest.mark.parametrize(
    ("settings", "lane", "attempts"),
    [
        (INSTANCE, Lane.CAMPAIGN, 7),
        (INSTANCE, Lane.AUTOMATION, 3),
        ("{}", Lane.CAMPAIGN, 2),
        ('{"version": 99}', Lane.CAMPAIGN, 2),
    ],
    ids=["as the instance says", "another lane", "damaged", "newer"],
)
def test_an_instance_says_how_often_its_jobs_are_tried(settings: str, lane: Lane, attempts: int) -> None:
    assert queue_of(row(settings, lane)).attempts == attempts


def test_a_reason_never_quotes_an_unexpected_error() -> None:
    assert why_failed(JobTimeoutError(300)) == "the job has not ended within 300 seconds"
    assert why_failed(JobAbandonedError(5)) == "5 workers in a row began this job and did not end it"
    assert why_failed(ModelRefusalError("the model declined")) == "the model declined"
    assert why_failed(ValueError("segredo")) == "internal error (ValueError)"


@pytest.mark.parametrize(
    ("end", "ending"),
    [
        (Done(), JobEnding(state="done")),
        (Cancelled("gone"), JobEnding(state="cancelled", why="gone")),
        (Later(why="early", until=MOMENT), JobEnding(state="waiting", why="early", until=MOMENT)),
        (Later(why="full", after=timedelta(hours=1)), JobEnding(state="waiting", why="full", after_seconds=3600)),
        (Later(why="again", after=timedelta()), JobEnding(state="waiting", why="again", after_seconds=ALONE_SECONDS)),
    ],
)
def test_each_end_is_told_to_the_database(end: Done | Later | Cancelled, ending: JobEnding) -> None:
    assert JobEnding.of(end) == ending


@pytest.mark.parametrize("times", [{}, {"until": MOMENT, "after": timedelta(hours=1)}], ids=["none", "both"])
def test_a_job_waits_for_one_thing(times: dict[str, datetime | timedelta]) -> None:
    with pytest.raises(ValueError, match="until a time, or for a span"):
        Later(why="x", **times)  # type: ignore[arg-type]  # what must not be


@pytest.mark.parametrize("wrong", [{"key": ""}, {"kind": ""}, {"lane": Lane.REPLY}, {"due_at": datetime(2026, 1, 1)}])  # noqa: DTZ001
def test_a_job_that_could_not_be_stored_is_not_made(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        NewJob.model_validate({"kind": "note", "key": "1", "payload": Empty()} | wrong)
