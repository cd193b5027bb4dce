"""Golden dialogues are read strictly: each mistake is named with its file, line and field, and what to do."""

from pathlib import Path

import pytest

from oxy_ai.evaluation.figures import percentile
from oxy_ai.golden.document import DialogueError
from oxy_ai.golden.library import read_library
from oxy_ai.golden.patterns import found_in, is_meant

BUSINESS = """
profile: petshop
name: Pet Shop Aurora
catalog: {version: 1}
"""
GOOD = """\
title: Preço do banho
skill: prices
intent: services
clock: 2026-12-01 10:00
before:
  person:
    records: [{name: Rex, species: cachorro}]
turns:
  - says: quanto custa?
    calls: [{tool: consultar_servicos}]
    answer: {has: [banho]}
"""


def read(folder: Path, text: str) -> str:
    """Write a dialogue and read it; returns what is wrong with it."""
    (folder / "businesses").mkdir(exist_ok=True)
    (folder / "businesses/default.yaml").write_text(BUSINESS)
    (folder / "one.yaml").write_text(text)
    try:
        read_library([folder])
    except DialogueError as error:
        return str(error).replace(f"{folder}/", "")
    return ""


def test_a_right_one_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD) == ""


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("skill: prices", "skill: price", "one.yaml:2: skill: must be one of 'records', 'booking'"),
        ("    answer:", "    anwser:", "one.yaml:11: turns[0].anwser: there is no such field: did you mean answer?"),
        ("title: Preço do banho\n", "", "one.yaml:1: title: is missing: add it"),
        ("2026-12-01 10:00", "2026-12-01T10:00:00Z", "one.yaml:4: clock: write the local day and time, as 2026-12-01"),
        ("2026-12-01 10:00", "amanhã", "one.yaml:4: clock: write the local day and time"),
        (
            "has: [banho]",
            "has: [65]",
            "one.yaml:11: turns[0].answer.has[0]: must be a text: write it in quotes, as '65'",
        ),
        ("has: [banho]", "has: ['/(/']", "one.yaml:11: turns[0].answer.has[0]: is not a regular expression"),
        ("has: [banho]", "has: [' ']", "one.yaml:11: turns[0].answer.has[0]: is empty: write the words"),
        ("species: cachorro", "species: dragão", "one.yaml:7: before.person.records[0].species: must be one of"),
        ("clock:", "business: other\nclock:", "one.yaml:1: business: there is no businesses/other.yaml"),
        ("clock:", "settings: {ai: {modle: x}}\nclock:", "one.yaml:4: settings: ai.modle is no setting; there are:"),
        ("clock:", "settings: {ai: {temperature: 9}}\nclock:", "one.yaml:4: settings: ai.temperature: Input should be"),
        ("intent: services", "intent: services\nintent: other", "one.yaml:4: intent: is given twice"),
        ("says: quanto custa?", "says: {forwarded: true}", "one.yaml:9: turns[0].says: give text, or one of voice"),
        ("turns:", "turns: [", "check indentation, and put texts with"),
        ("turns:", "more: &more [*more]\nturns:", "a value contains itself (&, *), or is not what it says that it is"),
        ("skill: prices", "skill: !!int ''", "a value contains itself (&, *), or is not what it says that it is"),
        (
            "  - says",
            "  - at: 2026-11-30 10:00\n    says: oi\n  - at: 2026-11-29 10:00\n    says",
            "is before the one above",
        ),
        ("turns:", "after: {others: [{phone: '+5511912349999'}]}\nturns:", "is not among before.others"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_remedy(tmp_path: Path, old: str, new: str, mistake: str) -> None:
    assert old in GOOD
    assert mistake in read(tmp_path, GOOD.replace(old, new, 1))


def test_a_time_zone_that_there_is_not_is_named(tmp_path: Path) -> None:
    read(tmp_path, GOOD)
    (tmp_path / "businesses/default.yaml").write_text(BUSINESS + "timezone: America/Sao_Paolo\n")
    with pytest.raises(DialogueError, match=r"there is no 'America/Sao_Paolo': write one such as America/Sao_Paulo"):
        read_library([tmp_path])


def test_mistakes_of_all_files_are_named_at_once(tmp_path: Path) -> None:
    read(tmp_path, GOOD)
    for number in range(3):
        (tmp_path / f"wrong{number}.yaml").write_text(GOOD.replace("skill: prices", f"skill: wrong{number}"))
    with pytest.raises(DialogueError) as raised:
        read_library([tmp_path])
    assert [mistake.file.name for mistake in raised.value.mistakes] == ["wrong0.yaml", "wrong1.yaml", "wrong2.yaml"]


def test_words_are_found_whatever_their_case_and_accents_are() -> None:
    assert found_in("amanha", "Amanhã às 10h")
    assert found_in("/\\b10h\\b/", "Amanhã às 10h")
    assert not found_in("/\\b1h\\b/", "Amanhã às 10h")
    assert is_meant("banho", "Banho")
    assert not is_meant("banho", "Banho e tosa")
    assert is_meant("/^banho/", "Banho e tosa")


def test_percentiles_are_values_that_were_measured() -> None:
    assert percentile([], 50) is None
    assert percentile([3.0], 95) == 3.0
    assert [percentile([1.0, 2.0, 3.0, 4.0], percent) for percent in (50, 95)] == [2.0, 4.0]
