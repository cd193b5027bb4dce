"""What keeps the operator from doing its part, in the words of a condition."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """A cause: the reason in CamelCase, the message says what happened and what to do."""

    reason: str
    message: str
