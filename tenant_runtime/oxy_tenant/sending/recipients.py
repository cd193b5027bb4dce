"""Whom a request is for: WhatsApp knows by which number an account is registered.

Brazilian mobile numbers have two spellings, with and without their ninth digit, and an account has one of them.
"""

import asyncio

import structlog

from oxy_core.identity import Jid, mask
from oxy_tenant.journal.chats import Chats
from oxy_tenant.journal.numbers import ResolvedNumbers
from oxy_tenant.links.errors import RefusalReason, SendRefusedError
from oxy_tenant.links.protocol import WhatsAppLink

log = structlog.get_logger()


class Recipients:
    """The accounts behind the numbers that are written to."""

    def __init__(self, link: WhatsAppLink, chats: Chats, numbers: ResolvedNumbers) -> None:
        self._link = link
        self._chats = chats
        self._numbers = numbers

    async def address_of(self, chat: Jid) -> Jid:
        """Return the address to send to; asks WhatsApp about a number that nobody has written from.

        Raises LinkUnavailableError, and SendRefusedError if the number has no account.
        """
        if chat.phone is None or self._chats.is_known(chat) or self._numbers.is_resolved(chat.phone):
            return chat
        found = await self._link.resolve(chat.phone)
        if found is None:
            message = f"{mask(chat.phone)} is not on WhatsApp: check the number"
            raise SendRefusedError(message, reason=RefusalReason.NOT_ON_WHATSAPP)
        await asyncio.to_thread(self._numbers.note, chat, found)
        if found != chat:
            log.info("number_resolved", number=mask(chat.phone))
        return self._chats.addresses(chat)[0]
