from pathlib import Path

import pytest

from oxy_dev.cluster import binary

GO_MOD = """module oxy.dev/kube

require (
\thelm.sh/helm/v4 v4.3.1
\tk8s.io/kubernetes v1.37.2
)

require k8s.io/api v0.37.2 // indirect
"""


def test_versions_are_read_from_the_module_file() -> None:
    assert binary.module_versions(GO_MOD)["k8s.io/kubernetes"] == "v1.37.2"


def test_the_servers_version_is_stamped_where_server_and_client_look_for_it() -> None:
    flags = binary.link_flags(GO_MOD).split()
    for package in ("component-base", "client-go/pkg"):
        assert f"k8s.io/{package}/version.gitVersion=v1.37.2" in flags
        assert f"k8s.io/{package}/version.gitMinor=37" in flags


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    (tmp_path / "pause").mkdir()
    for name in ("go.mod", "go.sum", "main.go", "pause/main.go", "notes.txt"):
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize("name", ["go.mod", "go.sum", "main.go", "pause/main.go"])
def test_a_change_of_a_source_file_asks_for_a_new_build(sources: Path, name: str) -> None:
    before = binary.source_hash(sources, "")
    (sources / name).write_text("changed")
    assert binary.source_hash(sources, "") != before


def test_a_file_that_is_no_source_does_not(sources: Path) -> None:
    before = binary.source_hash(sources, "")
    (sources / "notes.txt").write_text("changed")
    assert binary.source_hash(sources, "") == before


def test_other_flags_ask_for_a_new_build(sources: Path) -> None:
    assert binary.source_hash(sources, "-s") != binary.source_hash(sources, "-w")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26)),
        ("go version go1.27rc1 linux/arm64", (1, 27)),
        ("go: command not found", None),
    ],
)
def test_the_version_of_go_is_read(text: str, version: tuple[int, int] | None) -> None:
    assert binary.parse_go_version(text) == version


def test_the_real_module_names_what_the_flags_need() -> None:
    assert "gitVersion=v1." in binary.link_flags((binary.SOURCES / "go.mod").read_text())


def test_progress_counts_modules_and_packages_and_then_says_that_it_links() -> None:
    log = ("# get https://proxy/x.mod: 200 OK (0.1s)", "# get https://proxy/x.zip", "# get https://proxy/x.zip: 200 OK")
    assert binary.downloading("\n".join(log), 281) == "downloading modules: 1 of at most 281"
    assert binary.compiling("errors\nio\n", 3) == "compiling: package 2 of 3"
    assert binary.compiling("errors\nio\nfmt\n", 3) == "linking"


def test_a_full_disk_is_told_with_what_to_do_and_nothing_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OXY_CACHE", "/cache")
    assert "put the cache, /cache, elsewhere" in binary.disk_hint("write /x: No space left on device")
    assert binary.disk_hint("connection refused") == ""
