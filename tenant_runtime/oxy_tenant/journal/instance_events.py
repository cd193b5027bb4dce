"""What happened to the instance, told once: a lock of WhatsApp's, a phone that is away, a phone that was linked."""

import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from oxy_core import event_names
from oxy_core.identity import Jid
from oxy_core.report_bodies import Facts, InstanceEvent
from oxy_core.times import utc_text
from oxy_core.trace import new_trace
from oxy_tenant.journal.database import JournalDatabase
from oxy_tenant.journal.reports import Clock, Reports

OFFLINE_DAYS: Final = (10, 12)
"""After how many days without a sign of the phone it is told. After 14 WhatsApp unlinks its devices.
Source: faq.whatsapp.com/378279804439436, "About linked devices"."""

UNANSWERED: Final = timedelta(days=1)
"""A message that was sent so long ago, and that the phone has not confirmed, shows that it is away, not just idle."""

SIGN_STEP: Final = timedelta(hours=1)
"""Signs of the phone are stored at most this often, and the last one once none has followed for so long."""

_LOCKED: Final = "reach_out_locked"
_SEEN: Final = "phone_seen"
_TOLD: Final = "phone_told"
_BACKED_UP: Final = "backed_up"


class AccountLock(NamedTuple):
    """That WhatsApp lets the account write to nobody first."""

    since: datetime
    resumption: int | None = None
    """The newest `SendRequest.resumption` that was known when it was met; None: none."""


class InstanceEvents:
    """Events of one instance, and what was told of them. Methods block, except `phone_seen`."""

    def __init__(self, journal: JournalDatabase, reports: Reports, clock: Clock) -> None:
        self._journal = journal
        self._reports = reports
        self._clock = clock
        self._marks = dict(journal.read("SELECT name, value FROM event_marks"))
        now = clock().timestamp()
        if self._marks.get(_SEEN, now) > now:
            del self._marks[_SEEN]  # a clock that was ahead noted it: nobody knows when it was
        self._latest = self._marks.get(_SEEN, now)
        self._taking = threading.Lock()

    # -- the lock of conversations that nobody asked for

    @property
    def reach_out_lock(self) -> AccountLock | None:
        """That WhatsApp lets the account write to nobody first, as it was told last; None: it may."""
        since = self._marks.get(_LOCKED)
        return None if since is None else AccountLock(datetime.fromtimestamp(since, UTC))

    def note_reach_out(self, lock: AccountLock | None) -> None:
        """Tell that the account may write to nobody first, or may again (None); each lock once."""
        known, since = self.reach_out_lock, None if lock is None else lock.since.timestamp()
        if since == self._marks.get(_LOCKED):
            return
        name = event_names.REACHOUT_UNLOCKED if lock is None else event_names.REACHOUT_LOCKED
        with self._journal.transaction() as database:
            self._mark(database, _LOCKED, since)
            self._tell(database, name, _facts_of(lock or known))
        self._remember(_LOCKED, since)

    # -- the phone

    def phone_seen(self, at: datetime) -> None:
        """Note a sign of the phone itself; from any thread, never blocks."""
        with self._taking:
            self._latest = max(self._latest, min(at, self._clock()).timestamp())

    @property
    def phone_offline_days(self) -> int:
        """For how many days the phone has been away, as was told last; 0: it is there, or nobody knows better."""
        return int(self._marks.get(_TOLD, 0))

    def watch_phone(self, *, settled: bool) -> None:
        """Store the phone's last sign, and tell if it is away for too long.

        `settled`: whether the connection has lasted for long enough to bring what the server had queued.
        """
        now = self._clock().timestamp()
        latest = self._latest
        stored, told = self._marks.get(_SEEN), self.phone_offline_days
        step = SIGN_STEP.total_seconds()
        if stored is None or latest - stored >= step or (latest > stored and (told or now - latest >= step)):
            with self._journal.transaction(durable=False) as database:
                self._mark(database, _SEEN, latest)
                self._mark(database, _TOLD, None)
            self._remember(_SEEN, latest)
            self._remember(_TOLD, None)
            return
        days = max((days for days in OFFLINE_DAYS if now - latest >= timedelta(days=days).total_seconds()), default=0)
        if settled and days > told and self._is_unanswered(latest, now):
            facts: Facts = {"days": days, "last_seen": utc_text(datetime.fromtimestamp(latest, UTC))}
            with self._journal.transaction() as database:
                self._mark(database, _TOLD, days)
                self._tell(database, event_names.PHONE_OFFLINE, facts)
            self._remember(_TOLD, days)

    def _is_unanswered(self, latest: float, now: float) -> bool:
        """Whether something was sent since, long enough ago for the phone to confirm it."""
        query = "SELECT EXISTS (SELECT 1 FROM sends WHERE state = 'sent' AND shown AND ended_at BETWEEN ? AND ?)"
        return bool(self._journal.read(query, latest + 60, now - UNANSWERED.total_seconds())[0][0])

    # -- the session

    def backed_up(self, at: datetime, facts: Facts) -> None:
        """Tell of the backup that was made at a moment, once; raises JournalError."""
        moment = at.timestamp()
        if self._marks.get(_BACKED_UP) == moment:
            return
        with self._journal.transaction() as database:
            self._mark(database, _BACKED_UP, moment)
            self._reports.append(
                database, InstanceEvent(name=event_names.SESSION_BACKED_UP, at=at, facts=facts), new_trace()
            )
        self._remember(_BACKED_UP, moment)

    def linked(self, database: sqlite3.Connection, device: Jid) -> None:
        """Tell that a phone was linked, in the transaction that notes it: the session on the volume is new."""
        self._tell(database, event_names.CREDENTIALS_SAVED, {"device": device.device})

    def _tell(self, database: sqlite3.Connection, name: str, facts: Facts) -> None:
        self._reports.append(database, InstanceEvent(name=name, at=self._clock(), facts=facts), new_trace())

    def _mark(self, database: sqlite3.Connection, name: str, value: float | None) -> None:
        if value is None:
            database.execute("DELETE FROM event_marks WHERE name = ?", (name,))
        else:
            query = "INSERT INTO event_marks VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
            database.execute(query, (name, value))

    def _remember(self, name: str, value: float | None) -> None:
        if value is None:
            self._marks.pop(name, None)
        else:
            self._marks[name] = value


def _facts_of(lock: AccountLock | None) -> Facts:
    if lock is None:
        return {}
    facts: Facts = {"since": utc_text(lock.since)}
    return facts if lock.resumption is None else {**facts, "resumption": lock.resumption}
