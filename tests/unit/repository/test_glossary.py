import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GLOSSARY = ROOT / "docs" / "glossary.md"
ENTRIES = re.findall(r"^- \*\*(.+?)\*\*(.*?)(?=^- \*\*|\Z)", GLOSSARY.read_text(), re.MULTILINE | re.DOTALL)
TERMS = [term for term, _ in ENTRIES]
FILE = re.compile(r"`([\w./-]+/[\w.-]+\.\w+)`")


def test_the_glossary_has_entries() -> None:
    assert len(ENTRIES) >= 30


def test_the_terms_are_in_order_and_named_once() -> None:
    assert sorted(set(TERMS), key=str.casefold) == TERMS


@pytest.mark.parametrize(("term", "text"), ENTRIES, ids=TERMS)
def test_each_file_that_an_entry_names_exists(term: str, text: str) -> None:
    assert [path for path in FILE.findall(text) if not (ROOT / path).is_file()] == [], term


@pytest.mark.parametrize(("term", "text"), ENTRIES, ids=TERMS)
def test_each_entry_leads_to_a_file_or_another_term(term: str, text: str) -> None:
    others = re.findall(r"\*(\w[\w -]+)\*\.", text)
    assert FILE.search(text) or (others and set(others) <= set(TERMS)), term


@pytest.mark.parametrize("document", ["README.md", "docs/architecture.md"])
def test_readers_find_the_glossary(document: str) -> None:
    assert "glossary.md" in (ROOT / document).read_text()
