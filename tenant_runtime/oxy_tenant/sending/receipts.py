"""Receipts for our messages, which settle sends that a crash interrupted."""

import asyncio


class Receipts:
    """The receipts that arrived in this run."""

    def __init__(self) -> None:
        self._confirmed: set[str] = set()
        self._awaited: dict[str, asyncio.Event] = {}

    def confirm(self, whatsapp_id: str) -> None:
        """Record a receipt."""
        self._confirmed.add(whatsapp_id)
        if whatsapp_id in self._awaited:
            self._awaited[whatsapp_id].set()

    async def wait(self, whatsapp_id: str) -> None:
        """Wait until a receipt of this message arrives; there is no time limit."""
        if whatsapp_id not in self._confirmed:
            await self._awaited.setdefault(whatsapp_id, asyncio.Event()).wait()
