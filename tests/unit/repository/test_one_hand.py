"""The production packages and dev are written in one hand; what a formatter and a linter cannot hold, this does."""

import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PRODUCTION = ("core/oxy_core", "operator/oxy_operator", "tenant_runtime/oxy_tenant", "ai/oxy_ai", "cli/oxy_cli")
PACKAGES = (*PRODUCTION, "dev/oxy_dev")
WRITTEN = ("core", "operator", "tenant_runtime", "ai", "cli", "dev", "charts", "crds", "docs", "examples", "tests")
"""Folders whose every file is ours, in English or code. The simulator follows in its own time."""
BINARY = {".pyc", ".png", ".ico", ".jpg", ".gz", ".bin"}

Rule = Callable[[Path], Iterator[tuple[int, str]]]
"""Yields line and reason of each violation in a Python file."""


def python_files(*folders: str) -> list[Path]:
    return [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]


def comments(file: Path) -> Iterator[tokenize.TokenInfo]:
    tokens = tokenize.generate_tokens(io.StringIO(file.read_text()).readline)
    return (token for token in tokens if token.type == tokenize.COMMENT)


def is_constant(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) and re.fullmatch(r"_*[A-Z][A-Z0-9_]+", target.id) is not None


def names_of(statement: ast.stmt) -> list[ast.expr]:
    match statement:
        case ast.Assign(targets=targets):
            return [name for target in targets for name in (target.elts if isinstance(target, ast.Tuple) else [target])]
        case ast.AnnAssign(target=target):
            return [target]
    return []


def constants_are_final(file: Path) -> Iterator[tuple[int, str]]:
    for statement in ast.parse(file.read_text()).body:
        if any(map(is_constant, names_of(statement))):
            annotation = ast.unparse(statement.annotation) if isinstance(statement, ast.AnnAssign) else ""
            if not annotation.startswith("Final"):
                yield statement.lineno, "a constant is declared NAME: Final = …"


def error_messages_are_called_message(file: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Name) and node.id == "msg" and isinstance(node.ctx, ast.Store):
            yield node.lineno, "the text of an error is called message"


def loggers_have_no_name(file: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Assign(targets=[target], value=ast.Call(func=function)) if "get_logger" in ast.unparse(function):
                if ast.unparse(node) != "log = structlog.get_logger()":
                    yield node.lineno, f"a logger is log = structlog.get_logger(), not {ast.unparse(target)} = …"


def constants_are_described_below_them(file: Path) -> Iterator[tuple[int, str]]:
    for comment in comments(file):
        if comment.string.startswith("#:"):
            yield comment.start[0], "a constant is described by a string after it, not by a comment #:"


def names_are_quoted_in_backticks(file: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        if re.search(r":(class|func|meth|mod|attr|exc|data|obj|ref):`", line):
            yield number, "a name in a docstring stands in backticks, without a role"


def suppressions_have_reasons(file: Path) -> Iterator[tuple[int, str]]:
    for comment in comments(file):
        if "noqa" in comment.string and not re.search(r"# noqa: [A-Z]+\d+(, [A-Z]+\d+)* [\w`\"(]", comment.string):
            yield comment.start[0], "a suppression is written # noqa: CODE reason"


def sections_have_one_form(file: Path) -> Iterator[tuple[int, str]]:
    for comment in comments(file):
        text = comment.string[1:].strip()
        if re.match(r"[-=*~#─━_]{2}", text) and not re.fullmatch(r"# -- \w[^-=─]*", comment.string):
            yield comment.start[0], "a section begins with # -- its name"


def nothing_is_left_to_do(file: Path) -> Iterator[tuple[int, str]]:
    for comment in comments(file):
        if re.search(r"\b(TODO|FIXME|XXX)\b", comment.string):
            yield comment.start[0], "what is to do stands in an issue, not in the code"


RULES: list[Rule] = [
    constants_are_final,
    error_messages_are_called_message,
    loggers_have_no_name,
    constants_are_described_below_them,
    names_are_quoted_in_backticks,
    suppressions_have_reasons,
    sections_have_one_form,
    nothing_is_left_to_do,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_all_packages_are_written_in_one_hand(rule: Rule) -> None:
    violations = [
        f"{file.relative_to(ROOT)}:{line}: {reason}" for file in python_files(*PACKAGES) for line, reason in rule(file)
    ]
    assert violations == []


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (constants_are_final, "LIMIT = 3\n"),
        (constants_are_final, "_ONE, _TWO = 1, 2\n"),
        (constants_are_final, "LIMIT: int = 3\n"),
        (error_messages_are_called_message, 'def f():\n    msg = "x"\n'),
        (loggers_have_no_name, "log = structlog.get_logger(__name__)\n"),
        (loggers_have_no_name, "logger = structlog.get_logger()\n"),
        (constants_are_described_below_them, "#: What it is.\nX = 1\n"),
        (names_are_quoted_in_backticks, '"""See :class:`X`."""\n'),
        (suppressions_have_reasons, "import os  # noqa: F401\n"),
        (suppressions_have_reasons, "import os  # noqa: F401 - a reason\n"),
        (suppressions_have_reasons, "import os  # noqa\n"),
        (sections_have_one_form, "# ---- section ----\n"),
        (sections_have_one_form, "# ======\n"),
        (nothing_is_left_to_do, "x = 1  # TODO: more\n"),
    ],
)
def test_each_rule_finds_what_it_forbids(rule: Rule, text: str, tmp_path: Path) -> None:
    file = tmp_path / "example.py"
    file.write_text(text)
    assert len(list(rule(file))) == 1


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_rule_forbids_what_is_right(rule: Rule, tmp_path: Path) -> None:
    file = tmp_path / "example.py"
    file.write_text(
        '"""Module."""\n\nimport os  # noqa: F401, ERA001 a reason\n\nLIMIT: Final = 3\n"""What it is."""\n\n'
        'log = structlog.get_logger()\nJson = dict[str, str]\nT = TypeVar("T")\n\n\n# -- section, with a name\n\n\n'
        'def f():\n    """See `LIMIT`."""\n    message = "todo"\n    raise ValueError(message)\n'
    )
    assert list(rule(file)) == []


def test_a_catalog_is_spelled_in_one_way() -> None:
    other = "catalog" + "ue"
    files = [*ROOT.glob("*.md"), *(file for folder in WRITTEN for file in (ROOT / folder).rglob("*") if file.is_file())]
    texts = [file for file in files if file.suffix not in BINARY and "__pycache__" not in file.parts]
    assert len(texts) > 100
    found = [file for file in texts if other in file.name.lower() or other in file.read_text().lower()]
    assert [str(file.relative_to(ROOT)) for file in found] == []


def test_a_class_name_means_one_thing_in_all_production_packages() -> None:
    owners: defaultdict[str, set[str]] = defaultdict(set)
    for package in PRODUCTION:
        for file in python_files(package):
            for statement in ast.parse(file.read_text()).body:
                if isinstance(statement, ast.ClassDef) and not statement.name.startswith("_"):
                    owners[statement.name].add(package)
    assert {name: sorted(packages) for name, packages in owners.items() if len(packages) > 1} == {}
