"""Rules that tests order: they come before the scenario's, the newest order first."""

from collections.abc import Iterable
from dataclasses import dataclass

from oxy_dev.model.scenario import Reaction, Rule, Situation, first_fit


@dataclass(slots=True)
class _Ordered:
    rule: Rule
    left: int | None
    """How often it still answers; None: always."""


class OrderedRules:
    """The rules that are in force."""

    def __init__(self) -> None:
        self._ordered: list[_Ordered] = []

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._ordered)

    def add(self, rules: Iterable[Rule]) -> None:
        """Put rules before all others, in their order."""
        self._ordered[:0] = [_Ordered(rule, rule.times) for rule in rules]

    def clear(self) -> None:
        """Forget them all."""
        self._ordered.clear()

    def react(self, situation: Situation) -> Reaction | None:
        """Return the answer of the first rule that fits, and count it; None: none fits."""
        found = first_fit([ordered.rule for ordered in self._ordered], situation)
        if found is None:
            return None
        place, reaction = found
        self._count(self._ordered[place])
        return reaction

    def _count(self, used: _Ordered) -> None:
        if used.left is not None:
            used.left -= 1
            if used.left == 0:
                self._ordered.remove(used)
