"""Verticals are found by name, in a checkout and in an image."""

import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from oxy_ai.errors import ProfileUnknownError
from oxy_ai.petshop.vertical import PetShop
from oxy_ai.verticals import GROUP, Verticals, packages_of_verticals
from oxy_dev.distribution_metadata import record_distribution

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"


def test_a_vertical_is_loaded_by_its_name_and_kept() -> None:
    verticals = Verticals()
    assert isinstance(verticals.named("petshop"), PetShop)
    assert verticals.named("petshop") is verticals.named("petshop")
    assert packages_of_verticals() == ("oxy_ai.petshop",)


def test_an_unknown_profile_is_refused_with_the_known_ones_and_the_remedy() -> None:
    with pytest.raises(ProfileUnknownError, match=r"spec.ai.profile: no .*'bakery' \(installed: petshop\); correct"):
        Verticals().named("bakery")


def test_an_image_of_copied_folders_registers_the_same_verticals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_distribution(PYPROJECT, tmp_path)
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    found = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    assert found == tomllib.loads(PYPROJECT.read_text())["project"]["entry-points"][GROUP]
