import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from oxy_dev.cluster import apiserver, binary
from oxy_dev.cluster.api import Api
from oxy_dev.cluster.errors import ApiError

NAMESPACES = "/api/v1/namespaces"

pytestmark = pytest.mark.xdist_group("API server of the cluster")  # to start one costs more than its tests


def namespace(name: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def names(api: Api) -> set[str]:
    return {item["metadata"]["name"] for item in api.get(NAMESPACES)["items"]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apiserver.ApiServer]:
    with apiserver.running(tmp_path_factory.mktemp("kube")) as running:
        yield running


def test_a_namespace_can_be_applied_and_listed(server: apiserver.ApiServer) -> None:
    server.api.apply(f"{NAMESPACES}/customers", namespace("customers"))
    assert "customers" in names(server.api)


def test_kubectl_speaks_to_it_by_the_kubeconfig(server: apiserver.ApiServer) -> None:
    command = [str(binary.ensure().tool("kubectl")), f"--kubeconfig={server.kubeconfig}", "version", "--output=json"]
    versions = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert versions["serverVersion"]["gitVersion"] == versions["clientVersion"]["gitVersion"]


def test_the_kubeconfig_is_private(server: apiserver.ApiServer) -> None:
    assert server.kubeconfig.stat().st_mode & 0o777 == 0o600


def test_a_stranger_is_refused(server: apiserver.ApiServer) -> None:
    stranger = Api.with_token(server.url, server.ca, "not-the-token")
    with pytest.raises(ApiError, match="401"):
        stranger.get(NAMESPACES)


def test_a_watch_sees_what_is_created(server: apiserver.ApiServer) -> None:
    version = server.api.get(NAMESPACES)["metadata"]["resourceVersion"]
    server.api.create(NAMESPACES, namespace("watched"))
    event = next(server.api.watch(NAMESPACES, version, seconds=30))
    assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "watched")


def test_two_servers_run_beside_each_other_and_share_nothing(tmp_path: Path) -> None:
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        first, second = pool.map(
            stack.enter_context, [apiserver.running(tmp_path / "first"), apiserver.running(tmp_path / "second")]
        )
        first.api.create(NAMESPACES, namespace("only-here"))
        assert "only-here" in names(first.api)
        assert "only-here" not in names(second.api)


async def test_with_the_controller_manager_service_accounts_appear(tmp_path: Path) -> None:
    async with apiserver.running_async(tmp_path, controllers="*") as server:
        path = f"{NAMESPACES}/default/serviceaccounts"
        wait_until(lambda: bool(server.api.get(path)["items"]))


def test_no_process_outlives_the_block(tmp_path: Path) -> None:
    with apiserver.running(tmp_path):
        assert processes_of(tmp_path)
    assert not processes_of(tmp_path)


def test_no_process_outlives_a_killed_owner(tmp_path: Path) -> None:
    script = f"""
import sys, time
from pathlib import Path
from oxy_dev.cluster import apiserver
with apiserver.running(Path({str(tmp_path)!r})):
    print("ready", flush=True)
    time.sleep(600)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment) as owner:
        try:
            assert owner.stdout is not None
            assert owner.stdout.readline() == b"ready\n"
            assert processes_of(tmp_path)
        finally:
            owner.kill()
    wait_until(lambda: not processes_of(tmp_path))


def processes_of(folder: Path) -> list[bytes]:
    """Command lines of running processes that mention ``folder`` in a flag."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            lines.append(path.read_bytes())
    return [line for line in lines if f"={folder}/".encode() in line]


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.05)
