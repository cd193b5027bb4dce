"""From accepted send requests to WhatsApp: in order per chat, gated, paced, never twice.

Each attempt carries a message secret made from the request's id and the attempt's number. The library stores that
secret with the WhatsApp id that it chose before it sends anything, so after a crash the store tells whether sending
had begun: no secret, not sent; a secret, perhaps.
"""

import asyncio
import random
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import structlog

from oxy_core.envelopes import SendOutcome
from oxy_core.errors import OxyError
from oxy_core.identity import Jid
from oxy_tenant import metrics
from oxy_tenant.errors import SessionError, VolumeError
from oxy_tenant.journal.journal import Journal, OpenSend
from oxy_tenant.links.errors import LinkUnavailableError, SendRefusedError, SendUnconfirmedError
from oxy_tenant.links.neonize.sending_chains import SendingChains
from oxy_tenant.links.neonize.session_store import SessionStore
from oxy_tenant.links.protocol import WhatsAppLink
from oxy_tenant.sending.gate import EXPIRED, refuse
from oxy_tenant.sending.pacing import typing_seconds
from oxy_tenant.settings import SettingsFile

ATTEMPTS: Final = 5
"""Attempts that certainly did not reach WhatsApp before a request is given up."""

RETRY_SECONDS: Final = 2.0
"""Pause after an attempt that failed although connected."""

MOST_FILLERS: Final = 8
"""Fillers before one message, in longer and longer pauses; if each met a message nevertheless, the next would too."""

PATIENCE_SECONDS: Final = 30.0
"""How long a contact who writes without a pause may delay a filler, and with it the answer."""

_POLL_SECONDS: Final = 0.01

UNCONFIRMED: Final = "the connection broke while sending; WhatsApp may have taken the message"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Result:
    """How a request ended."""

    outcome: SendOutcome
    whatsapp_id: str | None = None
    error: str | None = None


class Receipts:
    """Which of our messages WhatsApp confirmed, for sends that a crash interrupted."""

    def __init__(self) -> None:
        self._confirmed: set[str] = set()
        self._awaited: dict[str, asyncio.Event] = {}

    def confirm(self, whatsapp_id: str) -> None:
        """Note a receipt."""
        self._confirmed.add(whatsapp_id)
        if whatsapp_id in self._awaited:
            self._awaited[whatsapp_id].set()

    async def wait(self, whatsapp_id: str) -> None:
        """Wait for a receipt of this message, however long."""
        if whatsapp_id not in self._confirmed:
            await self._awaited.setdefault(whatsapp_id, asyncio.Event()).wait()


class Sender:
    """Works off one instance's send requests."""

    def __init__(  # noqa: PLR0913 its collaborators, each by name
        self,
        *,
        journal: Journal,
        store: SessionStore,
        link: WhatsAppLink,
        settings: SettingsFile,
        chains: SendingChains,
        connected: asyncio.Event,
        receipt_wait: float,
    ) -> None:
        self._journal = journal
        self._store = store
        self._link = link
        self._settings = settings
        self._chains = chains
        self._connected = connected
        self._receipt_wait = receipt_wait
        self.receipts = Receipts()
        self.own_users: frozenset[str] = frozenset()
        """Phone number and LID of the connected account: a chat with them is the "message yourself" chat."""
        self._chats: dict[Jid, deque[OpenSend]] = {}
        self._fresh: asyncio.Queue[Jid] = asyncio.Queue()
        self._one_at_a_time = asyncio.Lock()
        self._in_flight: set[UUID] = set()
        self._stopping = False
        self._random = random.Random()  # noqa: S311 human rhythm, no secret

    def enqueue(self, send: OpenSend) -> None:
        """Take a journalled request; requests of one chat are sent in this order."""
        waiting = self._chats.get(send.chat)
        if waiting is None:
            self._chats[send.chat] = deque([send])
            self._fresh.put_nowait(send.chat)
        else:
            waiting.append(send)

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                chat = await self._fresh.get()
                tasks.create_task(self._work_off(chat))

    async def stop(self, within: float) -> None:
        """Begin nothing more and wait up to `within` seconds for the message that is on its way."""
        self._stopping = True
        try:
            async with asyncio.timeout(within):
                while self._in_flight:  # noqa: ASYNC110 once, at the end of the process
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            log.warning("send_left_unconfirmed")

    async def _work_off(self, chat: Jid) -> None:
        waiting = self._chats[chat]
        while waiting:
            await self._handle(waiting[0])
            waiting.popleft()
        del self._chats[chat]

    async def _handle(self, send: OpenSend) -> None:
        result = await self._interrupted(send) or await self._deliver(send)
        await asyncio.to_thread(
            self._journal.finish, send.request, result.outcome, whatsapp_id=result.whatsapp_id, error=result.error
        )
        self._in_flight.discard(send.request.id)
        log.info("send_finished", request=str(send.request.id), outcome=result.outcome.value, error=result.error)

    async def _interrupted(self, send: OpenSend) -> Result | None:
        """Decide about a request whose sending a crash interrupted; None: it was not sent.

        An attempt is followed by another only if it certainly did not reach WhatsApp, so the newest one counts. A
        power loss may have taken the journal's note of it, not the library's.
        """
        if not send.recovered:
            return None
        attempts = range(max(1, send.attempts), send.attempts + ATTEMPTS + 1)
        secrets = [self._journal.attempt_secret(send.request.id, attempt) for attempt in attempts]
        try:
            whatsapp_id = await asyncio.to_thread(self._store.id_of, secrets)
        except (SessionError, VolumeError) as error:
            return _unknown(send, error)
        if whatsapp_id is None:
            return None
        log.warning("send_interrupted", request=str(send.request.id), whatsapp_id=whatsapp_id)
        await self._connected.wait()
        try:
            async with asyncio.timeout(self._receipt_wait):
                await self.receipts.wait(whatsapp_id)
        except TimeoutError:
            return Result(SendOutcome.AMBIGUOUS, whatsapp_id, UNCONFIRMED)
        return Result(SendOutcome.SENT, whatsapp_id)

    async def _deliver(self, send: OpenSend) -> Result:
        paced = False
        for _ in range(ATTEMPTS):
            if not await self._connected_in_time(send):
                return Result(SendOutcome.EXPIRED, error=EXPIRED)
            if not paced and self._settings.current.pacing == "Human":
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
        return Result(SendOutcome.FAILED, error="WhatsApp could not be reached, several times in a row")

    async def _connected_in_time(self, send: OpenSend) -> bool:
        """Wait for the connection; False if the request expires before."""
        if self._connected.is_set():
            return True
        expires = send.request.expires_at
        try:
            async with asyncio.timeout(None if expires is None else (expires - datetime.now(UTC)).total_seconds()):
                await self._connected.wait()
        except TimeoutError:
            return False
        return True

    def _refusal(self, send: OpenSend) -> Result | None:
        refusal = refuse(
            send.request,
            own_sequence=self._journal.own_sequence(send.chat),
            self_chat=send.chat.user in self.own_users,
            now=datetime.now(UTC),
        )
        return None if refusal is None else Result(refusal[0], error=refusal[1])

    async def _type(self, send: OpenSend) -> None:
        await self._link.show_typing(send.chat, typing=True)
        await asyncio.sleep(typing_seconds(send.request.text, self._random))
        await self._link.show_typing(send.chat, typing=False)

    async def _send(self, send: OpenSend) -> Result:
        """Send one message at a time; raises LinkUnavailableError if it certainly was not sent.

        Before it go as many fillers as the contact's chain may have been rolled back by. Other chats go on while it is
        being found out how many.
        """
        for fillers in range(MOST_FILLERS + 1):
            await self._settled(send.chat, fillers)
            async with self._one_at_a_time:
                if send.chat.user in self.own_users:  # its devices got a copy of what was sent to others meanwhile
                    await asyncio.sleep(self._chains.undecided(send.chat))
                if self._stopping:
                    break
                target = self._journal.newest_sent(send.chat) if self._chains.owes(send.chat) else None
                if target is None:
                    return await self._send_now(send)
                if fillers == MOST_FILLERS:
                    log.warning("fillers_given_up", request=str(send.request.id))
                    return await self._send_now(send)
                await self._fill(send.chat, target)
        await asyncio.Event().wait()
        raise AssertionError

    async def _settled(self, chat: Jid, fillers: int) -> None:
        """Wait, hardly ever, until it is known what the last send met and a filler has a chance to meet nothing."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (seconds := self._chains.unsettled(chat, fillers)) > 0:  # noqa: ASYNC110 silence has no event
                    await asyncio.sleep(seconds)

    async def _fill(self, chat: Jid, target: str) -> None:
        """Use up a key that the library may use again. It counts for nothing else: nobody asks whether it arrived."""
        metrics.FILLERS.inc()
        log.info("filler_sent")
        try:
            with self._chains.sending(chat):
                await self._link.send_filler(chat, target)
        except SendRefusedError as error:
            log.warning("filler_refused", error=str(error))
        except SendUnconfirmedError as error:
            raise LinkUnavailableError(str(error)) from error

    async def _send_now(self, send: OpenSend) -> Result:
        refusal = self._refusal(send)
        if refusal is not None:
            return refusal
        self._in_flight.add(send.request.id)
        secret = await asyncio.to_thread(self._journal.begin_attempt, send.request.id)
        try:
            with metrics.SEND_SECONDS.time(), self._chains.sending(send.chat):
                whatsapp_id = await self._link.send(send.chat, send.request.text, secret)
        except SendRefusedError as error:
            return Result(SendOutcome.FAILED, error=str(error))
        except SendUnconfirmedError as error:
            return await self._unconfirmed(send, secret, error)
        return Result(SendOutcome.SENT, whatsapp_id)

    async def _unconfirmed(self, send: OpenSend, secret: bytes, error: SendUnconfirmedError) -> Result:
        try:
            whatsapp_id = await asyncio.to_thread(self._store.id_of, [secret])
        except (SessionError, VolumeError) as unreadable:
            return _unknown(send, unreadable)
        if whatsapp_id is None:
            raise LinkUnavailableError(str(error)) from error
        log.warning("send_unconfirmed", request=str(send.request.id), whatsapp_id=whatsapp_id, error=str(error))
        return Result(SendOutcome.AMBIGUOUS, whatsapp_id, UNCONFIRMED)


def _unknown(send: OpenSend, error: OxyError) -> Result:
    """Return the result of a message of which not even the store can tell anything."""
    log.warning("send_untraceable", request=str(send.request.id), error=str(error))
    return Result(SendOutcome.AMBIGUOUS, error=UNCONFIRMED)
