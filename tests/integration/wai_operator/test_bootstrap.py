import asyncio
import os
import sys
from base64 import b64decode
from pathlib import Path

import pytest

from oxy_core.errors import OxyError
from oxy_dev.cluster.apiserver import ApiServer
from oxy_dev.servers import running_nats
from oxy_operator.bootstrap import BootstrapSettings, bootstrap, keys_of
from oxy_operator.bus.accounts import platform_credentials
from oxy_operator.kube.client import Kubernetes
from oxy_operator.objects import SECRETS, Object

NAMES = ("oxy-nats-keys", "oxy-platform-nats", "oxy-postgres")


async def secrets(api: Kubernetes, namespace: str) -> list[Object]:
    return [await api.get(SECRETS, namespace, name) for name in NAMES]


def content(secret: Object, key: str) -> str:
    return b64decode(secret["data"][key]).decode()


async def test_any_number_of_runs_at_once_agree(api: Kubernetes, namespace: str) -> None:
    settings = BootstrapSettings(namespace=namespace, postgres_host="db.example")
    await asyncio.gather(*(bootstrap(api, settings) for _ in range(5)))
    first = await secrets(api, namespace)
    await bootstrap(api, settings)
    assert await secrets(api, namespace) == first
    keys, platform, _ = first
    assert content(platform, "platform.creds") == platform_credentials(keys_of(keys))


async def test_a_lost_secret_comes_back_from_the_keys(api: Kubernetes, namespace: str) -> None:
    settings = BootstrapSettings(namespace=namespace)
    await bootstrap(api, settings)
    before = await api.get(SECRETS, namespace, "oxy-platform-nats")
    await api.delete(SECRETS, namespace, "oxy-platform-nats", uid=before["metadata"]["uid"])
    await bootstrap(api, settings)
    assert (await api.get(SECRETS, namespace, "oxy-platform-nats"))["data"] == before["data"]


async def test_a_damaged_keys_secret_is_never_overwritten(api: Kubernetes, namespace: str) -> None:
    damaged = {"metadata": {"name": "oxy-nats-keys", "namespace": namespace}, "data": {}}
    created = await api.create(SECRETS, namespace, {"apiVersion": "v1", "kind": "Secret", **damaged})
    with pytest.raises(OxyError, match="oxy-nats-keys"):
        await bootstrap(api, BootstrapSettings(namespace=namespace))
    kept = await api.get(SECRETS, namespace, "oxy-nats-keys")
    assert kept["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]


async def test_the_job_runs_and_a_server_takes_its_configuration(
    apiserver_running: ApiServer, api: Kubernetes, namespace: str, tmp_path: Path
) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "KUBECONFIG": str(apiserver_running.kubeconfig),
        "OXY_NAMESPACE": namespace,
        "OXY_NATS_RESOLVER_DIR": str(tmp_path / "accounts"),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "oxy_operator.bootstrap", env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    keys = await api.get(SECRETS, namespace, "oxy-nats-keys")
    with running_nats(tmp_path / "nats", content(keys, "auth.conf")) as server:
        assert server.pid is not None
