"""Queueing, moving and cancelling jobs: one function per SQL function, in the caller's transaction."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from oxy_ai.database import Connection
from oxy_ai.jobs.records import NewJob


class JobKey(NamedTuple):
    """Names a job."""

    organization: UUID
    instance: UUID
    kind: str
    key: str


async def queue_job(connection: Connection, organization: UUID, instance: UUID, job: NewJob) -> int | None:
    """Queue a job; returns its id, None: there is, or was, one of this kind and key."""
    queued: int | None = await connection.fetchval(
        "select queue_job($1, $2, $3)", organization, instance, job.model_dump_json(exclude_none=True)
    )
    return queued


async def move_job(connection: Connection, key: JobKey, due: datetime) -> bool:
    """Have a job done at another time; False: it is to be done then already, has ended, or does not exist."""
    moved: bool = await connection.fetchval("select move_job($1, $2, $3, $4, $5)", *key, due)
    return moved


async def cancel_job(connection: Connection, key: JobKey, why: str) -> bool:
    """Have a job not done; False: it has ended, or does not exist."""
    cancelled: bool = await connection.fetchval("select cancel_job($1, $2, $3, $4, $5)", *key, why)
    return cancelled


async def cancel_jobs(connection: Connection, beginning: JobKey, why: str) -> int:
    """Cancel all jobs of a kind whose keys begin so; returns how many waited."""
    cancelled: int = await connection.fetchval("select cancel_jobs($1, $2, $3, $4, $5)", *beginning, why)
    return cancelled
