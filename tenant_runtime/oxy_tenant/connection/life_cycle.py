"""The life of the WhatsApp connection: pairing, reconnecting, giving up.

`session_progress` decides what becomes of a session. A session that is given up is closed, and the next one opened
with exponential back-off. After `max_attempts` failures in a row, or if new sessions fall silent too, the process exits
and the kubelet starts another.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, NoReturn

import structlog

from oxy_core.envelopes import ConnectionState
from oxy_core.errors import OxyError
from oxy_core.instance.session_states import LeaveStep
from oxy_core.tasks import to_the_end
from oxy_tenant import metrics
from oxy_tenant.connection.backoff import delay_seconds
from oxy_tenant.connection.diagnosis import Trouble
from oxy_tenant.connection.ending import EndedError, attempts_exhausted, ending_of, left
from oxy_tenant.connection.hold import ConnectionHold, Held
from oxy_tenant.connection.live_state import StateBoard
from oxy_tenant.connection.pairing import Pairing
from oxy_tenant.connection.session_keeper import SessionKeeper, SessionWatcher
from oxy_tenant.connection.session_progress import (
    CodeOffered,
    ConnectionTiming,
    Lasted,
    Noted,
    SessionEnd,
    SessionProgress,
    Step,
    WentDown,
    WentUp,
)
from oxy_tenant.connection.steadiness import Steadiness
from oxy_tenant.links.errors import LinkBrokenError, LinkError
from oxy_tenant.links.events import (
    RESTART_REQUIRED,
    AccountBanned,
    AccountLocked,
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
    LoggedOut,
    LoginRefused,
    PairingStopped,
    Receipts,
    TroubleNoticed,
)
from oxy_tenant.links.protocol import MessageSink, StoredSession, WhatsAppLink
from oxy_tenant.own_account import OwnAccount
from oxy_tenant.settings_file import SettingsFile

_ENDS_OF_CONNECTIONS: Final = (Disconnected, LoginRefused, LinkStopped, PairingStopped)
"""Events that mean something else once a phone is linked."""

_RESTART: Final = TroubleNoticed(RESTART_REQUIRED)
"""Another one: the library has stored the device before WhatsApp asks it to log in with it."""

_OF_A_DEVICE: Final = (LoggedOut, AccountLocked, AccountBanned)
"""Events that follow `DeviceRefused`."""

_CONTACT_EVENTS: Final = (Receipts, CallMissed, ChangedNumber)
"""Events that say nothing about the connection."""

log = structlog.get_logger()


class _ForeignAccountError(OxyError):
    """The session belongs to another number than it should."""

    def __init__(self, phone: str, *, unlinked: bool) -> None:
        super().__init__("the session belongs to another number")
        self.phone = phone
        self.unlinked = unlinked
        """Whether the device was removed from that number's account again."""


class Connection:
    """Keeps one account connected; shows its state on the board.

    `instance` is its name as commands take it. Messages go to `on_message`, what contacts do otherwise to
    `on_contact_event`, from threads of the link.
    """

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
        on_session: SessionWatcher | None = None,
        may_copy: Callable[[int], bool] = lambda _: True,
        timing: ConnectionTiming | None = None,
    ) -> None:
        self._instance = instance
        self._link = link
        self._settings = settings
        self._keeper = SessionKeeper(session, account, settings, instance, watcher=on_session, may_copy=may_copy)
        self._board = board
        board.last_frame = lambda: link.last_frame
        self._on_message = on_message
        self._on_contact_event = on_contact_event
        self._hold = hold
        self._timing = timing or ConnectionTiming()
        self._pairing = Pairing(link, settings, board, answer_seconds=self._timing.login)
        self._loop = asyncio.get_running_loop()
        self._random = random.Random()  # noqa: S311 jitter, no secret
        self._steadiness = Steadiness()
        self._progress = self._new_progress(linked=False)
        self._closed = True
        self._sessions = 0
        """How many this process has had."""
        self.up = asyncio.Event()
        """Set while connected and receiving."""

    async def run(self) -> NoReturn:
        """Stay connected; raises EndedError for a terminal cause, LinkBrokenError if only a new process helps."""
        while True:
            await self._wait_while_held()
            paired = await self._keeper.prepare()
            if not paired:
                await self._hold.unless_closed(self._pairing.wait_for_window())
            if self._hold.closed:
                # It began meanwhile, and only a session that is open hears of one.
                continue
            self._sessions += 1
            try:
                end = await self._run_session(paired=paired)
            except _ForeignAccountError as error:
                raise EndedError(await self._keeper.refuse(error.phone, unlinked=error.unlinked)) from error
            log.warning("session_ended", reason=end.trouble.reason, detail=end.trouble.detail, failed=end.failed)
            # Two sessions with the same keys would replace each other on the server.
            if not self._closed and not end.failed:
                message = "the library did not end its session, which could compete with a new one"
                raise LinkBrokenError(message)
            if not self._closed:
                log.warning("session_not_closed")
                end = replace(end, new_process=True)
            if end.failed:
                await self._pause(end)

    async def _wait_while_held(self) -> None:
        if self._hold.reason is not None and self._hold.ended is None:
            held = ConnectionState.RECONNECTING
            self._board.update(connection=held, next_attempt_at=None, last_reason=self._hold.reason, pairing=None)
            log.warning("connection_held", reason=self._hold.reason)
            await self._hold.over()
        if self._hold.ended is not None:
            raise self._hold.ended

    async def follow_settings(self) -> None:
        """Offer another way to link the phone as soon as the settings ask for it; run until cancelled."""
        await self._pairing.follow_method()

    async def _pause(self, end: SessionEnd) -> None:
        policy, trouble = self._settings.current.reconnect, end.trouble
        self._steadiness.failed += 1
        failed = self._steadiness.failed
        metrics.ATTEMPTS.labels(trouble.reason).inc()
        if end.new_process or failed >= policy.max_attempts or self._sessions >= self._timing.most_sessions:
            raise EndedError(attempts_exhausted(failed, trouble, self._instance))
        # The phone may have been linked in the session that just failed.
        await self._look_whether_linked()
        delay = delay_seconds(policy, failed, self._random)
        self._board.update(
            connection=ConnectionState.RECONNECTING if self._progress.linked else ConnectionState.PAIRING,
            attempts=failed,
            next_attempt_at=datetime.now(UTC) + timedelta(seconds=delay),
            last_reason=trouble.reason,
            last_error=trouble.detail or None,
            pairing=None,
        )
        await asyncio.sleep(delay)

    async def _look_whether_linked(self) -> None:
        """Believe the session on the volume, not what this process has seen: it may have missed that it was linked."""
        if not self._progress.linked:
            self._progress.linked = bool(await self._keeper.linked())

    # -- one session

    def _new_progress(self, *, linked: bool) -> SessionProgress:
        policy = self._settings.current.reconnect
        return SessionProgress(self._steadiness, policy, self._timing, linked=linked, now=self._loop.time())

    async def _run_session(self, *, paired: bool) -> SessionEnd:
        events: asyncio.Queue[LinkEvent | Held] = asyncio.Queue()

        def on_event(event: LinkEvent | Held) -> None:
            if isinstance(event, _CONTACT_EVENTS):
                self._on_contact_event(event)
            else:
                self._loop.call_soon_threadsafe(events.put_nowait, event)

        self._progress = self._new_progress(linked=paired)
        self._pairing.begin_session()
        self._board.update(pairing=None)
        self._link.open(self._on_message, on_event)
        try:
            end = await self._until_closed(events, on_event)
        except asyncio.CancelledError:
            # A stop. Nobody would hear again of a cause that came just before: the library may have deleted the device.
            self._heed_last_words(events)
            raise
        self._heed_last_words(events)
        return end

    async def _until_closed(
        self, events: asyncio.Queue[LinkEvent | Held], on_event: Callable[[LinkEvent | Held], None]
    ) -> SessionEnd:
        """Follow the open session until it is to end, and close it, whatever ends it."""
        try:
            with self._hold.ending(on_event):
                return await self._follow(events, self._progress)
        finally:
            self._steadiness.lost()
            self.up.clear()
            self._board.update(receiving=None)
            # A stop that comes now, too, must leave it the time to deliver what it has received.
            self._closed = await to_the_end(self._link.close())

    def _heed_last_words(self, events: asyncio.Queue[LinkEvent | Held]) -> None:
        """Raise EndedError if the session met a terminal cause while it was closed: the library may have logged in."""
        while not events.empty():
            event = events.get_nowait()
            if not isinstance(event, Held):
                self._heed(event)

    def _heed(self, event: LinkEvent) -> None:
        """Raise EndedError for a terminal cause; while no phone is linked, none can have removed the device."""
        is_own = isinstance(event, LoggedOut) and self._is_unlinking()
        ending = left(was_linked=True) if is_own else ending_of(event, self._instance)
        if ending is not None and (self._progress.linked or not isinstance(event, _OF_A_DEVICE)):
            raise EndedError(ending)

    def _is_unlinking(self) -> bool:
        """Whether the device is being removed from this side, which WhatsApp may tell as if the phone had done it."""
        leaving = self._board.state.leaving
        return leaving is not None and leaving.step is not LeaveStep.BACKING_UP

    async def _follow(self, events: asyncio.Queue[LinkEvent | Held], progress: SessionProgress) -> SessionEnd:
        """Handle events and deadlines until the session is to end."""
        while True:
            try:
                async with asyncio.timeout_at(progress.wakes_at):
                    event = await events.get()
            except TimeoutError:
                step = progress.wake(self._loop.time(), self._link.last_frame)
            else:
                step = await self._step_of(event, events, progress)
            end = await self._carry_out(step)
            if end is not None:
                return end

    async def _step_of(
        self, event: LinkEvent | Held, events: asyncio.Queue[LinkEvent | Held], progress: SessionProgress
    ) -> Step | None:
        """Return what an event leads to; raises EndedError, LinkBrokenError."""
        if isinstance(event, Held):
            return SessionEnd(Trouble(event.reason), failed=False)
        if isinstance(event, LinkedToAnother):
            raise _ForeignAccountError(event.phone, unlinked=progress.fresh and await self._unlink(events))
        if isinstance(event, _ENDS_OF_CONNECTIONS) or event == _RESTART:
            await self._look_whether_linked()
        step = progress.take(event, self._loop.time(), window_seconds=self._pairing.window_seconds())
        if step is None:
            self._handle(event)
        return step

    async def _carry_out(self, step: Step | None) -> SessionEnd | None:
        """Do what a step asks for; return it if the session is to end."""
        match step:
            case SessionEnd():
                return step
            case CodeOffered(qr):
                await self._pairing.offer(qr)
            case WentUp():
                await self._went_up()
            case WentDown(trouble):
                self._went_down(trouble)
            case Lasted():
                self._board.update(attempts=0, last_reason=None)
            case Noted(trouble):
                log.warning("connection_troubled", reason=trouble.reason, detail=trouble.detail)
                self._board.update(last_reason=trouble.reason, last_error=trouble.detail or None)
        return None

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

    def _handle(self, event: LinkEvent) -> None:
        """Handle events that do not affect the session's progress; raises EndedError, LinkBrokenError."""
        self._heed(event)
        match event:
            case Identified():
                self._board.update(jid=event.phone)
            case CaughtUp():
                log.info("connection_caught_up")
            case LinkStopped(opened=True):
                message = f"the link stopped delivering: {event.error}"
                raise LinkBrokenError(message)

    async def _went_up(self) -> None:
        self._pairing.end()
        self._board.update(
            connection=ConnectionState.CONNECTED,
            receiving=True,
            attempts=self._steadiness.failed,
            next_attempt_at=None,
            last_reason=None,
            last_error=None,
            pairing=None,
        )
        if not self.up.is_set():
            self.up.set()
            self._link.show_online(online=self._settings.current.mark_online)
            log.info("connection_established")
        if self._progress.fresh:
            # Not only at the next start: the first session is the one that has no copy yet.
            self._progress.fresh = False
            await self._keeper.newly_linked()
            self._board.stored_changed()

    def _went_down(self, trouble: Trouble) -> None:
        if self.up.is_set():
            log.warning("connection_lost", reason=trouble.reason, detail=trouble.detail)
            metrics.LOSSES.labels(trouble.reason).inc()
        self.up.clear()
        self._board.update(
            connection=ConnectionState.RECONNECTING,
            receiving=False,
            last_reason=trouble.reason,
            last_error=trouble.detail or None,
        )
