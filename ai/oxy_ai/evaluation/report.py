"""An evaluation as a whole: what was played, what it came to, and where variants differ. Pure."""

from collections.abc import Sequence
from datetime import datetime

from oxy_ai.evaluation.figures import Figures, figures_of
from oxy_ai.evaluation.judging import Judged
from oxy_ai.evaluation.observed import Seen


class Difference(Seen):
    """A dialogue that comes out otherwise with another variant."""

    name: str
    passed: tuple[float, ...]
    """The share of its repetitions that passed with each variant, in their order."""


class EvaluationReport(Seen):
    """What is written as JSON."""

    version: int = 1
    began: datetime
    base_url: str
    threshold: float
    figures: tuple[Figures, ...]
    differences: tuple[Difference, ...] = ()
    dialogues: tuple[Judged, ...]

    @property
    def good(self) -> bool:
        """Whether every variant reaches the threshold, and no guard has failed."""
        return all(
            found.total.share >= self.threshold and found.total.guarded == found.total.played for found in self.figures
        )


def report_of(judged: Sequence[Judged], began: datetime, base_url: str, threshold: float) -> EvaluationReport:
    """Return the report of what was played."""
    figures = figures_of(judged)
    return EvaluationReport(
        began=began,
        base_url=base_url,
        threshold=threshold,
        figures=figures,
        differences=_differences(judged, [found.variant for found in figures]),
        dialogues=tuple(judged),
    )


def _differences(judged: Sequence[Judged], variants: Sequence[str]) -> tuple[Difference, ...]:
    found = []
    for name in dict.fromkeys(item.name for item in judged):
        shares = tuple(
            _share([item for item in judged if (item.name, item.variant) == (name, one)]) for one in variants
        )
        if len(set(shares)) > 1:
            found.append(Difference(name=name, passed=shares))
    return tuple(found)


def _share(judged: Sequence[Judged]) -> float:
    return sum(item.passed for item in judged) / len(judged) if judged else 0.0
