"""Receipts for our messages, which settle sends that a crash interrupted."""

import asyncio
from typing import Final

from oxy_tenant.links.events import Receipts

MOST_KEPT: Final = 10_000
"""How many of the newest receipts are remembered: those of minutes, while one is awaited for a minute."""


class Confirmations:
    """The messages of ours for which a receipt of any kind arrived in this run."""

    def __init__(self, *, most_kept: int = MOST_KEPT) -> None:
        self._most_kept = most_kept
        self._confirmed: dict[str, None] = {}
        """Message ids, the oldest first."""
        self._awaited: dict[str, asyncio.Event] = {}

    def confirm(self, receipts: Receipts) -> None:
        """Record receipts."""
        for whatsapp_id in receipts.whatsapp_ids:
            self._confirm(whatsapp_id)

    def _confirm(self, whatsapp_id: str) -> None:
        self._confirmed[whatsapp_id] = None
        if len(self._confirmed) > self._most_kept:
            del self._confirmed[next(iter(self._confirmed))]
        if whatsapp_id in self._awaited:
            self._awaited[whatsapp_id].set()

    async def wait(self, whatsapp_id: str) -> None:
        """Wait until a receipt of this message arrives; there is no time limit."""
        if whatsapp_id in self._confirmed:
            return
        arrived = self._awaited.setdefault(whatsapp_id, asyncio.Event())
        try:
            await arrived.wait()
        finally:
            self._awaited.pop(whatsapp_id, None)
