import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGES = (
    "core/oxy_core",
    "operator/oxy_operator",
    "tenant_runtime/oxy_tenant",
    "ai/oxy_ai",
    "cli/oxy_cli",
    "dev/oxy_dev",
)


def test_no_folder_of_ours_can_shadow_the_standard_library() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert not packages & set(sys.stdlib_module_names)
    assert not (ROOT / "operator" / "__init__.py").exists()
    assert not (ROOT / "tests" / "unit" / "operator").exists()


def test_python_started_at_the_root_finds_its_own_operator() -> None:
    found = subprocess.run(
        [sys.executable, "-c", "import operator; print(operator.__file__)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not Path(found.stdout).is_relative_to(ROOT / "operator")


def test_each_component_is_typed() -> None:
    packages = [path.parent for path in ROOT.glob("*/oxy_*/__init__.py")]
    assert len(packages) >= 7
    assert [package.name for package in packages if not (package / "py.typed").exists()] == []


def test_each_folder_says_what_belongs_there() -> None:
    folders = {file.parent for package in PACKAGES for file in (ROOT / package).rglob("*.py")}
    silent = [str(folder.relative_to(ROOT)) for folder in sorted(folders) if len(sentences(folder)) < 2]
    assert silent == []


def sentences(folder: Path) -> list[str]:
    """What a package's docstring says: what it is, and at least what belongs there or does not."""
    init = folder / "__init__.py"
    docstring = ast.get_docstring(ast.parse(init.read_text())) if init.exists() else None
    return re.findall(r"[.](?:\s|$)", docstring or "")
