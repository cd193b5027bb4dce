"""Jobs through whole workers: done once, in their order, whatever happens."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from aiohttp import web
from integration.ai.endpoint import running_endpoint, saying
from integration.ai.scene import OWNER, PATIENCE, Scene, org, queues, settings_of, until
from prometheus_client import REGISTRY
from pydantic import BaseModel
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from oxy_ai.database import connected_pool, organization_transaction
from oxy_ai.errors import JobError, ModelOutageError, OutageCause
from oxy_ai.ids import instance_id
from oxy_ai.jobs.kinds import JobWork
from oxy_ai.jobs.queued import JobKey, cancel_job, cancel_jobs, move_job, queue_job
from oxy_ai.jobs.records import Cancelled, Done, JobEnd, JobLane, Later, NewJob
from oxy_core.envelopes import InstanceSettings, Lane
from oxy_core.instance.settings import AutomationQueueSettings, QueuesSettings

QUICK = QueuesSettings(automation=AutomationQueueSettings(concurrency=5, attempts=2, backoff_seconds=0.05))
SETTINGS = settings_of("petshop", queues=QUICK)
MANY = 10_000
QUEUE_MANY = """
select count(queue_job($1, $2, jsonb_build_object(
    'kind', 'note', 'key', 'busy ' || n, 'lane', 'automation', 'payload', jsonb_build_object('text', 'busy')
))) from generate_series(1, $3) n
"""
QUEUE_BULK = QUEUE_MANY.replace("'automation'", "'campaign'").replace("busy", "bulk")
OVERTAKEN = """
select count(*) from audit_log a, jobs j, audit_log mine
where j.key = 'quiet' and mine.detail = 'quiet' and a.detail = 'busy' and a.at between j.created_at and mine.at
"""
KILL = """
select pg_terminate_backend(pid) from pg_stat_activity
where application_name = 'oxy-ai' and datname = current_database()
"""
TOMORROW = datetime.now(UTC) + timedelta(days=1)


class Note(BaseModel):
    """What a job of the tests carries."""

    text: str


Act = Callable[[JobWork[Note]], Awaitable[JobEnd | None]]


@dataclass
class Noting:
    """A kind of job whose effect is a row of the audit log."""

    acts: dict[str, Act] = field(default_factory=dict)
    """What a job of this text does first; its end, if it returns one."""
    name: str = "note"
    payload: type[Note] = Note
    begun: list[str] = field(default_factory=list)

    async def run(self, work: JobWork[Note]) -> JobEnd:
        self.begun.append(work.payload.text)
        act = self.acts.get(work.payload.text)
        end = None if act is None else await act(work)
        if end is not None:
            return end
        async with work.finishing() as connection:
            await note_down(connection, work)
        return Done()


async def note_down(connection: object, work: JobWork[Note]) -> None:
    await connection.execute(  # type: ignore[attr-defined]  # asyncpg's proxy
        "insert into audit_log (organization_id, actor, action, detail) values ($1, 'job', 'noted', $2)",
        work.job.organization,
        work.payload.text,
    )


def note(text: str, lane: JobLane = Lane.AUTOMATION, **changes: object) -> NewJob:
    return NewJob.model_validate({"kind": "note", "key": text, "lane": lane, "payload": Note(text=text)} | changes)


def key_of(settings: InstanceSettings, key: str) -> JobKey:
    return JobKey(org(settings), instance_id(settings.organization, settings.instance), "note", key)


async def queue(scene: Scene, settings: InstanceSettings, *jobs: NewJob) -> list[int | None]:
    async with (
        connected_pool(scene.database_url, connections=1) as pool,
        organization_transaction(pool, org(settings)) as connection,
    ):
        return [await queue_job(connection, *key_of(settings, "")[:2], job) for job in jobs]


async def noted(scene: Scene) -> list[str]:
    rows = await scene.query("select detail from audit_log where action = 'noted' order by detail")
    return [row["detail"] for row in rows]


async def states(scene: Scene) -> dict[str, str]:
    return {row["key"]: row["state"] for row in await scene.query("select key, state from jobs")}


async def row(scene: Scene, key: str) -> dict[str, object]:
    return dict((await scene.query("select * from jobs where key = $1", key))[0])


# -- what becomes of a job


async def hits_its_limits(_: JobWork[Note]) -> JobEnd:
    message = "it cannot be done"
    raise JobError(message)


async def fails_once(work: JobWork[Note]) -> None:
    """Fail after the effect, in the first attempt."""
    if work.job.attempt == 1:
        async with work.finishing() as connection:
            await note_down(connection, work)
            raise KeyError


async def hangs(_: JobWork[Note]) -> None:
    await asyncio.Event().wait()


async def loses_the_bus(work: JobWork[Note]) -> None:
    if work.job.planned_at < TOMORROW:
        raise ConnectionResetError


async def asks_a_model(_: JobWork[Note]) -> None:
    message = "nobody answers"
    raise ModelOutageError(message, OutageCause.UNREACHABLE, retry_after_seconds=60)


async def is_early(_: JobWork[Note]) -> JobEnd:
    return Later(why="early", until=TOMORROW)


async def waits(_: JobWork[Note]) -> JobEnd:
    return Later(why="no room", after=timedelta(hours=1))


async def is_gone(work: JobWork[Note]) -> JobEnd:
    async with work.finishing(Cancelled("gone")) as connection:
        await note_down(connection, work)
    return Done()


async def is_moved_meanwhile(work: JobWork[Note]) -> None:
    async with work.reading() as connection:
        assert await move_job(connection, key_of(work.job.settings, work.job.key), TOMORROW)


async def is_cancelled_meanwhile(work: JobWork[Note]) -> None:
    async with work.reading() as connection:
        assert await cancel_job(connection, key_of(work.job.settings, work.job.key), "by a person")


ACTS: dict[str, Act] = {
    "hopeless": hits_its_limits,
    "unlucky": fails_once,
    "stuck": hangs,
    "outage": loses_the_bus,
    "model": asks_a_model,
    "early": is_early,
    "waiting": waits,
    "gone": is_gone,
    "moved": is_moved_meanwhile,
    "cancelled": is_cancelled_meanwhile,
}


def dead_counted() -> float:
    return REGISTRY.get_sample_value("oxy_ai_jobs_total", {"kind": "note", "outcome": "dead"}) or 0


async def test_a_job_ends_as_its_kind_says_once(scene: Scene) -> None:
    counted_before = dead_counted()
    pod = await scene.pod(SETTINGS)
    kind = Noting(ACTS)
    with capture_logs(processors=[merge_contextvars]) as logs:
        quick = {"connections": 12, "job_seconds": 2}  # no job waits for a connection
        async with scene.worker(kinds=[kind], **quick), scene.worker(kinds=[kind], **quick):
            await scene.known(SETTINGS)
            assert all(await queue(scene, SETTINGS, note("now"), note("later", due_at=TOMORROW), *map(note, ACTS)))
            assert await queue(scene, SETTINGS, note("now")) == [None]
            await queue(scene, SETTINGS, note("a"), NewJob(kind="other", key="1", payload=Note(text="?")))
            await scene.query("update jobs set payload = '{}', due_at = now() where key = 'later'")
            await until(lambda: scene.query("select from jobs where state = 'dead' having count(*) = 3"))
            await until(lambda: scene.query("select from jobs where waits > 0 having count(*) = 3"))
            await scene.query("update jobs set waits = 1440, due_at = now() where kind = 'other'")
            await until(lambda: scene.query("select from jobs where kind = 'other' and state = 'dead'"))
            await until(lambda: scene.query("select from jobs where state = 'done' having count(*) = 3"))
            await until(lambda: any("tarefas automáticas" in text for text in pod.answers_to(OWNER)))
            await scene.query("update jobs set planned_at = $1, due_at = now() where key = 'outage'", TOMORROW)
            await until(lambda: scene.query("select from jobs where key = 'outage' and state = 'done'"))
    assert await noted(scene) == ["a", "gone", "now", "outage", "unlucky"]
    assert await states(scene) == {
        **dict.fromkeys(("now", "a", "unlucky", "outage"), "done"),
        **dict.fromkeys(("early", "waiting", "moved", "model"), "waiting"),
        **dict.fromkeys(("gone", "cancelled"), "cancelled"),
        **dict.fromkeys(("hopeless", "stuck", "later", "1"), "dead"),
    }
    reasons = {key: (await row(scene, key))["reason"] for key in ("hopeless", "stuck", "later", "gone", "waiting", "1")}
    assert reasons == {
        "hopeless": "it cannot be done",
        "stuck": "the job has not ended within 2 seconds",
        "later": "the payload of note cannot be read: check text",
        "gone": "gone",
        "waiting": "no room",
        "1": "no worker knows the kind of job 'other'; upgrade the workers, then replay it",
    }
    early, moved, waiting, model = [await row(scene, key) for key in ("early", "moved", "waiting", "model")]
    assert early["due_at"] == early["planned_at"] == moved["due_at"] == moved["planned_at"] == TOMORROW
    assert waiting["planned_at"] < waiting["delayed_at"] < waiting["due_at"]
    assert (model["waits"], model["attempts"], model["claims"], model["lease_until"]) == (1, 0, 0, None)
    completed = {log["job"]: log for log in logs if log["event"] == "job_completed"}
    failed = [
        log for log in logs if log["event"] == "job_failed" and log["job"] == (await row(scene, "hopeless"))["id"]
    ]
    unlucky = completed[(await row(scene, "unlucky"))["id"]]
    assert (unlucky["attempts"], unlucky["kind"], unlucky["seconds"] >= 0) == (2, "note", True)
    assert [(log["attempts"], log["dead"], log["log_level"]) for log in failed] == [
        (1, False, "warning"),
        (2, True, "error"),
    ]
    assert dead_counted() == counted_before + 3
    assert "?" not in json.dumps([log.get("reason") for log in logs])


# -- whose job is done next


async def takes_a_while(_: JobWork[Note]) -> None:
    await asyncio.sleep(0.02)


async def test_ten_thousand_jobs_of_one_organization_hardly_delay_anothers_first(scene: Scene) -> None:
    quiet = settings_of("quiet")
    for settings in (SETTINGS, quiet):
        await scene.pod(settings)
    kind = Noting({"busy": takes_a_while, "bulk": takes_a_while})
    async with scene.worker(kinds=[kind]):
        for settings in (SETTINGS, quiet):
            await scene.known(settings)
        assert await scene.value(QUEUE_MANY, *key_of(SETTINGS, "")[:2], MANY) == MANY
        assert await scene.value(QUEUE_BULK, *key_of(SETTINGS, "")[:2], MANY / 10) == MANY / 10
        await until(lambda: len(kind.begun) > 20)
        await queue(scene, quiet, note("quiet"))
        await until(lambda: scene.query("select from audit_log where detail = 'quiet'"))
        assert await scene.value("select count(*) from jobs where state = 'waiting'") > MANY / 2
        assert await scene.value(OVERTAKEN) <= 2 * QUICK.automation.concurrency
        await queue(scene, quiet, note("promotion", lane=Lane.CAMPAIGN))
        begun = len(kind.begun)
        await until(lambda: len(kind.begun) > begun + 40)
        assert not {"promotion", "bulk"} & set(kind.begun)
        assert await scene.value("select cancel_jobs($1, $2, $3, $4, 'enough')", *key_of(SETTINGS, "busy")) > MANY / 2
        await until(lambda: "promotion" in kind.begun)
        assert kind.begun[: kind.begun.index("promotion")].count("bulk") <= 2 * QUICK.campaign.concurrency


async def test_no_organization_has_more_in_hand_than_its_instances_allow(scene: Scene) -> None:
    lanes = QUICK.model_copy(update={"message": queues(concurrency=2, per_second=100).message})
    settings = settings_of(
        "petshop", queues=lanes.model_copy(update={"automation": AutomationQueueSettings(concurrency=2)})
    )
    pod = await scene.pod(settings)
    most, seen = [0, 0], asyncio.Event()

    async def is_seen(_: JobWork[Note]) -> None:
        await seen.wait()
        await asyncio.sleep(0.02)

    async def answers(request: web.Request) -> web.StreamResponse:
        await seen.wait()
        return await saying("Oi!")(request)

    kind = Noting({str(number): is_seen for number in range(40)})
    phones = [f"+5511900{number:06d}" for number in range(6)]
    async with (
        running_endpoint(answers) as endpoint,
        scene.worker(kinds=[kind], openai_base_url=endpoint.base_url),
        scene.worker(kinds=[kind], openai_base_url=endpoint.base_url),
        asyncio.timeout(2 * PATIENCE),
    ):
        await scene.known(settings)
        await queue(scene, settings, *(note(str(number)) for number in range(40)))
        for phone in phones:
            pod.receive("Oi", phone)
        while len({str(request.chat) for request in pod.sent}) < len(phones) or len(await noted(scene)) < 40:
            for place, table in enumerate(("conversations", "jobs")):
                held = f"select count(*) from {table} where lease_until > now()"  # noqa: S608 names of our tables
                most[place] = max(most[place], await scene.value(held))
            if min(most) > 1:
                seen.set()
    assert most == [2, 2]


async def test_jobs_of_an_instance_that_is_away_wait_for_it(scene: Scene) -> None:
    settings = settings_of("petshop")
    await scene.pod(settings)
    kind = Noting()
    async with scene.worker(kinds=[kind]):
        await scene.known(settings)
        await scene.publish(settings_of("petshop", suspended=True, generation=2))
        await until(lambda: scene.query("select from instances where settings @> '{\"suspended\": true}'"))
        await queue(scene, settings, note("a"), note("b"))
        await until(lambda: scene.query("select from jobs where held having count(*) = 2"))
        await scene.publish(settings_of("petshop", generation=3))
        await until(lambda: scene.query("select from jobs where state = 'done' having count(*) = 2"))
        await scene.unpublish(settings)
        await until(lambda: scene.query("select from instances where closed_at is not null"))
        await queue(scene, settings, note("c"))
        await until(lambda: scene.query("select from jobs where held"))
        await scene.publish(settings_of("petshop", generation=4))
        await until(lambda: scene.query("select from jobs where key = 'c' and state = 'done'"))
    assert sorted(kind.begun) == await noted(scene) == ["a", "b", "c"]
    assert await scene.value("select count(*) from jobs where attempts > 0") == 0


# -- bad days


async def test_workers_whose_connections_are_cut_at_any_point_do_each_job_once(scene: Scene) -> None:
    settings = settings_of("petshop", queues=QUICK)
    await scene.pod(settings)
    random = Random(76)
    kind = Noting()
    jobs = [note(f"{number:03d}") for number in range(150)]
    async with scene.worker(kinds=[kind], lease_seconds=1), scene.worker(kinds=[kind], lease_seconds=1):
        await scene.known(settings)
        await queue(scene, settings, *jobs)
        for _ in range(25):
            await asyncio.sleep(random.uniform(0.001, 0.03))
            await scene.query(KILL)
        await until(lambda: scene.query("select where not exists (select from jobs where state <> 'done')"), 60)
    assert await noted(scene) == [job.key for job in jobs]


async def test_a_dead_workers_job_is_taken_over_and_one_that_kills_workers_is_given_up(scene: Scene) -> None:
    await scene.pod(SETTINGS)
    kind = Noting()
    async with scene.worker():
        await scene.known(SETTINGS)
    await queue(scene, SETTINGS, note("innocent"), note("killer"))
    claimed = json.loads(await scene.value("select claim_jobs(9, 9, '1 hour', '1 second')"))["claimed"]
    assert [(claim["claim"]["claims"], claim["job"]["key"]) for claim in claimed] == [(1, "innocent"), (1, "killer")]
    await scene.query("update jobs set claims = 5 where key = 'killer'")
    await scene.query("update jobs set lease_until = now(), due_at = now()")
    await scene.query("update job_queue set ready_at = now()")
    async with scene.worker(kinds=[kind]):
        await until(lambda: scene.query("select from jobs where state in ('done', 'dead') having count(*) = 2"))
    assert kind.begun == await noted(scene) == ["innocent"]
    assert (await row(scene, "killer"))["reason"] == "5 workers in a row began this job and did not end it"
    assert (await row(scene, "killer"))["attempts"] == 1


async def test_a_worker_that_stops_lets_its_jobs_end_or_gives_them_back(scene: Scene) -> None:
    await scene.pod(SETTINGS)
    released = asyncio.Event()

    async def waits_for_release(_: JobWork[Note]) -> None:
        await released.wait()

    kind = Noting({"slow": waits_for_release, "stuck": hangs})
    async with scene.worker(kinds=[kind], drain_seconds=4):
        await scene.known(SETTINGS)
        await queue(scene, SETTINGS, note("slow"), note("stuck"))
        await until(lambda: len(kind.begun) == 2)
        asyncio.get_running_loop().call_later(0.1, released.set)
    assert await noted(scene) == ["slow"]
    stuck = await row(scene, "stuck")
    assert (stuck["state"], stuck["lease_until"], stuck["claims"], stuck["attempts"]) == ("waiting", None, 0, 0)


async def test_jobs_are_cancelled_by_the_beginning_of_their_keys(scene: Scene) -> None:
    settings = settings_of("petshop")
    await scene.pod(settings)
    async with scene.worker():
        await scene.known(settings)
    await queue(scene, settings, *(note(key, due_at=TOMORROW) for key in ("1:a", "1:b", "10:a", "_:a")))
    async with (
        connected_pool(scene.database_url, connections=1) as pool,
        organization_transaction(pool, org(settings)) as connection,
    ):
        assert await cancel_jobs(connection, key_of(settings, "1:"), "cancelled") == 2
    assert await states(scene) == {"1:a": "cancelled", "1:b": "cancelled", "10:a": "waiting", "_:a": "waiting"}
