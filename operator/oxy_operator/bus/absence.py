"""Notices that NATS has been away for longer than a moment."""

import asyncio
import time
from collections.abc import Callable
from typing import Final, Never

import structlog

AWAY_SECONDS: Final = 10.0
"""How long NATS may be away, as while it restarts, until it is said to be."""

POLL_SECONDS: Final = 1.0

log = structlog.get_logger()


class Absence:
    """Whether the connection has been down for `AWAY_SECONDS`; `on_away` is called each time that it has."""

    def __init__(self, is_present: Callable[[], bool], on_away: Callable[[], None]) -> None:
        self._is_present = is_present
        self._on_away = on_away
        self._seen_at = time.monotonic()
        """When the connection was last seen to be up; before the first time, when it began to be waited for."""

    @property
    def lasts(self) -> bool:
        """Whether it has been down for so long by now."""
        return not self._is_present() and time.monotonic() - self._seen_at >= AWAY_SECONDS

    async def watch(self) -> Never:
        """Look after the connection until cancelled."""
        was_away = False
        self._seen_at = time.monotonic()
        while True:
            if self._is_present():
                self._seen_at = time.monotonic()
            is_away = self.lasts
            if is_away and not was_away:
                log.warning("bus_away")
                self._on_away()
            was_away = is_away
            await asyncio.sleep(POLL_SECONDS)
