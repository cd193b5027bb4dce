"""Judges a dialogue that was played: all its checks, and whether it has passed. Pure."""

from itertools import zip_longest

from oxy_ai.assistants.vertical import IntentName
from oxy_ai.evaluation.exchange_checks import check_exchange
from oxy_ai.evaluation.guards import check_guards
from oxy_ai.evaluation.observed import Played, Seen
from oxy_ai.evaluation.state_checks import check_state
from oxy_ai.evaluation.verdicts import Check, CheckKind, quality
from oxy_ai.golden.dialogue import Dialogue, Skill
from oxy_core.envelopes import InstanceSettings


class Judged(Seen):
    """A dialogue with what it came to."""

    name: str
    title: str
    skill: Skill
    intent: IntentName
    file: str
    variant: str
    """With which model and prompts it was played."""
    checks: tuple[Check, ...]
    played: Played

    @property
    def understood(self) -> bool:
        """Whether the platform noted the intent that the dialogue is about."""
        return any(self.intent in seen.intents for seen in self.played.exchanges)

    @property
    def passed(self) -> bool:
        """Whether it came out as it must."""
        return all(check.passed for check in self.checks)

    @property
    def guarded(self) -> bool:
        """Whether what must hold in any case did."""
        return all(check.passed for check in self.checks if check.kind is CheckKind.GUARD)


def judge(dialogue: Dialogue, settings: InstanceSettings, played: Played) -> tuple[Check, ...]:
    """Return all checks of a dialogue."""
    checks = [quality("the dialogue can be played to its end", played.broken)]
    if not played.before.people:
        return tuple(checks)
    for number, (expected, seen) in enumerate(zip_longest(dialogue.turns, played.exchanges), start=1):
        checks += check_exchange(number, expected, seen)
    checks += check_state(dialogue, played.before, played.after)
    checks += check_guards(dialogue, settings, played)
    return tuple(checks)
