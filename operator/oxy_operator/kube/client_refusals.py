"""The clients that WhatsApp has refused, for all instances: a ConfigMap in the operator's namespace.

It outlives operators, instances and their claims. Each refusal is an entry of its own, added by a patch that leaves the
others, so that two operators that lead one after the other lose none.
"""

import hashlib
from collections.abc import Callable
from typing import Final

import structlog

from oxy_operator.decide.client import Client, ClientRefusal, refusing
from oxy_operator.errors import MissingError
from oxy_operator.kube.client import Kubernetes
from oxy_operator.metrics import WRITES
from oxy_operator.objects import CONFIG_MAPS, Object

NAME: Final = "oxy-refused-clients"
"""Of the ConfigMap. Whoever deletes it, and restarts the operator, has WhatsApp asked again."""

MOST_KEPT: Final = 20
"""Refusals that are kept of versions, and as many of images; the oldest go. Nobody runs a client that twenty others
have followed, and images that tenants choose push out no version."""

log = structlog.get_logger()


class ClientRefusals:
    """Reads and writes refusals."""

    def __init__(self, api: Kubernetes, namespace: str, on_news: Callable[[], None]) -> None:
        """`on_news` is called when a refusal is added."""
        self._api = api
        self._namespace = namespace
        self._on_news = on_news
        self._known: dict[str, ClientRefusal] = {}
        self._dropped: set[str] = set()
        """Keys of those that made room. Who met one notes it in each reconcile, and would push out another for ever."""

    @property
    def known(self) -> tuple[ClientRefusal, ...]:
        """All of them."""
        return tuple(self._known.values())

    async def load(self) -> None:
        """Read what earlier operators have written. Raises ApiError."""
        try:
            found = await self._api.get(CONFIG_MAPS, self._namespace, NAME)
        except MissingError:
            return
        decoded = ((key, ClientRefusal.decode(str(value))) for key, value in (found.get("data") or {}).items())
        self._known = {key: refusal for key, refusal in decoded if refusal is not None}

    async def note(self, refusal: ClientRefusal) -> None:
        """Write a refusal unless a known one says as much, or newer ones have taken its place. Raises ApiError."""
        key = _key(refusal)
        known = refusing(Client(refusal.image, refusal.version or None), self._known.values())
        if known is not None or key in self._dropped:
            return
        alike = [name for name, other in self._known.items() if bool(other.version) == bool(refusal.version)]
        by_age = sorted(alike, key=lambda name: self._known[name].at)
        gone = by_age[: max(0, len(by_age) + 1 - MOST_KEPT)]
        await self._write({key: refusal.encode()} | dict.fromkeys(gone))
        for old in gone:
            del self._known[old]
        self._dropped.update(gone)
        self._known[key] = refusal
        log.error("client_refused", version=refusal.version or "unknown", image=refusal.image)
        self._on_news()

    async def _write(self, entries: dict[str, str | None]) -> None:
        try:
            await self._api.merge(CONFIG_MAPS, self._namespace, NAME, {"data": entries})
        except MissingError:
            labels = {"app.kubernetes.io/part-of": "oxy"}
            body: Object = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": NAME, "namespace": self._namespace, "labels": labels},
                "data": {key: value for key, value in entries.items() if value is not None},
            }
            await self._api.create(CONFIG_MAPS, self._namespace, body)
        WRITES.labels(CONFIG_MAPS.name).inc()


def _key(refusal: ClientRefusal) -> str:
    """Return the name of a refusal's entry."""
    return refusal.version or f"image-{hashlib.sha256(refusal.image.encode()).hexdigest()[:24]}"
