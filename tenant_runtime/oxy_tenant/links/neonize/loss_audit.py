"""Finds messages that the library took and the journal never saw.

The library commits a message's key and remembers its secret before it hands the message over. A process killed in
between has lost it: the server's next copy is refused ("old counter"), and confirmed all the same. Both traces are
looked at: secrets stored since the last audited row, and refused copies; what the journal knows is not lost.

Secrets also come in bulk with the history that a phone shares after pairing. So the mark of what is audited moves on
while all is well, and only secrets stored shortly before the end of a process are in question at the next start.
"""

import asyncio
from collections import deque
from datetime import UTC, datetime
from typing import Final

import structlog

from oxy_core.envelopes import MessageKind
from oxy_core.identity import Jid
from oxy_tenant import metrics
from oxy_tenant.content.received import IncomingMessage
from oxy_tenant.errors import SessionError, VolumeError
from oxy_tenant.journal.journal import Journal
from oxy_tenant.links.events import CopyRefused
from oxy_tenant.links.neonize.session_store import SessionStore, StoredSecret

SETTLE_SECONDS: Final = 5.0
"""After so long whatever the library has handed over is in the journal."""

MARK_SECONDS: Final = 60.0
"""How often the mark moves on while messages come; each time costs a short-lived process."""

BY_STORE: Final = "store"
BY_COPY: Final = "refused_copy"

log = structlog.get_logger()


class LossAudit:
    """Compares the library's store with the journal."""

    def __init__(self, journal: Journal, store: SessionStore) -> None:
        self._journal = journal
        self._store = store
        self._refused: deque[tuple[float, CopyRefused]] = deque()

    def audit_store(self) -> int:
        """Report what the last process took and did not journal; before connecting. Returns how many were lost.

        Raises SessionError, VolumeError.
        """
        stored = self._store.secrets_after(self._journal.audited_secret)
        lost = 0
        for message in stored.messages:
            if not (self._journal.knows(message.whatsapp_id) or self._journal.is_own_secret(message.secret)):
                lost += self._report(lost_message(message, stored.own_users), BY_STORE)
        self._journal.mark_audited(stored.newest_row)
        return lost

    def note_refused(self, copy: CopyRefused) -> None:
        """Take note of a refused copy; it is looked at once things have settled."""
        self._refused.append((asyncio.get_running_loop().time(), copy))

    async def run(self) -> None:
        """Look at refused copies and move the mark on, for ever. Runs only while events are delivered."""
        loop = asyncio.get_running_loop()
        marked_version, next_mark = 0, 0.0
        while True:
            version, newest = self._store.version, None
            if version != marked_version and loop.time() >= next_mark:
                newest = await asyncio.to_thread(self._newest)
                marked_version, next_mark = version, loop.time() + MARK_SECONDS
            await asyncio.sleep(SETTLE_SECONDS)
            await asyncio.to_thread(self._settle, newest, loop.time() - SETTLE_SECONDS)

    def _newest(self) -> int | None:
        try:
            return self._store.newest_secret()
        except (SessionError, VolumeError) as error:
            log.warning("audit_postponed", error=str(error))
            return None

    def _settle(self, newest_secret: int | None, before: float) -> None:
        while self._refused and self._refused[0][0] <= before:
            _, copy = self._refused.popleft()
            if copy.chat is not None and not self._journal.knows(copy.whatsapp_id):
                self._report(refused_message(copy.whatsapp_id, copy.chat), BY_COPY)
        if newest_secret is not None:
            self._journal.mark_audited(newest_secret)

    def _report(self, message: IncomingMessage, source: str) -> bool:
        if self._journal.report_loss(message, source) is None:
            return False
        metrics.LOST.labels(source).inc()
        log.error("message_lost", whatsapp_id=message.whatsapp_id, source=source)
        return True


def lost_message(stored: StoredSecret, own_users: frozenset[str]) -> IncomingMessage:
    """Return what is known of a lost message from its stored secret."""
    return _placeholder(stored.whatsapp_id, stored.chat, stored.sender, from_me=stored.sender.user in own_users)


def refused_message(whatsapp_id: str, chat: Jid) -> IncomingMessage:
    """Return what is known of a lost message from its refused copy."""
    return _placeholder(whatsapp_id, chat, chat, from_me=False)


def _placeholder(whatsapp_id: str, chat: Jid, sender: Jid, *, from_me: bool) -> IncomingMessage:
    return IncomingMessage(
        whatsapp_id=whatsapp_id,
        chat=chat,
        chat_alias=None,
        sender=sender,
        from_me=from_me,
        self_chat=from_me and chat.user == sender.user,
        kind=MessageKind.UNDECRYPTABLE,
        sent_at=datetime.now(UTC),
    )
