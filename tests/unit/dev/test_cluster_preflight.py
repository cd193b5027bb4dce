from pathlib import Path

import pytest

from oxy_dev.cluster import addresses, preflight
from oxy_dev.cluster.layout import LONGEST_ROOT, Layout

TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:403B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0
"""
V1 = "\n".join(f"cgroup /sys/fs/cgroup/{name} cgroup rw,relatime,{name} 0 0" for name in preflight.CONTROLLERS_V1)
V2 = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0"


def test_root_is_required() -> None:
    assert preflight.root_problems(0) == []
    assert "not root" in str(preflight.root_problems(1000)[0])


def test_a_cluster_with_another_folder_is_named_and_ones_own_is_not() -> None:
    layout = Layout(Path("/srv/oxy"))
    [problem] = preflight.other_cluster_problems(layout, {"/srv/oxy", "/srv/other"})
    assert "/srv/other" in problem.what
    assert "OXY_STATE=/srv/other make down" in problem.remedy


def test_listening_sockets_are_found_by_port_and_others_are_not() -> None:
    assert preflight.listening(TCP, "0A") == {0x403B: "4711"}


def test_a_taken_port_is_named_with_its_user_and_ours() -> None:
    [problem] = preflight.port_problems({addresses.API_PORT: "process 7 (nginx)", 80: "process 8"})
    assert "16443" in problem.what
    assert "kube-apiserver" in problem.what
    assert "process 7 (nginx)" in problem.what


@pytest.mark.parametrize(("available", "count"), [(2 * preflight.GIB, 1), (3 * preflight.GIB, 0)])
def test_memory_is_compared(available: int, count: int) -> None:
    assert len(preflight.memory_problems(available, 3 * preflight.GIB)) == count


@pytest.mark.parametrize(("free", "count"), [(11 * preflight.GIB, 1), (12 * preflight.GIB, 0)])
def test_disk_is_compared(free: int, count: int) -> None:
    assert len(preflight.disk_problems(Path("/x"), free, 12 * preflight.GIB)) == count


def test_available_memory_is_read_in_bytes() -> None:
    assert preflight.meminfo_available("MemTotal: 9 kB\nMemAvailable:     2048 kB\n") == 2048 * 1024


@pytest.mark.parametrize(
    ("mounts", "controllers", "expected"),
    [
        (V1, None, None),
        (V2, "cpuset cpu io memory pids", None),
        ("proc /proc proc rw 0 0", None, "no control groups"),
        (V2.replace("rw", "ro"), "cpuset cpu io memory pids", "read-only"),
        (V2, "cpu io pids", "cpuset, memory"),
        (V1.replace("memory", "misc"), None, "memory"),
    ],
)
def test_control_groups_are_judged(mounts: str, controllers: str | None, expected: str | None) -> None:
    problems = preflight.cgroup_problems(mounts, controllers)
    if expected is None:
        assert problems == []
    else:
        assert expected in problems[0].what


def test_a_container_must_hand_on_controllers() -> None:
    assert preflight.delegation_problems("cpuset cpu io memory pids") == []
    assert "memory" in preflight.delegation_problems("cpu cpuset pids")[0].what


ROUTES = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"


def route(interface: str, destination: str, mask: str) -> str:
    return f"{interface}\t{destination}\t00000000\t0001\t0\t0\t0\t{mask}\t0\t0\t0\n"


def test_a_foreign_route_into_our_networks_is_a_problem() -> None:
    table = ROUTES + route("cni0", "0000F40A", "0000FFFF")
    [problem] = preflight.route_problems(table)
    assert "10.244.0.0/16" in problem.what
    assert "cni0" in problem.what


@pytest.mark.parametrize(
    "line",
    [
        route("eth0", "00000000", "00000000"),
        route("eth0", "0002A8C0", "00FFFFFF"),
        route(addresses.BRIDGE, "0000F40A", "00FFFFFF"),
    ],
    ids=["default", "elsewhere", "our own"],
)
def test_other_routes_are_none(line: str) -> None:
    assert preflight.route_problems(ROUTES + line) == []


def test_another_kubelet_is_named() -> None:
    assert "process 5 (kubelet)" in preflight.other_node_problems(["process 5 (kubelet)"])[0].what


def test_only_features_that_do_not_work_are_named() -> None:
    [problem] = preflight.feature_problems({"overlay": True, "nf_tables": False})
    assert "modprobe nf_tables" in problem.remedy


def test_a_fresh_state_folder_is_fine(tmp_path: Path) -> None:
    assert preflight.path_problems(Layout(Path("/var/lib/oxy"))) == []


def test_a_long_path_is_too_long_for_sockets() -> None:
    assert "longer" in preflight.path_problems(Layout(Path("/" + "x" * LONGEST_ROOT)))[0].what


def test_a_path_with_blanks_is_refused() -> None:
    assert "characters" in preflight.path_problems(Layout(Path("/home/my user/oxy")))[0].what


def test_a_foreign_folder_is_never_taken_over(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    assert all("not a cluster" not in problem.what for problem in preflight.path_problems(Layout(folder)))
    (folder / "thesis.txt").touch()
    assert any("not a cluster" in problem.what for problem in preflight.path_problems(Layout(folder)))
    Layout(folder).marker.touch()
    assert all("not a cluster" not in problem.what for problem in preflight.path_problems(Layout(folder)))
