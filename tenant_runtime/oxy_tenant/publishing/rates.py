"""How fast the messages of one chat are published. Pure.

Whoever floods a business must not keep the platform from its other customers. What is beyond the rate waits in the
journal.
"""

from collections.abc import Callable
from typing import Final

BURST_SECONDS: Final = 1.0
"""Messages of this many seconds may be published at once."""

_REMEMBERED: Final = 1_000
"""Number of chats beyond which those that may publish at once are forgotten."""


class ChatRates:
    """The rates of all chats; `per_second` returns the limit, 0: there is none. Times are in seconds, of any clock."""

    def __init__(self, per_second: Callable[[], float]) -> None:
        self._per_second = per_second
        self._paid_until: dict[str, float] = {}
        """When a chat will have made up for what it published."""

    def allows(self, chat: str, now: float) -> bool:
        """Whether the chat may publish a message now."""
        interval = self._interval()
        return self._paid_until.get(chat, now) + interval <= now + max(BURST_SECONDS, interval)

    def take(self, chat: str, now: float) -> bool:
        """Let the chat publish a message if it may; return whether it may."""
        if not self.allows(chat, now):
            return False
        if self._interval() > 0:
            self._forget_idle(now)
            self._paid_until[chat] = max(self._paid_until.get(chat, now), now) + self._interval()
        return True

    def _interval(self) -> float:
        per_second = self._per_second()
        return 1 / per_second if per_second > 0 else 0.0

    def _forget_idle(self, now: float) -> None:
        if len(self._paid_until) > _REMEMBERED:
            self._paid_until = {chat: until for chat, until in self._paid_until.items() if until > now}
