"""Puts the parts of a runtime together: each is given, by its constructor, what it needs of those made before it."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oxy_core import subjects
from oxy_tenant.account import OwnAccount
from oxy_tenant.connection.life_cycle import Connection
from oxy_tenant.connection.live_state import StateBoard
from oxy_tenant.content.received import Received
from oxy_tenant.journal.journal import Journal
from oxy_tenant.journal.sends import OpenSend
from oxy_tenant.publishing.publisher import Publisher, ReportSignal
from oxy_tenant.sending.intake import Intake
from oxy_tenant.sending.receipts import Receipts
from oxy_tenant.sending.recovery import Recovery
from oxy_tenant.sending.sender import Sender
from oxy_tenant.settings import RuntimeSettings
from oxy_tenant.settings_file import SettingsFile

if TYPE_CHECKING:
    from oxy_tenant.links.neonize.adapter import NeonizeAdapter


@dataclass(frozen=True, slots=True)
class Ground:
    """What the parts stand on."""

    environment: RuntimeSettings
    settings: SettingsFile
    journal: Journal
    adapter: "NeonizeAdapter"
    account: OwnAccount
    recovered: list[OpenSend]
    """Send requests that an earlier run left without a result."""
    stopping: asyncio.Event
    """Set when nothing more is to be accepted or begun."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a runtime consists of."""

    ground: Ground
    board: StateBoard
    connection: Connection
    sender: Sender
    intake: Intake
    publisher: Publisher


def assemble(
    environment: RuntimeSettings, settings: SettingsFile, journal: Journal, reports_added: ReportSignal
) -> Parts:
    """Make the parts of a runtime; raises LinkError if the library cannot be loaded."""
    ground = _lay_ground(environment, settings, journal)
    board, receipts = StateBoard(environment, lambda: ground.adapter.session.size), Receipts()
    connection = _connect(ground, board, receipts)
    sender = _sender(ground, receipts, connection.up)
    subject = subjects.inbound(environment.account, environment.instance)
    return Parts(
        ground=ground,
        board=board,
        connection=connection,
        sender=sender,
        intake=Intake(environment, journal.sends, sender.enqueue, stopping=ground.stopping),
        publisher=Publisher(journal.reports, subject, reports_added),
    )


def _lay_ground(environment: RuntimeSettings, settings: SettingsFile, journal: Journal) -> Ground:
    from oxy_tenant.links.neonize.adapter import open_adapter  # noqa: PLC0415 30 MiB that an ended epoch does not need

    account, stopping = OwnAccount(), asyncio.Event()
    browser = settings.current.browser
    return Ground(
        environment=environment,
        settings=settings,
        journal=journal,
        adapter=open_adapter(environment.session, journal, account, browser=browser, stopping=stopping),
        account=account,
        recovered=journal.sends.open_sends(),
        stopping=stopping,
    )


def _connect(ground: Ground, board: StateBoard, receipts: Receipts) -> Connection:
    def journal_message(message: Received) -> None:
        if ground.journal.inbound.receive(message) is not None:
            board.note_activity()

    return Connection(
        instance=ground.environment.instance,
        link=ground.adapter.link,
        session=ground.adapter.session,
        reports=ground.journal.reports,
        settings=ground.settings,
        board=board,
        on_message=journal_message,
        # Each receipt costs an event, so they are asked for only if a crash left a send that one may settle.
        on_receipt=receipts.confirm if any(send.attempts for send in ground.recovered) else None,
    )


def _sender(ground: Ground, receipts: Receipts, connected: asyncio.Event) -> Sender:
    recovery = Recovery(
        ground.journal.sends,
        ground.adapter.session,
        receipts,
        connected=connected,
        receipt_wait=ground.environment.receipt_wait,
    )
    return Sender(
        sends=ground.journal.sends,
        chats=ground.journal.chats,
        link=ground.adapter.link,
        recovery=recovery,
        settings=ground.settings,
        account=ground.account,
        connected=connected,
        stopping=ground.stopping,
    )
