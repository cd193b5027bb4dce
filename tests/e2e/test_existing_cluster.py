"""``make up`` on a cluster and with a registry that are there already: here the local cluster, seen as a stranger's."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from oxy_dev import external_services
from oxy_dev.cluster import layout
from oxy_dev.conversation import CUSTOMER, OWNER
from oxy_dev.environment import DEV_NAMESPACE, REPOSITORY, SYSTEM_NAMESPACE, TENANT_NAMESPACE
from oxy_dev.kubectl import Kubectl, wait_until
from oxy_dev.programs import Program
from oxy_dev.servers import free_port, is_listening
from oxy_dev.up import System, is_ready

pytestmark = [pytest.mark.existing, pytest.mark.timeout(1800)]

PACKAGE = "docker-registry"
CONFIGURATION = """
version: 0.1
log: {{level: warn}}
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


def registry_program(folder: Path) -> str:
    """Return the registry's path: the installed one, else Debian's package unpacked into `folder`."""
    if installed := shutil.which(PACKAGE):
        return installed
    subprocess.run(["apt-get", "--quiet", "download", PACKAGE], cwd=folder, check=True)
    [package] = folder.glob(f"{PACKAGE}_*.deb")
    subprocess.run(["dpkg-deb", "--extract", package, folder], check=True)
    return str(folder / "usr" / "bin" / PACKAGE)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """A registry over plain HTTP on the loopback interface, where containerd needs no configuration for that."""
    port = free_port()
    configuration = tmp_path / "registry.yml"
    configuration.write_text(CONFIGURATION.format(folder=tmp_path / "blobs", port=port))
    server = Program("registry", [registry_program(tmp_path), "serve", configuration], tmp_path)
    server.start()
    try:
        wait_until(f"the registry listens: {server.tail()}", 30, lambda: is_listening(port) or None)
        yield f"localhost:{port}"
    finally:
        server.kill()


@pytest.fixture
def restored(system: System) -> Iterator[System]:
    """The system, afterwards with the images that it had."""
    yield system
    external_services.deploy(system.kubectl, system.references)
    system.install()
    wait_until("the instance is ready again", 240, lambda: is_ready(system.kubectl) or None)


def images(kubectl: Kubectl) -> set[str]:
    """Return the images of every container that is meant to run."""
    pods = [
        pod
        for namespace in (SYSTEM_NAMESPACE, DEV_NAMESPACE, TENANT_NAMESPACE)
        for pod in kubectl.get("--namespace", namespace, "pods", "--field-selector=status.phase=Running")["items"]
        if "deletionTimestamp" not in pod["metadata"]
    ]
    return {container["image"] for pod in pods for container in pod["spec"]["containers"]}


def test_everything_is_pushed_pulled_and_talks(restored: System, registry: str) -> None:
    environment = {
        **os.environ,
        "CLUSTER": "existing",
        "REGISTRY": registry,
        "INSECURE": "1",
        "KUBECONFIG": str(layout.default().kubeconfig),
    }
    done = subprocess.run(
        ["make", "--no-print-directory", "up"],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(line in done.stdout for part in (CUSTOMER, OWNER) for line in part.lines)
    wait_until(
        f"every container runs an image of {registry}",
        120,
        lambda: all(image.startswith(f"{registry}/") for image in images(restored.kubectl)) or None,
    )


def test_without_a_registry_it_says_what_is_missing(system: System) -> None:
    environment = {**os.environ, "CLUSTER": "existing", "KUBECONFIG": str(layout.default().kubeconfig)}
    environment.pop("REGISTRY", None)
    done = subprocess.run(["make", "up"], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "CLUSTER=existing needs REGISTRY=" in done.stdout + done.stderr
