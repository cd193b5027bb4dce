"""Reports that this worker has pulled and not yet settled.

The bus delivers them to another worker if this one gives no sign of progress for `ACK_WAIT_SECONDS`. A worker that
lives gives one while it stores or holds reports; one that stops, or cannot reach the database, returns them, so that
nobody waits. A worker whose database does not answer cannot tell why, so it soon gives no sign either: another one may
get an answer within the time for which chats wait for missing messages, and what both store is stored once.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Iterator
from typing import Final

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from oxy_core.jetstream import ACK_WAIT_SECONDS

PROGRESS_SECONDS: Final = ACK_WAIT_SECONDS / 3
"""How often progress is signalled: two signals may be lost."""

STORING_SECONDS: Final = 1.5
"""A batch that takes longer to store gives no sign of progress any more."""


class ReportsInHand:
    """What was pulled and is neither acknowledged nor returned."""

    def __init__(self) -> None:
        self._messages: dict[str, Msg] = {}
        self._storing_since = math.inf

    @contextlib.contextmanager
    def storing(self) -> Iterator[None]:
        """Mark that the database has been asked to store reports, until the context ends."""
        self._storing_since = time.monotonic()
        try:
            yield
        finally:
            self._storing_since = math.inf

    def take(self, message: Msg) -> None:
        """Count a pulled report as in hand."""
        self._messages[message.reply] = message

    async def acknowledge(self, message: Msg) -> None:
        """Let the bus forget a report: it is stored, or kept elsewhere."""
        del self._messages[message.reply]
        await message.ack()

    async def postpone(self, message: Msg, seconds: float) -> None:
        """Return a report to the bus, to be delivered again after a while."""
        del self._messages[message.reply]
        await message.nak(delay=seconds)

    async def signal_progress(self) -> None:
        """Signal progress at intervals until cancelled."""
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            if time.monotonic() - self._storing_since > STORING_SECONDS:
                continue
            with contextlib.suppress(NatsError):  # the bus is away: it takes them back by itself
                for message in list(self._messages.values()):
                    await message.in_progress()

    async def return_all(self) -> None:
        """Return everything in hand to the bus at once; while the bus is away, it takes it back by itself."""
        messages, self._messages = self._messages, {}
        with contextlib.suppress(NatsError):
            for message in messages.values():
                await message.nak()
