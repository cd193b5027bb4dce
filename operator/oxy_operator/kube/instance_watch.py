"""kopf's watch of custom resources: it feeds the cache and says which instance to reconcile.

No finalizers, annotations, timers or daemons of kopf's: reconciling needs to know how an instance is, not what happened
to it. kopf's index holds nothing; it is the one public way to learn that everything was listed, because kopf calls no
other handler before (https://docs.kopf.dev/en/stable/indexing/).
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
IDLE_SECONDS: Final = 0.1
"""How long kopf keeps the tasks of an object without news; its default of 5 s costs memory in large installations."""

ASK_SECONDS: Final = 1.0
"""How often the API server is asked whether there is any instance, until kopf has listed one."""


class InstanceWatch:
    """Runs kopf, which ends on SIGTERM and SIGINT."""

    def __init__(self, api: Kubernetes, cache: InstanceCache, enqueue: Callable[[Key], None]) -> None:
        self._api = api
        self._cache = cache
        self._enqueue = enqueue
        self._listed = asyncio.Event()
        self.started = asyncio.Event()
        """Set once kopf runs."""

    async def run(self, stop: Callable[[], Awaitable[None]]) -> None:
        """Watch until a signal; `stop` is then awaited first: kopf waits seconds for each task that still runs."""
        await kopf.operator(
            registry=self._registry(stop),
            settings=_settings(),
            clusterwide=True,
            standalone=True,
            ready_flag=self.started,
        )

    async def until_listed(self) -> None:
        """Wait until the cache holds all instances that existed when kopf started. Raises ApiError."""
        # Without any instance kopf calls no handler, so the API server is asked.
        while not self._listed.is_set() and await self._api.any(INSTANCES):
            await wait_for(self._listed, ASK_SECONDS)

    def _registry(self, stop: Callable[[], Awaitable[None]]) -> kopf.OperatorRegistry:
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
