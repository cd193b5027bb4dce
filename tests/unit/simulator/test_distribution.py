"""The simulator as a distribution of its own."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[3] / "simulator"
PACKAGE = ROOT / "oxy_simulator"


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def test_it_imports_nothing_but_what_it_depends_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[<>=\[ ]", line)[0].lower() for line in project["dependencies"]}
    declared.add("pydantic_core")  # which pydantic requires in exactly its version
    distributions = packages_distributions()
    for file in PACKAGE.rglob("*.py"):
        foreign = {name for name in imported(file) if name not in sys.stdlib_module_names and name != "oxy_simulator"}
        if file.name == "pytest_plugin.py":
            foreign.discard("pytest")  # whoever loads the plugin has it
        for name in foreign:
            owners = {owner.lower() for owner in distributions.get(name, [name])}
            assert owners & declared, f"{file.name} imports {name}, which simulator/pyproject.toml does not require"


def test_the_wheel_has_everything_that_is_read_at_run_time(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    assert {
        f"oxy_simulator/{name}" for name in ("tokens.json", "trust/sitecustomize.py", "trust/preload.cjs")
    } <= packed
    kept = {
        str(file.relative_to(ROOT)) for file in PACKAGE.rglob("*") if file.is_file() and "__pycache__" not in file.parts
    }
    assert kept <= packed
