"""API keys of instances' models: from Secrets of their namespaces to those that the workers mount."""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from integration.ai.endpoint import running_endpoint, saying
from integration.wai_operator.model_keys import (
    NAMED,
    OWN,
    change,
    held,
    keys,
    secret,
    shard_path,
    until_condition,
    until_keys,
)
from integration.wai_operator.scene import Scene, eventually, merge_patch
from pydantic import SecretStr

from oxy_ai.errors import ModelOutageError
from oxy_ai.model.client import ModelClient, ModelSettings
from oxy_ai.model.route import ModelRoute, Question
from oxy_core.model_keys import SHARDS, entry_name, shard_name, shard_of
from oxy_operator.kube.client import Kubernetes
from oxy_operator.kube.key_store import KEY_STORES, KeyStore
from oxy_operator.kube.reflector import Reflector
from oxy_operator.objects import SECRETS, Key

HELLO = Question(0.7, 100, [{"role": "user", "content": "Oi"}])


async def test_a_key_follows_its_secret(scene: Scene) -> None:
    scene.create(ai=NAMED)
    shown = await until_condition(scene, "ModelKeyReady", "False", "SecretMissing")
    assert f"kubectl create secret generic keys -n {scene.namespace}" in shown["message"]
    assert keys(scene) == {OWN: ""}
    secret(scene, apiKey="sk-first")
    await until_condition(scene, "ModelKeyReady", "True", "PassedOn")
    assert keys(scene) == {OWN: "sk-first"}
    change(scene, apiKey="sk-second")
    await until_keys(scene, {OWN: "sk-second"})
    merge_patch(scene.api, scene.path("secret", "keys"), {"data": {"apiKey": None, "other": "eA=="}})
    await until_condition(scene, "ModelKeyReady", "False", "KeyMissing")
    assert keys(scene) == {OWN: ""}
    scene.edit({"spec": {"ai": {"apiKeySecretRef": {"key": "other"}}}})
    await until_keys(scene, {OWN: "x"})
    scene.api.delete(scene.path("secret", "keys"))
    await until_condition(scene, "ModelKeyReady", "False", "SecretMissing")
    scene.edit({"spec": {"ai": {"apiKeySecretRef": None}}})
    await until_keys(scene, None)
    await until_condition(scene, "ModelKeyReady", "True", "NoneNamed")


async def test_a_key_never_travels_with_the_settings_and_is_in_no_log(scene: Scene) -> None:
    secret(scene, apiKey="sk-very-secret", hearing="sk-hearing")
    hearing = {"baseUrl": "https://hearing.example/v1/", "apiKeySecretRef": {"name": "keys", "key": "hearing"}}
    scene.create(ai={**NAMED, "transcription": hearing})
    await until_keys(scene, {OWN: "sk-very-secret", "https://hearing.example/v1": "sk-hearing"})
    published = await scene.until_published(bool)
    assert published is not None
    assert published.ai.base_url == OWN
    assert b"secret" not in published.encode().lower()
    assert "sk-" not in scene.operator.log()
    assert "sk-" not in str(scene.status())


def mount(scene: Scene, folder: Path) -> None:
    """Do as the kubelet does with the Secrets that the workers mount."""
    for number in range(SHARDS):
        found = replace(scene, namespace=scene.operator.home).find("secret", shard_name("oxy", number)) or {}
        (folder / str(number)).mkdir(exist_ok=True)
        for entry, value in (found.get("data") or {}).items():
            (folder / str(number) / entry).write_bytes(b64decode(value))


async def test_a_worker_asks_with_the_key_that_the_secret_holds_now(scene: Scene, tmp_path: Path) -> None:
    async with running_endpoint(saying("Olá")) as model, running_endpoint(saying("Olá")) as platform:
        route = ModelRoute(scene.organization, scene.name, model.base_url, ("own",), 60)
        worker = ModelSettings(
            openai_base_url=platform.base_url,
            openai_api_key=SecretStr("sk-platform"),
            model_keys=tmp_path,
            allowed_endpoints="localhost",
        )
        client = ModelClient(worker)
        try:
            secret(scene, apiKey="sk-first")
            scene.create(ai={**NAMED, "baseUrl": model.base_url})
            for key in ("sk-first", "sk-second"):
                change(scene, apiKey=key)
                await until_keys(scene, {model.base_url: key})
                mount(scene, tmp_path)
                await client.ask(HELLO, route)
                assert model.headers[-1]["Authorization"] == f"Bearer {key}"
            # Its settings name the platform's endpoint now, which the worker hears of before the key follows.
            await client.ask(HELLO, replace(route, base_url=None))
            assert platform.headers[-1]["Authorization"] == "Bearer sk-platform"
            scene.api.delete(scene.path("secret", "keys"))
            await until_keys(scene, {model.base_url: ""})
            mount(scene, tmp_path)
            with pytest.raises(ModelOutageError, match="missing"):
                await client.ask(HELLO, route)
            assert len(model.headers) == 2
        finally:
            await client.close()


async def test_what_others_change_is_put_right(scene: Scene) -> None:
    secret(scene, apiKey="sk-first")
    scene.create(ai=NAMED)
    await until_keys(scene, {OWN: "sk-first"})
    entry = entry_name(scene.organization, scene.name)
    for broken in ("e30=", None):
        merge_patch(scene.api, shard_path(scene), {"data": {entry: broken, "another.entry": "eA=="}})
        await until_keys(scene, {OWN: "sk-first"})
        assert held(scene)["another.entry"] == "eA=="
    scene.api.delete(shard_path(scene))
    await until_keys(scene, {OWN: "sk-first"})


async def test_a_deleted_instance_leaves_no_key(scene: Scene) -> None:
    secret(scene, apiKey="sk-first")
    second = replace(scene, name="second")
    for made in (scene, second):
        made.create(ai=NAMED)
        await until_keys(made, {OWN: "sk-first"})
    scene.api.delete(scene.path("wai", scene.name))
    await until_keys(scene, None)
    assert keys(second) == {OWN: "sk-first"}
    # Somebody removes the finalizer, so that nobody is asked before the instance is gone.
    second.clear()
    await until_keys(second, None)


async def test_an_instance_that_is_refused_does_not_touch_the_keys_of_its_namesake(scene: Scene) -> None:
    secret(scene, apiKey="sk-first")
    scene.create(ai=NAMED)
    await until_keys(scene, {OWN: "sk-first"})
    thief = replace(scene, namespace=scene.new_namespace())
    secret(thief, apiKey="sk-theirs")
    thief.create(ai=NAMED, phoneNumber="+19995550123")
    await thief.until_phase("Failed", "OrganizationTaken")
    assert keys(scene) == {OWN: "sk-first"}
    thief.api.delete(thief.path("wai", thief.name))
    await eventually(lambda: thief.find("wai", thief.name) is None, "it is gone")
    assert keys(scene) == {OWN: "sk-first"}
    thief.clear()


async def test_a_full_secret_is_said_and_holds_up_nothing_else(scene: Scene) -> None:
    secret(scene, apiKey="sk-first")
    scene.create(ai=NAMED)
    await until_keys(scene, {OWN: "sk-first"})
    # What instances of other tests have in the same Secret would make room when it goes.
    await eventually(lambda: list(held(scene)) == [entry_name(scene.organization, scene.name)], "the keys of others go")
    # Another instance, whose keys would go to the same Secret.
    number = shard_of(scene.organization, scene.name)
    second = replace(scene, name=next(n for n in names() if shard_of(scene.organization, n) == number))
    size = 1_048_576 - sum(len(b64decode(value)) for value in held(scene).values())
    merge_patch(scene.api, shard_path(scene), {"data": {"a.filler": b64encode(bytes(size)).decode()}})
    second.create(ai=NAMED)
    shown = await until_condition(second, "ModelKeyReady", "False", "KeyStoreFull")
    assert "sk-first" not in shown["message"]
    await second.until_child("statefulset")
    await second.until_published(bool)
    assert keys(scene) == {OWN: "sk-first"}
    merge_patch(scene.api, shard_path(scene), {"data": {"a.filler": None}})
    second.edit({"spec": {"displayName": "Pet Shop do Lado"}})
    await until_condition(second, "ModelKeyReady", "True", "PassedOn")
    assert keys(second) == {OWN: "sk-first"}


def names() -> Iterator[str]:
    return (f"shop-{number}" for number in range(1_000))


async def test_many_instances_write_at_once_and_lose_nothing(api: Kubernetes, namespace: str) -> None:
    store = KeyStore(api, namespace, "oxy", lambda _: None)
    follower = asyncio.create_task(Reflector(api, SECRETS, KEY_STORES, store, lambda _: None).run())
    organizations = [f"org-{number}" for number in range(100)]

    async def write(organization: str) -> None:
        await store.put(organization, "petshop", organization.encode(), Key("shops", organization))

    try:
        await asyncio.gather(*map(write, organizations))
        found = [await api.get(SECRETS, namespace, shard_name("oxy", number)) for number in range(SHARDS)]
        entries = {entry: b64decode(value) for item in found for entry, value in item["data"].items()}
        assert entries == {entry_name(name, "petshop"): name.encode() for name in organizations}
        await eventually(
            lambda: all(store.digest(name, "petshop") for name in organizations), "the watch has caught up"
        )
        await store.sweep({entry_name(organizations[0], "petshop")})
        assert [name for name in organizations if store.digest(name, "petshop")] == organizations[:1]
    finally:
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)
