"""Reading scenario files: everything that is wrong is told at once, each with line and remedy."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from oxy_simulator.scenario import Path, Scenario
from oxy_simulator.scenario_form import form_mistakes
from oxy_simulator.scenario_names import reference_mistakes
from oxy_simulator.scenario_yaml import Mark, ScenarioError, Tree, read_yaml


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
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{file}: cannot be read: {error}"
        raise ScenarioError(msg) from error
    return parse(text, str(file))


def parse(text: str, file: str) -> Document:
    """Read a scenario from text; `file` is its name in messages, and in its folder are the files that it names."""
    tree = read_yaml(text, file)
    scenario, mistakes = _validated(tree.content)
    references = reference_mistakes(tree.content, _folder(file))
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
    return (f"{file}:{mark.line}:{mark.column}: {problem}" for mark, problem in ordered)


def _place(entry: tuple[Mark, str]) -> Mark:
    return entry[0]


def _folder(file: str) -> FilePath:
    return FilePath(file).resolve().parent
