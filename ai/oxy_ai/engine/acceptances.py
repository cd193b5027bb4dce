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
        self._expected: dict[UUID, tuple[subjects.SubjectSender, asyncio.Future[None]]] = {}

    def expect(self, request: UUID, sender: subjects.SubjectSender) -> asyncio.Future[None]:
        """Return a future that completes when `sender` accepts the request; nobody else's acceptance counts."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._expected[request] = (sender, future)
        return future

    def forget(self, request: UUID) -> None:
        """Stop waiting for a request's acceptance."""
        self._expected.pop(request, None)

    async def take(self, message: Msg) -> None:
        """Handle an acceptance from the bus; one that cannot be read or matched is logged or ignored."""
        try:
            sender = subjects.sender_of(message.subject)
            request = Accepted.decode(message.data).request_id
        except ContractError as error:
            log.warning("acceptance_refused", subject=message.subject, error=str(error))
            return
        expected, future = self._expected.get(request, (None, None))
        if expected is None or future is None:
            return  # another worker's request
        if expected != sender:
            log.warning("acceptance_refused", subject=message.subject, error="the request was sent to another instance")
        elif not future.done():
            future.set_result(None)
