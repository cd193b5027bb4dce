"""Sends accepted requests to WhatsApp: in order per chat, gated, paced, never twice.

Each chat has a task of its own, so nothing that one chat waits for (typing, a file, a receipt, a pause that WhatsApp
asked for) holds another.
"""

import asyncio
import random
from collections.abc import Sequence
from typing import Final

import structlog

from oxy_core.envelopes import Lane, SendOutcome
from oxy_core.errors import OxyError
from oxy_core.identity import Jid
from oxy_core.outbound import SendRefusal
from oxy_core.tasks import wait_for
from oxy_core.trace import trace_bound
from oxy_tenant import metrics
from oxy_tenant.journal.chats import Chats
from oxy_tenant.journal.sends import OpenSend, Sends
from oxy_tenant.links.errors import (
    LinkUnavailableError,
    MediaError,
    RateLimitedError,
    ReachOutLockedError,
    SendDeferredError,
    SendRefusedError,
)
from oxy_tenant.sending.attempts import Retries
from oxy_tenant.sending.delivery import Delivery, expired, given_back, refused_for_good
from oxy_tenant.sending.files import FileDelayedError, FileRefusedError
from oxy_tenant.sending.freezing import SendingFreeze
from oxy_tenant.sending.preparation import Preparation
from oxy_tenant.sending.queues import ChatQueue, ChatQueues, WaitingSend
from oxy_tenant.sending.reach_out import ReachOutLock
from oxy_tenant.sending.recipients import Recipients
from oxy_tenant.sending.recovery import Recovery
from oxy_tenant.sending.results import Result, refused
from oxy_tenant.sending.showing import Showing
from oxy_tenant.settings_file import SettingsFile

_POLL_SECONDS: Final = 0.01

_LATER: Final = (LinkUnavailableError, SendDeferredError, MediaError, FileDelayedError)
"""Nothing was sent, and another attempt may succeed."""

log = structlog.get_logger()


class Sender:
    """The queue of one instance's send requests, one per chat, and their delivery."""

    def __init__(  # noqa: PLR0913 its collaborators, each by name
        self,
        *,
        sends: Sends,
        chats: Chats,
        queues: ChatQueues,
        recovery: Recovery,
        recipients: Recipients,
        preparation: Preparation,
        showing: Showing,
        delivery: Delivery,
        reach_out: ReachOutLock,
        freeze: SendingFreeze,
        settings: SettingsFile,
        connected: asyncio.Event,
        stopping: asyncio.Event,
        retries: Retries | None = None,
    ) -> None:
        """Start no send once `stopping` is set."""
        self._sends = sends
        self._chats = chats
        self._queues = queues
        self._recovery = recovery
        self._recipients = recipients
        self._preparation = preparation
        self._showing = showing
        self._delivery = delivery
        self._reach_out = reach_out
        self._freeze = freeze
        self._settings = settings
        self._connected = connected
        self._stopping = stopping
        self._retries = retries or Retries()
        self._new_queues: asyncio.Queue[ChatQueue] = asyncio.Queue()
        """Queues that still need a task."""
        self._random = random.Random()  # noqa: S311 human rhythm, not a secret

    @property
    def open_sends(self) -> int:
        """How many requests have no result yet."""
        return len(self._queues)

    def enqueue(self, send: OpenSend) -> None:
        """Queue a journalled request; requests of one chat are sent in the order of their acceptance."""
        self._reach_out.note_resumed(send.request.resumption)
        addresses = self._chats.addresses(send.chat)
        queue = self._queues.add(send, addresses)
        if queue is not None:
            self._new_queues.put_nowait(queue)
        elif send.request.lane is Lane.REPLY:
            self._look_again(addresses)

    def resume(self, resumption: int) -> None:
        """Try a message that WhatsApp's reach-out lock holds back: a person has let the number go on."""
        self._reach_out.note_resumed(resumption)

    def heard(self, chat: Jid) -> None:
        """Look again at what waits for somebody who has just written: he may be answered."""
        self._look_again(self._chats.addresses(chat))

    def _look_again(self, addresses: Sequence[Jid]) -> None:
        for waiting in self._queues.waiting_in(addresses):
            self._reach_out.look_again(waiting)

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
                while self._delivery.in_flight:  # noqa: ASYNC110 once, at the end of the process
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
        await asyncio.to_thread(self._sends.finish, request, result.of(request))
        self._delivery.in_flight.discard(request.id)
        self._reach_out.note_ended(waiting)
        log.info("send_finished", request=str(request.id), outcome=result.outcome.value, error=result.error)

    async def _advance(self, waiting: WaitingSend) -> Result | None:
        """Make one attempt and return the result; None if there is none yet."""
        if not waiting.examined:
            if (result := await self._examine(waiting)) is not None:
                return result
            waiting.examined = True
        if not await self._thawed_in_time(waiting) or not await self._connected_in_time(waiting):
            return expired(waiting)
        try:
            return await self._attempt(waiting)
        except SendRefusedError as error:
            return refused_for_good(error)
        except FileRefusedError as error:
            return refused(error.objection)
        except _LATER as error:
            return await self._postpone(waiting, error)

    async def _examine(self, waiting: WaitingSend) -> Result | None:
        """Return the result if the previous run left one, or if the request can never be sent."""
        settled = await self._recovery.settle_interrupted(waiting.send)
        if settled is not None:
            return settled
        if waiting.send.recovered and waiting.send.attempts:
            waiting.locked_at = self._chats.written_sequence(waiting.chat)  # it need not be refused once more
        objection = self._preparation.objection(waiting)
        return None if objection is None else refused(objection)

    async def _attempt(self, waiting: WaitingSend) -> Result | None:
        # Do nothing visible for a message that will not be sent. All of this takes seconds, so the gate decides again
        # in `Delivery`.
        if (refusal := self._delivery.refusal(waiting)) is not None or self._stopping.is_set() or self._freeze.frozen:
            return refusal
        waiting.answers = self._is_answer(waiting)
        if (seconds := self._reach_out.wait_seconds(waiting)) > 0:
            if waiting.send.request.resumption is not None and self._reach_out.is_met:
                return given_back(waiting)
            await self._reach_out.turn_within(self._in_time(waiting, seconds), waiting)
            return None
        waiting.chat = await self._recipients.address_of(waiting.chat)
        await self._preparation.prepare(waiting)
        if not waiting.typed and self._settings.current.pacing == "Human":
            waiting.typed = await self._showing.pace(waiting)
        result = await self._delivery.deliver(waiting)
        if result is not None and result.outcome is SendOutcome.SENT:
            self._reach_out.note_sent(waiting)
        return result

    def _is_answer(self, waiting: WaitingSend) -> bool:
        in_chat = [waiting, *self._queues.waiting_in(self._chats.addresses(waiting.chat))]
        return self._reach_out.spares(
            waiting,
            written=self._chats.written_sequence(waiting.chat),
            with_reply=any(other.send.request.lane is Lane.REPLY for other in in_chat),
        )

    async def _postpone(self, waiting: WaitingSend, error: OxyError) -> Result | None:
        """Pause after an attempt that certainly did not reach WhatsApp; return the result if it was the last one."""
        request = waiting.send.request
        # On disk before the next attempt, so that a crash leaves at most one attempt in doubt.
        await asyncio.to_thread(self._sends.postpone, request.id)
        self._delivery.in_flight.discard(request.id)
        waiting.failed, waiting.last_error, waiting.refusal = waiting.failed + 1, str(error), _refusal_of(error)
        if isinstance(error, ReachOutLockedError):
            waiting.locked_at = self._chats.written_sequence(waiting.chat)
            self._reach_out.note_locked(waiting)
        if waiting.send.expires_at is None and waiting.failed >= self._retries.attempts:
            text = f"not sent in {waiting.failed} attempts; the last error: {error}"
            return Result(SendOutcome.FAILED, error=text, refusal=waiting.refusal, retry_after=waiting.retry_after)
        seconds = self._pause_seconds(waiting, error)
        if isinstance(error, ReachOutLockedError) and not self._is_answer(waiting):
            seconds = 0  # it waits for its turn instead, which ends when its contact writes
        log.warning("send_postponed", request=str(request.id), error=str(error), seconds=round(seconds, 1))
        await self._pause(waiting, seconds)
        return None

    def _pause_seconds(self, waiting: WaitingSend, error: OxyError) -> float:
        """Return how long to pause after a failed attempt: at least as long as WhatsApp asked."""
        deferred = isinstance(error, SendDeferredError)
        metrics.POSTPONED.labels("refused" if deferred else "unavailable").inc()
        waiting.retry_after = error.retry_after if isinstance(error, SendDeferredError) else None
        longest = self._retries.longest if deferred else self._retries.longest_unavailable
        return max(self._retries.pause_seconds(waiting.failed, longest, self._random), waiting.retry_after or 0)

    async def _pause(self, waiting: WaitingSend, seconds: float) -> None:
        """Wait until the next attempt: until the request expires at most, or the process stops."""
        await wait_for(self._stopping, self._in_time(waiting, seconds))

    def _in_time(self, waiting: WaitingSend, seconds: float) -> float:
        """Return so many seconds, or fewer if the request expires before."""
        expires_at = waiting.send.expires_at
        return (
            seconds if expires_at is None else min(seconds, max(0.0, (expires_at - self._sends.now()).total_seconds()))
        )

    async def _thawed_in_time(self, waiting: WaitingSend) -> bool:
        """Wait until nothing is held back any more; False if the request expires first."""
        expires = waiting.send.expires_at
        return await self._freeze.thawed_within(
            None if expires is None else (expires - self._sends.now()).total_seconds()
        )

    async def _connected_in_time(self, waiting: WaitingSend) -> bool:
        """Wait for the connection; False if the request expires first."""
        expires = waiting.send.expires_at
        if self._connected.is_set() or expires is None:
            await self._connected.wait()
            return True
        return await wait_for(self._connected, (expires - self._sends.now()).total_seconds())


def _refusal_of(error: OxyError) -> SendRefusal | None:
    """Return what an error that may pass means if it lasts until the request expires."""
    match error:
        case ReachOutLockedError():
            return SendRefusal.REACHOUT_LOCKED
        case RateLimitedError():
            return SendRefusal.RATE_LIMITED
        case SendDeferredError():
            return SendRefusal.SERVER_ERROR
        case FileDelayedError():
            return SendRefusal.FILE_UNAVAILABLE
        case _:
            return None
