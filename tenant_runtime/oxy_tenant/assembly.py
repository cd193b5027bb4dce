"""Builds the parts of a runtime in the order of their dependencies, so that constructors take finished parts."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from functools import partial
from typing import TYPE_CHECKING, Final

from oxy_core import subjects
from oxy_core.instance.stored_session import VolumeProblem
from oxy_tenant import metrics
from oxy_tenant.backups.maker import BackupMaker, BackupRules
from oxy_tenant.connection.ended_marker import EndedMarker
from oxy_tenant.connection.ending import last_words, write_termination_message
from oxy_tenant.connection.event_reports import EventReports
from oxy_tenant.connection.hold import ConnectionHold
from oxy_tenant.connection.life_cycle import Connection
from oxy_tenant.connection.live_state import StateBoard, Stored
from oxy_tenant.connection.reporting import ConnectionReports
from oxy_tenant.forgetting import Forgetter
from oxy_tenant.journal.journal import Journal
from oxy_tenant.journal.queue_depths import QUEUES, QueueDepths
from oxy_tenant.journal.sends import OpenSend
from oxy_tenant.leaving import Leaver
from oxy_tenant.links.events import LoginRefused
from oxy_tenant.media.fetcher import FileFetcher
from oxy_tenant.own_account import OwnAccount
from oxy_tenant.own_process import pss_bytes
from oxy_tenant.pairing_check import PairingCheck
from oxy_tenant.publishing.publisher import Publisher, PublishRules, ReportSignal
from oxy_tenant.receiving import Reception, loss_sink
from oxy_tenant.sending.delivery import Delivery
from oxy_tenant.sending.files import FileSource
from oxy_tenant.sending.freezing import SendingFreeze
from oxy_tenant.sending.intake import Intake
from oxy_tenant.sending.preparation import Preparation
from oxy_tenant.sending.queues import ChatQueues
from oxy_tenant.sending.reach_out import ReachOutLock
from oxy_tenant.sending.receipts import Confirmations
from oxy_tenant.sending.recipients import Recipients
from oxy_tenant.sending.recovery import Recovery
from oxy_tenant.sending.sender import Sender
from oxy_tenant.sending.showing import Showing
from oxy_tenant.session_metadata import MetadataFile
from oxy_tenant.session_record import SessionRecord
from oxy_tenant.settings import RuntimeSettings
from oxy_tenant.settings_file import SettingsFile
from oxy_tenant.volume.ballast import Ballast
from oxy_tenant.volume.watch import RoomWatch, ShareRules

if TYPE_CHECKING:
    from oxy_tenant.links.neonize.adapter import NeonizeAdapter


SETTLED_WAITS: Final = 10
"""A connection has brought what the server had queued after so many times the wait for one receipt."""


@dataclass(frozen=True, slots=True)
class Shared:
    """The dependencies that several parts share."""

    environment: RuntimeSettings
    settings: SettingsFile
    journal: Journal
    adapter: "NeonizeAdapter"
    account: OwnAccount
    metadata: MetadataFile
    record: SessionRecord
    recovered: list[OpenSend]
    """Send requests that the previous run left without a result."""
    stopping: asyncio.Event
    """Set on shutdown. From then on no request is accepted and no send is started."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a runtime."""

    shared: Shared
    board: StateBoard
    connection: Connection
    connection_reports: ConnectionReports
    event_reports: EventReports
    reception: Reception
    sender: Sender
    outgoing_files: FileSource
    intake: Intake
    freeze: SendingFreeze
    publisher: Publisher
    files: FileFetcher
    forgetter: Forgetter
    room: RoomWatch
    pairing_check: PairingCheck
    backups: BackupMaker
    leaver: Leaver
    queues: QueueDepths


def assemble(
    environment: RuntimeSettings,
    settings: SettingsFile,
    journal: Journal,
    metadata: MetadataFile,
    reports_added: ReportSignal,
) -> Parts:
    """Build the parts of a runtime; raises LinkError if the library cannot be loaded, SettingsError as `proxy_url`."""
    shared = _build_shared(environment, settings, journal, metadata, frozen=lambda: freeze.frozen)
    outgoing = FileSource(environment)
    hold = ConnectionHold()
    board = StateBoard(environment, lambda: _stored(shared, room))
    ballast = Ballast(environment.session)
    room = _build_room(shared, ballast, board, hold)
    _show_client(shared.adapter, board)
    metrics.SILENCE.set_function(lambda: board.silence_seconds() or 0.0)
    receipts = Confirmations()
    reception = Reception(journal, ballast, shared.account, settings, board, receipts)
    connection = _build_connection(shared, board, reception, hold, room)
    freeze = SendingFreeze(journal.freezes, settings, lambda freeze: board.update(frozen=freeze))
    sender = _build_sender(shared, board, outgoing, freeze, receipts=receipts, connected=connection.up)
    reception.on_written = sender.heard
    forgetter = Forgetter(journal.erasures, shared.adapter.session, has_room=room.allows)
    backups = _build_backups(shared, board, room)
    return Parts(
        shared=shared,
        board=board,
        connection=connection,
        connection_reports=ConnectionReports(journal.reports, board),
        event_reports=EventReports(journal.events, board, settle_seconds=SETTLED_WAITS * environment.receipt_wait),
        reception=reception,
        sender=sender,
        outgoing_files=outgoing,
        intake=_build_intake(shared, sender, forgetter, freeze, room),
        freeze=freeze,
        forgetter=forgetter,
        room=room,
        pairing_check=_build_pairing_check(shared, board, receipts, sender),
        backups=backups,
        leaver=_build_leaver(shared, board, backups, connection, hold),
        queues=_measured(journal),
        publisher=_build_publisher(shared, board, reports_added),
        files=_build_fetcher(shared, connection),
    )


def _build_reach_out(journal: Journal, board: StateBoard) -> ReachOutLock:
    lock = journal.events.reach_out_lock
    board.update(reachout_lock=lock)
    return ReachOutLock(journal.sends.now, lambda now: board.update(reachout_lock=now), lock=lock)


def _measured(journal: Journal) -> QueueDepths:
    """Return the depths of the journal's queues, which metrics show from now on.

    They are counted when metrics are read, so that they are right also while nothing moves.
    """
    queues = QueueDepths(journal.database, journal.clock)
    metrics.PENDING.set_function(journal.reports.pending)
    metrics.FILES_WAITING.set_function(journal.transfers.waiting)
    metrics.PSS.set_function(pss_bytes)
    for queue in QUEUES:
        metrics.QUEUED.labels(queue).set_function(partial(queues.entries, queue))
        metrics.OLDEST.labels(queue).set_function(partial(queues.oldest_seconds, queue))
        metrics.QUEUED_ATTEMPTS.labels(queue).set_function(partial(queues.most_attempts, queue))
    return queues


def _build_intake(
    shared: Shared, sender: Sender, forgetter: Forgetter, freeze: SendingFreeze, room: RoomWatch
) -> Intake:
    return Intake(
        shared.environment,
        shared.journal.sends,
        sender,
        forget=forgetter.accept,
        freeze=freeze.take,
        stopping=shared.stopping,
        has_room=lambda: room.problem is None or not room.problem.stops,
    )


def _build_pairing_check(shared: Shared, board: StateBoard, receipts: Confirmations, sender: Sender) -> PairingCheck:
    return PairingCheck(
        environment=shared.environment,
        journal=shared.journal,
        settings=shared.settings,
        account=shared.account,
        board=board,
        receipts=receipts,
        enqueue=sender.enqueue,
    )


def _build_fetcher(shared: Shared, connection: Connection) -> FileFetcher:
    settings = shared.settings
    return FileFetcher(
        shared.environment,
        shared.journal.transfers,
        shared.adapter.link,
        whatsapp=connection.up,
        max_bytes=lambda: settings.current.inbound.max_file_bytes,
    )


def _show_client(adapter: "NeonizeAdapter", board: StateBoard) -> None:
    """Show which client the library claims to be, and its age; nothing if that is unknown."""
    client = adapter.client
    if client is None:
        return
    published = datetime.combine(client.published, time(), UTC)
    metrics.CLIENT.labels(client.version).set(1)
    metrics.CLIENT_AGE.set_function(lambda: time_since(published))
    board.update(client_version=client.version, client_published_on=client.published)


def time_since(moment: datetime) -> float:
    """Return how many seconds ago a moment was."""
    return (datetime.now(UTC) - moment).total_seconds()


def _build_shared(
    environment: RuntimeSettings,
    settings: SettingsFile,
    journal: Journal,
    metadata: MetadataFile,
    *,
    frozen: Callable[[], bool],
) -> Shared:
    from oxy_tenant.links.neonize.adapter import open_adapter  # noqa: PLC0415 30 MiB that an ended epoch does not need
    from oxy_tenant.links.neonize.session_store import SessionStore  # noqa: PLC0415 likewise

    account, stopping = OwnAccount(expected=lambda: settings.current.phone_number), asyncio.Event()
    record = SessionRecord(
        metadata,
        journal,
        SessionStore(environment.session).kept_aside,
        epoch=environment.epoch,
        ended=EndedMarker(environment.session).read(),
        make_room=Ballast(environment.session).drop,
    )
    adapter = open_adapter(
        environment.session,
        journal,
        account,
        browser=settings.current.browser,
        proxy=environment.proxy_url,
        stopping=stopping,
        frozen=frozen,
        on_lost=loss_sink(journal),
        on_last_words=partial(leave_last_words, environment),
        on_device_refused=lambda refused: record.gives_up(refused.reason),
    )
    return Shared(
        environment=environment,
        settings=settings,
        journal=journal,
        adapter=adapter,
        account=account,
        metadata=metadata,
        record=record,
        recovered=journal.sends.unfinished(),
        stopping=stopping,
    )


def leave_last_words(environment: RuntimeSettings, refused: LoginRefused) -> None:
    """Leave a termination message for a process that the library is about to end over a refused login; blocks."""
    message = last_words(
        refused,
        environment.place,
        epoch=environment.epoch,
        pod_uid=environment.pod_uid,
        ended_at=datetime.now(UTC),
    )
    write_termination_message(environment.termination_log, message)


def _build_room(shared: Shared, ballast: Ballast, board: StateBoard, hold: ConnectionHold) -> RoomWatch:
    settings = shared.settings

    def on_change(problem: VolumeProblem | None) -> None:
        board.update(volume_problem=problem)
        hold.set(problem if problem is not None and problem.stops else None)

    rules = ShareRules(lambda: settings.current.journal_percent, lambda: settings.current.volume_bytes)
    return RoomWatch(shared.environment.session, ballast, shared.journal, rules, on_change)


def _build_backups(shared: Shared, board: StateBoard, room: RoomWatch) -> BackupMaker:
    from oxy_tenant.links.neonize.session_archive import NeonizeArchive  # noqa: PLC0415 see _build_shared

    rules = BackupRules(
        plan=lambda: shared.settings.current.backup,
        has_room=room.allows,
        on_state=lambda state: board.update(backup=state),
    )
    archive = NeonizeArchive(shared.environment.session)
    if restores := shared.metadata.current.restores:
        board.update(restore=restores[-1].state)
    return BackupMaker(shared.environment, archive, shared.metadata, shared.journal, rules)


def _build_leaver(
    shared: Shared, board: StateBoard, backups: BackupMaker, connection: Connection, hold: ConnectionHold
) -> Leaver:
    return Leaver(
        settings=shared.settings,
        metadata=shared.metadata,
        gives_up=shared.record.gives_up,
        backups=backups,
        link=shared.adapter.link,
        session=shared.adapter.session,
        connected=connection.up,
        board=board,
        hold=hold,
    )


def _build_publisher(shared: Shared, board: StateBoard, reports_added: ReportSignal) -> Publisher:
    settings, environment = shared.settings, shared.environment
    rules = PublishRules(
        per_second=lambda: settings.current.inbound_per_second,
        bus_state=lambda: settings.current.bus_state,
        on_refusal=lambda refusal: board.update(publish_refusal=refusal),
    )
    subject = subjects.inbound(environment.account, environment.instance)
    return Publisher(shared.journal.reports, subject, reports_added, rules=rules)


def _stored(shared: Shared, room: RoomWatch) -> Stored:
    usage = room.usage
    return Stored(
        session_bytes=shared.adapter.session.size,
        session=shared.record.facts(),
        messages_lost=shared.journal.inbound.losses(),
        volume_bytes=None if usage is None else usage.total,
        volume_free_bytes=None if usage is None else usage.free,
        journal_bytes=None if usage is None else usage.journal,
    )


def _build_connection(
    shared: Shared, board: StateBoard, reception: Reception, hold: ConnectionHold, room: RoomWatch
) -> Connection:
    return Connection(
        instance=shared.environment.place,
        link=shared.adapter.link,
        session=shared.adapter.session,
        settings=shared.settings,
        account=shared.account,
        board=board,
        on_message=reception.take_message,
        on_contact_event=reception.take_notice,
        hold=hold,
        on_session=shared.record,
        may_copy=room.allows_copy,
    )


def _build_sender(  # noqa: PLR0913 what it shares with other parts
    shared: Shared,
    board: StateBoard,
    files: FileSource,
    freeze: SendingFreeze,
    *,
    receipts: Confirmations,
    connected: asyncio.Event,
) -> Sender:
    journal, link = shared.journal, shared.adapter.link
    queues, showing = ChatQueues(), Showing(link, shared.settings, freeze)
    preparation = Preparation(link, journal.sends, files, shared.settings, shared.account)
    recovery = Recovery(
        journal.sends,
        shared.adapter.session,
        receipts,
        connected=connected,
        receipt_wait=shared.environment.receipt_wait,
    )
    return Sender(
        sends=journal.sends,
        chats=journal.chats,
        queues=queues,
        recovery=recovery,
        recipients=Recipients(link, journal.chats, journal.numbers),
        preparation=preparation,
        showing=showing,
        delivery=Delivery(
            sends=journal.sends,
            chats=journal.chats,
            link=link,
            recovery=recovery,
            preparation=preparation,
            showing=showing,
            account=shared.account,
            queues=queues,
            stopping=shared.stopping,
            freeze=freeze,
        ),
        freeze=freeze,
        reach_out=_build_reach_out(journal, board),
        settings=shared.settings,
        connected=connected,
        stopping=shared.stopping,
    )
