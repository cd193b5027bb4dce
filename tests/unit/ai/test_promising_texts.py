"""Every text of ours that promises a person comes with somebody who is told.

Texts are collected from the code, so that a new one cannot be forgotten. `tests/integration/ai/test_promises.py` shows
through the engine that somebody is told.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from oxy_ai.assistants.people import People, person_will_answer
from oxy_ai.portuguese.promises import promises_person

SOURCES: Final = Path(__file__).parents[3] / "ai/oxy_ai"

ONE_PLACE: Final = {"assistants/people.py", "assistants/escalation.py"}
"""Told to customers only by `person_will_answer`, whose callers order a hand-over; and the tool that orders one."""
FOR_OWNERS: Final = {"assistants/fixed_texts.py"}
"""Whoever reads these is told by them."""
TOOL: Final = "escalar_para_humano"
USERS: Final = {
    "assistants/fixed_texts.py": "apology",  # its callers: engine/turn_failures.py
    "engine/turn_endings.py": "said",
}
"""Who says it to customers; tests/integration/ai/test_promises.py has a dialogue for each of their uses."""


class Text(NamedTuple):
    """A text in the code."""

    file: str
    line: int
    words: str
    parents: tuple[ast.AST, ...]


def texts() -> Iterator[Text]:
    for path in sorted(SOURCES.rglob("*.py")):
        file = str(path.relative_to(SOURCES))
        if not file.startswith("portuguese/"):
            yield from _texts(file, ast.parse(path.read_text()), ())


def _texts(file: str, node: ast.AST, parents: tuple[ast.AST, ...]) -> Iterator[Text]:
    match node:
        case ast.Constant(value=str() as words):
            yield Text(file, node.lineno, words, parents)
        case ast.JoinedStr(values=values):
            words = "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in values)
            yield Text(file, node.lineno, words, parents)
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _texts(file, child, (*parents, node))


@pytest.fixture(scope="module")
def promising() -> list[Text]:
    """All of them. To find them takes more than a second, which is no part of importing this file."""
    return [text for text in texts() if promises_person(text.words)]


def comes_with_a_hand_over(text: Text) -> bool:
    """Whether the text is part of a refusal that orders one."""
    calls = (parent for parent in text.parents if isinstance(parent, ast.Call))
    return any(keyword.arg == "hand_over" for call in calls for keyword in call.keywords)


def test_a_promise_in_the_code_comes_with_a_hand_over(promising: list[Text]) -> None:
    known = ONE_PLACE | FOR_OWNERS
    others = [text for text in promising if text.file not in known and TOOL not in text.words]
    alone = [f"{text.file}:{text.line}: {text.words}" for text in others if not comes_with_a_hand_over(text)]
    assert alone == [], "say it by person_will_answer, or order a hand-over"


def test_the_search_finds_what_it_must(promising: list[Text]) -> None:
    assert {text.file for text in promising} >= ONE_PLACE | FOR_OWNERS
    refusal = 'ToolRefusal(erro="Uma pessoa vai responder.", hand_over=order)'
    for source, complete in ((refusal, True), (refusal.replace("hand_over=", "other="), False)):
        [text] = [text for text in _texts("x", ast.parse(source), ()) if promises_person(text.words)]
        assert comes_with_a_hand_over(text) is complete


@pytest.mark.parametrize("file", sorted(SOURCES.rglob("prompt_files/*")), ids=lambda file: file.name)
def test_a_prompt_that_speaks_of_a_person_names_the_tool(file: Path) -> None:
    text = file.read_text()
    assert "uma pessoa" not in text or TOOL in text


def test_only_known_functions_say_it_to_customers() -> None:
    found = {}
    for path in SOURCES.rglob("*.py"):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and any(
                isinstance(node, ast.Name) and node.id == "person_will_answer" for node in ast.walk(function)
            ):
                found[str(path.relative_to(SOURCES))] = function.name
    assert found == USERS


def test_what_customers_are_told_is_a_promise_only_if_somebody_is_told() -> None:
    assert promises_person(person_will_answer(People(told=True)))
    assert not promises_person(person_will_answer(People(told=False)))
