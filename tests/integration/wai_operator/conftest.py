"""A real API server for each worker of the test run, and a namespace for each test."""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import yaml
from integration.wai_operator.scene import Scene, bus_configuration
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import load_kube_config

from oxy_dev.cluster import apiserver
from oxy_dev.servers import running_nats
from oxy_operator.keys import PlatformKeys
from oxy_operator.kubernetes_api import Kubernetes, connected

CRD = Path(__file__).parents[3] / "crds" / "oxy.dev_whatsappinstances.yaml"


@pytest.fixture(scope="session")
def apiserver_running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apiserver.ApiServer]:
    with apiserver.running(tmp_path_factory.mktemp("kubernetes")) as server:
        crd = yaml.safe_load(CRD.read_text())
        server.api.apply(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{crd['metadata']['name']}", crd)
        yield server


@pytest.fixture
async def configuration(apiserver_running: apiserver.ApiServer) -> Configuration:
    loaded = Configuration()
    await load_kube_config(config_file=str(apiserver_running.kubeconfig), client_configuration=loaded)
    return loaded


@pytest.fixture
async def api(configuration: Configuration) -> AsyncIterator[Kubernetes]:
    async with connected(configuration) as kubernetes:
        yield kubernetes


@pytest.fixture
def namespace(apiserver_running: apiserver.ApiServer) -> str:
    name = f"test-{uuid.uuid4().hex[:12]}"
    apiserver_running.api.create(
        "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    )
    return name


@pytest.fixture
def home(apiserver_running: apiserver.ApiServer) -> str:
    """The operator's own namespace."""
    name = f"oxy-{uuid.uuid4().hex[:12]}"
    apiserver_running.api.create(
        "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    )
    return name


@pytest.fixture
async def idle(
    apiserver_running: apiserver.ApiServer, namespace: str, home: str, tmp_path: Path
) -> AsyncIterator[Scene]:
    """API server and NATS; the operator is not started."""
    keys = PlatformKeys.generate()
    with running_nats(tmp_path / "nats", bus_configuration(keys, tmp_path)) as server:
        scene = Scene(apiserver_running, server, keys, tmp_path, namespace, home)
        yield scene
        await scene.stop()


@pytest.fixture
async def scene(idle: Scene) -> Scene:
    """API server, NATS and a ready operator."""
    await idle.start()
    return idle
