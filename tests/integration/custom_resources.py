"""An API server that knows the custom resources."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from oxy_dev import crds
from oxy_dev.cluster import apiserver
from oxy_dev.cluster.errors import ApiError

WITHIN = 60.0
"""Seconds in which it must serve them."""


@contextmanager
def serving(folder: Path, *, controllers: str | None = None) -> Iterator[apiserver.ApiServer]:
    """Run an API server that serves the custom resources, with controllers as in `apiserver.running`."""
    with apiserver.running(folder, controllers=controllers) as server:
        for source in crds.SOURCES.glob("*.yaml"):
            definition = yaml.safe_load(source.read_text())
            name = definition["metadata"]["name"]
            server.api.apply(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}", definition)
        # Until its storage is ready, the new kind answers 404 or 429.
        deadline = time.monotonic() + WITHIN
        while not _served(server):
            assert time.monotonic() < deadline, "the custom resource is not served"
            time.sleep(0.05)
        yield server


def _served(server: apiserver.ApiServer) -> bool:
    try:
        server.api.get("/apis/oxy.dev/v1alpha1/whatsappinstances")
    except ApiError:
        return False
    return True
