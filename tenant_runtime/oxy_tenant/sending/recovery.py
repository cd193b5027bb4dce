"""Finds out what became of a send whose end nobody saw: interrupted by a crash, or without an answer.

Each attempt carries a message secret made from the request's id and the attempt's number. The library stores that
secret with the WhatsApp id that it chose before it sends anything, so afterwards the store shows whether sending had
begun: without a secret the message was not sent, with one it may have been.
"""

import asyncio
from collections.abc import Sequence

import structlog

from oxy_core.envelopes import SendOutcome
from oxy_core.errors import OxyError
from oxy_tenant.errors import SessionError, VolumeError
from oxy_tenant.journal.sends import OpenSend, Sends
from oxy_tenant.links.errors import LinkUnavailableError, SendUnconfirmedError
from oxy_tenant.links.protocol import StoredSession
from oxy_tenant.sending.attempts import ATTEMPTS
from oxy_tenant.sending.receipts import Receipts
from oxy_tenant.sending.results import UNCONFIRMED, Result

log = structlog.get_logger()


class Recovery:
    """Settles sends by what the library stored, and by receipts."""

    def __init__(
        self,
        sends: Sends,
        session: StoredSession,
        receipts: Receipts,
        *,
        connected: asyncio.Event,
        receipt_wait: float,
    ) -> None:
        """`receipt_wait`: seconds connected that an interrupted send waits for a receipt."""
        self._sends = sends
        self._session = session
        self._receipts = receipts
        self._connected = connected
        self._receipt_wait = receipt_wait

    async def settle_interrupted(self, send: OpenSend) -> Result | None:
        """Return how a request ended that an earlier run left; None: it was not sent."""
        if not send.recovered:
            return None
        # Another attempt follows only one that certainly did not reach WhatsApp, so the newest that the store knows is
        # the one that counts. It may be newer than the journal has it: a note of an attempt is not flushed on its own.
        attempts = range(max(1, send.attempts), send.attempts + ATTEMPTS + 1)
        secrets = [self._sends.attempt_secret(send.request.id, attempt) for attempt in attempts]
        try:
            whatsapp_id = await self._id_of(secrets)
        except (SessionError, VolumeError) as error:
            return _untraceable(send, error)
        if whatsapp_id is None:
            return None
        log.warning("send_interrupted", request=str(send.request.id), whatsapp_id=whatsapp_id)
        await self._connected.wait()
        try:
            async with asyncio.timeout(self._receipt_wait):
                await self._receipts.wait(whatsapp_id)
        except TimeoutError:
            return Result(SendOutcome.AMBIGUOUS, whatsapp_id, UNCONFIRMED)
        return Result(SendOutcome.SENT, whatsapp_id)

    async def settle_unconfirmed(self, send: OpenSend, secret: bytes, error: SendUnconfirmedError) -> Result:
        """Return how an attempt of this run ended; raises LinkUnavailableError if it was not sent."""
        try:
            whatsapp_id = await self._id_of([secret])
        except (SessionError, VolumeError) as unreadable:
            return _untraceable(send, unreadable)
        if whatsapp_id is None:
            raise LinkUnavailableError(str(error)) from error
        log.warning("send_unconfirmed", request=str(send.request.id), whatsapp_id=whatsapp_id, error=str(error))
        return Result(SendOutcome.AMBIGUOUS, whatsapp_id, UNCONFIRMED)

    async def _id_of(self, secrets: Sequence[bytes]) -> str | None:
        return await asyncio.to_thread(self._session.id_of, secrets)


def _untraceable(send: OpenSend, error: OxyError) -> Result:
    """Return the result of a message of which not even the store knows anything."""
    log.warning("send_untraceable", request=str(send.request.id), error=str(error))
    return Result(SendOutcome.AMBIGUOUS, error=UNCONFIRMED)
