"""Receipts for our messages, which settle sends that a crash interrupted."""

import asyncio
from typing import Final

from oxy_tenant.links.events import Receipts

MOST_KEPT: Final = 10_000
"""How many of the newest receipts are remembered: those of minutes, while one is awaited for a minute."""

_Confirmed = tuple[str, bool]
"""Message id, and whether the account's own phone is meant."""


class Confirmations:
    """The messages of ours for which a receipt of any kind arrived in this run, and those that the phone confirmed."""

    def __init__(self, *, most_kept: int = MOST_KEPT) -> None:
        self._most_kept = most_kept
        self._confirmed: dict[_Confirmed, None] = {}
        """The oldest first."""
        self._awaited: dict[_Confirmed, asyncio.Event] = {}

    def confirm(self, receipts: Receipts) -> None:
        """Record receipts."""
        for whatsapp_id in receipts.whatsapp_ids:
            self._confirm((whatsapp_id, False))
            if receipts.by_phone:
                self._confirm((whatsapp_id, True))

    def _confirm(self, confirmed: _Confirmed) -> None:
        self._confirmed[confirmed] = None
        if len(self._confirmed) > self._most_kept:
            del self._confirmed[next(iter(self._confirmed))]
        if confirmed in self._awaited:
            self._awaited[confirmed].set()

    async def wait(self, whatsapp_id: str, *, by_phone: bool = False) -> None:
        """Wait until a receipt of this message arrives; there is no time limit.

        `by_phone`: of the account's own phone. Another device that is linked to it, such as a computer, proves only
        that the message was sent.
        """
        awaited = (whatsapp_id, by_phone)
        if awaited in self._confirmed:
            return
        arrived = self._awaited.setdefault(awaited, asyncio.Event())
        try:
            await arrived.wait()
        finally:
            self._awaited.pop(awaited, None)
