"""The reach-out lock: WhatsApp lets an account that wrote first to too many people write first to nobody (463).

Who wrote to the account first can still be answered, so replies go on, and what is sent unasked waits. WhatsApp tells
no time: from time to time one message finds out.
"""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from oxy_core.envelopes import Lane
from oxy_core.outbound import SendRefusal
from oxy_tenant.sending.queues import WaitingSend

PROBE_SECONDS: Final = 900.0
"""Pause between two messages that find out whether the lock is over. It lasts hours or days; each probe counts."""


class ReachOutLock:
    """Whether the account may write first; `on_change` is told since when it may not, or None.

    `since`: what the process before said last. The first unasked message finds out whether it is so.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        on_change: Callable[[datetime | None], None],
        *,
        since: datetime | None = None,
        probe_seconds: float = PROBE_SECONDS,
    ) -> None:
        self._now = now
        self._on_change = on_change
        self._probe_seconds = probe_seconds
        self._since = since
        self._probe_at = 0.0

    def wait_seconds(self, waiting: WaitingSend) -> float:
        """Return how long this message waits for the lock; 0: it may be tried, and the next ones wait for it."""
        if waiting.send.request.lane is Lane.REPLY or self._since is None:
            return 0
        if (left := self._probe_at - time.monotonic()) <= 0:
            self._probe_at = time.monotonic() + self._probe_seconds
            return 0
        waiting.refusal, waiting.retry_after = SendRefusal.REACHOUT_LOCKED, left
        waiting.last_error = "WhatsApp lets this account write to nobody first; replies go on"
        return left

    def note_locked(self) -> None:
        """Take note of a refusal."""
        self._probe_at = time.monotonic() + self._probe_seconds
        if self._since is None:
            self._since = self._now()
            self._on_change(self._since)

    def note_sent(self, waiting: WaitingSend) -> None:
        """Take note of a message that was sent: an unasked one shows that the lock is over."""
        if self._since is not None and waiting.send.request.lane is not Lane.REPLY:
            self._since = None
            self._on_change(None)
