"""Sends accepted requests to WhatsApp: in order per chat, gated, paced, never twice."""

import asyncio
import random
from typing import Final
from uuid import UUID

import structlog

from oxy_core.envelopes import SendOutcome
from oxy_core.tasks import wait_for
from oxy_core.trace import trace_bound
from oxy_tenant import metrics
from oxy_tenant.content.composition import compose_text
from oxy_tenant.journal.chats import Chats
from oxy_tenant.journal.sends import OpenSend, Sends
from oxy_tenant.links.errors import (
    LinkError,
    LinkUnavailableError,
    SendDeferredError,
    SendRefusedError,
    SendUnconfirmedError,
)
from oxy_tenant.links.protocol import WhatsAppLink
from oxy_tenant.own_account import OwnAccount
from oxy_tenant.sending.attempts import Retries
from oxy_tenant.sending.gate import EXPIRED, ChatPosition, refuse
from oxy_tenant.sending.pacing import typing_seconds
from oxy_tenant.sending.queues import ChatQueue, ChatQueues, WaitingSend
from oxy_tenant.sending.recovery import Recovery
from oxy_tenant.sending.results import Result
from oxy_tenant.settings_file import SettingsFile

_POLL_SECONDS: Final = 0.01

log = structlog.get_logger()


class Sender:
    """The queue of one instance's send requests, one per chat, and their delivery."""

    def __init__(  # noqa: PLR0913 its collaborators, each by name
        self,
        *,
        sends: Sends,
        chats: Chats,
        link: WhatsAppLink,
        recovery: Recovery,
        settings: SettingsFile,
        account: OwnAccount,
        connected: asyncio.Event,
        stopping: asyncio.Event,
        retries: Retries | None = None,
    ) -> None:
        """Start no send once `stopping` is set."""
        self._sends = sends
        self._chats = chats
        self._link = link
        self._recovery = recovery
        self._settings = settings
        self._account = account
        self._connected = connected
        self._stopping = stopping
        self._retries = retries or Retries()
        self._queues = ChatQueues()
        self._new_queues: asyncio.Queue[ChatQueue] = asyncio.Queue()
        """Queues that still need a task."""
        self._in_flight: set[UUID] = set()
        self._random = random.Random()  # noqa: S311 human rhythm, not a secret

    @property
    def open_sends(self) -> int:
        """How many requests have no result yet."""
        return len(self._queues)

    def enqueue(self, send: OpenSend) -> None:
        """Queue a journalled request; requests of one chat are sent in the order of their acceptance."""
        queue = self._queues.add(send, self._chats.addresses(send.chat))
        if queue is not None:
            self._new_queues.put_nowait(queue)

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                queue = await self._new_queues.get()
                tasks.create_task(self._drain(queue))

    async def finish(self, within: float) -> None:
        """Wait up to `within` seconds for the message in flight; call it after setting `stopping`."""
        try:
            async with asyncio.timeout(within):
                while self._in_flight:  # noqa: ASYNC110 once, at the end of the process
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            log.warning("send_left_unconfirmed")

    async def _drain(self, queue: ChatQueue) -> None:
        """Send what waits in a chat; the head stays in the queue until its result is journalled."""
        while (waiting := self._queues.head(queue)) is not None:
            with trace_bound(waiting.send.request.trace):
                result = await self._advance(waiting)
                if result is not None:
                    await self._finish(waiting, result)
                    self._queues.remove(queue, waiting)
                elif self._stopping.is_set():
                    # Keep the queue, so that a request enqueued now cannot overtake the others.
                    return

    async def _finish(self, waiting: WaitingSend, result: Result) -> None:
        request = waiting.send.request
        await asyncio.to_thread(
            self._sends.finish, request, result.outcome, whatsapp_id=result.whatsapp_id, error=result.error
        )
        self._in_flight.discard(request.id)
        log.info("send_finished", request=str(request.id), outcome=result.outcome.value, error=result.error)

    async def _advance(self, waiting: WaitingSend) -> Result | None:
        """Make one attempt and return the result; None if there is none yet."""
        if not waiting.examined:
            result = await self._recovery.settle_interrupted(waiting.send)
            if result is not None:
                return result
            waiting.examined = True
        if not await self._connected_in_time(waiting):
            return self._expired(waiting)
        if not waiting.typed and self._settings.current.pacing == "Human":
            # Do not show typing for a message that will not be sent. Typing takes seconds, so the gate decides again in
            # `_send_now`.
            if (refused := self._refusal(waiting)) is not None:
                return refused
            await self._type(waiting)
        try:
            return await self._send(waiting)
        except (LinkUnavailableError, SendDeferredError) as error:
            return await self._postpone(waiting, error)

    async def _postpone(self, waiting: WaitingSend, error: LinkError) -> Result | None:
        """Pause after an attempt that certainly did not reach WhatsApp; return the result if it was the last one."""
        request = waiting.send.request
        # On disk before the next attempt, so that a crash leaves at most one attempt in doubt.
        await asyncio.to_thread(self._sends.postpone, request.id)
        self._in_flight.discard(request.id)
        waiting.failed, waiting.last_error = waiting.failed + 1, str(error)
        if waiting.send.expires_at is None and waiting.failed >= self._retries.attempts:
            return Result(SendOutcome.FAILED, error=f"not sent in {waiting.failed} attempts; the last error: {error}")
        pause = self._pause_seconds(waiting, deferred=isinstance(error, SendDeferredError))
        log.warning("send_postponed", request=str(request.id), error=str(error), seconds=round(pause, 1))
        await asyncio.sleep(pause)
        return None

    def _pause_seconds(self, waiting: WaitingSend, *, deferred: bool) -> float:
        """Return how long to pause after a failed attempt, which WhatsApp `deferred`: until it expires at most."""
        metrics.POSTPONED.labels("refused" if deferred else "unavailable").inc()
        longest = self._retries.longest if deferred else self._retries.longest_unavailable
        pause = self._retries.pause_seconds(waiting.failed, longest, self._random)
        expires_at = waiting.send.expires_at
        return pause if expires_at is None else min(pause, max(0.0, (expires_at - self._sends.now()).total_seconds()))

    def _expired(self, waiting: WaitingSend) -> Result:
        reason = "" if waiting.last_error is None else f"; the last error: {waiting.last_error}"
        return Result(SendOutcome.EXPIRED, error=f"{EXPIRED}{reason}")

    async def _connected_in_time(self, waiting: WaitingSend) -> bool:
        """Wait for the connection; False if the request expires first."""
        expires = waiting.send.expires_at
        if self._connected.is_set() or expires is None:
            await self._connected.wait()
            return True
        return await wait_for(self._connected, (expires - self._sends.now()).total_seconds())

    def _refusal(self, waiting: WaitingSend) -> Result | None:
        chat = ChatPosition(
            self._sends.epoch, self._chats.own_sequence(waiting.chat), self_chat=self._account.owns(waiting.chat)
        )
        refusal = refuse(waiting.send.request, chat, expires_at=waiting.send.expires_at, now=self._sends.now())
        expired = refusal is not None and refusal.outcome is SendOutcome.EXPIRED
        return self._expired(waiting) if expired else refusal

    async def _type(self, waiting: WaitingSend) -> None:
        await self._link.show_typing(waiting.chat, typing=True)
        await asyncio.sleep(typing_seconds(waiting.send.request.text or "", self._random))
        await self._link.show_typing(waiting.chat, typing=False)
        waiting.typed = True

    async def _send(self, waiting: WaitingSend) -> Result | None:
        """Wait for our turn and send; None if it was not sent after all.

        Raises LinkUnavailableError, SendDeferredError if nothing was sent.
        """
        waiting.chat = self._chats.addresses(waiting.chat)[0]
        async with self._link.sending_turn(waiting.chat):
            # `finish` may have returned while we waited for the turn, and the exit would interrupt a send that starts
            # now. Leave the request open in the journal, for the next run.
            if self._stopping.is_set():
                return None
            # Another address of the chat may have been learned meanwhile, and under it an earlier request.
            addresses = self._chats.addresses(waiting.chat)
            if addresses[0] != waiting.chat or not self._queues.is_next(waiting, addresses):
                return None
            return await self._send_now(waiting)

    async def _send_now(self, waiting: WaitingSend) -> Result:
        # Check the gate as late as possible: only a journal write remains before the library is called.
        refusal = self._refusal(waiting)
        if refusal is not None:
            return refusal
        request = waiting.send.request
        # From here until the result is journalled, `finish` waits for this request.
        self._in_flight.add(request.id)
        # Journal the secret first: it identifies the echo, and after a crash the attempt in the library's store.
        secret = await asyncio.to_thread(self._sends.begin_attempt, request.id)
        try:
            with metrics.SEND_SECONDS.time():
                message = compose_text(self._link.messages, request.text or "", secret)
                sent = await self._link.send(waiting.chat, message)
        except SendRefusedError as error:
            return Result(SendOutcome.FAILED, error=str(error))
        except SendUnconfirmedError as error:
            return await self._recovery.settle_unconfirmed(waiting.send, secret, error)
        return Result(SendOutcome.SENT, sent.whatsapp_id)
