"""Pulling reports from the bus's durable consumer."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from pydantic import Field

from oxy_ai.engine.reports_in_hand import ReportsInHand
from oxy_core.jetstream import INBOUND_STREAM, INGEST_DURABLE, MAX_REPORT_BYTES
from oxy_core.settings import ProcessSettings
from oxy_core.tasks import wait_for

_PULL: Final = f"$JS.API.CONSUMER.MSG.NEXT.{INBOUND_STREAM}.{INGEST_DURABLE}"
_DRAIN_SECONDS: Final = 1.0
"""Longest wait at the end for what the bus has sent already."""


class PullSettings(ProcessSettings):
    """Size and life of a pull request."""

    ingest_batch: int = Field(default=200, ge=1, description="Maximum reports stored in one transaction.")
    ingest_batch_bytes: int = Field(
        default=8 << 20, ge=2 * MAX_REPORT_BYTES, description="Maximum size of all reports of a pull request."
    )
    ingest_pull_seconds: float = Field(default=2, gt=0, description="Expiry of one pull request to the bus.")


class Puller:
    """Keeps one pull request open at the consumer, so that a message is delivered as soon as it exists."""

    def __init__(self, client: Client, in_hand: ReportsInHand, settings: PullSettings) -> None:
        self._client = client
        self._in_hand = in_hand
        self._settings = settings
        self._arrived: list[Msg] = []
        self._wake = asyncio.Event()
        self._wanted = 0
        self._expires_at = 0.0

    async def batch(self, inbox: str, within: float) -> list[Msg]:
        """Return the messages that have arrived at `inbox`, after waiting up to `within` seconds for the first."""
        await self._keep_request(inbox)
        if not self._arrived:
            self._wake.clear()
            await wait_for(self._wake, within)
        size = self._settings.ingest_batch
        messages, self._arrived = self._arrived[:size], self._arrived[size:]
        # The next batch arrives while this one is stored.
        await self._keep_request(inbox)
        return messages

    async def take(self, message: Msg) -> None:
        """Take a message in hand the moment it arrives: it may have to wait for the batch before."""
        if message.headers is not None and "Status" in message.headers:
            self._wanted = 0  # the request has expired or is filled, or the consumer does not exist
        elif message.reply:
            self._wanted -= 1
            self._in_hand.take(message)
            self._arrived.append(message)
        self._wake.set()

    async def _keep_request(self, inbox: str) -> None:
        if len(self._arrived) < self._settings.ingest_batch and self._is_over():
            await self._request(inbox)

    def _is_over(self) -> bool:
        return self._wanted <= 0 or time.monotonic() > self._expires_at

    async def _request(self, inbox: str) -> None:
        self._wanted = self._settings.ingest_batch
        self._expires_at = time.monotonic() + self._settings.ingest_pull_seconds
        body = {
            "batch": self._settings.ingest_batch,
            "max_bytes": self._settings.ingest_batch_bytes,
            "expires": int(self._settings.ingest_pull_seconds * 1e9),
        }
        await self._client.publish(_PULL, json.dumps(body).encode(), reply=inbox)


@asynccontextmanager
async def pulling(
    client: Client, in_hand: ReportsInHand, settings: PullSettings
) -> AsyncIterator[Callable[[float], Awaitable[list[Msg]]]]:
    """Pull until the context ends, by the function `Puller.batch`; then return everything in hand to the bus."""
    puller = Puller(client, in_hand, settings)
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox, cb=puller.take)
    try:
        yield partial(puller.batch, inbox)
    finally:
        # The bus is away or has closed the connection: it delivers again what it sent.
        with contextlib.suppress(NatsError, TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                await subscription.drain()  # type: ignore[no-untyped-call]  # untyped in nats-py
        await in_hand.return_all()
