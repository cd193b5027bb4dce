"""The life of the WhatsApp connection: pairing, reconnecting, giving up.

The library restores a broken connection on its own, at first within a tenth of a second. If it does not succeed within
the first back-off delay, we close its session and reconnect ourselves with exponential back-off. After `max_attempts`
failures in a row the process exits and the kubelet restarts it.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NoReturn

import structlog

from oxy_core.envelopes import ConnectionState
from oxy_core.errors import OxyError
from oxy_tenant import metrics
from oxy_tenant.connection.backoff import delay_seconds
from oxy_tenant.connection.ending import EndedError, attempts_exhausted, ending_of
from oxy_tenant.connection.hold import ConnectionHold, Held
from oxy_tenant.connection.live_state import StateBoard
from oxy_tenant.connection.pairing import PAIRING_EXPIRED, Pairing
from oxy_tenant.connection.session_keeper import SessionKeeper
from oxy_tenant.connection.steadiness import Steadiness
from oxy_tenant.links.errors import LinkBrokenError, LinkError
from oxy_tenant.links.events import (
    CallMissed,
    CaughtUp,
    ChangedNumber,
    Connected,
    ContactEvent,
    Disconnected,
    Identified,
    LinkedToAnother,
    LinkEvent,
    LinkStopped,
    LoginRefused,
    PairingStopped,
    QrOffered,
    Receipts,
)
from oxy_tenant.links.protocol import MessageSink, StoredSession, WhatsAppLink
from oxy_tenant.own_account import OwnAccount
from oxy_tenant.settings_file import SettingsFile

LOGIN_TIMED_OUT: Final = "LoginTimedOut"
PAIRING_INTERRUPTED: Final = "PairingInterrupted"
SERVER_UNREACHABLE: Final = "ServerUnreachable"
CONNECTION_UNSTEADY: Final = "ConnectionUnsteady"
"""The server replaces one connection by the next, again and again."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ConnectionTiming:
    """When a session counts as failed, and a connection as lasting, in seconds."""

    login: float = 45.0
    """Limit for logging in or, while unpaired, for the first code."""
    shortest_pairing: float = 30.0
    """A pairing session that ends sooner has failed; one that ends later has simply run out of codes."""
    lasting: float = 60.0
    """A connection that lasts this long proves that the server serves us, and ends the count of failures."""


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """Why a session ended; `failed` counts it as a failed attempt."""

    reason: str
    failed: bool = True


@dataclass(slots=True)
class _Deadline:
    """When the session must have taken its next step."""

    at: float | None
    """On the event loop's clock; None while there is no deadline."""
    reason: str
    """Why the session ended, if it misses the deadline."""


class _ForeignAccountError(OxyError):
    """The session belongs to another number than it should."""

    def __init__(self, phone: str, *, unlinked: bool) -> None:
        super().__init__("the session belongs to another number")
        self.phone = phone
        self.unlinked = unlinked
        """Whether the device was removed from that number's account again."""


class Connection:
    """Keeps one account connected; delivers messages to `on_message` and shows its state on the board."""

    def __init__(  # noqa: PLR0913 its collaborators, each by name
        self,
        *,
        instance: str,
        link: WhatsAppLink,
        session: StoredSession,
        settings: SettingsFile,
        account: OwnAccount,
        board: StateBoard,
        on_message: MessageSink,
        on_contact_event: Callable[[ContactEvent], None],
        hold: ConnectionHold,
        timing: ConnectionTiming | None = None,
    ) -> None:
        self._instance = instance
        self._link = link
        self._settings = settings
        self._keeper = SessionKeeper(session, account, settings, instance)
        self._board = board
        self._on_message = on_message
        self._on_contact_event = on_contact_event
        self._hold = hold
        self._timing = timing or ConnectionTiming()
        self._pairing = Pairing(link, settings, board, answer_seconds=self._timing.login)
        self._loop = asyncio.get_running_loop()
        self._random = random.Random()  # noqa: S311 jitter, no secret
        self._steadiness = Steadiness()
        self._settling: asyncio.TimerHandle | None = None
        self._offering = False
        """Whether this device is not linked yet, so that the session offers codes."""
        self._fresh = False
        """Whether this session linked the phone."""
        self._closed = True
        self.up = asyncio.Event()
        """Set while connected and receiving."""

    async def run(self) -> NoReturn:
        """Stay connected; raises EndedError for a terminal cause, LinkBrokenError if only a new process helps."""
        while True:
            await self._wait_while_held()
            paired = await self._keeper.prepare()
            if not paired:
                await self._pairing.wait_for_window()
            try:
                end = await self._run_session(paired=paired)
            except _ForeignAccountError as error:
                raise EndedError(await self._keeper.refuse(error.phone, unlinked=error.unlinked)) from error
            log.warning("session_ended", reason=end.reason, failed=end.failed)
            # Two sessions with the same keys would replace each other on the server.
            if not self._closed:
                message = "the library did not end its session, which could compete with a new one"
                raise LinkBrokenError(message)
            if end.failed:
                await self._pause(end.reason)

    async def _wait_while_held(self) -> None:
        if self._hold.reason is not None:
            held = ConnectionState.RECONNECTING
            self._board.update(connection=held, next_attempt_at=None, last_reason=self._hold.reason, pairing=None)
            log.warning("connection_held", reason=self._hold.reason)
            await self._hold.over()

    async def follow_settings(self) -> None:
        """Offer another way to link the phone as soon as the settings ask for it; run until cancelled."""
        await self._pairing.follow_method()

    async def _pause(self, reason: str) -> None:
        policy = self._settings.current.reconnect
        self._steadiness.failed += 1
        failed = self._steadiness.failed
        metrics.ATTEMPTS.labels(reason).inc()
        if failed >= policy.max_attempts:
            raise EndedError(attempts_exhausted(failed, reason))
        delay = delay_seconds(policy, failed, self._random)
        self._board.update(
            # The phone may have been linked in the session that just failed.
            connection=ConnectionState.PAIRING if self._offering else ConnectionState.RECONNECTING,
            attempts=failed,
            next_attempt_at=datetime.now(UTC) + timedelta(seconds=delay),
            last_reason=reason,
            pairing=None,
        )
        await asyncio.sleep(delay)

    # -- one session

    async def _run_session(self, *, paired: bool) -> SessionEnd:
        events: asyncio.Queue[LinkEvent | Held] = asyncio.Queue()

        def on_event(event: LinkEvent | Held) -> None:
            self._loop.call_soon_threadsafe(events.put_nowait, event)

        self._offering = not paired
        self._fresh = False
        self._pairing.begin_session()
        self._board.update(pairing=None)
        self._link.open(self._on_message, on_event)
        try:
            with self._hold.ending(on_event):
                return await self._follow(events)
        finally:
            self._note_loss()
            self._closed = await self._link.close()

    async def _follow(self, events: asyncio.Queue[LinkEvent | Held]) -> SessionEnd:
        """Handle events until the session ends or misses its deadline."""
        started = self._loop.time()
        deadline = _Deadline(
            at=started + self._timing.login, reason=SERVER_UNREACHABLE if self._offering else LOGIN_TIMED_OUT
        )
        while True:
            try:
                async with asyncio.timeout_at(deadline.at):
                    event = await events.get()
            except TimeoutError:
                # An expired pairing window is not a failed attempt: the server answered, but nobody linked the phone.
                return SessionEnd(deadline.reason, failed=deadline.reason != PAIRING_EXPIRED)
            if isinstance(event, Held):
                return SessionEnd(event.reason, failed=False)
            if isinstance(event, LinkedToAnother):
                raise _ForeignAccountError(event.phone, unlinked=self._fresh and await self._unlink(events))
            end = await self._advance(event, deadline, started)
            if end is not None:
                return end

    async def _unlink(self, events: asyncio.Queue[LinkEvent | Held]) -> bool:
        """Remove the device that was just linked, as soon as the library has logged in; return whether it worked."""
        try:
            async with asyncio.timeout(self._timing.login):
                while not isinstance(await events.get(), Connected):
                    pass
                await self._link.log_out()
        except (LinkError, TimeoutError) as error:
            log.warning("unlinking_failed", error=str(error) or "no answer")
            return False
        return True

    async def _advance(self, event: LinkEvent, deadline: _Deadline, started: float) -> SessionEnd | None:
        """Handle one event; return the session's end if it causes one."""
        match event:
            case QrOffered(qr):
                # The deadline is now the end of the pairing window, not of this code: the server offers new codes.
                deadline.at, deadline.reason = self._loop.time() + self._pairing.window_seconds(), PAIRING_EXPIRED
                await self._pairing.offer(qr)
            case PairingStopped(succeeded=True):
                # The server now closes this connection, and the library logs in again with its new keys.
                self._offering, self._fresh = False, True
                deadline.at, deadline.reason = self._loop.time() + self._timing.login, LOGIN_TIMED_OUT
            case PairingStopped(succeeded=False) if self._offering:
                short = self._loop.time() - started < self._timing.shortest_pairing
                return SessionEnd(PAIRING_INTERRUPTED, failed=short)
            case Connected():
                deadline.at = None
                return await self._went_up()
            case LoginRefused(reason):
                return SessionEnd(reason)
            case Disconnected(reason) if not self._offering:
                # The library may reconnect on its own until our first back-off delay has passed. Further losses do not
                # extend that deadline, nor the one for logging in.
                deadline.reason = reason
                if deadline.at is None:
                    deadline.at = self._loop.time() + self._settings.current.reconnect.base_delay_seconds
                return self._went_down(reason)
            case LinkStopped(opened=False):
                log.warning("connection_refused", error=event.error)
                return SessionEnd(SERVER_UNREACHABLE)
            case _:
                await self._handle(event)
        return None

    async def _handle(self, event: LinkEvent) -> None:
        """Handle events that do not affect the session's deadline; raises EndedError, LinkBrokenError."""
        if (ending := ending_of(event, self._instance)) is not None:
            raise EndedError(ending)
        match event:
            case Identified():
                self._board.update(jid=event.phone)
            case Receipts() | CallMissed() | ChangedNumber():
                self._on_contact_event(event)
            case CaughtUp():
                log.info("connection_caught_up")
            case LinkStopped():
                message = f"the link stopped delivering: {event.error}"
                raise LinkBrokenError(message)

    async def _went_up(self) -> SessionEnd | None:
        self._steadiness.connected()
        if self._steadiness.unsteady:
            return SessionEnd(CONNECTION_UNSTEADY)
        self._settle_later()
        self._offering = False
        self._board.update(
            connection=ConnectionState.CONNECTED,
            attempts=self._steadiness.failed,
            next_attempt_at=None,
            last_reason=None,
            pairing=None,
        )
        if not self.up.is_set():
            self.up.set()
            self._link.show_online(online=self._settings.current.mark_online)
            log.info("connection_established")
        if self._fresh:
            # Not only at the next start: the first session is the one that has no copy yet.
            self._fresh = False
            await self._keeper.copy()
        return None

    def _settle_later(self) -> None:
        self._stop_settling()
        self._settling = self._loop.call_later(self._timing.lasting, self._settle)

    def _settle(self) -> None:
        self._steadiness.lasted()
        self._board.update(attempts=0)

    def _stop_settling(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None

    def _went_down(self, reason: str) -> SessionEnd | None:
        if self.up.is_set():
            log.warning("connection_lost", reason=reason)
        self._note_loss()
        self._board.update(connection=ConnectionState.RECONNECTING, last_reason=reason)
        return SessionEnd(reason) if self._steadiness.unsteady else None

    def _note_loss(self) -> None:
        self._stop_settling()
        self._steadiness.lost()
        self.up.clear()
