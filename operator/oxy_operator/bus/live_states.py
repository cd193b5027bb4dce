"""The last live state of each instance, by our clock."""

from datetime import datetime, timedelta

from oxy_core.envelopes import LiveState
from oxy_operator.decide.live_state import by_our_clock, clock_shift, is_news


class LiveStates:
    """Live states by account."""

    def __init__(self) -> None:
        self._held: dict[str, LiveState] = {}
        self._announced: dict[str, LiveState] = {}
        self._shifts: dict[str, timedelta] = {}

    def get(self, account: str) -> LiveState | None:
        """Return the last live state of the instance with this account; its times are by our clock."""
        return self._held.get(account)

    def clock_ahead(self, account: str) -> timedelta:
        """Return by how much the clock of the instance's last pod is ahead of ours; zero if it never reported."""
        return -self._shifts.get(account, timedelta())

    def put(self, account: str, state: LiveState, arrived_at: datetime, *, kept: bool = False) -> bool:
        """Store a live state as the pod sent it, with the time of its arrival by our clock; return whether it is news.

        One that the stream `kept` is ignored if a later one has arrived. Any other is the latest, whatever our clock
        says, which may have been set back.
        """
        before = self._held.get(account)
        if kept and before is not None and arrived_at < before.heartbeat_at:
            return False
        same_pod = before is not None and before.pod_uid == state.pod_uid
        known = self._shifts.get(account) if same_pod else None
        self._shifts[account] = clock_shift(known, state.heartbeat_at, arrived_at)
        self._held[account] = ours = by_our_clock(state, self._shifts[account], arrived_at)
        announced = self._announced.get(account)
        if announced is not None and not is_news(announced, ours):
            return False
        self._announced[account] = ours
        return True

    def forget(self, account: str) -> None:
        """Forget an instance."""
        for held in (self._held, self._announced, self._shifts):
            held.pop(account, None)
