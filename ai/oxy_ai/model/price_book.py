"""Prices for a worker: the catalog is loaded in a thread, once, and what it says is remembered."""

import asyncio
from typing import Final

from oxy_ai.model.route import ModelRoute
from oxy_core.prices import KnownPrice, catalog_price, known_price

REMEMBERED: Final = 1_024
"""Models by endpoint whose price in the catalog is remembered; all are forgotten when there are more."""


class PriceBook:
    """Knows what models cost."""

    def __init__(self) -> None:
        self._catalog: dict[tuple[str, str | None], KnownPrice | None] = {}

    async def price(self, model: str, route: ModelRoute) -> KnownPrice | None:
        """Return what a model costs the instance of a route; None if nobody knows."""
        known = known_price(model, route.prices)
        if known is not None:
            return known
        key = model, route.base_url
        if key not in self._catalog:
            if len(self._catalog) >= REMEMBERED:
                self._catalog.clear()
            self._catalog[key] = await asyncio.to_thread(catalog_price, *key)
        return self._catalog[key]
