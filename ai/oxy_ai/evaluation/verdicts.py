"""What the checks of a dialogue come to. Frozen values."""

from collections.abc import Iterable
from enum import StrEnum

from oxy_ai.evaluation.observed import Seen


class CheckKind(StrEnum):
    """What a check is about."""

    QUALITY = "quality"
    """What a good model does; a bad one does not."""
    GUARD = "guard"
    """What must hold whatever the model does."""


class Check(Seen):
    """One thing that was checked."""

    kind: CheckKind
    name: str
    """Unique within its dialogue; names the exchange (counted from 1) and what was expected."""
    passed: bool
    found: str = ""
    """What was there instead."""


def quality(name: str, found: str | None) -> Check:
    """Return a check of quality; `found`: what was there instead, None if it is as expected."""
    return Check(kind=CheckKind.QUALITY, name=name, passed=found is None, found=found or "")


def guard(name: str, found: str | None) -> Check:
    """Return a check of a guard, likewise."""
    return Check(kind=CheckKind.GUARD, name=name, passed=found is None, found=found or "")


def failures(checks: Iterable[Check]) -> list[Check]:
    """Return the checks that failed."""
    return [check for check in checks if not check.passed]
