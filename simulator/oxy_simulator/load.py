"""The load generator: phones that write texts in turn, at a rate."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from oxy_simulator.accounts import Account
from oxy_simulator.errors import RequestError
from oxy_simulator.network import Network
from oxy_simulator.sending import new_message_id, send_message, text_message

_BURST: Final = 20  # messages after which others have a turn


class LoadGenerator:
    """Sends one run of texts at a time."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether it is still sending."""
        return self._task is not None and not self._task.done()

    def start(self, senders: Sequence[Account], to: Sequence[Account], count: int, rate: float, text: str) -> None:
        """Send `count` texts, `rate` a second or (0) as fast as it goes; raise RequestError if a run is in progress."""
        if self.running:
            msg = "a load is running already; wait until GET /state says load_running is false"
            raise RequestError(msg)
        self._task = asyncio.create_task(self._send(senders, to, count, rate, text))

    async def stop(self) -> None:
        """End a run."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _send(
        self, senders: Sequence[Account], to: Sequence[Account], count: int, rate: float, template: str
    ) -> None:
        started = time.monotonic()
        for index in range(count):
            sender, recipient = senders[index % len(senders)], to[index % len(to)]
            text = template.replace("{sender}", sender.phone).replace("{index}", str(index))
            text = text.replace("{time}", str(self._network.clock()))
            send_message(self._network, sender, recipient, text_message(text), new_message_id())
            ahead = started + (index + 1) / rate - time.monotonic() if rate else 0.0
            if ahead > 0 or index % _BURST == 0:
                await asyncio.sleep(max(ahead, 0.0))
