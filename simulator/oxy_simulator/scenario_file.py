"""Reading scenario files: everything that is wrong is told at once, each with line and remedy."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Final

from pydantic import ValidationError

from oxy_simulator.scenario import Path, Scenario
from oxy_simulator.scenario_form import dotted, form_mistakes
from oxy_simulator.scenario_names import reference_mistakes
from oxy_simulator.scenario_variables import variable_mistakes
from oxy_simulator.scenario_yaml import Mark, ScenarioError, Tree, read_yaml
from oxy_simulator.surrogates import ADVICE, halved

MAX_SIZE: Final = 1 << 20
"""The largest scenario file that is read, in bytes."""


@dataclass(frozen=True, slots=True)
class Document:
    """A scenario and where its parts stand."""

    file: str
    scenario: Scenario
    tree: Tree

    @property
    def folder(self) -> FilePath:
        """The folder of the file, from which it names others."""
        return _folder(self.file)

    def where(self, path: Path) -> str:
        """Return file, line and column of a part, or of the nearest part around it."""
        mark = self.tree.mark(path)
        return f"{self.file}:{mark.line}:{mark.column}"


def load_all(files: Iterable[FilePath]) -> list[Document]:
    """Read scenarios; raise ScenarioError naming everything that is wrong with any of them."""
    documents, mistakes = [], []
    for file in files:
        try:
            documents.append(load(file))
        except ScenarioError as error:
            mistakes.append(str(error))
    if mistakes:
        raise ScenarioError("\n".join(mistakes))
    return documents


def load(file: FilePath) -> Document:
    """Read a scenario; raise ScenarioError naming everything that is wrong with it."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_SIZE + 1)
    except (OSError, ValueError) as error:
        msg = f"{file}: cannot be read: {error}; name a file that exists and that this user may read"
        raise ScenarioError(msg) from error
    if len(content) > MAX_SIZE:
        msg = f"{file}: larger than {MAX_SIZE >> 20} MiB, so it is no scenario; name another file"
        raise ScenarioError(msg)
    return parse(_decoded(content, file), str(file))


def _decoded(content: bytes, file: FilePath) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        msg = f"{file}:{line}:{column}: not UTF-8 (byte {content[error.start]:#04x}); save the file as UTF-8"
        raise ScenarioError(msg) from error


def parse(text: str, file: str) -> Document:
    """Read a scenario from text; `file` is its name in messages, and in its folder are the files that it names."""
    tree = read_yaml(text, file)
    scenario, mistakes = _validated(tree.content)
    references = [*reference_mistakes(tree.content, _folder(file)), *variable_mistakes(tree.content)]
    mistakes += [(path, f"{dotted(path)}: {ADVICE}") for path in halved(tree.content)]
    places = {path for path, _ in mistakes}
    mistakes += [(path, problem) for path, problem in references if path not in places]
    if scenario is None or mistakes or tree.repeated:
        raise ScenarioError("\n".join(_listed(file, tree, mistakes)))
    return Document(file, scenario, tree)


def _validated(content: Any) -> tuple[Scenario | None, list[tuple[Path, str]]]:  # noqa: ANN401 - whatever the file holds
    try:
        return Scenario.model_validate(content), []
    except ValidationError as error:
        return None, list(form_mistakes(error))


def _listed(file: str, tree: Tree, mistakes: list[tuple[Path, str]]) -> Iterator[str]:
    """Yield a line for each mistake, in the order of the file."""
    marked = [*tree.repeated, *((tree.mark(path), problem) for path, problem in mistakes)]
    ordered = sorted(dict.fromkeys(marked), key=_place)
    return (f"{file}:{mark.line}:{mark.column}: {' '.join(problem.splitlines())}" for mark, problem in ordered)


def _place(entry: tuple[Mark, str]) -> Mark:
    return entry[0]


def _folder(file: str) -> FilePath:
    return FilePath(file).resolve().parent
