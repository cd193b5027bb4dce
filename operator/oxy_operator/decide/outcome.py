"""The outcome of acting on a plan."""

from dataclasses import dataclass

from oxy_operator.problems import Problem


@dataclass(frozen=True, slots=True)
class Outcome:
    """How acting on a plan went, and what was seen only then; a complete failure raises an error instead."""

    refused: Problem | None = None
    """The first object that the API server refused; the others were still applied."""
    missing_reference: Problem | None = None
    """Set if nothing was refused, the pod is waiting, and an object that the spec refers to does not exist."""
    keys_refused: Problem | None = None
    """Why its API keys cannot be passed on, although they could be read."""
    account_pushed: bool = False
    """Whether NATS has the account."""
    bus_failed: bool = False
    """Whether NATS, though connected, did not accept account and settings."""
