"""The condition VolumeHasRoom: what the pod says of the room on its volume."""

from collections.abc import Mapping
from typing import Any, Final

from oxy_core.envelopes import LiveState
from oxy_core.instance.connection_causes import connection_cause
from oxy_core.instance.stored_session import VolumeProblem
from oxy_operator.problems import Problem

_TRIMMED: Final = (
    "The journal would have outgrown its share of the volume (spec.session.journalPercent), so it has forgotten early "
    "what NATS has. Nothing is lost, but less can be published again if NATS or PostgreSQL lose data. Give it a larger "
    "volume or a larger share."
)
_NOT_COPIED: Final = (
    "The session was not copied on the volume, because a copy would take room that the instance needs to be safe. Only "
    "repairs of damage lack it; backups are another matter. Enlarge the volume, or delete sessions that were set aside "
    "over 30 days ago (oxy sessions prune)."
)


def volume_problem(live: LiveState | None, before: Mapping[str, Any]) -> Problem | None:
    """Return what is wrong with the room; without a live state, what the condition `before` said still holds."""
    if live is None:
        known = before.get("status") == "False"
        return Problem(str(before["reason"]), str(before["message"])) if known else None
    if live.volume_problem is None:
        return None
    return Problem(live.volume_problem, _explained(live.volume_problem))


def _explained(problem: str) -> str:
    if problem == VolumeProblem.JOURNAL_TRIMMED:
        return _TRIMMED
    if problem == VolumeProblem.SESSION_NOT_COPIED:
        return _NOT_COPIED
    cause = connection_cause(problem)
    return f"{cause.happened}. {cause.advice}." if cause else "The pod lacks room on its volume."
