"""The few requests that the operator makes, against a real API server."""

import asyncio
from typing import Self

import pytest
from integration.wai_operator.scene import WITHIN, Object
from kubernetes.aio.client import Configuration

from oxy_core.instance.custom_resource import INSTANCE_LABEL
from oxy_operator.errors import ApiError, ConflictError, InvalidError, MissingError
from oxy_operator.kube.cache import ChildCache
from oxy_operator.kube.client import Kubernetes, connected
from oxy_operator.kube.digest import desired_digest
from oxy_operator.kube.reflector import Reflector
from oxy_operator.objects import CONFIG_MAPS, METADATA_ONLY, SECRETS, STATEFUL_SETS, Key, Kind


def config_map(namespace: str, name: str = "wai-petshop", **metadata: object) -> Object:
    labels = {"app.kubernetes.io/managed-by": "oxy-operator", INSTANCE_LABEL: "petshop"}
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels, **metadata}, "data": {"a": "1"}}


async def test_applying_with_the_uid_of_a_deleted_object_makes_no_zombie(api: Kubernetes, namespace: str) -> None:
    uid = (await api.apply(CONFIG_MAPS, config_map(namespace)))["metadata"]["uid"]
    await api.apply(CONFIG_MAPS, config_map(namespace, uid=uid))
    await api.delete(CONFIG_MAPS, namespace, "wai-petshop", uid=uid)
    with pytest.raises(ConflictError):
        await api.apply(CONFIG_MAPS, config_map(namespace, uid=uid))
    with pytest.raises(MissingError):
        await api.get(CONFIG_MAPS, namespace, "wai-petshop")


async def test_only_the_object_that_was_meant_is_deleted(api: Kubernetes, namespace: str) -> None:
    await api.apply(CONFIG_MAPS, config_map(namespace))
    with pytest.raises(ConflictError):
        await api.delete(CONFIG_MAPS, namespace, "wai-petshop", uid="00000000-0000-0000-0000-000000000000")
    await api.get(CONFIG_MAPS, namespace, "wai-petshop")
    with pytest.raises(MissingError):
        await api.delete(CONFIG_MAPS, namespace, "another", uid="00000000-0000-0000-0000-000000000000")


async def test_an_object_that_is_not_acceptable_is_an_error_of_its_own(api: Kubernetes, namespace: str) -> None:
    with pytest.raises(InvalidError, match="spec"):
        await api.apply(STATEFUL_SETS, {"metadata": {"name": "x", "namespace": namespace}, "spec": {"replicas": 1}})


async def test_a_server_that_is_not_there_is_an_api_error(namespace: str) -> None:
    async with connected(Configuration(host="https://127.0.0.1:1")) as nowhere:
        with pytest.raises(ApiError, match="did not answer"):
            await nowhere.get(CONFIG_MAPS, namespace, "x")


class Followed:
    """A reflector of one namespace's objects, and what it reported."""

    def __init__(self, api: Kubernetes, children: ChildCache, namespace: str) -> None:
        self.reported: asyncio.Queue[Key] = asyncio.Queue()
        self._namespace = namespace
        self.reflector = Reflector(
            api, children.kind, INSTANCE_LABEL, children, self._take, metadata_only=children.kind in METADATA_ONLY
        )

    def _take(self, key: Key) -> None:
        if key.namespace == self._namespace:
            self.reported.put_nowait(key)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.reflector.run())
        await asyncio.wait_for(self.reflector.synced.wait(), WITHIN)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def next(self) -> Key:
        return await asyncio.wait_for(self.reported.get(), WITHIN)


@pytest.mark.parametrize("kind", [CONFIG_MAPS, SECRETS])
async def test_a_reflector_reports_what_is_there_what_changes_and_what_goes(
    api: Kubernetes, namespace: str, kind: Kind
) -> None:
    body = config_map(namespace) if kind == CONFIG_MAPS else {**config_map(namespace), "data": {"a": "MQ=="}}
    answer = await api.apply(kind, body)
    children, key = ChildCache(kind), Key(namespace, "petshop")
    async with Followed(api, children, namespace) as followed:
        assert await followed.next() == key
        labels = {**body["metadata"]["labels"], "new": "x"}
        await api.apply(kind, {**body, "metadata": {**body["metadata"], "labels": labels}})
        assert await followed.next() == key
        await api.delete(kind, namespace, "wai-petshop", uid=answer["metadata"]["uid"])
        assert await followed.next() == key
        assert children.get(namespace, "wai-petshop") is None


async def test_what_went_while_nobody_watched_is_reported(api: Kubernetes, namespace: str) -> None:
    children = ChildCache(CONFIG_MAPS)
    answer = await api.apply(CONFIG_MAPS, config_map(namespace))
    async with Followed(api, children, namespace) as followed:
        await followed.next()
    await api.delete(CONFIG_MAPS, namespace, "wai-petshop", uid=answer["metadata"]["uid"])
    async with Followed(api, children, namespace) as followed:
        assert await followed.next() == Key(namespace, "petshop")
        assert children.get(namespace, "wai-petshop") is None


async def test_an_applied_object_has_the_digest_that_was_asked_for(api: Kubernetes, namespace: str) -> None:
    children = ChildCache(CONFIG_MAPS)
    async with Followed(api, children, namespace) as followed:
        await api.apply(CONFIG_MAPS, config_map(namespace))
        await followed.next()
        held = children.get(namespace, "wai-petshop")
        assert held is not None
        assert held.digest == desired_digest(config_map(namespace))
