"""The command against a real API server; the tests play the operator."""

import uuid
from collections.abc import Iterator

import pytest
import yaml
from integration.cli.scene import Scene

from oxy_dev import crds
from oxy_dev.cluster import apiserver


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apiserver.ApiServer]:
    with apiserver.running(tmp_path_factory.mktemp("kubernetes")) as running:
        for source in crds.SOURCES.glob("*.yaml"):
            definition = yaml.safe_load(source.read_text())
            name = definition["metadata"]["name"]
            running.api.apply(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}", definition)
        yield running


@pytest.fixture
def scene(server: apiserver.ApiServer, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig))
    name = f"test-{uuid.uuid4().hex[:12]}"
    server.api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return Scene(server, name)
