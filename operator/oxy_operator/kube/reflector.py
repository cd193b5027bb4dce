"""Follows one kind of object: list, watch, and list again after any error.

After a list, every known object that is not in it is reported as deleted. So no deletion is missed, not even one that
happened while no watch was open. An object that cannot be read is skipped, whoever wrote it.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Final

import structlog

from oxy_operator.errors import ApiError
from oxy_operator.kube.cache import Sink
from oxy_operator.kube.client import Kubernetes
from oxy_operator.metrics import UNREADABLE
from oxy_operator.objects import Key, Kind, Object

RELIST_SECONDS: Final = 1.0
"""Mean pause after a failed list or watch."""

log = structlog.get_logger()


class Reflector:
    """Keeps a sink up to date with the API server."""

    def __init__(  # noqa: PLR0913 what to follow, and where to pass it on
        self,
        api: Kubernetes,
        kind: Kind,
        selector: str,
        sink: Sink,
        enqueue: Callable[[Key], None],
        *,
        metadata_only: bool = False,
    ) -> None:
        self._api = api
        self._kind = kind
        self._selector = selector
        self._sink = sink
        self._enqueue = enqueue
        self._metadata_only = metadata_only
        self.synced = asyncio.Event()
        """Set after the first complete list."""

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                await self._watch(await self._list())
            except ApiError as error:
                log.warning("watch_failed", kind=self._kind.name, status=error.status, error=str(error))
            except Exception:  # an answer of a form that nobody foresaw must not end the process
                UNREADABLE.labels(self._kind.name).inc()
                log.exception("watch_crashed", kind=self._kind.name)
            await asyncio.sleep(RELIST_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 jitter is no secret

    async def _list(self) -> str:
        """List everything; return the resource version from which to watch."""
        seen: set[tuple[str, str]] = set()
        more: str | None = None
        while True:
            page = await self._api.page(self._kind, self._selector, more, metadata_only=self._metadata_only)
            for live in page.items:
                seen.add((live["metadata"]["namespace"], live["metadata"]["name"]))
                self._observe(live)
            more = page.more
            if more is None:
                break
        for namespace, name in self._sink.known() - seen:
            self._report(self._sink.forget(namespace, name))
        self.synced.set()
        return page.resource_version

    async def _watch(self, version: str) -> None:
        """Follow changes; a watch ended by the server resumes at the last version seen. Any failure raises ApiError."""
        while True:
            events = self._api.watch(self._kind, self._selector, version, metadata_only=self._metadata_only)
            async for event in events:
                metadata = event.object["metadata"]
                version = metadata["resourceVersion"]
                if event.type == "DELETED":
                    self._report(self._sink.forget(metadata["namespace"], metadata["name"]))
                elif event.type != "BOOKMARK":
                    self._observe(event.object)

    def _observe(self, live: Object) -> None:
        """Pass an object to the sink; one that it cannot read is logged and counted, and its last state stays."""
        try:
            self._report(self._sink.observe(live))
        except Exception as error:  # one object, which anybody may have written, must not stop the watch
            UNREADABLE.labels(self._kind.name).inc()
            metadata = live["metadata"]
            log.exception(
                "object_unreadable",
                kind=self._kind.name,
                namespace=metadata["namespace"],
                name=metadata["name"],
                error=type(error).__name__,
            )

    def _report(self, key: Key | None) -> None:
        if key is not None:
            self._enqueue(key)
