"""Follows one kind of object: list, watch, and list again after any trouble.

After a list, whatever was known and is not there any more is reported as gone: deletions while nobody watched are
never missed.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Final

import structlog

from oxy_operator.errors import ApiError
from oxy_operator.kubernetes_api import Kubernetes, Resource
from oxy_operator.store import METADATA_ONLY, Sink
from oxy_operator.workqueue import Key

_PAUSE_SECONDS: Final = 1.0

log = structlog.get_logger()


class Reflector:
    """Keeps a sink up to date with what the API server holds."""

    def __init__(
        self, api: Kubernetes, resource: Resource, selector: str, sink: Sink, enqueue: Callable[[Key], None]
    ) -> None:
        self._api = api
        self._resource = resource
        self._selector = selector
        self._sink = sink
        self._enqueue = enqueue
        self.synced = asyncio.Event()
        """Set once everything was listed."""

    async def run(self) -> None:
        """Follow for ever."""
        while True:
            try:
                await self._watch(await self._list())
            except ApiError as error:
                log.warning("watch_failed", kind=self._resource.kind, status=error.status, error=str(error))
                await asyncio.sleep(_PAUSE_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 jitter is no secret

    async def _list(self) -> str:
        """List everything; return the version from which to watch."""
        seen: set[tuple[str, str]] = set()
        more: str | None = None
        while True:
            page = await self._api.page(
                self._resource, self._selector, more, metadata_only=self._resource in METADATA_ONLY
            )
            for live in page.items:
                seen.add((live["metadata"]["namespace"], live["metadata"]["name"]))
                self._report(self._sink.observe(live))
            more = page.more
            if more is None:
                break
        for namespace, name in self._sink.known() - seen:
            self._report(self._sink.forget(namespace, name))
        self.synced.set()
        return page.resource_version

    async def _watch(self, version: str) -> None:
        """Follow changes; an ended watch goes on where it was, trouble raises ApiError."""
        while True:
            events = self._api.watch(
                self._resource, self._selector, version, metadata_only=self._resource in METADATA_ONLY
            )
            async for event in events:
                metadata = event.object["metadata"]
                version = metadata["resourceVersion"]
                if event.kind == "DELETED":
                    self._report(self._sink.forget(metadata["namespace"], metadata["name"]))
                elif event.kind != "BOOKMARK":
                    self._report(self._sink.observe(event.object))

    def _report(self, key: Key | None) -> None:
        if key is not None and key.name:
            self._enqueue(key)
