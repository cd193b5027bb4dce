"""How kopf tells about custom resources: raw events only, which just say which instance to look at.

No finalizers, annotations, timers or daemons of kopf's: a look at an instance needs to know how it is, not what
happened to it.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import kopf

from oxy_operator.store import Resources
from oxy_operator.workqueue import Key

PAGE: Final = 500
IDLE_SECONDS: Final = 0.1
"""How long kopf keeps the tasks of an object without news; its default of 5 s costs memory in large installations."""


def make_registry(
    resources: Resources, enqueue: Callable[[Key], None], stop: Callable[[], Awaitable[None]]
) -> kopf.OperatorRegistry:
    """Return handlers that keep `resources` up to date and enqueue what changed.

    `stop` is awaited at the end: kopf waits some seconds for every task that still runs then.
    """
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(**arguments: Any) -> kopf.ConnectionInfo | None:  # noqa: ANN401 kopf's handlers take what comes
        return kopf.login_with_kubeconfig(**arguments) or kopf.login_with_service_account(**arguments)

    @kopf.on.event("oxy.dev", "v1alpha1", "whatsappinstances", registry=registry)
    async def take(event: Any, **_: Any) -> None:  # noqa: ANN401 kopf's handlers take what comes
        key = resources.put(dict(event["object"]))
        if event["type"] == "DELETED":
            resources.drop(key)
        enqueue(key)

    @kopf.on.cleanup(registry=registry)
    async def end(**_: Any) -> None:  # noqa: ANN401 kopf's handlers take what comes
        await stop()

    return registry


def make_settings() -> kopf.OperatorSettings:
    """Return kopf's settings: watch one kind, write nothing."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.queueing.idle_timeout = IDLE_SECONDS
    settings.watching.chunk_size = PAGE
    return settings
