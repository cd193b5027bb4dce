"""Watches custom resources with kopf: fills the cache and enqueues each instance that changes.

It uses none of kopf's finalizers, annotations, timers or daemons, because reconciling is level-triggered. The index
stores nothing: it is the only public way to learn that the initial list is complete, because kopf calls no other
handler before that (https://docs.kopf.dev/en/stable/indexing/).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import kopf

from oxy_core.instance.custom_resource import GROUP, PLURAL, VERSION
from oxy_core.tasks import wait_for
from oxy_operator.kube.cache import InstanceCache
from oxy_operator.kube.client import Kubernetes
from oxy_operator.objects import INSTANCES, Key

PAGE: Final = 500
"""Objects per list request."""

IDLE_SECONDS: Final = 0.1
"""How long kopf keeps an idle object's task; its default of 5 s costs memory in large installations."""

ASK_SECONDS: Final = 1.0
"""How often to ask the API server whether any instance exists, until kopf has listed one."""


class InstanceWatch:
    """Runs kopf, which ends on SIGTERM and SIGINT."""

    def __init__(self, api: Kubernetes, cache: InstanceCache, enqueue: Callable[[Key], None]) -> None:
        self._api = api
        self._cache = cache
        self._enqueue = enqueue
        self._listed = asyncio.Event()
        self.started = asyncio.Event()
        """Set once kopf runs."""

    async def run(self, stop: Callable[[], Awaitable[None]], ended: asyncio.Event) -> None:
        """Watch until a signal arrives, then await `stop` first: kopf waits seconds for each task still running.

        `ended` is set by a signal that arrives before kopf handles them, which would wait for its own start.
        """
        if ended.is_set():
            await stop()
            return
        await kopf.operator(
            registry=self._registry(stop, ended),
            settings=_settings(),
            clusterwide=True,
            standalone=True,
            ready_flag=self.started,
            stop_flag=ended,
        )

    async def until_listed(self) -> None:
        """Wait until the cache holds all instances that existed when kopf started. Raises ApiError."""
        # If there are no instances, kopf calls no handler at all; only the API server can say so.
        while not self._listed.is_set() and await self._api.any(INSTANCES):
            await wait_for(self._listed, ASK_SECONDS)

    def _registry(self, stop: Callable[[], Awaitable[None]], ended: asyncio.Event) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()

        @kopf.on.login(registry=registry)
        def log_in(**arguments: Any) -> kopf.ConnectionInfo | None:  # noqa: ANN401 kopf's handlers take what comes
            return kopf.login_with_kubeconfig(**arguments) or kopf.login_with_service_account(**arguments)

        @kopf.index(GROUP, VERSION, PLURAL, registry=registry)
        async def cache_instance(body: Any, **_: Any) -> None:  # noqa: ANN401 kopf's handlers take what comes
            self._cache.put(dict(body))

        @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
        async def enqueue_instance(event: Any, **_: Any) -> None:  # noqa: ANN401 kopf's handlers take what comes
            self._listed.set()
            metadata = event["object"]["metadata"]
            key = Key(metadata["namespace"], metadata["name"])
            if event["type"] == "DELETED":
                self._cache.drop(key)
            self._enqueue(key)

        @kopf.on.cleanup(registry=registry)
        async def end(**_: Any) -> None:  # noqa: ANN401 kopf's handlers take what comes
            ended.set()  # or kopf would wait for the task that waits for it
            await stop()

        return registry


def _settings() -> kopf.OperatorSettings:
    """Return kopf's settings: watch one kind, write nothing."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.queueing.idle_timeout = IDLE_SECONDS
    settings.watching.chunk_size = PAGE
    return settings
