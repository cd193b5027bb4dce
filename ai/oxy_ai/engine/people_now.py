"""Whether people of a business can be told now, and when they are there."""

from dataclasses import dataclass

from oxy_ai.assistants.people import People
from oxy_ai.records import Turn
from oxy_core.instance.settings import AiSettings


@dataclass(frozen=True, slots=True)
class Staffing:
    """What an instance's settings say about its people."""

    owners: tuple[str, ...]
    """Numbers (E.164); the first is told."""
    timezone: str | None = None
    """None: the settings cannot be read."""
    minutes: int = AiSettings().handover_minutes
    """How long the assistant waits for a person."""


def staffing_of(turn: Turn) -> Staffing:
    """Return what the settings of a turn's instance say."""
    return Staffing(turn.settings.owners, turn.settings.timezone, turn.settings.ai.handover_minutes)


def people_now(staffing: Staffing) -> People:
    """Return what a customer who is promised a person has to know."""
    return People(told=bool(staffing.owners))
