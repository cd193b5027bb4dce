from pathlib import Path

import pytest

from oxy_dev.style import (
    LONG_FUNCTION,
    MAX_CLASS,
    PYTHON_GOAL,
    SQL_GOAL,
    Block,
    Figures,
    Goal,
    StyleError,
    misses,
    python_figures,
    read_python,
    read_sql,
)

PATH = Path("some/file")

PYTHON = '''"""Module."""

import os  # noqa: F401 an example


@decorated
def outer(first):
    """Two lines.

    And a third.
    """
    # only a comment
    def inner():
        return first

    return inner  # beside code: no comment line


LIMIT: int = 3
"""What follows a constant is its docstring."""


class Thing:
    text = """
    not a docstring
    """

    async def method(self):
        return 1  # type: ignore[misc]
'''

SQL = """-- create function not_this_one() in a comment
create table t (id bigint);

create function short() returns integer
language sql stable
as $$ select 1 $$;

CREATE OR REPLACE FUNCTION longer(
    -- what it takes
    a integer
) returns integer
language plpgsql
as $body$
begin
    execute $$ select 1 $$;
    return a;
end $body$;
"""


def named(blocks: tuple[Block, ...]) -> dict[str, tuple[int, int]]:
    return {block.name: (block.line, block.length) for block in blocks}


def functions(*lengths: int) -> Figures:
    return Figures(tuple(Block(f"f{number}", PATH, 1, length) for number, length in enumerate(lengths)))


def test_python_functions_are_counted_from_def_to_their_last_line() -> None:
    assert named(read_python(PYTHON, PATH).functions) == {"outer": (7, 10), "inner": (13, 2), "method": (28, 2)}


def test_python_classes_are_counted_from_class_to_their_last_line() -> None:
    assert named(read_python(PYTHON, PATH).classes) == {"Thing": (23, 7)}


def test_python_source_lines_are_neither_blank_nor_comments_nor_docstrings() -> None:
    figures = read_python(PYTHON, PATH)
    assert (figures.source_lines, figures.comment_lines, figures.suppressions) == (13, 1, 2)


def test_words_about_suppressions_in_a_string_are_none() -> None:
    assert read_python('text = "# noqa: X"\n', PATH).suppressions == 0


def test_sql_functions_are_counted_from_create_to_the_end_of_their_body() -> None:
    assert named(read_sql(SQL, PATH).functions) == {"short": (4, 3), "longer": (8, 10)}


def test_sql_comment_lines_are_not_source_lines() -> None:
    figures = read_sql(SQL, PATH)
    assert (figures.source_lines, figures.comment_lines) == (13, 2)


def test_a_sql_function_without_a_quoted_body_is_refused_and_not_left_out() -> None:
    text = "create function one() returns integer language sql return 1;\n" + SQL
    with pytest.raises(StyleError, match="some/file:1: the body of one"):
        read_sql(text, PATH)


def test_figures_of_nothing_are_zero() -> None:
    nothing = Figures()
    assert (nothing.median, nothing.p90, nothing.longest, misses("x", nothing, PYTHON_GOAL)) == (0, 0, None, [])


def test_nine_of_ten_functions_are_shorter_than_the_tenth() -> None:
    figures = functions(*[3] * 9, 20)
    assert (figures.median, figures.p90, figures.longest) == (3, 20, figures.functions[-1])


@pytest.mark.parametrize(
    ("figures", "goal", "parts"),
    [
        (functions(PYTHON_GOAL.longest), SQL_GOAL, ["some/file:1 f0 (45 lines)", "the median function"]),
        (functions(*[PYTHON_GOAL.median] * 9, PYTHON_GOAL.longest), PYTHON_GOAL, ["one function in ten"]),
        (functions(*[1] * 30, PYTHON_GOAL.longest + 1), PYTHON_GOAL, ["f30 (46 lines) is too long"]),
        (functions(*[1] * 30, PYTHON_GOAL.longest), PYTHON_GOAL, []),
        (functions(*[LONG_FUNCTION] * 1, *[SQL_GOAL.median] * 9), SQL_GOAL, []),
        (Figures(classes=(Block("Big", PATH, 1, MAX_CLASS + 1),)), PYTHON_GOAL, ["Big (301 lines) is too long"]),
    ],
)
def test_missed_goals_are_named(figures: Figures, goal: Goal, parts: list[str]) -> None:
    found = misses("x", figures, goal)
    assert len(found) == len(parts)
    for part, line in zip(parts, found, strict=True):
        assert part in line


def test_generated_files_are_not_counted(tmp_path: Path) -> None:
    (tmp_path / "a_pb2.py").write_text("def generated(): ...\n")
    (tmp_path / "b.py").write_text("def written(): ...\n")
    assert list(named(python_figures(tmp_path, tmp_path).functions)) == ["written"]


def test_a_file_of_tables_alone_has_no_function() -> None:
    assert read_sql("create table t (id bigint);\n", PATH) == Figures(source_lines=1)
