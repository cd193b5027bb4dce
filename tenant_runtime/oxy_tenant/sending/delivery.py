"""One attempt at one message: waits for the turn, decides a last time, and sends."""

import asyncio
from typing import Final
from uuid import UUID

from oxy_core.envelopes import SendOutcome
from oxy_core.errors import OxyError
from oxy_core.outbound import PresenceContent, ReadContent, SendRefusal
from oxy_tenant import metrics
from oxy_tenant.content.protobuf import MessageProtobuf
from oxy_tenant.journal.chats import Chats
from oxy_tenant.journal.sends import Sends
from oxy_tenant.links.errors import RefusalReason, SendRefusedError, SendUnconfirmedError
from oxy_tenant.links.protocol import WhatsAppLink
from oxy_tenant.own_account import OwnAccount
from oxy_tenant.sending.freezing import SendingFreeze
from oxy_tenant.sending.gate import EXPIRED, ChatPosition, refuse
from oxy_tenant.sending.preparation import Preparation
from oxy_tenant.sending.queues import ChatQueues, WaitingSend
from oxy_tenant.sending.recovery import Recovery
from oxy_tenant.sending.results import Result
from oxy_tenant.sending.showing import Showing

_REFUSALS: Final = {
    RefusalReason.NOT_ON_WHATSAPP: SendRefusal.NOT_ON_WHATSAPP,
    RefusalReason.INVALID: SendRefusal.INVALID,
}


class _UnconfirmedError(OxyError):
    """Nobody knows whether WhatsApp received the attempt with this message secret."""

    def __init__(self, secret: bytes, error: SendUnconfirmedError) -> None:
        super().__init__(str(error))
        self.secret = secret
        self.error = error


class _HeldBackError(OxyError):
    """A freeze began before WhatsApp got anything of an attempt."""


class Delivery:
    """Sends what stands at the head of a chat's queue; each method raises what the link raises."""

    def __init__(  # noqa: PLR0913 its collaborators, each by name
        self,
        *,
        sends: Sends,
        chats: Chats,
        link: WhatsAppLink,
        recovery: Recovery,
        preparation: Preparation,
        showing: Showing,
        account: OwnAccount,
        queues: ChatQueues,
        stopping: asyncio.Event,
        freeze: SendingFreeze,
    ) -> None:
        """Start no send once `stopping` is set, or while `freeze` holds it back."""
        self._sends = sends
        self._chats = chats
        self._link = link
        self._recovery = recovery
        self._preparation = preparation
        self._showing = showing
        self._account = account
        self._queues = queues
        self._stopping = stopping
        self._freeze = freeze
        self.in_flight: set[UUID] = set()
        """Requests that WhatsApp may be receiving, until their results are journalled."""

    def refusal(self, waiting: WaitingSend) -> Result | None:
        """Return the result of a request that must no longer be sent."""
        if self._sends.is_withdrawn(waiting.send.request.id):
            return expired(waiting)
        chat = ChatPosition(
            self._sends.epoch, self._chats.own_sequence(waiting.chat), self_chat=self._account.owns(waiting.chat)
        )
        refusal = refuse(waiting.send.request, chat, expires_at=waiting.send.expires_at, now=self._sends.now())
        return expired(waiting) if refusal is not None and refusal.outcome is SendOutcome.EXPIRED else refusal

    async def deliver(self, waiting: WaitingSend) -> Result | None:
        """Send a request; None if it was not sent after all.

        Raises LinkUnavailableError, SendDeferredError if nothing was sent.
        """
        if self._freeze.frozen:
            return None
        match waiting.send.request.content:
            case ReadContent(whatsapp_ids=ids, sender=sender, played=played):
                await self._link.mark_read(waiting.chat, sender or waiting.chat, ids, played=played)
                return Result(SendOutcome.SENT)
            case PresenceContent() as content:
                await self._showing.show(waiting, content)
                return Result(SendOutcome.SENT)
            case _:
                return await self._send_or_settle(waiting)

    async def _send_or_settle(self, waiting: WaitingSend) -> Result | None:
        try:
            return await self._send(waiting)
        except _UnconfirmedError as unconfirmed:
            # Not within the turn: it may take a minute until a receipt proves that the message was sent.
            return await self._recovery.settle_unconfirmed(waiting.send, unconfirmed.secret, unconfirmed.error)

    async def _send(self, waiting: WaitingSend) -> Result | None:
        waiting.chat = self._chats.addresses(waiting.chat)[0]
        async with self._link.sending_turn(waiting.chat):
            # `finish` may have returned while we waited for the turn, and the exit would interrupt a send that starts
            # now. Leave the request open in the journal, for the next run.
            if self._stopping.is_set() or self._freeze.frozen:
                return None
            # Another address of the chat may have been learned meanwhile, and under it an earlier request.
            addresses = self._chats.addresses(waiting.chat)
            if addresses[0] != waiting.chat or not self._queues.is_next(waiting, addresses):
                return None
            return await self._send_now(waiting)

    async def _send_now(self, waiting: WaitingSend) -> Result | None:
        # Check the gate as late as possible: only a journal write remains before the library is called.
        refusal = self.refusal(waiting)
        if refusal is not None:
            return refusal
        request = waiting.send.request
        # From here until the result is journalled, `Sender.finish` waits for this request.
        self.in_flight.add(request.id)
        secret = b""

        def compose() -> MessageProtobuf:
            # Journal the secret first: it identifies the echo, and after a crash the attempt in the library's store.
            nonlocal secret
            secret = self._sends.begin_attempt(request.id)
            message = self._preparation.message(waiting, secret)
            # The link may have had to wait for its thread, and the volume for its disk.
            if self._freeze.frozen:
                raise _HeldBackError
            return message

        try:
            with metrics.SEND_SECONDS.time():
                sent = await self._link.send(waiting.chat, compose)
        except _HeldBackError:
            await asyncio.to_thread(self._sends.postpone, request.id)
            self.in_flight.discard(request.id)
            return None
        except SendRefusedError as error:
            return refused_for_good(error)
        except SendUnconfirmedError as error:
            raise _UnconfirmedError(secret, error) from error
        return Result(SendOutcome.SENT, sent.whatsapp_id, timestamp=sent.timestamp)


def refused_for_good(error: SendRefusedError) -> Result:
    """Return the result of a request that WhatsApp refused."""
    return Result(SendOutcome.FAILED, error=str(error), refusal=_REFUSALS.get(error.reason, SendRefusal.REFUSED))


def given_back(waiting: WaitingSend) -> Result:
    """Return the result of a request that the platform sends again by itself, later."""
    return Result(
        SendOutcome.EXPIRED,
        error=waiting.last_error,
        refusal=waiting.refusal,
        retry_after=waiting.retry_after,
    )


def expired(waiting: WaitingSend) -> Result:
    """Return the result of a request that could not be sent in time, with what kept it."""
    reason = "" if waiting.last_error is None else f"; the last error: {waiting.last_error}"
    return Result(
        SendOutcome.EXPIRED,
        error=f"{EXPIRED}{reason}",
        refusal=waiting.refusal,
        retry_after=waiting.retry_after,
    )
