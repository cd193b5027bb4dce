"""The goals of `make style`, held by the tests too, so that no change can miss them unseen."""

from collections.abc import Iterable

from oxy_dev.style import (
    PRODUCTION,
    PYTHON_GOAL,
    REPOSITORY,
    SQL_FOLDER,
    SQL_GOAL,
    Figures,
    misses,
    python_figures,
    sql_figures,
)


def test_functions_and_classes_of_the_production_packages_are_short() -> None:
    figures: Iterable[Figures] = (python_figures(REPOSITORY / folder) for folder in PRODUCTION)
    assert misses("Python", sum(figures, start=Figures()), PYTHON_GOAL) == []


def test_sql_functions_are_short() -> None:
    assert misses("SQL", sql_figures(REPOSITORY / SQL_FOLDER), SQL_GOAL) == []
