import json
import tomllib
from pathlib import Path

import pytest

from oxy_dev.cluster import addons, addresses, binary, controlplane, host, network, node
from oxy_dev.cluster.layout import Layout
from oxy_dev.cluster.shell import cluster_environment

LAYOUT = Layout(Path("/srv/oxy"))
KUBE = binary.KubeBinary(Path("/cache/kube"))


def paths(value: object) -> list[str]:
    """All absolute paths in a configuration, however deep."""
    if isinstance(value, dict):
        return [path for item in value.values() for path in paths(item)]
    if isinstance(value, list):
        return [path for item in value for path in paths(item)]
    text = str(value).removeprefix("unix://")
    return [text] if text.startswith("/") else []


def test_containerd_keeps_everything_in_the_clusters_folder() -> None:
    config = tomllib.loads(node.containerd_config(LAYOUT, "native"))
    outside = {path for path in paths(config) if not path.startswith("/srv/oxy/")}
    assert outside == {str(network.CNI_PLUGINS)}


def test_containerd_uses_the_chosen_snapshotter() -> None:
    config = tomllib.loads(node.containerd_config(LAYOUT, "native"))
    assert config["plugins"]["io.containerd.grpc.v1.cri"]["containerd"]["snapshotter"] == "native"


def test_the_kubelet_keeps_everything_in_the_clusters_folder() -> None:
    config = node.kubelet_config(LAYOUT, "/etc/resolv.conf")
    assert {path for path in paths(config) if not path.startswith("/srv/oxy/")} == {"/etc/resolv.conf"}


def test_the_kubelet_lets_nobody_in_without_a_certificate() -> None:
    config = node.kubelet_config(LAYOUT, "")
    assert config["authentication"]["anonymous"] == {"enabled": False}
    assert config["authorization"] == {"mode": "Webhook"}


@pytest.mark.parametrize("text", ["nameserver 9.9.9.9\n", "search x\n  nameserver\t::1"])
def test_a_machine_with_a_name_server_is_asked_for_foreign_names(tmp_path: Path, text: str) -> None:
    resolv = tmp_path / "resolv.conf"
    resolv.write_text(text)
    assert f"forward . {resolv}" in node.corefile(LAYOUT, resolv)


@pytest.mark.parametrize("text", ["", "# nameserver 9.9.9.9\n", None])
def test_a_machine_without_one_is_not(tmp_path: Path, text: str | None) -> None:
    resolv = tmp_path / "resolv.conf"
    if text is not None:
        resolv.write_text(text)
    assert "forward" not in node.corefile(LAYOUT, resolv)


def test_the_parts_get_no_proxy() -> None:
    given = {"PATH": "/bin", "HTTPS_PROXY": "http://p", "http_proxy": "http://p", "no_proxy": "x"}
    assert cluster_environment(given) == {"PATH": "/bin"}


def test_containerd_pulls_by_the_proxy_and_reaches_the_cluster_without() -> None:
    given = {"PATH": "/bin", "https_proxy": "http://p", "NO_PROXY": "corp.example"}
    chosen = node.proxy_environment(given)
    assert chosen["https_proxy"] == "http://p"
    assert chosen["NO_PROXY"].split(",")[:2] == ["corp.example", addresses.POD_NETWORK]
    assert "PATH" not in chosen


def test_a_machine_without_a_proxy_gives_containerd_none() -> None:
    assert node.proxy_environment({"PATH": "/bin", "NO_PROXY": "x"}) == {}


def test_the_network_plugins_keep_addresses_in_the_clusters_folder() -> None:
    bridge = json.loads(network.cni_config(LAYOUT, 1400))["plugins"][0]
    assert bridge["ipam"]["dataDir"].startswith("/srv/oxy/")
    assert bridge["mtu"] == 1400


def test_the_table_replaces_an_earlier_one() -> None:
    first, second, third = network.ruleset().strip().splitlines()[:3]
    assert (first, second) == ("add table ip oxy", "delete table ip oxy")
    assert third == "table ip oxy {"


def test_the_api_server_answers_to_every_name_it_is_called_by() -> None:
    hosts = controlplane.api_hosts("192.0.2.7")
    assert {"127.0.0.1", "192.0.2.7", addresses.API_SERVICE, addresses.GATEWAY, "kubernetes.default.svc"} <= {*hosts}


def test_each_part_writes_below_the_clusters_folder() -> None:
    parts = (
        controlplane.etcd(KUBE, LAYOUT),
        controlplane.apiserver(KUBE, LAYOUT),
        controlplane.controller_manager(KUBE, LAYOUT),
        controlplane.scheduler(KUBE, LAYOUT),
        node.kubelet(KUBE, LAYOUT),
    )
    values = [flag.partition("=")[2] for spec in parts for flag in spec.argv[1:]]
    assert [value for value in values if value.startswith("/") and not value.startswith("/srv/oxy/")] == []


def test_only_mounts_below_the_folder_are_found_the_last_first() -> None:
    mountinfo = (
        "26 1 254:0 / / rw - ext4 /dev/vda rw\n"
        "27 26 0:5 / /srv/oxy/run/a rw - tmpfs t rw\n"
        "28 27 0:6 / /srv/oxy/run/a/with\\040blank rw - tmpfs t rw\n"
        "29 26 0:7 / /srv/oxygen rw - tmpfs t rw\n"
    )
    assert host.mounts_below(mountinfo, LAYOUT.root) == ["/srv/oxy/run/a/with blank", "/srv/oxy/run/a"]


def test_each_add_on_is_applied_at_the_path_of_its_own_name() -> None:
    for path, obj in addons.objects().items():
        assert path.endswith(f"/{obj['metadata']['name']}")
        assert path.startswith("/api/v1/" if obj["apiVersion"] == "v1" else f"/apis/{obj['apiVersion']}/")


def test_the_storage_class_is_the_default_one() -> None:
    [storage] = [obj for obj in addons.objects().values() if obj["kind"] == "StorageClass"]
    assert storage["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true"
    assert storage["volumeBindingMode"] == "WaitForFirstConsumer"


def test_the_hosts_end_of_a_pods_attachment_is_found() -> None:
    interfaces = [{"name": "oxy0"}, {"name": "veth1"}, {"name": "eth0", "sandbox": "/run/netns/1"}]
    assert network.host_interfaces(json.dumps({"result": {"interfaces": interfaces}})) == ["veth1"]
    assert network.host_interfaces('{"kind": "cniCacheV1"}') == []
