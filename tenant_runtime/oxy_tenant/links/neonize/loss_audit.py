"""Finds messages that the library acknowledged but that never reached the journal.

The library commits a message's key and stores its secret before it calls back with the message. If the process is
killed in between, the message is lost: the library refuses the server's next copy ("old counter"), but acknowledges it.
Two traces remain: secrets stored since the last audited row, and refused copies. Any that the journal does not know is
a lost message.

Secrets also arrive in bulk, with the history that a phone shares after pairing. So the audited row advances while
messages arrive normally, and a start examines only secrets stored shortly before the previous process ended. If that
was while a phone may have been sharing its history, more unknown secrets than a process can lose are history.
"""

import asyncio
import time
from collections import deque
from typing import Final

import structlog

from oxy_core.identity import Jid
from oxy_core.report_bodies import MessageLost
from oxy_tenant import metrics
from oxy_tenant.content.bounds import bounded_id
from oxy_tenant.errors import SessionError, VolumeError
from oxy_tenant.journal.inbound import Inbound
from oxy_tenant.journal.sends import Sends
from oxy_tenant.links.neonize.events import CopyRefused
from oxy_tenant.links.neonize.session_store import NewestSecret, SessionStore, StoredSecret
from oxy_tenant.links.protocol import LossSink

SETTLE_SECONDS: Final = 5.0
"""After this long, every message that the library has called back with is in the journal."""

MARK_SECONDS: Final = 60.0
"""Pause between advances of the audited row while messages arrive; each advance starts a short-lived process."""

HISTORY_SECONDS: Final = 600.0
"""For how long after pairing a phone may share its history."""

CHANNEL_EVENTS: Final = 100
"""Events that neonize keeps for its callback (`eventChan` in its goneonize/main.go): other events take places too."""

MOST_LOST: Final = CHANNEL_EVENTS + 2
"""Messages that a process can lose at most: those in the channel, one in our callback, and one whose handler waits for
a place in the channel. neonize calls back one event at a time, and whatsmeow handles one message at a time
(`handlerQueueLoop` in its client.go; only a handler that has waited for 5 minutes is left to itself).

More unknown secrets than this, while a phone may be sharing its history, are history. A small history that is taken for
losses is a false alarm; losses that are taken for history are never told."""

BY_STORE: Final = "store"
BY_COPY: Final = "refused_copy"

log = structlog.get_logger()


class LossAudit:
    """Compares the library's store with the journal."""

    def __init__(self, inbound: Inbound, sends: Sends, store: SessionStore, on_lost: LossSink) -> None:
        self._on_lost = on_lost
        self._inbound = inbound
        self._sends = sends
        self._store = store
        self._refused: deque[tuple[float, CopyRefused]] = deque()
        self._history = True
        """Whether a phone is going to share its history, or may be doing so."""
        self._linked_at: float | None = None
        """When the session was first seen to be linked, while history is expected."""

    def audit_store(self) -> int:
        """Report the losses of the previous process and return their number; call it before connecting.

        Raises SessionError, VolumeError.
        """
        audited = self._inbound.audited_secret
        stored = self._store.secrets_after(audited or 0)
        unknown = [lost_message(secret) for secret in stored.messages if not self._is_known(secret)]
        # A session that is not linked yet will be, and then history arrives.
        self._history = audited is None or not stored.linked
        if audited is None and len(unknown) > MOST_LOST:
            log.warning("audit_met_history", messages=len(unknown))
            unknown = []
        lost = sum(self._report(message) for message in unknown)
        self._inbound.mark_audited(None if self._history else stored.newest_row)
        return lost

    def _is_known(self, stored: StoredSecret) -> bool:
        return self._inbound.knows(bounded_id(stored.whatsapp_id)) or self._sends.is_own_secret(stored.secret)

    def note_refused(self, copy: CopyRefused) -> None:
        """Record a refused copy, to be examined after `SETTLE_SECONDS`; may be called from any thread."""
        self._refused.append((time.monotonic(), copy))

    async def run(self) -> None:
        """Examine refused copies and advance the audited row until cancelled."""
        marked_version, next_mark = 0, 0.0
        while True:
            version, newest = self._store.version, None
            if version != marked_version and time.monotonic() >= next_mark:
                newest = await asyncio.to_thread(self._newest)
                marked_version, next_mark = version, time.monotonic() + MARK_SECONDS
            # Read the newest row before this pause and store it as audited after: by then every message up to it is in
            # the journal. If the process dies in between, it is not stored, and the next start examines it.
            await asyncio.sleep(SETTLE_SECONDS)
            if self._refused or newest is not None:
                await asyncio.to_thread(self._settle, newest, time.monotonic() - SETTLE_SECONDS)

    def _newest(self) -> int | None:
        try:
            newest = self._store.newest_secret()
        except (SessionError, VolumeError) as error:
            log.warning("audit_postponed", error=str(error))
            return None
        return None if self.history_arrives(newest, time.monotonic()) else newest.row

    def history_arrives(self, newest: NewestSecret, now: float) -> bool:
        """Whether a phone may be sharing its history now."""
        if self._history and newest.linked:
            self._linked_at = now if self._linked_at is None else self._linked_at
            self._history = now - self._linked_at < HISTORY_SECONDS
        return self._history

    def _settle(self, newest_secret: int | None, before: float) -> None:
        while self._refused and self._refused[0][0] <= before:
            _, copy = self._refused.popleft()
            if copy.chat is not None:
                lost = refused_message(copy.whatsapp_id, copy.chat)
                if not self._inbound.knows(lost.whatsapp_id):
                    self._report(lost)
        if newest_secret is not None:
            self._inbound.mark_audited(newest_secret)

    def _report(self, lost: MessageLost) -> bool:
        """Report a message; return whether that is news. It is in the journal then, so it is never reported again."""
        if not self._on_lost(lost):
            return False
        metrics.LOST.labels(lost.found_by).inc()
        log.error("message_lost", whatsapp_id=lost.whatsapp_id, source=lost.found_by)
        return True


def lost_message(stored: StoredSecret) -> MessageLost:
    """Return what the stored secret of a lost message shows of it."""
    return MessageLost(
        whatsapp_id=bounded_id(stored.whatsapp_id),
        chat=stored.chat,
        sender=stored.sender,
        from_me=stored.from_me,
        found_by=BY_STORE,
    )


def refused_message(whatsapp_id: str, chat: Jid) -> MessageLost:
    """Return what the refused copy of a lost message shows of it."""
    return MessageLost(whatsapp_id=bounded_id(whatsapp_id), chat=chat, sender=chat, found_by=BY_COPY)
