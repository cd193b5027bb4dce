"""kopf's watch before a real API server: what the operator relies on at its start."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeAlias

import pytest
from integration.wai_operator.scene import WITHIN, Scene, eventually

from oxy_core.tasks import end_tasks
from oxy_dev.cluster.apiserver import ApiServer
from oxy_operator.kube.cache import InstanceCache
from oxy_operator.kube.client import connected, load_configuration
from oxy_operator.kube.instance_watch import InstanceWatch
from oxy_operator.objects import Key

COUNT = 30


@dataclass
class Watched:
    """A watch that runs, its cache, and what it enqueued."""

    watch: InstanceWatch
    cache: InstanceCache
    enqueued: list[Key]
    running: asyncio.Task[None]
    ended: asyncio.Event
    """Set by a signal that comes before the watch handles them."""


Watching: TypeAlias = Callable[..., AbstractAsyncContextManager[Watched]]


@pytest.fixture
def watching(another_apiserver: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Watching:
    monkeypatch.setenv("KUBECONFIG", str(another_apiserver.kubeconfig))

    async def nothing() -> None:
        """No task has to end before kopf."""

    @asynccontextmanager
    async def run(*, told: bool = False) -> AsyncIterator[Watched]:
        ended = asyncio.Event()
        if told:
            ended.set()
        cache, enqueued = InstanceCache(), list[Key]()
        async with connected(await load_configuration()) as api:
            watch = InstanceWatch(api, cache, enqueued.append)
            running = asyncio.create_task(watch.run(nothing, ended))
            try:
                yield Watched(watch, cache, enqueued, running, ended)
            finally:
                await end_tasks(running)

    return run


async def test_the_list_is_complete_before_anything_is_reconciled(lone: Scene, watching: Watching) -> None:
    names = {f"shop-{number}" for number in range(COUNT)}
    for name in names:
        replace(lone, name=name).create()
    async with watching() as watched:
        await asyncio.wait_for(watched.watch.until_listed(), WITHIN)
        assert {key.name for key in watched.cache if key.namespace == lone.namespace} == names
        await eventually(lambda: {key.name for key in watched.enqueued} >= names, "all are enqueued")


async def test_a_cluster_without_instances_is_listed_too(lone: Scene, watching: Watching) -> None:
    async with watching() as watched:
        await asyncio.wait_for(watched.watch.until_listed(), WITHIN)
        lone.create()
        key = Key(lone.namespace, lone.name)
        await eventually(lambda: key in watched.enqueued, "the new one is enqueued")
        assert watched.cache.get(key) is not None


@pytest.mark.parametrize("told", [True, False])
async def test_a_signal_that_comes_before_the_watch_handles_them_ends_it(
    lone: Scene, watching: Watching, *, told: bool
) -> None:
    """As it does between the lease and the watch, or while that starts."""
    lone.create()
    async with watching(told=told) as watched:
        if not told:
            await asyncio.wait_for(watched.watch.until_listed(), WITHIN)
            watched.ended.set()
        await asyncio.wait_for(watched.running, WITHIN)


async def test_a_deleted_instance_leaves_the_cache(lone: Scene, watching: Watching) -> None:
    lone.create()
    key = Key(lone.namespace, lone.name)
    async with watching() as watched:
        await asyncio.wait_for(watched.watch.until_listed(), WITHIN)
        lone.api.delete(lone.path("wai", lone.name))
        await eventually(lambda: watched.cache.get(key) is None, "it is forgotten")
        await eventually(lambda: watched.enqueued.count(key) >= 2, "it is enqueued again")
