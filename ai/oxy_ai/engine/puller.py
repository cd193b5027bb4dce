"""Pulling reports from the bus's durable consumer."""

import contextlib
import json
import time
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import TimeoutError as NatsTimeoutError
from pydantic import Field

from oxy_core.jetstream import INBOUND_STREAM, INGEST_DURABLE
from oxy_core.settings import ProcessSettings

_PULL: Final = f"$JS.API.CONSUMER.MSG.NEXT.{INBOUND_STREAM}.{INGEST_DURABLE}"


class PullSettings(ProcessSettings):
    """Size and life of a pull request."""

    ingest_batch: int = Field(default=200, ge=1, description="Maximum reports stored in one transaction.")
    ingest_pull_seconds: float = Field(default=2, gt=0, description="Expiry of one pull request to the bus.")


class Puller:
    """Keeps one pull request open at the consumer, so that a message is delivered as soon as it exists."""

    def __init__(self, client: Client, inbox: Subscription, reply: str, settings: PullSettings) -> None:
        self._client = client
        self._inbox = inbox
        self._reply = reply
        self._batch = settings.ingest_batch
        self._expires_seconds = settings.ingest_pull_seconds
        self._wanted = 0
        self._expires_at = 0.0

    async def batch(self, within: float) -> list[Msg]:
        """Return the messages that have arrived, after waiting up to `within` seconds for the first."""
        if self._wanted <= 0 or time.monotonic() > self._expires_at:
            await self._request()
        messages: list[Msg] = []
        with contextlib.suppress(NatsTimeoutError):
            self._take(await self._inbox.next_msg(timeout=within), messages)
        while self._inbox.pending_msgs and len(messages) < self._batch:
            self._take(await self._inbox.next_msg(timeout=within), messages)
        return messages

    async def _request(self) -> None:
        self._wanted = self._batch
        self._expires_at = time.monotonic() + self._expires_seconds
        body = {"batch": self._batch, "expires": int(self._expires_seconds * 1e9)}
        await self._client.publish(_PULL, json.dumps(body).encode(), reply=self._reply)

    def _take(self, message: Msg, messages: list[Msg]) -> None:
        if message.headers is not None and "Status" in message.headers:
            self._wanted = 0  # the request has expired, or the consumer does not exist
        elif message.reply:
            self._wanted -= 1
            messages.append(message)
