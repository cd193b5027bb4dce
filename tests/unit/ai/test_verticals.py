"""Verticals are found by name, in a checkout and in an image."""

import os
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from oxy_ai.petshop.vertical import PetShop
from oxy_ai.verticals import GROUP, find_vertical, packages_of_verticals
from oxy_core.errors import SettingsError
from oxy_dev.distribution_metadata import record_distribution

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"


def test_a_vertical_is_found_by_its_name() -> None:
    assert isinstance(find_vertical("petshop"), PetShop)
    assert packages_of_verticals() == ("oxy_ai.petshop",)


def test_an_unknown_vertical_is_refused_with_the_known_ones_and_the_remedy() -> None:
    with pytest.raises(SettingsError, match=r"OXY_VERTICAL: no .*'bakery' \(installed: petshop\).*make setup"):
        find_vertical("bakery")


def test_an_image_of_copied_folders_registers_the_same_verticals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_distribution(PYPROJECT, tmp_path)
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    found = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    assert found == tomllib.loads(PYPROJECT.read_text())["project"]["entry-points"][GROUP]


def test_a_worker_of_an_unknown_vertical_ends_at_once_and_says_why() -> None:
    environment = {
        "OXY_VERTICAL": "bakery",
        "OXY_NATS_URL": "nats://127.0.0.1:1",
        "OXY_DATABASE_URL": "postgresql://127.0.0.1:1/oxy",
        "OXY_OPENAI_API_KEY": "none",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "oxy_ai"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, "OXY_VERTICAL: no installed package provides a vertical 'bakery'" in ended.stderr) == (
        2,
        True,
    )
