"""A tenant's Secret with an API key, and what the operator passes on of it."""

from base64 import b64decode, b64encode
from dataclasses import replace

from integration.wai_operator.scene import PATHS, Object, Scene, condition, eventually, merge_patch

from oxy_core.model_keys import ModelKeys, entry_name, shard_name, shard_of

OWN = "https://model.example/v1"
NAMED = {"baseUrl": OWN, "apiKeySecretRef": {"name": "keys"}}

Keys = dict[str, str]
"""Keys by endpoint."""


def secret(scene: Scene, **values: str) -> Object:
    data = {name: b64encode(value.encode()).decode() for name, value in values.items()}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "data": data}
    return scene.api.create(scene.path("secret"), body)


def change(scene: Scene, **values: str | None) -> None:
    merge_patch(scene.api, scene.path("secret", "keys"), {"stringData": values})


def shard(scene: Scene) -> str:
    """Name of the Secret that holds an instance's keys."""
    return shard_name("oxy", shard_of(scene.organization, scene.name))


def shard_path(scene: Scene) -> str:
    return f"{PATHS['secret'].format(scene.operator.home)}/{shard(scene)}"


def held(scene: Scene) -> Object:
    """Everything in that Secret."""
    home = replace(scene, namespace=scene.operator.home)
    found: Object = home.find("secret", shard(scene)) or {}
    return found.get("data") or {}


def keys(scene: Scene) -> Keys | None:
    """What the workers find; None if there is no file."""
    value = held(scene).get(entry_name(scene.organization, scene.name))
    if value is None:
        return None
    found = ModelKeys.decode(b64decode(value))
    return {endpoint: key.get_secret_value() for endpoint, key in found.by_endpoint.items()}


async def until_keys(scene: Scene, wanted: Keys | None) -> None:
    await eventually(lambda: keys(scene) == wanted, f"keys {wanted}")


async def until_condition(scene: Scene, kind: str, status: str, reason: str) -> Object:
    def holds(found: Object) -> bool:
        shown = condition(found, kind)
        return (shown.get("status"), shown.get("reason")) == (status, reason)

    return condition(await scene.until_status(holds), kind)
