"""Phones fetch the files that they are sent, in the background, and say what is wrong with them."""

import asyncio

import structlog

from oxy_simulator.ledger import mark
from oxy_simulator.mediadesk import MediaArrival
from oxy_simulator.medialibrary import MediaLibrary
from oxy_simulator.network import Network

log = structlog.get_logger(__name__)


class MediaChecks:
    """Checks each file once, two at a time, in threads."""

    def __init__(self, network: Network, library: MediaLibrary) -> None:
        self._network = network
        self._library = library
        self._turn = asyncio.Semaphore(2)
        self._tasks: set[asyncio.Task[None]] = set()

    def arrived(self, arrival: MediaArrival) -> None:
        """Check the file of a message that has just come."""
        task = asyncio.create_task(self._check(arrival))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Check no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _check(self, arrival: MediaArrival) -> None:
        phone = self._network.account(arrival.phone)
        known = phone.chats.find(arrival.chat, arrival.message_id)
        if known is None or known.media is None:
            return
        async with self._turn:
            known.media = await asyncio.to_thread(self._library.check, known.media)
        if known.media.error is None:
            mark(self._network.state.ledger.find(arrival.line), "downloaded", self._network.clock())
        elif arrival.client is not None:
            account = self._network.account(arrival.client)
            connection = next(self._network.connections_of(account), None)
            self._network.violation(connection, "bad-media", f"message {arrival.message_id}: {known.media.error}")
        phone.chats.find(arrival.chat, arrival.message_id)  # what is looked up is saved
        self._network.changed(phone)
