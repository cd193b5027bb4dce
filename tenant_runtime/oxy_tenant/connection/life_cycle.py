"""The life of the WhatsApp connection: pairing, reconnecting, giving up.

The library brings back a broken connection by itself, at first within a tenth of a second. If that does not succeed
within the first delay of the back-off, its session is ended and connecting is up to us: an attempt, a growing pause,
and after too many the end of the process, whose restarts the kubelet paces.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NoReturn

import structlog

from oxy_core.envelopes import ConnectionChanged, ConnectionState
from oxy_core.instance.pairing import PairingOffer
from oxy_tenant import metrics
from oxy_tenant.connection import ending
from oxy_tenant.connection.backoff import delay_seconds
from oxy_tenant.connection.ending import EndedError, Ending
from oxy_tenant.connection.live_state import StateBoard
from oxy_tenant.errors import SessionError
from oxy_tenant.journal.journal import Journal
from oxy_tenant.links.errors import LinkBrokenError, LinkError
from oxy_tenant.links.events import (
    CONNECT_FAILURE,
    Banned,
    CaughtUp,
    Connected,
    CopyRefused,
    Delivered,
    Disconnected,
    Identified,
    LinkEvent,
    LinkStopped,
    LoggedOut,
    Outdated,
    PairingStopped,
    QrOffered,
    Replaced,
)
from oxy_tenant.links.neonize.session_store import SessionStore
from oxy_tenant.links.protocol import MessageSink, WhatsAppLink
from oxy_tenant.settings import SettingsFile

LOGIN_SECONDS: Final = 45.0
"""A session that is not logged in after so long, or has no code to offer while unpaired, has failed."""

CODE_LIFETIME: Final = timedelta(seconds=160)
"""How long the server offers codes on one connection: six, the first for 60 s and the others for 20 s. Source:
whatsmeow qrchan.go, emitQRs."""

QR_LIFETIME: Final = timedelta(seconds=20)

CODE_SHORTEST: Final = 30.0
"""A connection for pairing that ends sooner has failed; a later end is the regular one after the last code."""

PAIRING_EXPIRED: Final = "PairingExpired"
SERVER_UNREACHABLE: Final = "ServerUnreachable"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """Why a session was given up; `failed` counts as a failed attempt."""

    reason: str
    failed: bool = True


@dataclass(slots=True)
class Hooks:
    """Who else wants to know."""

    identified: Callable[[Identified], None]
    delivered: Callable[[str], None]
    copy_refused: Callable[[CopyRefused], None]


class Connection:
    """Keeps one account connected; feeds messages to `on_message` and tells the board."""

    def __init__(  # noqa: PLR0913 its collaborators, each by name
        self,
        *,
        link: WhatsAppLink,
        store: SessionStore,
        journal: Journal,
        settings: SettingsFile,
        board: StateBoard,
        on_message: MessageSink,
        hooks: Hooks,
        receipts: bool,
    ) -> None:
        self._link = link
        self._store = store
        self._journal = journal
        self._settings = settings
        self._board = board
        self._on_message = on_message
        self._hooks = hooks
        self._receipts = receipts
        self._loop = asyncio.get_running_loop()
        self._random = random.Random()  # noqa: S311 jitter, no secret
        self._attempts = 0
        self._offering = False
        self._closed = True
        self.up = asyncio.Event()
        """Set while connected and receiving."""

    async def run(self) -> NoReturn:
        """Stay connected; raises EndedError for a terminal cause, LinkBrokenError if only a new process helps."""
        while True:
            paired = await self._prepare()
            if not paired:
                await self._window_open()
            end = await self._session(paired=paired)
            log.warning("session_ended", reason=end.reason, failed=end.failed)
            if not self._closed:
                message = "the library did not end its session, which could compete with a new one"
                raise LinkBrokenError(message)
            if end.failed:
                await self._pause(end.reason, paired=paired)

    # Before a session

    async def _prepare(self) -> bool:
        """Copy the stored session and return whether there is one; a damaged one is set aside."""
        try:
            return await asyncio.to_thread(self._store.examine)
        except SessionError as error:
            log.warning("session_damaged", error=str(error))
        if await asyncio.to_thread(self._store.set_aside, datetime.now(UTC)):
            raise EndedError(ending.bad_session())
        return False

    async def _window_open(self) -> None:
        """Wait in silence until pairing is wanted."""
        while self._window_seconds() <= 0:
            self._settings.changed.clear()
            self._board.update(connection=ConnectionState.PAIRING, pairing=None, last_reason=PAIRING_EXPIRED)
            await self._settings.changed.wait()

    def _window_seconds(self) -> float:
        until = self._settings.current.pairing_until
        return 0 if until is None else (until - datetime.now(UTC)).total_seconds()

    async def _pause(self, reason: str, *, paired: bool) -> None:
        policy = self._settings.current.reconnect
        self._attempts += 1
        metrics.ATTEMPTS.labels(reason).inc()
        if self._attempts >= policy.max_attempts:
            raise EndedError(ending.attempts_exhausted(self._attempts, reason))
        delay = delay_seconds(policy, self._attempts, self._random)
        self._board.update(
            connection=ConnectionState.RECONNECTING if paired else ConnectionState.PAIRING,
            attempts=self._attempts,
            next_attempt_at=datetime.now(UTC) + timedelta(seconds=delay),
            last_reason=reason,
            pairing=None,
        )
        await asyncio.sleep(delay)

    # A session

    async def _session(self, *, paired: bool) -> SessionEnd:
        events: asyncio.Queue[LinkEvent] = asyncio.Queue()

        def on_event(event: LinkEvent) -> None:
            self._loop.call_soon_threadsafe(events.put_nowait, event)

        self._offering = not paired
        self._board.update(pairing=None)
        self._link.open(self._on_message, on_event, receipts=self._receipts)
        try:
            return await self._follow(events)
        finally:
            self.up.clear()
            self._closed = await self._link.close()

    async def _follow(self, events: asyncio.Queue[LinkEvent]) -> SessionEnd:
        """Handle events until the session is over, or not connected for too long."""
        started = self._loop.time()
        deadline: float | None = started + LOGIN_SECONDS
        reason = SERVER_UNREACHABLE if self._offering else "LoginTimedOut"
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    event = await events.get()
            except TimeoutError:
                return SessionEnd(reason, failed=reason != PAIRING_EXPIRED)
            match event:
                case QrOffered(qr):
                    deadline, reason = self._loop.time() + self._window_seconds(), PAIRING_EXPIRED
                    await self._offer(qr)
                case Connected():
                    deadline = None
                    await self._went_up()
                case Disconnected(reason="ConnectFailure"):
                    return SessionEnd(CONNECT_FAILURE)
                case Disconnected() if not self._offering:
                    reason = event.reason
                    deadline = deadline or self._loop.time() + self._settings.current.reconnect.base_delay_seconds
                    await self._went_down(reason)
                case PairingStopped(succeeded=True):
                    self._offering = False
                    deadline, reason = self._loop.time() + LOGIN_SECONDS, "LoginTimedOut"
                case PairingStopped(succeeded=False) if self._offering:
                    return SessionEnd("PairingInterrupted", failed=self._loop.time() - started < CODE_SHORTEST)
                case LinkStopped(opened=False):
                    log.warning("connection_refused", error=event.error)
                    return SessionEnd(SERVER_UNREACHABLE)
                case _:
                    await self._handle(event)

    async def _handle(self, event: LinkEvent) -> None:
        """Handle what does not change the course of the session; raises EndedError, LinkBrokenError."""
        if (end := ending_of(event)) is not None:
            raise EndedError(end)
        match event:
            case Identified():
                self._board.update(jid=event.phone)
                self._hooks.identified(event)
            case Delivered(whatsapp_ids):
                for whatsapp_id in whatsapp_ids:
                    self._hooks.delivered(whatsapp_id)
            case CopyRefused():
                self._hooks.copy_refused(event)
            case CaughtUp():
                log.info("connection_caught_up")
            case LinkStopped():
                message = f"the link stopped delivering: {event.error}"
                raise LinkBrokenError(message)

    async def _went_up(self) -> None:
        self._attempts = 0
        self._offering = False
        self._board.update(
            connection=ConnectionState.CONNECTED, attempts=0, next_attempt_at=None, last_reason=None, pairing=None
        )
        if not self.up.is_set():
            self.up.set()
            self._link.show_online(online=self._settings.current.mark_online)
            log.info("connection_established")
            await self._report(ConnectionState.CONNECTED)

    async def _went_down(self, reason: str) -> None:
        self._board.update(connection=ConnectionState.RECONNECTING, last_reason=reason)
        if self.up.is_set():
            self.up.clear()
            log.warning("connection_lost", reason=reason)
            await self._report(ConnectionState.RECONNECTING, reason)

    async def _report(self, state: ConnectionState, reason: str | None = None) -> None:
        change = ConnectionChanged(state=state, reason=reason, jid=self._board.state.jid)
        await asyncio.to_thread(self._journal.report_connection, change)

    # Pairing

    async def _offer(self, qr: str) -> None:
        """Show a way to link the phone: a code once per session, or each QR code."""
        shown = self._board.state.pairing
        if self._settings.current.pairing_method == "PhoneCode":
            if shown is not None and shown.method == "PhoneCode":
                return
            code = await self._code()
            if code is not None:
                self._show(PairingOffer(method="PhoneCode", code=code, expires_at=self._expiry(CODE_LIFETIME)))
                return
        self._show(PairingOffer(method="QRCode", qr=qr, expires_at=self._expiry(QR_LIFETIME)))

    async def _code(self) -> str | None:
        try:
            async with asyncio.timeout(LOGIN_SECONDS):
                return await self._link.request_pairing_code(self._settings.current.phone_number)
        except (LinkError, TimeoutError) as error:
            log.warning("pairing_code_refused", error=str(error) or "no answer", fallback="QRCode")
            return None

    def _expiry(self, lifetime: timedelta) -> datetime:
        until = self._settings.current.pairing_until
        expiry = datetime.now(UTC) + lifetime
        return expiry if until is None else min(expiry, until)

    def _show(self, pairing: PairingOffer) -> None:
        log.info("pairing_offered", method=pairing.method, expires_at=pairing.expires_at.isoformat())
        self._board.update(connection=ConnectionState.PAIRING, pairing=pairing, last_reason=None)


def ending_of(event: LinkEvent) -> Ending | None:
    """Return the ending that an event means, None for all that a connection survives."""
    match event:
        case LoggedOut():
            return ending.logged_out()
        case Replaced():
            return ending.connection_replaced()
        case Banned(expires_at):
            return ending.temporary_ban(expires_at)
        case Outdated():
            return ending.client_outdated()
    return None
