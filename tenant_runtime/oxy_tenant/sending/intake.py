"""Receives requests from the bus: journals, accepts and queues what is to be sent, and who is to be forgotten."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from oxy_core import subjects
from oxy_core.envelopes import Accepted, EraseRequest, FreezeRequest, ResumeRequest, SendRequest
from oxy_core.errors import ContractError, NewerVersionError
from oxy_core.freeze import Freeze
from oxy_core.trace import trace_id
from oxy_tenant import metrics
from oxy_tenant.journal.sends import OpenSend, Sends
from oxy_tenant.sending.sender import Sender
from oxy_tenant.settings import RuntimeSettings

MOST_AT_ONCE: Final = 256
"""Requests that share one flush to disk, and that may wait for it. What arrives beyond them waits in the client, which
drops the excess; the relay offers again whatever was not accepted."""

MOST_OPEN: Final = 10_000
"""Requests without a result. Beyond them nothing is accepted, so that they wait in the platform's database."""

AnyRequest: TypeAlias = SendRequest | EraseRequest | FreezeRequest | ResumeRequest

log = structlog.get_logger()


class Intake:
    """The subscription to this instance's send requests; passes each of them to `enqueue` once, in order."""

    def __init__(  # noqa: PLR0913 its collaborators, each by name
        self,
        environment: RuntimeSettings,
        sends: Sends,
        sender: Sender,
        *,
        forget: Callable[[EraseRequest], Accepted],
        freeze: Callable[[Freeze], Awaitable[None]],
        stopping: asyncio.Event,
        has_room: Callable[[], bool] = lambda: True,
        most_open: int = MOST_OPEN,
    ) -> None:
        """Accept nothing once `stopping` is set: the relay retries requests that were not accepted.

        Nor while there is no room on the volume. `forget` journals who is to be forgotten; it blocks. `freeze` heeds
        whether sending is held back.
        """
        self._environment = environment
        self._sends = sends
        self._sender = sender
        self._forget = forget
        self._freeze = freeze
        self._stopping = stopping
        self._has_volume = has_room
        self._most_open = most_open
        self._arrived: asyncio.Queue[Msg] = asyncio.Queue(MOST_AT_ONCE)

    async def run(self, client: Client) -> None:
        """Serve until cancelled."""
        subject = subjects.out(self._environment.account, self._environment.instance)
        await client.subscribe(subject, cb=self._arrived.put, pending_msgs_limit=MOST_AT_ONCE)
        while True:
            requests = self._decoded(await self._batch())
            if not self._stopping.is_set():
                await self._take(client, requests)

    async def _take(self, client: Client, requests: Sequence[AnyRequest]) -> None:
        """Journal requests, in an order that forgets nobody who is written to later, and sends nothing held back."""
        for request in requests:
            if isinstance(request, FreezeRequest):
                await self._freeze(request.freeze)
            elif isinstance(request, ResumeRequest):
                self._sender.resume(request.resumption)
        if not self._has_volume():
            return
        for request in requests:
            if isinstance(request, EraseRequest):
                await self._confirm(client, [await asyncio.to_thread(self._forget, request)])
        to_send = [request for request in requests if isinstance(request, SendRequest)]
        if to_send and self._has_room():
            await self._accept(client, to_send)

    def _has_room(self) -> bool:
        if self._sender.open_sends < self._most_open:
            return True
        log.warning("send_requests_not_accepted", open=self._sender.open_sends)
        return False

    async def _batch(self) -> list[Msg]:
        """Wait for a request; return it with all others that have arrived, so that they share one flush to disk."""
        batch = [await self._arrived.get()]
        while not self._arrived.empty():
            batch.append(self._arrived.get_nowait())
        return batch

    def _decoded(self, messages: list[Msg]) -> list[AnyRequest]:
        requests: list[AnyRequest] = []
        for message in messages:
            try:
                requests.append(request_of(message.data, self._environment))
            except ContractError as error:
                metrics.REJECTED.inc()
                log.warning("send_request_refused", error=str(error))
        return requests

    async def _accept(self, client: Client, requests: list[SendRequest]) -> None:
        journalled = await asyncio.to_thread(self._sends.accept, requests)
        for _, send in journalled:
            if send is not None:
                self._start(send)
        await self._confirm(client, [accepted for accepted, _ in journalled])

    async def _confirm(self, client: Client, accepted: list[Accepted]) -> None:
        subject = subjects.accepted(self._environment.account, self._environment.instance)
        try:
            # A lost acceptance is harmless: the relay retries the request, which is then only accepted again.
            for confirmation in accepted:
                await client.publish(subject, confirmation.encode())
        except NatsError as error:
            log.warning("acceptance_publish_failed", error=str(error))

    def _start(self, send: OpenSend) -> None:
        metrics.ACCEPTED.inc()
        log.info("send_accepted", trace_id=trace_id(send.request.trace), request=str(send.request.id))
        self._sender.enqueue(send)


def request_of(data: bytes, environment: RuntimeSettings) -> AnyRequest:
    """Read a request; raises ContractError if it is none, or not for this instance."""
    request = _read(data)
    if (request.organization, request.instance) != (environment.organization, environment.instance):
        message = f"{environment.label} received a request for {request.organization}/{request.instance}"
        raise ContractError(message)
    return request


def _read(data: bytes) -> AnyRequest:
    kinds: tuple[type[AnyRequest], ...] = (SendRequest, EraseRequest, FreezeRequest, ResumeRequest)
    errors: list[ContractError] = []
    for kind in kinds:
        try:
            return kind.decode(data)
        except NewerVersionError:
            raise
        except ContractError as error:
            errors.append(error)
    raise errors[0]
