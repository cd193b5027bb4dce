"""What becomes of one session of the link: events and times in, steps out. Pure.

The library restores a broken connection on its own, at first within a tenth of a second. What it has not restored
within the first back-off delay is given up here, and so is a session that does not log in, one that the server ends
again and again, and one that nothing comes from any more.
"""

from dataclasses import dataclass
from typing import Final

from oxy_core.instance.connection_causes import Effect, connection_cause
from oxy_core.instance.pairing_window import PAIRING_EXPIRED
from oxy_core.instance.settings import ReconnectSettings
from oxy_tenant.connection.diagnosis import Diagnosis, Trouble
from oxy_tenant.connection.silence import Signs, Silence
from oxy_tenant.connection.steadiness import Steadiness
from oxy_tenant.links.events import (
    FRAME_UNREADABLE,
    RESTART_REQUIRED,
    SERVER_UNREACHABLE,
    Connected,
    DeviceRefused,
    Disconnected,
    LinkEvent,
    LinkStopped,
    LoginRefused,
    PairingStopped,
    QrOffered,
    TroubleNoticed,
)

LOGIN_TIMED_OUT: Final = "LoginTimedOut"
PAIRING_INTERRUPTED: Final = "PairingInterrupted"
LINKING_REFUSED: Final = "LinkingRefused"
"""WhatsApp refuses a connection on which a phone was to be linked."""
CONNECTION_UNSTEADY: Final = "ConnectionUnsteady"
"""The server replaces one connection by the next, again and again."""
NOTHING_RECEIVED: Final = "NothingReceived"
REQUESTS_RATE_LIMITED: Final = "RequestsRateLimited"


@dataclass(frozen=True, slots=True)
class ConnectionTiming:
    """When a session counts as failed, and a connection as lasting, in seconds."""

    login: float = 45.0
    """Limit for logging in or, while unpaired, for the first code."""
    shortest_pairing: float = 30.0
    """A pairing session that ends sooner has failed; one that ends later has simply run out of codes."""
    lasting: float = 60.0
    """A connection that lasts this long proves that the server serves us, and ends the count of failures."""
    most_sessions: int = 100
    """Of one process. neonize never closes the database that it opens for a session: each leaves two descriptors and a
    quarter of a MiB behind, so after these a failed one is followed by a new process."""


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """The session is to be closed."""

    trouble: Trouble
    failed: bool = True
    """Whether it counts as a failed attempt."""
    new_process: bool = False
    """Whether another session of this process would not help."""


@dataclass(frozen=True, slots=True)
class CodeOffered:
    """The server offers to link this device."""

    qr: str


@dataclass(frozen=True, slots=True)
class WentUp:
    """Logged in and receiving, or receiving again."""


@dataclass(frozen=True, slots=True)
class WentDown:
    """Not receiving; the session may recover."""

    trouble: Trouble


@dataclass(frozen=True, slots=True)
class Noted:
    """Something is wrong, but the connection holds."""

    trouble: Trouble


@dataclass(frozen=True, slots=True)
class Lasted:
    """The connection has proved itself."""


Step = SessionEnd | CodeOffered | WentUp | WentDown | Noted | Lasted


@dataclass(slots=True)
class _Deadline:
    """When the session must have taken its next step."""

    at: float | None
    """None while there is no deadline."""
    reason: str
    """Why the session ends, if it misses the deadline and nothing better is known."""


class SessionProgress:
    """Follows one session. Times are on a monotonic clock, in seconds; `steadiness` outlives the session."""

    def __init__(
        self, steadiness: Steadiness, policy: ReconnectSettings, timing: ConnectionTiming, *, linked: bool, now: float
    ) -> None:
        self.linked = linked
        """Whether a phone is linked; if not, the session offers codes."""
        self.fresh = False
        """Whether this session linked the phone."""
        self._steadiness = steadiness
        self._policy = policy
        self._timing = timing
        self._started = now
        self._deadline = _Deadline(now + timing.login, LOGIN_TIMED_OUT if linked else SERVER_UNREACHABLE)
        self._diagnosis = Diagnosis()
        self._silence: Silence | None = None
        """None unless logged in."""
        self._silent = False
        self._settles_at: float | None = None
        """When the connection will have lasted."""
        self._renewal: tuple[float, Trouble] | None = None
        """When the session ends so that the next one fetches again what could not be read, and what was wrong."""

    @property
    def wakes_at(self) -> float | None:
        """When `wake` must be called; None: only an event matters."""
        look_at = None if self._silence is None else self._silence.look_at
        renews_at = None if self._renewal is None else self._renewal[0]
        times = [at for at in (self._deadline.at, look_at, self._settles_at, renews_at) if at is not None]
        return min(times, default=None)

    def take(self, event: LinkEvent, now: float, *, window_seconds: float) -> Step | None:
        """Take an event; `window_seconds`: how long the pairing window stays open. None: nothing changes."""
        step: Step | None = None
        match event:
            case QrOffered(qr):
                # The deadline is now the end of the pairing window, not of this code: the server offers new codes.
                self._deadline = _Deadline(now + window_seconds, PAIRING_EXPIRED)
                step = CodeOffered(qr)
            case PairingStopped(succeeded=True):
                # The server now closes this connection, and the library logs in again with its new keys.
                self.linked = self.fresh = True
                self._deadline = _Deadline(now + self._timing.login, LOGIN_TIMED_OUT)
            case PairingStopped(succeeded=False) if not self.linked:
                step = self._codes_over(now)
            case Connected():
                step = self._logged_in(now)
            case TroubleNoticed(reason, detail):
                step = self._noticed(Trouble(reason, detail), now)
            case LoginRefused(reason, detail):
                step = SessionEnd(Trouble(reason, detail))
            case DeviceRefused(detail=detail) if not self.linked:
                step = SessionEnd(Trouble(LINKING_REFUSED, detail))
            case Disconnected(reason, detail) if self.linked:
                step = self._lost(Trouble(reason, detail), now)
            case LinkStopped(opened=False):
                step = SessionEnd(Trouble(event.reason, event.error))
        return step

    def wake(self, now: float, last_frame: float | None) -> Step | None:
        """Do what is due; `last_frame`: when the session received its last frame, None if none yet."""
        if _due(self._deadline.at, now):
            trouble = self._diagnosis.or_else(self._deadline.reason)
            # An expired pairing window is not a failed attempt: the server answered, but nobody linked the phone.
            return SessionEnd(trouble, failed=trouble.reason != PAIRING_EXPIRED)
        if self._renewal is not None and _due(self._renewal[0], now):
            return self._renewed(self._renewal[1], now)
        if self._silence is not None and _due(self._silence.look_at, now):
            return self._listen(self._silence, now, last_frame)
        if _due(self._settles_at, now):
            self._settles_at = None
            self._steadiness.lasted()
            return Lasted()
        return None

    # -- one event each

    def _logged_in(self, now: float) -> Step:
        replaced = self._steadiness.connected()
        if replaced and self._steadiness.unsteady:
            return SessionEnd(self._diagnosis.or_else(CONNECTION_UNSTEADY))
        self.linked = True
        self._deadline.at = None
        self._diagnosis.clear()
        self._silence, self._silent = Silence(self._policy, now), False
        self._settles_at = now + self._timing.lasting
        return WentUp()

    def _noticed(self, trouble: Trouble, now: float) -> Step | None:
        cause = connection_cause(trouble.reason)
        if cause is not None and cause.effect is Effect.HOLDS:
            return self._held(trouble, now)
        if trouble.reason == RESTART_REQUIRED:
            # The library obeys at once, and says nothing more of it.
            if not self.linked:
                return self._codes_over(now)  # what was shown is worth nothing on its next connection
            # Before the login this belongs to linking a phone.
            return None if self._silence is None else self._lost(trouble, now)
        if trouble.reason == FRAME_UNREADABLE:
            return self._unreadable(trouble, now)
        known = self._diagnosis.note(trouble)
        return WentDown(known) if self.linked and self._silence is None else None

    def _codes_over(self, now: float) -> SessionEnd:
        short = now - self._started < self._timing.shortest_pairing
        return SessionEnd(self._diagnosis.or_else(PAIRING_INTERRUPTED), failed=short)

    def _unreadable(self, trouble: Trouble, now: float) -> Step | None:
        """End the session at once or, if one was just ended for this, after a while."""
        due = self._steadiness.unreadable(now)
        if due <= now:
            return self._renewed(trouble, now)
        self._renewal = self._renewal or (due, trouble)
        return self._held(trouble, now)

    def _renewed(self, trouble: Trouble, now: float) -> SessionEnd:
        self._steadiness.renewed(now)
        return SessionEnd(trouble)

    def _held(self, trouble: Trouble, now: float) -> Noted | None:
        """Note what leaves the connection as it is, and is over once that has lasted; between two it is nothing."""
        if self._silence is None:
            # Of an unlinked device WhatsApp refuses nothing but a code to type, and `pairing` says that it did.
            return None if self.linked or trouble.reason == REQUESTS_RATE_LIMITED else Noted(trouble)
        if self._settles_at is None:  # else one each minute would keep the connection from ever having lasted
            self._settles_at = now + self._timing.lasting
        return Noted(trouble)

    def _lost(self, trouble: Trouble, now: float) -> Step:
        known = self._diagnosis.note(trouble)
        self._steadiness.lost()
        # The next connection brings what could not be read on this one.
        self._silence = self._settles_at = self._renewal = None
        # The library may reconnect on its own until our first back-off delay has passed. Further losses do not extend
        # that deadline.
        given_up_at = now + self._policy.base_delay_seconds
        self._deadline = _Deadline(min(self._deadline.at or given_up_at, given_up_at), trouble.reason)
        return SessionEnd(known) if self._steadiness.unsteady else WentDown(known)

    def _listen(self, silence: Silence, now: float, last_frame: float | None) -> Step | None:
        hearing = silence.look(now, last_frame)
        was_silent, self._silent = self._silent, hearing is not Signs.HEARS
        trouble = Trouble(NOTHING_RECEIVED, f"nothing for {now - silence.since:.0f} seconds")
        if hearing is Signs.LOST:
            new_process = self._steadiness.fell_silent(self._policy.max_silent_sessions)
            return SessionEnd(trouble, new_process=new_process)
        if self._silent:
            # It proves nothing to stay connected without hearing anything.
            self._settles_at = now + self._timing.lasting
        if self._silent == was_silent:
            return None
        return WentDown(trouble) if self._silent else WentUp()


def _due(at: float | None, now: float) -> bool:
    return at is not None and now >= at
