"""A real API server accepts the chart, with every field known, in a namespace that enforces restriction."""

from collections.abc import Iterator

import pytest

from oxy_dev.chart import CHART, Object, pod_templates, render
from oxy_dev.cluster import apiserver, binary
from oxy_dev.cluster.shell import run

NAMESPACE = "oxy"


pytestmark = pytest.mark.xdist_group("API server of the chart")  # to start one costs more than its tests


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apiserver.ApiServer]:
    with apiserver.running(tmp_path_factory.mktemp("kubernetes")) as running:
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        running.api.create(
            "/api/v1/namespaces",
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}},
        )
        yield running


def create(server: apiserver.ApiServer, path: str, obj: Object) -> Object:
    return server.api.create(f"{path}?dryRun=All&fieldValidation=Strict", obj)


def test_every_object_is_accepted(server: apiserver.ApiServer) -> None:
    kube = binary.ensure()
    run([kube.tool("helm"), "install", "oxy", CHART, "--namespace", NAMESPACE, "--kubeconfig", server.kubeconfig])
    listed = run([kube.tool("helm"), "list", "--namespace", NAMESPACE, "--kubeconfig", server.kubeconfig])
    assert "deployed" in listed
    run([kube.tool("helm"), "uninstall", "oxy", "--namespace", NAMESPACE, "--kubeconfig", server.kubeconfig])
    kept = server.api.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")["items"]
    assert [item["metadata"]["name"] for item in kept] == ["whatsappinstances.oxy.dev"]


def test_no_pod_breaks_the_restricted_standard(server: apiserver.ApiServer) -> None:
    for name, template in pod_templates(render(namespace=NAMESPACE)).items():
        # Service accounts belong to another admission plugin, which this server leaves to the controller manager.
        spec = {key: value for key, value in template["spec"].items() if key != "serviceAccountName"}
        spec["restartPolicy"] = spec.get("restartPolicy", "Always")
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": _without_claims(spec)}
        assert create(server, f"/api/v1/namespaces/{NAMESPACE}/pods", pod)["metadata"]["name"] == name


def test_an_unrestricted_pod_would_be_refused(server: apiserver.ApiServer) -> None:
    spec = {"containers": [{"name": "root", "image": "x"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root"}, "spec": spec}
    with pytest.raises(Exception, match="restricted"):
        create(server, f"/api/v1/namespaces/{NAMESPACE}/pods", pod)


def _without_claims(spec: Object) -> Object:
    """Return the spec with the volumes that a StatefulSet would add."""
    mounted = {mount["name"] for container in spec["containers"] for mount in container["volumeMounts"]}
    there = {volume["name"] for volume in spec["volumes"]}
    claims = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in mounted - there]
    return {**spec, "volumes": [*spec["volumes"], *claims]}
