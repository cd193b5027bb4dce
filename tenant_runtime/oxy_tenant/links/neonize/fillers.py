"""Grants turns to send, and sends fillers first where a phone might drop the message.

Reasons and measurements: docs/decisions/0012-fillers.md.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog

from oxy_core.identity import Jid
from oxy_tenant import metrics
from oxy_tenant.content.protobuf import MessageProtobuf, MessagesModule
from oxy_tenant.links.errors import (
    LinkUnavailableError,
    SendDeferredError,
    SendRefusedError,
    SendUnconfirmedError,
)
from oxy_tenant.links.neonize.chain_watch import ChainWatch
from oxy_tenant.own_account import OwnAccount

MOST_FILLERS: Final = 8
"""Maximum number of fillers before one message, each after a longer pause; if all fail, so would another."""

PATIENCE_SECONDS: Final = 30.0
"""How long a contact who keeps writing may delay a filler, and the answer with it."""

log = structlog.get_logger()


class SendingTurns:
    """Grants one turn to send at a time, after the fillers that it needs.

    `newest_sent(chat)` returns the id of our newest message in a chat, `send_filler(chat, target)` sends a filler that
    refers to it. Once `stopping` is set, or while `frozen`, turns are granted without fillers, because their holders do
    not send either.
    """

    def __init__(  # noqa: PLR0913 its collaborators, each by name
        self,
        watch: ChainWatch,
        account: OwnAccount,
        *,
        newest_sent: Callable[[Jid], str | None],
        send_filler: Callable[[Jid, str], Awaitable[None]],
        stopping: asyncio.Event,
        frozen: Callable[[], bool],
    ) -> None:
        self._watch = watch
        self._account = account
        self._newest_sent = newest_sent
        self._send_filler = send_filler
        self._stopping = stopping
        self._frozen = frozen
        self._one_at_a_time = asyncio.Lock()
        self.waiting = 0
        """How many other chats wait for the turn that is held."""

    @asynccontextmanager
    async def turn(self, chat: Jid) -> AsyncIterator[None]:
        """Hold the turn to send to `chat`; raises LinkUnavailableError.

        Before that, send one filler per message by which the contact's ratchet may have been rolled back. Other chats
        keep sending while we find out how many.
        """
        for fillers in range(MOST_FILLERS + 1):
            # Outside the lock: half a second may pass until we know whether the last send overlapped a message.
            await self._settle(chat, fillers)
            async with self._held():
                # Our own devices get a copy of every message. So the "message yourself" chat may have to wait for sends
                # by other turns too, and only while we hold the lock can no more of them start.
                if self._account.owns(chat):
                    await asyncio.sleep(self._watch.undecided_seconds(chat))
                target = None if self._stopping.is_set() or self._frozen() else self._target(chat)
                if target is not None and fillers == MOST_FILLERS:
                    log.warning("fillers_given_up")
                    target = None
                if target is None:
                    yield
                    return
                await self._fill(chat, target)
            # The filler itself may have overlapped a message, so that another is owed: check again.

    @asynccontextmanager
    async def _held(self) -> AsyncIterator[None]:
        self.waiting += 1
        try:
            await self._one_at_a_time.acquire()
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            self._one_at_a_time.release()

    def _target(self, chat: Jid) -> str | None:
        """Return our message that a filler to `chat` refers to; None if no filler is owed, or there is no message."""
        return self._newest_sent(chat) if self._watch.owes(chat) else None

    async def _settle(self, chat: Jid, fillers: int) -> None:
        """Wait until the last send is decided and a filler is unlikely to overlap a message; rarely takes long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (seconds := self._watch.wait_seconds(chat, fillers)) > 0:  # noqa: ASYNC110 silence has no event
                    await asyncio.sleep(seconds)

    async def _fill(self, chat: Jid, target: str) -> None:
        """Send a filler, which uses up a key that the library may repeat; whether it arrives does not matter."""
        metrics.FILLERS.inc()
        log.info("filler_sent")
        try:
            await self._send_filler(chat, target)
        except (SendDeferredError, SendRefusedError) as error:
            log.warning("filler_refused", error=str(error))
        except SendUnconfirmedError as error:
            raise LinkUnavailableError(str(error)) from error


def compose_filler(messages: MessagesModule, chat: Jid, target: str) -> MessageProtobuf:
    """Return a message that phones do not display: the removal of a reaction that never existed, on our own `target`.

    It must be ours: on a customer's message it could remove a real reaction of the owner's.
    """
    message = messages.Message()
    reaction = message.reactionMessage
    reaction.key.remoteJID, reaction.key.fromMe, reaction.key.ID = str(chat), True, target
    reaction.text, reaction.senderTimestampMS = "", time.time_ns() // 1_000_000
    return message
