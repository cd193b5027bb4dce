"""The jobs that write reports: figures first, then words, then one transaction that queues them for the owners."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from oxy_ai.aurora.figures.source import FigureSource
from oxy_ai.engine.metered_model import MeteredModel
from oxy_ai.jobs.kinds import AnyJobKind, JobWork
from oxy_ai.jobs.records import Cancelled, Done, JobEnd
from oxy_ai.media.library import FileLibrary
from oxy_ai.schedules.agenda_gap import empty_agenda
from oxy_ai.schedules.causes import keep_causes
from oxy_ai.schedules.daily import daily_summary
from oxy_ai.schedules.opportunities import opportunities
from oxy_ai.schedules.owners import Outgoing, OwnerChat, ReportPost, chats_with, owners_to_tell
from oxy_ai.schedules.plan import ScheduleName, is_on
from oxy_ai.schedules.report import OwnerReport
from oxy_ai.schedules.scheduled import ScheduledReport
from oxy_ai.schedules.view import ReportView
from oxy_ai.schedules.warnings import budget_warning, connection_warning
from oxy_ai.schedules.weekly import weekly_report
from oxy_ai.schedules.wording import ReportWriter


@dataclass(frozen=True, slots=True)
class Writing:
    """How a report is written, and for how long it is of use."""

    report: Callable[[ReportView], Awaitable[OwnerReport | None]]
    """Returns None if there is nothing to tell."""
    kept: timedelta
    """From when it was due: later it is neither written nor sent any more."""


WRITINGS: Final[Mapping[ScheduleName, Writing]] = {
    ScheduleName.DAILY_SUMMARY: Writing(daily_summary, timedelta(hours=24)),
    ScheduleName.WEEKLY_REPORT: Writing(weekly_report, timedelta(days=7)),
    ScheduleName.EMPTY_AGENDA: Writing(empty_agenda, timedelta(hours=24)),
    ScheduleName.OPPORTUNITIES: Writing(opportunities, timedelta(days=7)),
    ScheduleName.BUDGET_WARNING: Writing(budget_warning, timedelta(days=2)),
    ScheduleName.CONNECTION_WARNING: Writing(connection_warning, timedelta(days=1)),
}


class ReportKind:
    """Jobs that write one kind of report."""

    payload = ScheduledReport

    def __init__(self, name: ScheduleName, writer: ReportWriter, post: ReportPost) -> None:
        self.schedule = name
        self._writing = WRITINGS[name]
        self._writer = writer
        self._post = post

    @property
    def name(self) -> str:
        """That of the schedule."""
        return self.schedule.value

    async def run(self, work: JobWork[ScheduledReport]) -> JobEnd:
        """Write a report and have it sent to the owners."""
        job, due_at = work.job, work.payload.due_at
        left = self._writing.kept - (work.now() - due_at)
        if not is_on(job.settings, self.schedule):
            return Cancelled("switched off")
        if left <= timedelta(0):
            return Cancelled("too late")
        async with work.reading() as connection:
            owners = await owners_to_tell(connection, job)
            if not owners:
                return Cancelled("nobody to tell")
            source = FigureSource(connection, job.organization, job.timezone)
            local = due_at.astimezone(job.timezone)
            report = await self._writing.report(ReportView(source, job.instance, job.settings, work.now(), local))
            if report is None:
                return Cancelled("nothing to tell")
            chats = await chats_with(connection, job, owners)
        return await self._send(work, report, chats, left)

    async def _send(
        self, work: JobWork[ScheduledReport], report: OwnerReport, chats: list[OwnerChat], left: timedelta
    ) -> JobEnd:
        job = work.job
        text = await self._writer.text_of(report, job, chats[0].conversation, work.now())
        async with work.finishing() as connection:
            await self._post.queue(connection, job, chats, Outgoing(text, report.picture, left.total_seconds()))
            await keep_causes(connection, job.organization, job.instance, self.schedule, report.causes)
        return Done()


def report_kinds(model: MeteredModel, library: FileLibrary) -> tuple[AnyJobKind, ...]:
    """Return the kinds of jobs that write reports."""
    writer, post = ReportWriter(model), ReportPost(library)
    return tuple(ReportKind(name, writer, post) for name in WRITINGS)


if TYPE_CHECKING:
    from oxy_ai.jobs.kinds import JobKind

    _: type[JobKind[ScheduledReport]] = ReportKind
