"""Settles sends whose outcome is unknown: interrupted by a crash, or not answered by WhatsApp.

Each attempt carries a message secret derived from the request's id and the attempt's number. The library stores that
secret, with the WhatsApp id that it chose, before it sends anything. So its store shows whether sending had begun:
without the secret the message was not sent, with it the message may have been sent. When the device is removed, the
store loses its secrets too: then nothing is known about an attempt that was under way.
"""

import asyncio
from collections.abc import Sequence

import structlog

from oxy_core.envelopes import SendOutcome
from oxy_core.errors import OxyError
from oxy_tenant.errors import SessionError, UnlinkedError, VolumeError
from oxy_tenant.journal.sends import OpenSend, Sends
from oxy_tenant.links.errors import LinkUnavailableError, SendUnconfirmedError
from oxy_tenant.links.protocol import StoredSession
from oxy_tenant.sending.receipts import Confirmations
from oxy_tenant.sending.results import UNCONFIRMED, Result

log = structlog.get_logger()


class Recovery:
    """Settles sends by means of the library's store and of receipts."""

    def __init__(
        self,
        sends: Sends,
        session: StoredSession,
        receipts: Confirmations,
        *,
        connected: asyncio.Event,
        receipt_wait: float,
    ) -> None:
        """Wait up to `receipt_wait` seconds, once `connected`, for the receipt of an interrupted send."""
        self._sends = sends
        self._session = session
        self._receipts = receipts
        self._connected = connected
        self._receipt_wait = receipt_wait

    async def settle_interrupted(self, send: OpenSend) -> Result | None:
        """Return the result of a request that the previous run left open; None if it was certainly not sent."""
        if not send.recovered:
            return None
        # An attempt is made only if it is on disk that all before it certainly did not reach WhatsApp. The beginning of
        # one is not flushed, so a power failure may have lost that the next had begun.
        undecided = [send.attempts, send.attempts + 1] if send.in_flight else [send.attempts + 1]
        secrets = [self._sends.attempt_secret(send.request.id, attempt) for attempt in undecided]
        try:
            whatsapp_id = await self._id_of(secrets)
        except UnlinkedError as error:
            # Another device will be linked, which knows nothing of this attempt.
            return _untraceable(send, error) if send.in_flight else None
        except (SessionError, VolumeError) as error:
            return _untraceable(send, error)
        if whatsapp_id is None:
            return None
        log.warning("send_interrupted", request=str(send.request.id), whatsapp_id=whatsapp_id)
        return await self._by_receipt(whatsapp_id)

    async def _by_receipt(self, whatsapp_id: str) -> Result:
        """Return the result of a message that may have been sent: if it was, a device confirms it soon."""
        # Receipts arrive only while connected, so the time limit starts then.
        await self._connected.wait()
        try:
            async with asyncio.timeout(self._receipt_wait):
                await self._receipts.wait(whatsapp_id)
        except TimeoutError:
            return Result(SendOutcome.AMBIGUOUS, whatsapp_id, UNCONFIRMED)
        return Result(SendOutcome.SENT, whatsapp_id)

    async def settle_unconfirmed(self, send: OpenSend, secret: bytes, error: SendUnconfirmedError) -> Result:
        """Return the result of an attempt of this run; raises LinkUnavailableError if it was not sent.

        Call it outside of the turn: others send meanwhile.
        """
        try:
            whatsapp_id = await self._id_of([secret])
        except (SessionError, VolumeError) as unreadable:
            return _untraceable(send, unreadable)
        if whatsapp_id is None:
            raise LinkUnavailableError(str(error)) from error
        log.warning("send_unconfirmed", request=str(send.request.id), whatsapp_id=whatsapp_id, error=str(error))
        return await self._by_receipt(whatsapp_id)

    async def _id_of(self, secrets: Sequence[bytes]) -> str | None:
        return await asyncio.to_thread(self._session.id_of, secrets)


def _untraceable(send: OpenSend, error: OxyError) -> Result:
    """Return the result if the store cannot be read: the message may have been sent."""
    log.warning("send_untraceable", request=str(send.request.id), error=str(error))
    return Result(SendOutcome.AMBIGUOUS, error=UNCONFIRMED)
