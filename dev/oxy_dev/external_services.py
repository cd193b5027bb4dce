"""Oxy's surroundings on the cluster: the simulated WhatsApp, and a model.

Both are ordinary manifests under ``dev/manifests``. The simulator's keys are created once and kept in a Secret; the
certificates that tenant pods must trust are in a ConfigMap in the tenant's namespace, which the instance's network
settings refer to.
"""

import base64
import json
import os
import tempfile
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any, Final

import yaml

from oxy_dev.environment import DEV_NAMESPACE, PROXY_PORT, REPOSITORY, SIMULATOR, SYSTEM_NAMESPACE, TENANT_NAMESPACE
from oxy_dev.example import PROXY_SECRET, TRUST_CONFIG_MAP
from oxy_dev.kubectl import Kubectl
from oxy_simulator.keys import CA_FILE, NOISE_ROOT_FILE, ensure_keys

MANIFESTS: Final = REPOSITORY / "dev" / "manifests"
MODEL: Final = "scripted-model"
MODEL_PORT: Final = 8000
MODEL_URL: Final = f"http://{MODEL}.{DEV_NAMESPACE}.svc.cluster.local:{MODEL_PORT}/v1"
OPENAI_SECRET: Final = "oxy-openai"  # noqa: S105 the name of a Secret, not one
KEYS_SECRET: Final = f"{SIMULATOR}-keys"
PROXY_URL: Final = f"http://{SIMULATOR}.{DEV_NAMESPACE}.svc.cluster.local:{PROXY_PORT}"


def deploy(kubectl: Kubectl, references: Mapping[str, str]) -> None:
    """Deploy the simulator, and the scripted model or the real one's key; wait until they are ready."""
    for name in (DEV_NAMESPACE, SYSTEM_NAMESPACE):
        kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    keys = _simulator_keys(kubectl)
    kubectl.apply(*_trust(keys), *manifest("simulator", references["simulator"]))
    key = os.environ.get("OPENAI_API_KEY")
    if key:
        kubectl.apply(_secret(SYSTEM_NAMESPACE, OPENAI_SECRET, {"api-key": key.encode()}))
    else:
        kubectl.apply(
            _secret(SYSTEM_NAMESPACE, OPENAI_SECRET, {"api-key": b"scripted"}), *manifest("model", references["model"])
        )
    for name in (SIMULATOR, *(() if key else (MODEL,))):
        kubectl.run_long("rollout", "status", f"--namespace={DEV_NAMESPACE}", f"deployment/{name}", "--timeout=180s")


def manifest(name: str, image: str) -> list[dict[str, Any]]:
    """Return the objects of a manifest in the development namespace, running `image`."""
    text = Template((MANIFESTS / f"{name}.yaml").read_text()).substitute(image=image)
    objects = list(yaml.safe_load_all(text))
    for item in objects:
        item["metadata"]["namespace"] = DEV_NAMESPACE
    return objects


def _simulator_keys(kubectl: Kubectl) -> dict[str, bytes]:
    """Return the simulator's keys from their Secret, which is created where it is missing."""
    existing = kubectl.find("--namespace", DEV_NAMESPACE, "secret", KEYS_SECRET)
    if existing:
        return {name: base64.b64decode(value) for name, value in existing["data"].items()}
    with tempfile.TemporaryDirectory() as folder:
        ensure_keys(Path(folder))
        keys = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
    kubectl.apply(_secret(DEV_NAMESPACE, KEYS_SECRET, keys))
    return keys


def _trust(keys: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """Return the objects that let a tenant pod reach and trust the simulator."""
    public = {name: keys[name].decode() for name in (CA_FILE, NOISE_ROOT_FILE)}
    place = {"name": TRUST_CONFIG_MAP, "namespace": TENANT_NAMESPACE}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": place, "data": public},
        _secret(TENANT_NAMESPACE, PROXY_SECRET, {"url": PROXY_URL.encode()}),
    ]


def _secret(namespace: str, name: str, data: Mapping[str, bytes]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }


def model_requests(kubectl: Kubectl) -> Sequence[dict[str, Any]]:
    """Return all requests to the scripted model, oldest first."""
    with (
        kubectl.forwarding(DEV_NAMESPACE, f"service/{MODEL}", MODEL_PORT) as port,
        urllib.request.urlopen(f"http://127.0.0.1:{port}/requests", timeout=10) as answer,
    ):
        found: list[dict[str, Any]] = json.load(answer)
        return found
