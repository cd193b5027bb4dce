"""A kind of job that does nothing: it shows that the lanes of jobs are served (`oxy queues test`)."""

from typing import Final

from pydantic import BaseModel

from oxy_ai.jobs.kinds import JobWork
from oxy_ai.jobs.records import Done, JobEnd

PROBE: Final = "probe"
"""The kind's name."""


class NoPayload(BaseModel):
    """A probe carries nothing."""


class Probe:
    """Takes the whole way of a job, up to the transaction that would have its effect."""

    name: str = PROBE
    payload: type[NoPayload] = NoPayload

    async def run(self, work: JobWork[NoPayload]) -> JobEnd:
        """End the job."""
        async with work.finishing():
            pass
        return Done()
