"""Verticals are found by name, in a checkout and in an image."""

import tomllib
from importlib.metadata import EntryPoint, entry_points
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


def test_any_vertical_recognises_an_emergency_and_a_broken_one_stops_none(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint("bakery", "oxy_bakery:Bakery", GROUP)
    installed = (broken, *entry_points(group=GROUP))
    monkeypatch.setattr("oxy_ai.verticals.entry_points", lambda **_: installed)
    verticals = Verticals()
    for _ in range(2):
        assert verticals.see_emergency("Meu cachorro comeu veneno de rato!")
        assert not verticals.see_emergency("Quanto custa o banho?")


def test_an_image_of_copied_folders_registers_the_same_verticals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_distribution(PYPROJECT, tmp_path)
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    found = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    assert found == tomllib.loads(PYPROJECT.read_text())["project"]["entry-points"][GROUP]
