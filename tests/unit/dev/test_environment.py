import uuid
from pathlib import Path

import pytest

from oxy_dev import up
from oxy_dev.cluster import layout
from oxy_dev.cluster import up as cluster
from oxy_dev.cluster.errors import ClusterError
from oxy_dev.cluster.layout import Layout
from oxy_dev.environment import BrokenClusterError, NoClusterError, require_cluster


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A folder of this test's own for the local cluster, and a machine's lock that nobody else uses."""
    monkeypatch.delenv("CLUSTER", raising=False)
    monkeypatch.setenv("OXY_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(cluster, "MACHINE_LOCK", f"\0{uuid.uuid4()}")
    monkeypatch.setattr(cluster, "LOCK_PATIENCE", 0.05)
    return layout.default()


def begin(local: Layout) -> None:
    """Leave what a cluster has on disk when all of its processes are gone."""
    local.tools.mkdir(parents=True)
    local.kubeconfig.touch()
    (local.tools / "kubectl").symlink_to("/cache/kube/1/kubectl")


def test_where_no_cluster_was_begun_the_command_to_begin_one_is_shown(local: Layout) -> None:
    with pytest.raises(NoClusterError, match="make up"):
        require_cluster()


def test_a_cluster_whose_processes_are_gone_is_broken_and_not_absent(local: Layout) -> None:
    begin(local)
    with pytest.raises(BrokenClusterError, match=r"nothing of the cluster.*killed\. `make up` repairs it"):
        require_cluster()


def test_a_cluster_that_was_interrupted_before_its_tools_were_there_is_broken(local: Layout) -> None:
    local.root.mkdir()
    local.kubeconfig.touch()
    with pytest.raises(BrokenClusterError, match="make up"):
        require_cluster()


def test_a_cluster_that_another_command_works_on_is_waited_for_by_people(local: Layout) -> None:
    begin(local)
    with cluster.locked(local), pytest.raises(BrokenClusterError, match="Wait until it has ended"):
        require_cluster()


def test_the_users_own_cluster_is_not_judged(local: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER", "existing")
    require_cluster()


def test_one_command_at_a_time_works_on_a_machine_whatever_its_folder(local: Layout, tmp_path: Path) -> None:
    with cluster.locked(local), pytest.raises(ClusterError, match="at work on this machine"):  # noqa: SIM117 the order
        with cluster.locked(Layout(tmp_path / "other")):
            pass
    with cluster.locked(Layout(tmp_path / "other")):
        assert not cluster.is_held(local)


def test_a_failure_after_the_cluster_went_away_says_so(local: Layout) -> None:
    with pytest.raises(BrokenClusterError, match=r"was lost.*there is no cluster"), up.explaining_loss():
        raise ClusterError


def test_the_end_of_make_up_names_every_way_in() -> None:
    example, tools, programs = Path("/state/petshop.yaml"), Path("/state/bin"), Path("/clone/.venv/bin")
    text = up.next_steps(Path("/state/kubeconfig"), example, tools, programs)
    assert "make chat" in text
    assert "export KUBECONFIG=/state/kubeconfig PATH=/state/bin:/clone/.venv/bin:$PATH" in text
    assert "oxy status" in text
    assert "a copy of /state/petshop.yaml" in text
    existing = up.next_steps(None, example, tools, programs)
    assert "make chat CLUSTER=existing" in existing
    assert "KUBECONFIG" not in existing
    assert "make down" not in existing
    assert "/clone/.venv/bin/oxy" in existing
