"""No code outside the pet shop depends on it: everything else works for any line of business."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[3] / "ai/oxy_ai"
VERTICAL = PACKAGE / "petshop"
WORDS = re.compile(
    r"(?i)\b(pet|pets|pet[ -]?shops?|banhos?|tosas?|animal|animals|animais|dogs?|cats?|cachorros?|gatos?|grooming|"
    r"veterinar\w*|veterinár\w*|vacinas?)\b|pet_|_pet\b|petshop"
)
FILES = sorted(
    path for pattern in ("*.py", "*.sql") for path in PACKAGE.rglob(pattern) if not path.is_relative_to(VERTICAL)
)


def imported(path: Path) -> set[str]:
    """Return the modules that a Python file imports, at any level."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found.update([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)])
    return found


def test_all_folders_are_checked() -> None:
    folders = {path.relative_to(PACKAGE).parts[0] for path in FILES}
    assert folders >= {"engine", "schema", "assistants", "model", "scheduling", "reports", "migrations"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_neither_imports_nor_mentions_the_pet_shop(path: Path) -> None:
    if path.suffix == ".py":
        assert not [name for name in imported(path) if name.startswith("oxy_ai.petshop")]
    assert [match.group() for match in WORDS.finditer(path.read_text())] == []
