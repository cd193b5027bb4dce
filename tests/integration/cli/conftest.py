"""The command against a real API server; the tests play the operator."""

import uuid
from collections.abc import Iterator

import pytest
from integration.cli.scene import Scene
from integration.custom_resources import serving

from oxy_dev.cluster import apiserver


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
