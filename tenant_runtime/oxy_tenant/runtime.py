"""One run of the tenant runtime: starts the parts, and stops them in the right order."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final, NoReturn

import structlog
from nats.errors import Error as NatsError

from oxy_core.envelopes import ConnectionChanged, ConnectionState
from oxy_core.heap import keep_loaded_objects
from oxy_core.probes import serving_probes
from oxy_core.tasks import cancel_tasks, end_tasks, wait_for
from oxy_core.tenant import TerminationMessage
from oxy_tenant.assembly import Parts, assemble
from oxy_tenant.bus import run_on_bus
from oxy_tenant.connection.ended_marker import EndedMarker, repeated_ending
from oxy_tenant.connection.ending import EndedError, Ending, write_termination_message
from oxy_tenant.errors import JournalError, SessionError, VolumeError
from oxy_tenant.journal.epochs import Restored
from oxy_tenant.journal.journal import Journal
from oxy_tenant.journal.retention import PRUNE_EVERY
from oxy_tenant.lobby import Lobby
from oxy_tenant.own_process import OwnProcess
from oxy_tenant.publishing.publisher import ReportSignal
from oxy_tenant.restoring import restore_if_wished
from oxy_tenant.session_metadata import MetadataFile
from oxy_tenant.settings import RuntimeSettings
from oxy_tenant.settings_file import SettingsFile
from oxy_tenant.state_page import state_page
from oxy_tenant.unused_memory import keep_trimmed
from oxy_tenant.volume.files import usable_files
from oxy_tenant.volume.lock import holding_volume
from oxy_tenant.volume.room import is_usable
from oxy_tenant.volume.watch import usage_of

SEND_GRACE: Final = 3.5
"""Seconds that a shutdown waits for the message in flight."""

PUBLISH_GRACE: Final = 2.0
"""Seconds that a shutdown waits for the bus to acknowledge all reports; the next run publishes the rest."""

PARKED_RETRY: Final = 5.0
"""Seconds between attempts to write the marker of an ended epoch."""

PRUNE_RETRY: Final = 300.0
"""Seconds between attempts to prune a journal that cannot be written."""

log = structlog.get_logger()


class Runtime:
    """Runs the parts until a signal or a terminal cause."""

    def __init__(self, environment: RuntimeSettings, marker: EndedMarker, parts: Parts, stop: asyncio.Event) -> None:
        self._environment = environment
        self._marker = marker
        self._parts = parts
        self._stop = stop

    async def run(self) -> Ending | None:
        """Run until a signal (returns None) or a terminal cause; raises errors that only a new process can repair."""
        environment, parts = self._environment, self._parts
        bus_work = (parts.publisher.run, parts.intake.run, parts.outgoing_files.run, parts.board.run)
        with serving_probes(
            environment.probe_host, environment.probe_port, parts.board.not_ready, state=self._page
        ) as port:
            keep_loaded_objects()
            log.info("runtime_started", epoch=environment.epoch, probe_port=port)
            # If one part fails, the group cancels the others and the process ends; the kubelet restarts it.
            async with asyncio.TaskGroup() as tasks:
                background = [
                    tasks.create_task(work)
                    for work in (
                        run_on_bus(environment, bus_work),
                        parts.sender.run(),
                        parts.files.run(),
                        parts.connection_reports.run(),
                        parts.event_reports.run(),
                        parts.reception.run(),
                        parts.forgetter.run(),
                        parts.freeze.run(),
                        parts.shared.settings.follow(),
                        parts.room.run(),
                        parts.backups.run(),
                        parts.leaver.run(),
                        parts.connection.follow_settings(),
                        parts.pairing_check.run(),
                        keep_pruned(parts.shared.journal),
                        keep_trimmed(),
                    )
                ]
                ending = await self._stay_connected(tasks, background)
                await self._shut_down(ending)
                await end_tasks(*background)
        return ending

    async def _stay_connected(self, tasks: asyncio.TaskGroup, background: list[asyncio.Task[None]]) -> Ending | None:
        """Stay connected; return the ending, or None after a signal."""
        return await run_until(self._stop, self._connect(tasks, background), self._finish_sending)

    async def _connect(self, tasks: asyncio.TaskGroup, background: list[asyncio.Task[None]]) -> NoReturn:
        """Audit for lost messages, which may take minutes, then stay connected."""
        parts = self._parts
        await parts.room.look()
        await asyncio.to_thread(parts.shared.record.begun)
        try:
            await asyncio.to_thread(parts.shared.adapter.audit.audit_store)
        except (SessionError, VolumeError) as error:
            log.warning("audit_failed", error=str(error))
        for send in parts.shared.recovered:
            parts.sender.enqueue(send)
        background.append(tasks.create_task(parts.shared.adapter.audit.run()))
        await parts.connection.run()

    def _page(self) -> str:
        return state_page(self._parts.board.live_state(), self._parts.queues.all(), OwnProcess.seen())

    async def _finish_sending(self, connected: bool) -> None:  # noqa: FBT001 called by `run_until`
        self._parts.shared.stopping.set()
        if connected:
            await self._parts.sender.finish(SEND_GRACE)

    # -- the end

    async def _shut_down(self, ending: Ending | None) -> None:
        """Record the ending on disk, then publish as much as `PUBLISH_GRACE` allows."""
        board = self._parts.board
        if ending is not None:
            change = ConnectionChanged(state=ConnectionState.ENDED, reason=ending.reason, jid=board.state.jid)
            try:
                await asyncio.to_thread(self._parts.shared.journal.reports.report_connection, change)
            except JournalError as error:
                # Whatever became of the journal: without the marker below, the next start would connect again.
                log.warning("ending_not_journalled", error=str(error))
            board.update(connection=ConnectionState.ENDED, last_reason=ending.reason, pairing=None)
            await self._leave_message(ending)
        with contextlib.suppress(TimeoutError, NatsError):
            async with asyncio.timeout(PUBLISH_GRACE):
                await board.publish_now()
                await self._parts.publisher.drained()

    async def _leave_message(self, ending: Ending) -> None:
        """Write the marker, then the termination message.

        Without the marker the next start would connect again. So if it cannot be written, stay up, disconnected, and
        retry until a signal.
        """
        message = message_of(ending, self._environment, self._parts.board.state.client_version)
        while ending.code.ends_epoch:
            try:
                await asyncio.to_thread(self._marker.write, message)
                break
            except OSError as error:
                log.warning("ended_marker_unwritable", error=str(error))
                if await wait_for(self._stop, PARKED_RETRY):
                    break
        write_termination_message(self._environment.termination_log, message)
        log.error("runtime_ended", reason=ending.reason, exit_code=int(ending.code))


async def keep_pruned(journal: Journal) -> NoReturn:
    """Delete what is old from the journal until cancelled; what cannot be now, as on a full volume, may stay."""
    while True:
        pause = PRUNE_EVERY.total_seconds()
        try:
            await asyncio.to_thread(journal.prune)
        except JournalError as error:
            log.warning("journal_not_pruned", error=str(error))
            pause = PRUNE_RETRY
        await asyncio.sleep(pause)


async def run_until(
    stop: asyncio.Event, connection: Coroutine[object, object, None], before_closing: Callable[[bool], Awaitable[None]]
) -> Ending | None:
    """Run `connection` until it ends or `stop` is set; return its ending, or None if it was stopped without one.

    `before_closing` is called before the session is closed, with whether it is still open.
    """
    running, stopped = asyncio.create_task(connection), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
    except EndedError as error:
        return error.ending
    finally:
        await before_closing(not running.done())
        # Closing the session journals the messages that it has received. Their receipts may have been sent already, so
        # a second cancellation that cut this short would lose them.
        await cancel_tasks(running, stopped)
    failure = None if running.cancelled() else running.exception()
    return failure.ending if isinstance(failure, EndedError) else None


def message_of(ending: Ending, environment: RuntimeSettings, client_version: str | None = None) -> TerminationMessage:
    """Return the termination message of this pod and epoch; the version is the one that the library claims to be."""
    message = ending.to_message(epoch=environment.epoch, pod_uid=environment.pod_uid, ended_at=datetime.now(UTC))
    return message.model_copy(update={"client_version": client_version})


async def run(environment: RuntimeSettings, stop: asyncio.Event) -> int:
    """Run the tenant runtime until `stop` is set or it ends; return its exit code.

    Raises OxyError if a restart may help.
    """
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(4, thread_name_prefix="work"))
    with holding_volume(environment.session):
        marker = EndedMarker(environment.session)
        with usable_files():
            ended = marker.read()
        repeated = repeated_ending(ended, environment.epoch, environment.pod_uid)
        if repeated is not None:
            write_termination_message(environment.termination_log, repeated)
            log.error("epoch_already_ended", reason=repeated.reason, exit_code=repeated.exit_code)
            return repeated.exit_code
        return await _run_connected(environment, marker, stop)


async def _run_connected(environment: RuntimeSettings, marker: EndedMarker, stop: asyncio.Event) -> int:
    settings, lobby = SettingsFile(environment), Lobby(environment, stop)
    if not is_usable(usage_of(environment.session)) and not await lobby.room():
        return 0
    with usable_files():
        marker.allocate()
    metadata = MetadataFile(environment.session, environment.organization, environment.instance)
    if not await restore_if_wished(settings, metadata, lobby):
        return 0
    reports_added = ReportSignal()
    journal = _opened(environment, metadata, reports_added.set)
    try:
        parts = assemble(environment, settings, journal, metadata, reports_added)
        ending = await Runtime(environment, marker, parts, stop).run()
    finally:
        journal.close()
    return 0 if ending is None else int(ending.code)


def _opened(environment: RuntimeSettings, metadata: MetadataFile, on_report: Callable[[], None]) -> Journal:
    restored = metadata.current.restored
    return Journal.open(
        environment.session / "journal.db",
        organization=environment.organization,
        instance=environment.instance,
        volume=environment.volume_id,
        restored=None if restored is None else Restored(restored.wish, restored.newest_secret),
        on_report=on_report,
    )
