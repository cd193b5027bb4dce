import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from oxy_dev.cluster import apiserver, binary
from oxy_dev.cluster.errors import CommandError
from oxy_dev.kubectl import GoneError, Kubectl, complaint, wait_until

CHART = "apiVersion: v2\nname: never\nversion: 1.0.0\n"
NEVER_READY = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "never"},
    "spec": {"containers": [{"name": "never", "image": "none"}]},
}


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """A chart of one pod, which nobody runs where there is no node."""
    folder = tmp_path / "chart"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text(CHART)
    (folder / "templates" / "pod.yaml").write_text(json.dumps(NEVER_READY))
    return folder


def kubectl_of(server: apiserver.ApiServer) -> Kubectl:
    tools = binary.ensure()
    return Kubectl(str(tools.tool("kubectl")), str(tools.tool("helm")), server.kubeconfig)


def test_helm_ends_soon_after_its_cluster_went_away(tmp_path: Path, chart: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        with apiserver.running(tmp_path) as server:
            kubectl = kubectl_of(server)
            install = pool.submit(kubectl.run_helm, "install", "never", str(chart), "--wait", "--timeout=8m")
            wait_until("helm made the pod", 60, lambda: kubectl.find("pod", "never"))
            assert not install.done()
        with pytest.raises(GoneError, match="no longer answers"):
            install.result(timeout=90)


def test_a_long_command_that_fails_says_why_without_the_librarys_log(tmp_path: Path, chart: Path) -> None:
    with ExitStack() as stack:
        kubectl = kubectl_of(stack.enter_context(apiserver.running(tmp_path)))
        assert "default" in kubectl.run_long("get", "namespaces", "--output=name")
        with pytest.raises(CommandError, match=r"helm.*ended with status 1.*never not ready"):
            kubectl.run_helm("install", "never", str(chart), "--wait", "--timeout=10s")


def test_a_complaint_is_the_last_lines_without_log_lines() -> None:
    noise = "W1122 20:31:02.123456   77 reflector.go:1] watch failed\n" * 200
    assert complaint(f"{noise}Error: timed out\n") == "Error: timed out"
    assert len(complaint("line\n" * 100).splitlines()) == 15
