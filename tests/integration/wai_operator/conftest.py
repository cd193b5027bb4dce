"""A real API server for each worker of the test run, and a namespace for each test."""

import uuid
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from integration.custom_resources import serving
from integration.wai_operator.scene import Operator, Scene, bus_configuration
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import load_kube_config

from oxy_dev.cluster import apiserver
from oxy_dev.servers import running_nats
from oxy_operator.bus.nkeys import PlatformKeys
from oxy_operator.kube.client import Kubernetes, connected

SERVERS = 2
"""API servers of each kind. One costs 3 s of processor time to start and 1.4 % of a core as long as the run lasts."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests that share an API server run in few processes of the test run, not one server start in each."""
    for item in items:
        kind = next((kind for kind in ("another_apiserver", "apiserver_running") if kind in _fixtures(item)), None)
        if kind is not None and item.path.is_relative_to(Path(__file__).parent):
            number = zlib.crc32(item.path.name.encode()) % SERVERS
            item.add_marker(pytest.mark.xdist_group(f"{kind} {number}"))


def _fixtures(item: pytest.Item) -> list[str]:
    return getattr(item, "fixturenames", [])


@pytest.fixture(scope="session")
def apiserver_running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apiserver.ApiServer]:
    with serving(tmp_path_factory.mktemp("kubernetes")) as server:
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


@contextmanager
def operator_before(server: apiserver.ApiServer, folder: Path) -> Iterator[Operator]:
    """An operator that is not started, with a NATS of its own."""
    home = f"oxy-{uuid.uuid4().hex[:12]}"
    server.api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": home}})
    keys = PlatformKeys.generate()
    with running_nats(folder / "nats", bus_configuration(keys, folder)) as bus:
        operator = Operator(server, bus, keys, folder, home)
        try:
            yield operator
        finally:
            operator.stop()


@pytest.fixture(scope="session")
def shared_operator(
    apiserver_running: apiserver.ApiServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operator]:
    """The one operator of this worker's API server."""
    with operator_before(apiserver_running, tmp_path_factory.mktemp("operator")) as operator:
        operator.start()
        operator.wait_until_prepared()
        yield operator


@pytest.fixture
def scene(shared_operator: Operator, namespace: str) -> Iterator[Scene]:
    """A namespace of the shared operator's API server."""
    made = Scene(shared_operator, namespace)
    yield made
    made.clear()


@pytest.fixture(scope="session")
def another_apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apiserver.ApiServer]:
    """An API server for tests that start and stop operators of their own."""
    with serving(tmp_path_factory.mktemp("kubernetes")) as server:
        yield server


@pytest.fixture
def lone(another_apiserver: apiserver.ApiServer, tmp_path: Path) -> Iterator[Scene]:
    """An operator of this test's own, not started yet."""
    with scene_before(another_apiserver, tmp_path) as made:
        yield made


@pytest.fixture
def collected(tmp_path: Path) -> Iterator[Scene]:
    """An operator of this test's own, not started yet, before an API server whose garbage is collected."""
    with (
        serving(tmp_path / "kubernetes", controllers="garbage-collector-controller") as server,
        scene_before(server, tmp_path) as made,
    ):
        yield made


@contextmanager
def scene_before(server: apiserver.ApiServer, folder: Path) -> Iterator[Scene]:
    """A namespace of its own, and an operator that is not started."""
    with operator_before(server, folder) as operator, ExitStack() as stack:
        made = Scene(operator, "default")
        made.namespace = made.new_namespace()
        stack.callback(made.clear)  # also if it does not stop: operators of other tests see all namespaces
        stack.callback(operator.stop)
        yield made
