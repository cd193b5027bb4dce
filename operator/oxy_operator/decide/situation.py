"""Everything that an instance's status is derived from: observations, the record, and how acting on the plan went."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from oxy_core.envelopes import LiveState
from oxy_core.freeze import Freeze
from oxy_operator.decide.backups import StoredBackup
from oxy_operator.decide.client import UNKNOWN_CLIENT, Client, ClientRefusal
from oxy_operator.decide.epoch_record import EpochRecord
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.pod import Pod
from oxy_operator.problems import Problem


@dataclass(frozen=True, slots=True)
class ModelProblems:
    """Why an instance's models are not asked, or some of them."""

    key: Problem | None = None
    endpoint: Problem | None = None
    budget: Problem | None = None


NO_PROBLEMS: Final = ModelProblems()


@dataclass(frozen=True, slots=True)
class Situation:
    """The same situation always gives the same status."""

    instance: Instance
    record: EpochRecord | None
    """None if the instance is rejected."""
    pod: Pod | None
    live: LiveState | None
    """Only if it is current: see `current_live_state`."""
    rejected: Problem | None = None
    """Why nothing is applied for the instance."""
    unusable: Problem | None = None
    """Why its current spec is not applied; objects of an earlier spec stay."""
    unprovisioned: Problem | None = None
    """Why its children are incomplete."""
    models: ModelProblems = NO_PROBLEMS
    """Why models are not asked."""
    client: Client = UNKNOWN_CLIENT
    client_refusal: ClientRefusal | None = None
    """The first refusal, of any instance, that concerns its client."""
    backups: Sequence[StoredBackup] | None = None
    """The session's backups, newest first; None: not known."""
    source_backups: Sequence[StoredBackup] | None = None
    """Those of the instance whose backup is to be restored."""
    backups_refused: str | None = None
    """What NATS said if it has no room for backups of anybody."""
    leaving: Problem | None = None
    """What the deletion of the instance waits for."""
    freeze: Freeze | None = None
    """Whether what it is to send is to be held back; None: nobody has ever wanted that."""
    freeze_recorded: bool = True
    """Whether the record says so; False: only the instance's settings do."""
    account_pushed: bool = False
    """Whether NATS has accepted the instance's account."""
    bus_away: bool = False
    """Whether NATS has been away for longer than a moment."""
    now: datetime = field(kw_only=True)
