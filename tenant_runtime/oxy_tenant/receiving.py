"""What becomes of whatever a link delivers: messages are read and journalled at once, notices a moment later.

Receipts come in numbers, several for each message that was sent. They are journalled together once a second, so that
they cost no flush each. A crash may lose those of the last second; then a message stays "sent" until the next one.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from oxy_core.content import Call, MessageSource, PlaceholderReason
from oxy_core.identity import Jid
from oxy_core.message_kinds import MessageKind
from oxy_core.report_bodies import MessageLost, NumberChanged
from oxy_core.tasks import wait_for
from oxy_tenant import metrics
from oxy_tenant.connection.live_state import StateBoard
from oxy_tenant.content.arrival import ArrivedMessage
from oxy_tenant.content.bounds import bounded_id
from oxy_tenant.content.classification import classify
from oxy_tenant.content.received import IncomingMessage, LeftOutMessage
from oxy_tenant.errors import JournalFullError
from oxy_tenant.journal.journal import Journal
from oxy_tenant.journal.receipts import Receipt
from oxy_tenant.links.events import CallMissed, ChangedNumber, ContactEvent, Receipts
from oxy_tenant.links.protocol import LossSink
from oxy_tenant.own_account import OwnAccount
from oxy_tenant.sending.receipts import Confirmations
from oxy_tenant.settings_file import SettingsFile
from oxy_tenant.volume.ballast import Ballast

BATCH_SECONDS: Final = 1.0
"""How long receipts wait for others, to be journalled together."""

MOST_WAITING: Final = 10_000
"""Notices that wait at most; older ones are dropped."""

ROUNDS: Final = 30
"""How often a receipt is looked up: it may come before WhatsApp has said which id the message has."""

log = structlog.get_logger()


class Reception:
    """Takes what a link delivers."""

    def __init__(  # noqa: PLR0913, PLR0917 whatever a message concerns
        self,
        journal: Journal,
        ballast: Ballast,
        account: OwnAccount,
        settings: SettingsFile,
        board: StateBoard,
        confirmations: Confirmations,
    ) -> None:
        self._journal = journal
        self._ballast = ballast
        self._account = account
        self._settings = settings
        self._board = board
        self._confirmations = confirmations
        self.on_written: Callable[[Jid], None] = lambda _: None
        """Told, in the loop, who writes while WhatsApp lets the account write to nobody first."""
        self._loop = asyncio.get_running_loop()
        self._notices: deque[CallMissed | ChangedNumber] = deque(maxlen=MOST_WAITING)
        self._heard: deque[Receipts] = deque(maxlen=MOST_WAITING)
        self._receipts: deque[tuple[Receipt, int]] = deque(maxlen=MOST_WAITING)
        """With the rounds that are left for each."""
        self._arrived = board.watch()
        """Set if there may be something to journal: a notice, or another state, for it may be of another device."""
        self._urgent = asyncio.Event()
        """Set for what should not wait: it has a place among the messages of its chat."""

    def take_message(self, arrival: ArrivedMessage) -> None:
        """Journal a message; called from a thread of the link. Raises JournalError, OSError.

        WhatsApp has been told that it arrived, so a volume that is full gives up its ballast for it.
        """
        try:
            self._take(arrival)
        except JournalFullError:
            if not self._ballast.drop():
                raise
            log.warning("ballast_dropped")
            self._take(arrival)

    def _take(self, arrival: ArrivedMessage) -> None:
        self._note_device()
        if arrival.facts.from_me and arrival.facts.sender_device == 0:
            self._journal.events.phone_seen(arrival.facts.sent_at or self._journal.clock())
        received = classify(arrival, self._account, self._settings.current.inbound)
        if isinstance(received, LeftOutMessage):
            metrics.LEFT_OUT.labels(received.chat_type or "other", received.kind or "protocol").inc()
        elif self._journal.inbound.receive(received) is not None:
            self._board.note_activity()
            if not received.from_me and self._board.state.reachout_lock is not None:
                self._loop.call_soon_threadsafe(self.on_written, received.chat)
        elif not isinstance(received, IncomingMessage):
            metrics.LEFT_OUT.labels("direct", "protocol").inc()

    def _note_device(self) -> None:
        if self._account.device is not None:
            self._journal.inbound.linked(self._account.device)

    def take_notice(self, notice: ContactEvent) -> None:
        """Have a notice journalled; called from a thread of the link."""
        if isinstance(notice, Receipts):
            self._heard.append(notice)
        else:
            self._notices.append(notice)
            self._set(self._urgent)
        self._set(self._arrived)

    def _set(self, event: asyncio.Event) -> None:
        """Set an event of the loop, once for all that arrives before it looks: each call wakes the loop's thread."""
        if not event.is_set():
            self._loop.call_soon_threadsafe(event.set)

    async def run(self) -> None:
        """Journal notices until cancelled."""
        while True:
            await self._arrived.wait()
            await wait_for(self._urgent, BATCH_SECONDS)
            self._arrived.clear()
            self._urgent.clear()
            while self._heard:
                self._heed(self._heard.popleft())
            try:
                await asyncio.to_thread(self.journal_notices)
            except JournalFullError:
                # They wait for room, of which the volume's watch tells.
                self._arrived.set()
            if self._receipts:
                self._arrived.set()

    def _heed(self, heard: Receipts) -> None:
        self._confirmations.confirm(heard)
        at = heard.at or self._journal.clock()
        if heard.by_phone:
            self._journal.events.phone_seen(at)
        if not heard.from_me:
            receipts = (Receipt(heard.kind, found, at) for found in heard.whatsapp_ids)
            self._receipts.extend((receipt, ROUNDS) for receipt in receipts)

    def journal_notices(self) -> None:
        """Journal what waits; blocks for some flushes. Raises JournalError; what found no room goes on waiting."""
        self._note_device()
        waiting = [self._receipts.popleft() for _ in range(len(self._receipts))]
        try:
            unknown = set(self._journal.receipts.report([receipt for receipt, _ in waiting])) if waiting else set()
        except JournalFullError:
            self._receipts.extendleft(reversed(waiting))
            raise
        self._receipts.extend((receipt, left - 1) for receipt, left in waiting if receipt in unknown and left > 1)
        for _ in range(len(self._notices)):
            notice = self._notices.popleft()
            try:
                self._journal_notice(notice)
            except JournalFullError:
                self._notices.appendleft(notice)
                raise

    def _journal_notice(self, notice: CallMissed | ChangedNumber) -> None:
        if isinstance(notice, CallMissed):
            self._journal.inbound.receive(missed_call(notice))
        else:
            self._journal.reports.report(number_change(notice, self._journal.clock()))


def loss_sink(journal: Journal) -> LossSink:
    """Return what journals lost messages."""
    return lambda lost: journal.inbound.report_loss(placeholder(lost), lost.found_by) is not None


def missed_call(call: CallMissed) -> IncomingMessage:
    """Return a missed call as a message."""
    return IncomingMessage(
        whatsapp_id=bounded_id(call.call_id),
        chat=call.chat,
        chat_alias=call.chat_alias,
        sender=call.chat,
        from_me=False,
        self_chat=False,
        kind=MessageKind.MISSED_CALL,
        sent_at=call.at,
        details=Call(video=call.video, group=call.group, call_id=bounded_id(call.call_id)),
    )


def number_change(change: ChangedNumber, now: datetime) -> NumberChanged:
    """Return the report of a contact's new number."""
    return NumberChanged(
        old=change.old, new=change.new, old_lid=change.old_lid, new_lid=change.new_lid, at=change.at or now
    )


def placeholder(lost: MessageLost) -> IncomingMessage:
    """Return the message that holds the place of a lost one in its chat."""
    return IncomingMessage(
        whatsapp_id=lost.whatsapp_id,
        chat=lost.chat,
        chat_alias=None,
        sender=lost.sender,
        from_me=lost.from_me,
        self_chat=lost.from_me and lost.chat.user == lost.sender.user,
        kind=MessageKind.UNDECRYPTABLE,
        sent_at=lost.sent_at,
        source=MessageSource.PHONE if lost.from_me else MessageSource.CONTACT,
        placeholder_reason=PlaceholderReason.LOST,
    )
