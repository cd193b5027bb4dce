"""Jobs through the whole worker: done once, in their order, whatever happens."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from integration.ai.scene import Scene, org, settings_of, until
from pydantic import BaseModel

from oxy_ai.database import connected_pool, organization_transaction
from oxy_ai.ids import instance_id
from oxy_ai.jobs.kinds import JobWork
from oxy_ai.jobs.queued import queue_job
from oxy_ai.jobs.records import Done, JobEnd, JobLane, NewJob
from oxy_core.envelopes import InstanceSettings, Lane


class Note(BaseModel):
    """What a job of the tests carries."""

    text: str


@dataclass
class Noting:
    """A kind of job whose effect is a row of the audit log."""

    name: str = "note"
    payload: type[Note] = Note
    before: Callable[[JobWork[Note]], Awaitable[JobEnd | None]] | None = None
    """What a job does first; its end, if it returns one."""
    begun: list[str] = field(default_factory=list)

    async def run(self, work: JobWork[Note]) -> JobEnd:
        self.begun.append(work.payload.text)
        end = None if self.before is None else await self.before(work)
        if end is not None:
            return end
        async with work.finishing() as connection:
            await connection.execute(
                "insert into audit_log (organization_id, actor, action, detail) values ($1, 'job', 'noted', $2)",
                work.job.organization,
                work.payload.text,
            )
        return Done()


def note(text: str, lane: JobLane = Lane.AUTOMATION, **changes: object) -> NewJob:
    return NewJob.model_validate({"kind": "note", "key": text, "lane": lane, "payload": Note(text=text)} | changes)


async def queue(scene: Scene, settings: InstanceSettings, *jobs: NewJob) -> list[int | None]:
    organization, instance = org(settings), instance_id(settings.organization, settings.instance)
    async with (
        connected_pool(scene.database_url, connections=1) as pool,
        organization_transaction(pool, organization) as connection,
    ):
        return [await queue_job(connection, organization, instance, job) for job in jobs]


async def noted(scene: Scene) -> list[str]:
    return [
        row["detail"] for row in await scene.query("select detail from audit_log where action = 'noted' order by id")
    ]


async def test_a_job_is_done_once_when_it_is_due(scene: Scene) -> None:
    settings = settings_of("petshop")
    await scene.pod(settings)
    kind = Noting()
    async with scene.worker(kinds=[kind]):
        await scene.known(settings)
        assert all(await queue(scene, settings, note("now")))
        assert await queue(scene, settings, note("now")) == [None]
        await until(lambda: scene.query("select from jobs where state = 'done'"))
        assert await noted(scene) == ["now"]
