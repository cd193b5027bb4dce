import json
import re
import shutil
import tarfile
from pathlib import Path

import pytest

from oxy_dev import images
from oxy_dev.cluster.errors import ClusterError
from oxy_dev.image_archive import NAME, write_archive
from oxy_dev.images import IMAGES, PROJECT, Image, chart_values, content_tag, pip_options, select
from oxy_operator.decide.specs.stateful_set import AUTHORITIES
from oxy_simulator.keys import NOISE_ROOT_FILE

DOCKERFILE = (PROJECT / "Dockerfile").read_text()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project with an image of one folder."""
    for name in ("Dockerfile", ".dockerignore", "app/code.py", "app/__pycache__/code.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


APP = Image("app", ("app",))


def test_the_simulated_image_finds_the_key_where_the_operator_mounts_the_authorities() -> None:
    assert f"OXY_NOISE_ROOT_FILE={AUTHORITIES}/{NOISE_ROOT_FILE}\n" in DOCKERFILE


def test_a_tag_changes_with_whatever_goes_into_the_image(project: Path) -> None:
    tags = [content_tag(APP, "base:1", project)]
    (project / "app/code.py").write_text("other")
    tags.append(content_tag(APP, "base:1", project))
    (project / "app/code.py").rename(project / "app/main.py")
    tags.append(content_tag(APP, "base:1", project))
    (project / "app/main.py").chmod(0o755)
    tags.append(content_tag(APP, "base:1", project))
    (project / "Dockerfile").write_text("FROM scratch")
    tags.append(content_tag(APP, "base:1", project))
    tags.append(content_tag(APP, "base:2", project))
    assert len(set(tags)) == len(tags)


def test_a_tag_does_not_change_with_anything_else(project: Path) -> None:
    before = content_tag(APP, "base:1", project)
    (project / "README").write_text("new")
    (project / "app/__pycache__/code.pyc").write_text("compiled again")
    (project / "app/code.py").touch()
    assert content_tag(APP, "base:1", project) == before


def test_a_source_that_is_missing_is_named(project: Path) -> None:
    shutil.rmtree(project / "app")
    with pytest.raises(ClusterError, match="app is missing"):
        content_tag(APP, "base:1", project)


def stages() -> dict[str, str]:
    """Return the Dockerfile's stages by name, each beginning with what it builds on."""
    found = re.split(r"(?m)^FROM ", DOCKERFILE)[1:]
    return {stage.split()[2]: stage for stage in found}


def copied(target: str) -> set[str]:
    """Return the paths of the project that go into a stage, through whatever stages."""
    if target not in stages():
        return set()
    stage = stages()[target]
    own = {path for line in re.findall(r"(?m)^COPY (?!--from)(.+)$", stage) for path in line.split()[:-1]}
    own.update(re.findall(r"--mount=type=bind,source=([^,\s]+)", stage))
    others = [stage.split()[0], *re.findall(r"(?m)^COPY --from=(\S+)", stage)]
    return own.union(*map(copied, others))


def test_an_images_tag_depends_on_all_that_is_copied_into_it_and_nothing_else() -> None:
    for image in IMAGES:
        paths = copied(image.target)
        assert paths, image.target
        assert all(any(path == source or path.startswith(f"{source}/") for source in image.sources) for path in paths)
        assert all(any(path == source or path.startswith(f"{source}/") for path in paths) for source in image.sources)


def test_what_images_need_reaches_the_builder() -> None:
    allowed = [line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for image in IMAGES:
        for source in image.sources:
            assert any(source == path or source.startswith(f"{path}/") for path in allowed), source


def test_core_is_locked_as_in_every_component() -> None:
    """Its layer is shared: a component must not need other versions in it."""

    def pins(name: str) -> dict[str, str]:
        text = (PROJECT / "requirements" / f"{name}.txt").read_text()
        return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", text, flags=re.MULTILINE))

    for component in ("operator", "tenant", "ai"):
        assert pins("core").items() <= pins(component).items()


def test_no_image_is_left_to_root() -> None:
    final = [stage for stage in re.split(r"(?m)^FROM ", DOCKERFILE) if re.search(r"(?m)^(CMD|ENTRYPOINT)", stage)]
    assert len(final) == len(IMAGES) - 1  # tenant-simulated takes tenant's
    assert all("\nUSER 65532:65532\n" in stage for stage in final)


def test_an_unknown_target_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ClusterError, match=r"no image nope.*operator"):
        select(["ai", "nope"])


def test_targets_are_built_in_the_dockerfiles_order() -> None:
    assert [image.target for image in select(["ai", "operator"])] == ["operator", "ai"]
    assert select([]) == IMAGES


def test_the_simulated_tenant_takes_the_place_of_the_real_one() -> None:
    references = {"tenant": "r/oxy-tenant:1", "ai": "r/oxy-ai:1", "model": "r/oxy-model:1"}
    assert chart_values(references) == {"images": {"tenant": "r/oxy-tenant:1", "ai": "r/oxy-ai:1"}}
    simulated = chart_values({**references, "tenant-simulated": "r/oxy-tenant-simulated:1"})
    assert simulated["images"]["tenant"] == "r/oxy-tenant-simulated:1"


@pytest.mark.parametrize(
    ("listing", "options"),
    [
        ("", {}),
        ("global.index-url='https://a'\n:env:.index-url='https://b'", {"index-url": "https://b"}),
        (":env:.index-url='https://b'\nglobal.index-url='https://a'", {"index-url": "https://b"}),
        ("global.timeout='1'\ninstall.timeout='2'\nwheel.timeout='3'", {"timeout": "2"}),
        ("a line of something else", {}),
    ],
)
def test_pips_settings_are_read_as_pip_ranks_them(listing: str, options: dict[str, str]) -> None:
    assert pip_options(listing) == options


def test_the_base_has_a_new_name_when_its_recipe_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    before = images.base_reference()
    monkeypatch.setattr(images, "BASE_PACKAGES", (*images.BASE_PACKAGES, "curl"))
    assert images.base_reference() != before


def exported(folder: Path, *layers: str) -> Path:
    """Write an image as `buildah push … dir:` does; each layer's content is its digest."""
    folder.mkdir()
    blobs = [f"sha256:{name * 64}" for name in layers]
    config = f"sha256:{folder.name[0] * 64}"
    for digest in (*blobs, config):
        (folder / digest.removeprefix("sha256:")).write_text(digest)
    manifest = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"digest": config},
        "layers": [{"digest": digest} for digest in blobs],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_an_archive_has_each_layer_once_and_none_that_the_node_has(tmp_path: Path) -> None:
    folders = {"r/one:1": exported(tmp_path / "eins", "a", "b"), "r/two:1": exported(tmp_path / "fünf", "a", "b", "c")}
    write_archive(tmp_path / "images.tar", folders, present={f"sha256:{'a' * 64}"})
    with tarfile.open(tmp_path / "images.tar") as tar:
        names = tar.getnames()
        index = json.load(tar.extractfile("index.json") or pytest.fail("no index"))
    layers = [name for name in names if name.startswith("blobs/") and name[-1] in "abc" and len(set(name[-64:])) == 1]
    assert sorted(name[-1] for name in layers) == ["b", "c"]
    assert [item["annotations"][NAME] for item in index["manifests"]] == ["r/one:1", "r/two:1"]
    for item in index["manifests"]:
        assert f"blobs/{item['digest'].replace(':', '/')}" in names
