"""Live states that runtimes report on the bus: which are current, and which are news. They only add detail.

A pod's clock may be hours off. So a live state counts from when it arrived, and its times are moved to our clock: its
offers and attempts keep the seconds that they have left.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from oxy_core.envelopes import LiveState
from oxy_core.instance.pairing_offer import PairingOffer
from oxy_core.instance.stored_session import SessionFacts
from oxy_operator.decide.epoch_record import EpochRecord
from oxy_operator.decide.pod import Pod
from oxy_operator.lenient import plain_text, reason

HEARTBEAT_SECONDS: Final = 45.0
"""A live state older than this is stale."""

ACTIVITY_STEP: Final = timedelta(minutes=5)
"""``lastActivityAt`` is written at most this often."""

CLOCK_JITTER: Final = timedelta(seconds=2)
"""Differences of this size between two estimates of a pod's clock come from the network, not from the clock. Moving
times by each new estimate would make every heartbeat look like news."""

MAX_CODE: Final = 2_048
"""Longest content of a pairing code, in characters; a QR code holds no more that a phone can scan."""

MAX_ATTEMPTS: Final = 2**31 - 1
"""Most attempts that the status shows."""

_CENTURY: Final = timedelta(days=36_500)

_EPOCH: Final = datetime.fromtimestamp(0, UTC)

_QUIET: Final = frozenset(
    {
        "heartbeat_at",
        "session_bytes",
        "last_activity_at",
        "last_frame_at",
        "session",
        "volume_bytes",
        "volume_free_bytes",
        "journal_bytes",
    }
)
"""Fields whose change alone is no news."""

_STEPS: Final = ("linked_at", "device", "restored_at", "set_aside_bytes")
"""What of a session changes only if somebody, or something, has done something to it, which people look for."""


def noticeable(clock_ahead: timedelta) -> timedelta:
    """Return by how much a pod's clock is ahead, in whole minutes, so that a slow network does not change it.

    A clock that no window can be moved to counts as right.
    """
    return timedelta(minutes=round(clock_ahead / timedelta(minutes=1))) if abs(clock_ahead) < _CENTURY else timedelta()


def clock_shift(known: timedelta | None, heartbeat_at: datetime, arrived_at: datetime) -> timedelta:
    """Return what to add to a pod's clock to get ours; `known` is the last estimate for that pod."""
    shift = arrived_at - heartbeat_at
    return known if known is not None and abs(shift - known) < CLOCK_JITTER else shift


def by_our_clock(state: LiveState, shift: timedelta, arrived_at: datetime) -> LiveState:
    """Return a live state with its times moved to our clock, and without what no sensible runtime says.

    A time that leaves the calendar is dropped, and so is a code or a reason that could not be shown.
    """
    changes = {
        "heartbeat_at": arrived_at,
        "next_attempt_at": _moved(state.next_attempt_at, shift),
        "last_activity_at": _moved(state.last_activity_at, shift),
        "last_frame_at": _moved(state.last_frame_at, shift),
        "reachout_locked_since": _moved(state.reachout_locked_since, shift),
        "pairing": _moved_offer(state.pairing, shift),
        "last_reason": reason(state.last_reason, "") or None,
        "last_error": plain_text(state.last_error) or None,
        "attempts": min(state.attempts, MAX_ATTEMPTS),
        "volume_problem": reason(state.volume_problem, "") or None,
    }
    return state.model_copy(update=changes)


def _moved(moment: datetime | None, shift: timedelta) -> datetime | None:
    try:
        moved = None if moment is None else moment.astimezone(UTC) + shift
    except OverflowError:
        return None
    # Kubernetes' timestamps have years of four digits.
    return moved if moved is not None and moved >= _EPOCH else None


def _moved_offer(offer: PairingOffer | None, shift: timedelta) -> PairingOffer | None:
    expires_at = _moved(offer.expires_at, shift) if offer and len(offer.text) <= MAX_CODE else None
    return offer.model_copy(update={"expires_at": expires_at}) if offer and expires_at else None


def current_live_state(
    reported: LiveState | None, pod: Pod | None, record: EpochRecord | None, now: datetime
) -> LiveState | None:
    """Return `reported` (by our clock) if it is about the current pod and epoch, and fresh; otherwise None."""
    if reported is None or pod is None or record is None:
        return None
    if (reported.pod_uid, reported.epoch) != (pod.uid, record.epoch):
        return None
    return reported if (now - reported.heartbeat_at).total_seconds() < HEARTBEAT_SECONDS else None


def is_news(announced: LiveState, now: LiveState) -> bool:
    """Whether `now` differs from `announced`, the state last acted upon, by more than a heartbeat."""
    if announced.model_dump(exclude=set(_QUIET)) != now.model_dump(exclude=set(_QUIET)):
        return True
    if now.session is not None and steps(announced.session) != steps(now.session):
        return True
    return now.last_activity_at is not None and is_later_activity(now.last_activity_at, announced.last_activity_at)


def steps(session: SessionFacts | None) -> tuple[object, ...]:
    """Return what was done to a session, as far as its facts tell."""
    return tuple(getattr(session or SessionFacts(), name) for name in _STEPS)


def is_later_activity(latest: datetime, known: datetime | None) -> bool:
    """Whether the latest activity is late enough after the known one to be worth a write."""
    return known is None or latest - known >= ACTIVITY_STEP
