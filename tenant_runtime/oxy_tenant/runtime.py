"""One run of the tenant runtime: puts the parts together and takes them apart in the right order."""

import asyncio
import contextlib
import fcntl
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from oxy_core import subjects
from oxy_core.bus import connected
from oxy_core.envelopes import ConnectionChanged, ConnectionState
from oxy_core.errors import BusError
from oxy_core.probes import serving_probes
from oxy_core.tenant import TerminationMessage
from oxy_tenant.connection.ending import EndedError, EndedMarker, Ending, repeated_ending, write_termination_message
from oxy_tenant.connection.life_cycle import Connection, Hooks
from oxy_tenant.connection.live_state import StateBoard
from oxy_tenant.content.received import IncomingMessage, Received
from oxy_tenant.errors import SessionError, VolumeError
from oxy_tenant.journal.journal import Journal
from oxy_tenant.links.events import Identified
from oxy_tenant.links.neonize.loss_audit import LossAudit
from oxy_tenant.links.neonize.sending_chains import SendingChains
from oxy_tenant.links.neonize.session_store import SessionStore
from oxy_tenant.links.protocol import WhatsAppLink
from oxy_tenant.publishing.publisher import Publisher
from oxy_tenant.sending.intake import Intake
from oxy_tenant.sending.sender import Sender
from oxy_tenant.settings import RuntimeSettings, SettingsFile

SEND_GRACE: Final = 3.5
"""Seconds that a stopping runtime gives the message that is on its way."""

PUBLISH_GRACE: Final = 2.0
"""Seconds that a stopping runtime gives the bus to acknowledge what is journalled; the rest waits on the volume."""

BUS_RETRY: Final = 5.0

PARKED_RETRY: Final = 5.0
"""Seconds between attempts to write the marker of an ended epoch."""

PRUNE_SECONDS: Final = 3600.0

log = structlog.get_logger()


@contextlib.contextmanager
def holding_volume(folder: Path) -> Iterator[None]:
    """Make sure that no other runtime uses the folder; raises VolumeError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "runtime.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
    except BlockingIOError as error:
        message = f"another runtime uses {folder}; two would destroy each other's session"
        raise VolumeError(message) from error


class Runtime:
    """The parts of a runtime while it runs; `link` connects to WhatsApp."""

    def __init__(
        self,
        environment: RuntimeSettings,
        settings: SettingsFile,
        journal: Journal,
        link: WhatsAppLink,
        chains: SendingChains,
    ) -> None:
        self._environment = environment
        self._settings = settings
        self._journal = journal
        self._chains = chains
        self._store = SessionStore(environment.session)
        self._marker = EndedMarker(marker_path(environment))
        self._board = StateBoard(environment, lambda: self._store.size)
        self._audit = LossAudit(journal, self._store)
        self._publisher = Publisher(journal, subjects.inbound(environment.account, environment.instance))
        self._recovered = journal.open_sends()
        self._connection = Connection(
            link=link,
            store=self._store,
            journal=journal,
            settings=settings,
            board=self._board,
            on_message=self._received,
            hooks=Hooks(self._identified, self._delivered, self._audit.note_refused),
            receipts=any(send.attempts for send in self._recovered),
        )
        self._sender = Sender(
            journal=journal,
            store=self._store,
            link=link,
            settings=settings,
            chains=chains,
            connected=self._connection.up,
            receipt_wait=environment.receipt_wait,
        )
        self._intake = Intake(environment, journal, self._sender.enqueue)
        self._stop = asyncio.Event()

    async def run(self) -> Ending | None:
        """Run until told to stop (None) or a terminal cause; raises for what only a new process can mend."""
        journal_wake = self._publisher.wake
        self._journal.on_report = journal_wake
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        environment = self._environment
        with serving_probes(environment.probe_host, environment.probe_port, self._board.not_ready) as port:
            log.info("runtime_started", epoch=environment.epoch, probe_port=port)
            async with asyncio.TaskGroup() as tasks:
                background = [
                    tasks.create_task(work)
                    for work in (self._bus(), self._sender.run(), self._settings.follow(), self._prune())
                ]
                end = await self._connected_until_end(tasks, background)
                await self._shut_down(end)
                for task in background:
                    task.cancel()
        return end

    async def _connected_until_end(
        self, tasks: asyncio.TaskGroup, background: list[asyncio.Task[None]]
    ) -> Ending | None:
        try:
            await asyncio.to_thread(self._audit.audit_store)
        except (SessionError, VolumeError) as error:
            log.warning("audit_impossible", error=str(error))
        for send in self._recovered:
            self._sender.enqueue(send)
        background.append(tasks.create_task(self._audit.run()))
        connection = asyncio.create_task(self._connection.run())
        stop = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({connection, stop}, return_when=asyncio.FIRST_COMPLETED)
            if connection.done():
                connection.result()
        except EndedError as error:
            return error.ending
        finally:
            self._intake.stop()
            if not connection.done():
                await self._sender.stop(SEND_GRACE)
            for task in (connection, stop):
                task.cancel()
            await asyncio.wait({connection, stop})
        return None

    # What the link hands over

    def _received(self, received: Received) -> None:
        """Journal a message; called in a thread of the link, which goes on only when this returns."""
        if self._journal.receive(received) is not None and isinstance(received, IncomingMessage):
            self._board.note_activity()

    def _identified(self, account: Identified) -> None:
        users = frozenset({account.phone.user, *({account.lid.user} if account.lid else ())})
        self._sender.own_users = self._chains.own_users = users

    def _delivered(self, whatsapp_id: str) -> None:
        self._sender.receipts.confirm(whatsapp_id)

    # In the background

    async def _bus(self) -> None:
        """Talk to NATS whenever it is there; nothing else depends on it."""
        while True:
            try:
                async with connected(
                    self._environment.nats_url, self._environment.nats_credentials, name=self._environment.label
                ) as client:
                    await self._talk(client)
            except* (BusError, NatsError) as errors:
                log.warning("bus_unusable", errors=[str(error) for error in errors.exceptions])
            await asyncio.sleep(BUS_RETRY)

    async def _talk(self, client: Client) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._publisher.run(client))
            tasks.create_task(self._intake.run(client))
            tasks.create_task(self._board.run(client))
            tasks.create_task(_fail_when_closed(client))

    async def _prune(self) -> None:
        while True:
            await asyncio.to_thread(self._journal.prune)
            await asyncio.sleep(PRUNE_SECONDS)

    # The end

    async def _shut_down(self, end: Ending | None) -> None:
        """Leave everything on disk, and as much as possible on the bus."""
        if end is not None:
            change = ConnectionChanged(state=ConnectionState.ENDED, reason=end.reason, jid=self._board.state.jid)
            await asyncio.to_thread(self._journal.report_connection, change)
            self._board.update(connection=ConnectionState.ENDED, last_reason=end.reason, pairing=None)
            await self._leave_message(end)
        with contextlib.suppress(TimeoutError, NatsError):
            async with asyncio.timeout(PUBLISH_GRACE):
                await self._board.publish_now()
                await self._publisher.drained()

    async def _leave_message(self, end: Ending) -> None:
        """Write the marker and the termination message; a runtime that cannot write the marker stays, silent.

        If it went without the marker, its next start would connect again.
        """
        message = message_of(end, self._environment)
        while end.code.ends_epoch and not self._stop.is_set():
            try:
                await asyncio.to_thread(self._marker.write, message)
                break
            except OSError as error:
                log.warning("ended_marker_unwritable", error=str(error))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PARKED_RETRY):
                        await self._stop.wait()
        write_termination_message(self._environment.termination_log, message)
        log.error("runtime_ended", reason=end.reason, exit_code=int(end.code))


async def _fail_when_closed(client: Client) -> None:
    """nats-py closes for good in some cases, among them expired credentials: a new client is needed then."""
    while not client.is_closed:  # noqa: ASYNC110 `connected` keeps the client's callbacks for itself
        await asyncio.sleep(1)
    message = "the connection to NATS was closed for good"
    raise BusError(message)


def marker_path(environment: RuntimeSettings) -> Path:
    """Return where the ended-epoch marker is."""
    return environment.session / "ended.json"


def message_of(end: Ending, environment: RuntimeSettings) -> TerminationMessage:
    """Return the termination message of this pod and epoch."""
    return end.to_message(epoch=environment.epoch, pod_uid=environment.pod_uid, ended_at=datetime.now(UTC))


async def run(environment: RuntimeSettings) -> int:
    """Run the tenant runtime and return its exit code; raises OxyError for what a restart may mend."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(4, thread_name_prefix="work"))
    settings = SettingsFile(environment)
    with holding_volume(environment.session):
        marker = EndedMarker(marker_path(environment))
        repeated = repeated_ending(marker.read(), environment.epoch, environment.pod_uid)
        if repeated is not None:
            write_termination_message(environment.termination_log, repeated)
            log.error("runtime_ended_before", reason=repeated.reason, exit_code=repeated.exit_code)
            return repeated.exit_code
        marker.allocate()
        return await _run_connected(environment, settings)


async def _run_connected(environment: RuntimeSettings, settings: SettingsFile) -> int:
    from oxy_tenant.links.neonize.link import NeonizeLink  # noqa: PLC0415 30 MiB that an ended epoch does not need

    journal = Journal.open(
        environment.session / "journal.db", organization=environment.organization, instance=environment.instance
    )
    chains = SendingChains(journal.owed_fillers(), keep=journal.keep_owed_fillers)
    link = NeonizeLink(environment.session / "session.db", browser=settings.current.browser, chains=chains)
    try:
        end = await Runtime(environment, settings, journal, link, chains).run()
    finally:
        journal.on_report = lambda: None
        journal.close()
    return 0 if end is None else int(end.code)
