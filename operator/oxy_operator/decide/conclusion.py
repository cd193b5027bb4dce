"""What follows from acting on a plan: the status to show, and when to reconcile again."""

from dataclasses import dataclass, replace

from oxy_operator.decide.observed import Observed
from oxy_operator.decide.outcome import Outcome
from oxy_operator.decide.plan import Plan
from oxy_operator.decide.requeue import requeue_seconds
from oxy_operator.decide.situation import Situation
from oxy_operator.decide.status import Status, held_back_seconds, status_of


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What to show and when to reconcile again."""

    status: Status
    writes_status: bool
    """False if nothing differs, or if only detail differs and is held back for now."""
    requeue_after: float
    """Seconds."""


def conclude(observed: Observed, plan: Plan, outcome: Outcome) -> Conclusion:
    """Return the status to show after acting on a plan, and when to reconcile again."""
    situation = _concluded(plan, outcome)
    status, old = status_of(situation), observed.instance.status
    held_back = held_back_seconds(status, old, written_at=observed.status_written_at, now=observed.now)
    return Conclusion(
        status,
        writes_status=status != old and held_back is None,
        requeue_after=requeue_seconds(observed, situation, outcome, held_back),
    )


def _concluded(plan: Plan, outcome: Outcome) -> Situation:
    if plan.claim is None:
        return replace(plan.situation, account_pushed=outcome.account_pushed)
    unprovisioned = outcome.refused or plan.situation.unprovisioned or outcome.missing_reference
    models = plan.situation.models
    return replace(
        plan.situation,
        unprovisioned=unprovisioned,
        models=replace(models, key=outcome.keys_refused or models.key),
        account_pushed=outcome.account_pushed,
    )
