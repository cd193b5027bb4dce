"""The pods' acceptances of send requests."""

import asyncio
from uuid import UUID

import structlog
from nats.aio.msg import Msg

from oxy_core import subjects
from oxy_core.envelopes import Accepted
from oxy_core.errors import ContractError

log = structlog.get_logger()


class Acceptances:
    """The pods' acceptances, matched to the requests that wait for them."""

    def __init__(self) -> None:
        self._expected: dict[UUID, tuple[subjects.SubjectSender, asyncio.Future[UUID]]] = {}

    def expect(self, request: UUID, sender: subjects.SubjectSender) -> asyncio.Future[UUID]:
        """Return the epoch of the journal that will hold the request: the future completes when `sender` accepts it.

        Nobody else's acceptance counts.
        """
        future: asyncio.Future[UUID] = asyncio.get_running_loop().create_future()
        self._expected[request] = (sender, future)
        return future

    def forget(self, request: UUID) -> None:
        """Stop waiting for a request's acceptance."""
        self._expected.pop(request, None)

    async def take(self, message: Msg) -> None:
        """Handle an acceptance from the bus; one that cannot be read or matched is logged or ignored."""
        try:
            sender = subjects.sender_of(message.subject)
            accepted = Accepted.decode(message.data)
        except ContractError as error:
            log.warning("acceptance_refused", subject=message.subject, error=str(error))
            return
        expected, future = self._expected.get(accepted.request_id, (None, None))
        if expected is None or future is None:
            return  # another worker's request
        if expected != sender:
            log.warning("acceptance_refused", subject=message.subject, error="the request was sent to another instance")
        elif not future.done():
            future.set_result(accepted.journal_epoch)
