"""Charts: what they show of any values and names, as SVG and as a picture."""

from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxy_ai.aurora.charts.bars import MOST, Bar, Bars, draw_bars
from oxy_ai.aurora.charts.columns import Columns, draw_columns
from oxy_ai.aurora.charts.frame import NOTHING, WIDTH, Heading
from oxy_ai.aurora.charts.lettering import drawable, fitted, in_two_lines, size_for, width_of
from oxy_ai.aurora.charts.lines import Lines, draw_lines
from oxy_ai.aurora.charts.picture import rendered
from oxy_ai.aurora.charts.table import Row, Table, Trend, draw_table
from oxy_ai.aurora.charts.units import Unit, scale, short, written
from oxy_core.file_types import mime_of

HEADING = Heading("Receita por dia", "23/11/2026 a 29/11/2026", ("esta semana", "semana anterior"))
SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 our own


def texts(svg: str) -> list[str]:
    """What is written in a drawing, from its first shape to the last."""
    return [element.text or "" for element in parsed(svg).iter(f"{SVG}text")]


def boxes(svg: str, colour: str = "#0f766e") -> list[float]:
    """The heights of the rectangles of a colour, beside the legend's."""
    found = [element for element in parsed(svg).iter(f"{SVG}rect") if element.get("fill") == colour]
    return [float(box.get("height", 0)) for box in found][1:]


@pytest.mark.parametrize(
    ("highest", "unit", "lines"),
    [
        (1, Unit.COUNT, (0, 1)),
        (5, Unit.COUNT, (0, 1, 2, 3, 4, 5)),
        (6, Unit.COUNT, (0, 2, 4, 6)),
        (40, Unit.COUNT, (0, 10, 20, 30, 40)),
        (1, Unit.CENTS, (0, 100)),
        (85_300, Unit.CENTS, (0, 20_000, 40_000, 60_000, 80_000, 100_000)),
        (130, Unit.SECONDS, (0, 60, 120, 180)),
    ],
)
def test_a_scale_has_even_lines_up_to_the_highest_value(highest: int, unit: Unit, lines: tuple[int, ...]) -> None:
    assert scale(highest, unit, 6) == lines


@given(st.integers(1, 10**18), st.sampled_from(Unit))
def test_no_scale_is_too_low_or_too_fine(highest: int, unit: Unit) -> None:
    lines = scale(highest, unit, 6)
    assert lines[0] == 0
    assert lines[-1] >= highest > lines[-2]
    assert len(lines) <= 6
    assert len({after - before for before, after in pairwise(lines)}) == 1


@pytest.mark.parametrize(
    ("value", "unit", "in_full", "in_short"),
    [
        (0, Unit.CENTS, "R$ 0,00", "R$ 0"),
        (123_456, Unit.CENTS, "R$ 1.234,56", "R$ 1,2 mil"),
        (99_999_999, Unit.CENTS, "R$ 999.999,99", "R$ 1 mi"),
        (10**17, Unit.CENTS, "R$ 1.000.000.000.000.000,00", "R$ 1.000 tri"),
        (1_893, Unit.COUNT, "1.893", "1,9 mil"),
        (9_950, Unit.COUNT, "9.950", "10 mil"),
        (80, Unit.SECONDS, "1 min 20 s", "1 min 20 s"),
        (7_260, Unit.SECONDS, "2 h 1 min", "2 h 1 min"),
    ],
)
def test_values_are_written_as_in_brazil(value: int, unit: Unit, in_full: str, in_short: str) -> None:
    assert (written(value, unit), short(value, unit)) == (in_full, in_short)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Banho 🐶🎉", "Banho"),
        ("Tosa higiênica — à mão", "Tosa higiênica — à mão"),
        ("Cafuné", "Cafuné"),
        ("👩🏽\u200d⚕️ Dra. Íris\n\n", "Dra. Íris"),
        ("犬のシャンプー", ""),
        ("a\x00b\u202ec", "abc"),
        ("1️⃣ Banho", "1 Banho"),
    ],
)
def test_what_the_font_has_not_is_left_out(text: str, shown: str) -> None:
    assert drawable(text) == shown


@given(st.text(max_size=200))
def test_a_text_fits_where_it_is_put(text: str) -> None:
    assert width_of(fitted(drawable(text), 20, 300), 20) <= 300
    assert all(width_of(line, 20) <= 300 for line in in_two_lines(drawable(text), 20, 300))
    assert size_for(text, 20, 300) <= 20


def test_columns_stand_as_high_as_their_values() -> None:
    svg = draw_columns(Columns(HEADING, ("seg", "ter", "qua"), (10_000, 20_000, 0), Unit.CENTS, (5_000, 0, 20_000)))
    first, second = boxes(svg)
    assert second == pytest.approx(2 * first, abs=0.2)
    assert boxes(svg, "#b8c4d0") == pytest.approx([first / 2, second], abs=0.2)
    assert {"R$ 100", "R$ 200", "seg", "ter", "qua", "esta semana", "semana anterior"} <= set(texts(svg))


def test_of_many_columns_the_highest_alone_has_its_value_written() -> None:
    names, values = tuple(str(day) for day in range(1, 32)), tuple(100_000 + day for day in range(31))
    shown = texts(draw_columns(Columns(HEADING, names, values, Unit.CENTS)))
    assert shown.count("R$ 1 mil") == 2  # a line of the scale, and the 31st
    assert "31" in shown
    assert "2" not in shown


def test_bars_beyond_the_limit_are_one() -> None:
    bars = tuple(Bar(f"Serviço {number}", 100 - number, number) for number in range(20))
    shown = texts(draw_bars(Bars(HEADING, bars, Unit.COUNT)))
    assert f"Outros ({20 - MOST + 1})" in shown
    assert str(sum(bar.value for bar in bars[MOST - 1 :])) in [text.replace(".", "") for text in shown]


def test_a_number_is_written_smaller_but_never_cut() -> None:
    shown = texts(draw_table(Table(HEADING, (Row("Receita", "R$ 999.999.999.999,99", "R$ 1,00", "+1%"),))))
    assert "R$ 999.999.999.999,99" in shown


def test_a_line_ends_where_the_period_has_come_to() -> None:
    svg = draw_lines(Lines(HEADING, ("seg", "ter", "qua", "qui"), ((3, 5), (1, 2)), Unit.COUNT))
    dots = [float(dot.get("cx", 0)) for dot in parsed(svg).iter(f"{SVG}circle")]
    assert len(dots) == 4
    assert max(dots) < WIDTH / 2


EMPTY = (
    draw_columns(Columns(HEADING, ("seg", "ter"), (0, 0), Unit.CENTS, (0, 0))),
    draw_columns(Columns(HEADING, (), (), Unit.COUNT)),
    draw_lines(Lines(HEADING, ("seg",), ((0,), (0,)), Unit.COUNT)),
    draw_bars(Bars(HEADING, (), Unit.COUNT)),
    draw_bars(Bars(HEADING, (Bar("Banho", 0, 0),), Unit.COUNT)),
    draw_table(Table(HEADING, ())),
)


@pytest.mark.parametrize("svg", EMPTY, ids=range(len(EMPTY)))
def test_a_chart_of_nothing_says_so(svg: str) -> None:
    assert NOTHING in texts(svg)


ANYTHING = st.integers(-5, 10**17)


@given(st.text(), st.lists(st.tuples(st.text(), ANYTHING, ANYTHING), max_size=40), st.sampled_from(Unit))
def test_any_names_and_values_can_be_drawn(title: str, rows: list[tuple[str, int, int]], unit: Unit) -> None:
    heading = Heading(title, title, (title, title))
    names, values = tuple(row[0] for row in rows), tuple(row[1] for row in rows)
    before = tuple(row[2] for row in rows)
    drawn = (
        draw_columns(Columns(heading, names, values, unit, before)),
        draw_bars(Bars(heading, tuple(Bar(*row) for row in rows), unit)),
        draw_table(Table(heading, tuple(Row(name, str(value), trend=Trend.WORSE_UP) for name, value, _ in rows))),
        *((draw_lines(Lines(heading, names, (values, before), unit)),) if rows else ()),
    )
    assert all(parsed(svg).get("width") == str(WIDTH) for svg in drawn)


def test_a_picture_is_made_of_a_drawing_with_its_letters() -> None:
    with_words = rendered(draw_columns(Columns(HEADING, ("seg",), (1,), Unit.COUNT)))
    without = rendered(draw_columns(Columns(Heading("", ""), ("",), (1,), Unit.COUNT)))
    assert mime_of(with_words) == "image/png"
    assert int.from_bytes(with_words[16:20], "big") == WIDTH
    assert len(with_words) > len(without) + 1_000
