"""The reach-out lock: WhatsApp lets an account that wrote first to too many people write first to nobody (463).

Who wrote to the account first can still be answered, so replies go on, with whatever waits before them in their chats,
and so does what people order for somebody who has written. The rest waits. WhatsApp tells no time: from time to time
one message finds out, and at once when a person has let the number go on.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from oxy_core.envelopes import Lane
from oxy_core.outbound import SendRefusal
from oxy_core.tasks import wait_for
from oxy_tenant.journal.instance_events import AccountLock
from oxy_tenant.sending.queues import WaitingSend

PROBE_SECONDS: Final = 900.0
"""Pause between two messages that find out whether the lock is over. It lasts hours or days; each probe counts."""


class ReachOutLock:
    """Whether the account may write first; `on_change` is told that it may not, or None.

    `lock`: what the process before said last. The first unasked message finds out whether it is so.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        on_change: Callable[[AccountLock | None], None],
        *,
        lock: AccountLock | None = None,
        probe_seconds: float = PROBE_SECONDS,
    ) -> None:
        self._now = now
        self._on_change = on_change
        self._probe_seconds = probe_seconds
        self._lock = lock
        self._probe: WaitingSend | None = None
        """The message that finds out whether it is over."""
        self._probe_at = 0.0
        """When the next one may, on the monotonic clock."""
        self._resumption = None if lock is None else lock.resumption
        self._is_doubted = False
        """Whether a person has let the number go on since the lock was met: if it is met again, that is news."""
        self._turns: dict[WaitingSend, asyncio.Event] = {}  # in the order in which they are granted

    def wait_seconds(self, waiting: WaitingSend) -> float:
        """Return how long this message waits for the lock; 0: it may be tried, and the next ones wait for it."""
        if self._lock is None or self._probe is waiting or waiting.answers:
            return 0
        left = self._probe_seconds if self._probe else self._probe_at - time.monotonic()
        if left <= 0:
            self._probe = waiting
            return 0
        waiting.refusal, waiting.retry_after = SendRefusal.REACHOUT_LOCKED, left
        waiting.last_error = "WhatsApp lets this account write to nobody first; replies go on"
        return left

    def spares(self, waiting: WaitingSend, *, written: int, with_reply: bool) -> bool:
        """Whether a message goes to somebody whom the account may answer, as far as anybody knows.

        `written`: how far its chat is (`Chats.written_sequence`). `with_reply`: whether it is a reply, or one waits
        behind it, which must not wait for the lock. What the platform keeps meanwhile is not spared.
        """
        if waiting.send.request.resumption is not None:
            return with_reply and not self.is_met
        return with_reply or written > waiting.locked_at

    @property
    def is_met(self) -> bool:
        """Whether the lock holds, as far as anybody knows: no message is finding out."""
        return self._lock is not None and self._probe is None

    async def turn_within(self, seconds: float, waiting: WaitingSend) -> None:
        """Wait for so many seconds, or until another message may be tried and no other has waited for longer.

        One at a time, so that what has waited does not leave all at once.
        """
        turn = self._turns[waiting] = asyncio.Event()
        try:
            await wait_for(turn, seconds)
        finally:
            self._turns.pop(waiting, None)

    def look_again(self, waiting: WaitingSend) -> None:
        """End a message's wait for its turn, if it waits for one: it may be spared now."""
        if waiting in self._turns:
            self._turns.pop(waiting).set()

    def note_resumed(self, resumption: int | None) -> None:
        """Take note that a person has let the number go on (`SendRequest.resumption`): one message is tried at once."""
        if resumption is None or (self._resumption is not None and resumption <= self._resumption):
            return
        self._resumption = resumption
        if not resumption:  # nobody has yet
            return
        self._is_doubted = True
        self._probe_at = 0.0
        self._grant_turn()

    def note_locked(self, waiting: WaitingSend) -> None:
        """Take note of a refusal."""
        self._probe_at = time.monotonic() + self._probe_seconds
        self._give_back(waiting)
        if self._lock is None or self._is_doubted:
            self._is_doubted = False
            self._lock = AccountLock(self._now(), self._resumption)
            self._on_change(self._lock)
        while self._turns:  # nothing is sent, but some need not wait any more
            self._grant_turn()

    def note_sent(self, waiting: WaitingSend) -> None:
        """Take note of a message that was sent: an unasked one shows that the lock is over."""
        if self._lock is not None and not waiting.answers:
            self._lock = None
            self._on_change(None)

    def note_ended(self, waiting: WaitingSend) -> None:
        """Take note that a message has its result: the next may be tried, also if this one found nothing out."""
        if waiting.send.request.lane is not Lane.REPLY and (self._give_back(waiting) or self._lock is None):
            self._grant_turn()

    def _give_back(self, waiting: WaitingSend) -> bool:
        if self._probe is not waiting:
            return False
        self._probe = None
        return True

    def _grant_turn(self) -> None:
        if self._turns:
            self.look_again(next(iter(self._turns)))
