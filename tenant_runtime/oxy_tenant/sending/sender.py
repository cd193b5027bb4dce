"""Sends accepted requests to WhatsApp: in order per chat, gated, paced, never twice."""

import asyncio
import random
from collections import deque
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import structlog

from oxy_core.envelopes import SendOutcome
from oxy_core.identity import Jid
from oxy_core.tasks import wait_for
from oxy_core.trace import trace_bound
from oxy_tenant import metrics
from oxy_tenant.journal.chats import Chats
from oxy_tenant.journal.sends import OpenSend, Sends
from oxy_tenant.links.errors import LinkUnavailableError, SendRefusedError, SendUnconfirmedError
from oxy_tenant.links.protocol import WhatsAppLink
from oxy_tenant.own_account import OwnAccount
from oxy_tenant.sending.attempts import ATTEMPTS, RETRY_SECONDS
from oxy_tenant.sending.gate import EXPIRED, refuse
from oxy_tenant.sending.pacing import typing_seconds
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
    ) -> None:
        """Start no send once `stopping` is set."""
        self._sends = sends
        self._positions = chats
        self._link = link
        self._recovery = recovery
        self._settings = settings
        self._account = account
        self._connected = connected
        self._stopping = stopping
        self._chats: dict[Jid, deque[OpenSend]] = {}
        """Requests to send, by chat. While a chat has an entry, no second task is started for it."""
        self._new_chats: asyncio.Queue[Jid] = asyncio.Queue()
        """Chats that still need a task."""
        self._in_flight: set[UUID] = set()
        self._random = random.Random()  # noqa: S311 human rhythm, not a secret

    def enqueue(self, send: OpenSend) -> None:
        """Queue a journalled request; requests of one chat are sent in this order."""
        waiting = self._chats.get(send.chat)
        if waiting is None:
            self._chats[send.chat] = deque([send])
            self._new_chats.put_nowait(send.chat)
        else:
            waiting.append(send)

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                chat = await self._new_chats.get()
                tasks.create_task(self._drain(chat))

    async def finish(self, within: float) -> None:
        """Wait up to `within` seconds for the message in flight; call it after setting `stopping`."""
        try:
            async with asyncio.timeout(within):
                while self._in_flight:  # noqa: ASYNC110 once, at the end of the process
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            log.warning("send_left_unconfirmed")

    async def _drain(self, chat: Jid) -> None:
        waiting = self._chats[chat]
        while waiting:
            with trace_bound(waiting[0].request.trace):
                if not await self._handle(waiting[0]):
                    # Stopping. Keep the queue, so that a request enqueued now cannot overtake the others.
                    return
            waiting.popleft()
        del self._chats[chat]

    async def _handle(self, send: OpenSend) -> bool:
        """Send a request and journal its result; return False if we stop first and leave it to the next run."""
        result = await self._recovery.settle_interrupted(send) or await self._deliver(send)
        if result is None:
            return False
        await asyncio.to_thread(
            self._sends.finish, send.request, result.outcome, whatsapp_id=result.whatsapp_id, error=result.error
        )
        self._in_flight.discard(send.request.id)
        log.info("send_finished", request=str(send.request.id), outcome=result.outcome.value, error=result.error)
        return True

    async def _deliver(self, send: OpenSend) -> Result | None:
        """Attempt to send until there is a result; None if we stop first."""
        paced = False
        for _ in range(ATTEMPTS):
            if not await self._connected_in_time(send):
                return Result(SendOutcome.EXPIRED, error=EXPIRED)
            if not paced and self._settings.current.pacing == "Human":
                # Do not show typing for a message that will not be sent. Typing takes seconds, so the gate decides
                # again in `_send_now`.
                if (refused := self._refusal(send)) is not None:
                    return refused
                await self._type(send)
                paced = True
            try:
                return await self._send(send)
            except LinkUnavailableError as error:
                self._in_flight.discard(send.request.id)
                log.warning("send_postponed", request=str(send.request.id), error=str(error))
                await asyncio.sleep(RETRY_SECONDS)
        return Result(SendOutcome.FAILED, error=f"WhatsApp could not be reached in {ATTEMPTS} attempts")

    async def _connected_in_time(self, send: OpenSend) -> bool:
        """Wait for the connection; False if the request expires first."""
        expires = send.request.expires_at
        if self._connected.is_set() or expires is None:
            await self._connected.wait()
            return True
        return await wait_for(self._connected, (expires - datetime.now(UTC)).total_seconds())

    def _refusal(self, send: OpenSend) -> Result | None:
        return refuse(
            send.request,
            own_sequence=self._positions.own_sequence(send.chat),
            self_chat=self._account.owns(send.chat),
            now=datetime.now(UTC),
        )

    async def _type(self, send: OpenSend) -> None:
        await self._link.show_typing(send.chat, typing=True)
        await asyncio.sleep(typing_seconds(send.request.text, self._random))
        await self._link.show_typing(send.chat, typing=False)

    async def _send(self, send: OpenSend) -> Result | None:
        """Wait for our turn and send; None if we are stopping. Raises LinkUnavailableError if nothing was sent."""
        async with self._link.sending_turn(send.chat):
            # `finish` may have returned while we waited for the turn, and the exit would interrupt a send that starts
            # now. Leave the request open in the journal, for the next run.
            if self._stopping.is_set():
                return None
            return await self._send_now(send)

    async def _send_now(self, send: OpenSend) -> Result:
        # Check the gate as late as possible: only a journal write remains before the library is called.
        refusal = self._refusal(send)
        if refusal is not None:
            return refusal
        # From here until the result is journalled, `finish` waits for this request.
        self._in_flight.add(send.request.id)
        # Journal the secret first: it identifies the echo, and after a crash the attempt in the library's store.
        secret = await asyncio.to_thread(self._sends.begin_attempt, send.request.id)
        try:
            with metrics.SEND_SECONDS.time():
                whatsapp_id = await self._link.send(send.chat, send.request.text, secret)
        except SendRefusedError as error:
            return Result(SendOutcome.FAILED, error=str(error))
        except SendUnconfirmedError as error:
            return await self._recovery.settle_unconfirmed(send, secret, error)
        return Result(SendOutcome.SENT, whatsapp_id)
