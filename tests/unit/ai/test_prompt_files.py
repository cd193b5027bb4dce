"""Prompts are files whose variables are checked."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from oxy_ai.assistants.prompt_files import HASH_LENGTH, PromptFile, PromptFileError, hash_of


@dataclass(frozen=True)
class Names:
    one: str
    two: str


def written(folder: Path, text: str) -> Path:
    file = folder / "prompt.md"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ("a", "b", "Diga a.\n\nDepois b e a."),
        ("", "b", "Depois b e ."),
        ("", "", ""),
        ("{{ two }}", "\\1", "Diga {{ two }}.\n\nDepois \\1 e {{ two }}."),
    ],
)
def test_a_paragraph_whose_variables_are_all_empty_is_left_out(
    tmp_path: Path, one: str, two: str, expected: str
) -> None:
    file = PromptFile.read(written(tmp_path, "Diga {{ one }}.\n\nDepois {{ two }} e {{ one }}.\n"), Names)
    assert file.fill(Names(one, two)) == expected


@pytest.mark.parametrize("text", ["{{ one }}", "{{ one }} {{ two }} {{ three }}", "{{ one }} {{ two }} {{two}}", "}}"])
def test_a_file_whose_variables_are_not_those_of_its_type_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(PromptFileError, match=r"prompt\.md"):
        PromptFile.read(written(tmp_path, text), Names)


def test_a_hash_tells_versions_apart(tmp_path: Path) -> None:
    one = PromptFile.read(written(tmp_path, "{{ one }} {{ two }}"), Names)
    other = PromptFile.read(written(tmp_path, "{{ one }}, {{ two }}"), Names)
    assert len({hash_of(one, other), hash_of(other, one), hash_of(one), hash_of(one, one)}) == 4
    assert len(hash_of(one)) == HASH_LENGTH
