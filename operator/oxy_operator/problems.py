"""What keeps the operator from provisioning an instance, worded for a condition."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """`reason` is in CamelCase; `message` says what happened and what to do."""

    reason: str
    message: str
