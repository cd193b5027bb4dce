"""The command against a real API server; the tests play the operator."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.cli.scene import Scene
from integration.custom_resources import serving

from oxy_dev.cluster import apiserver


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run all in one process of the test run: an API server for each costs more than the tests."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.xdist_group("command line"))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apiserver.ApiServer]:
    with serving(tmp_path_factory.mktemp("kubernetes")) as running:
        yield running


@pytest.fixture
def scene(server: apiserver.ApiServer, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig))
    name = f"test-{uuid.uuid4().hex[:12]}"
    server.api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return Scene(server, name)
