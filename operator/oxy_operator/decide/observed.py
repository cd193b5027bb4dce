"""What `observe` gathers about one instance before anything is decided."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from oxy_core.envelopes import LiveState
from oxy_core.freeze import Freeze
from oxy_core.session_backups import KEY_BYTES
from oxy_operator.decide.backups import StoredBackup
from oxy_operator.decide.client import ClientRefusal
from oxy_operator.decide.endpoints import PUBLIC_ENDPOINTS, EndpointRules
from oxy_operator.decide.epoch_record import EpochRecord
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.model_keys import NO_KEYS, KeysWanted
from oxy_operator.decide.pod import Pod
from oxy_operator.decide.proxy import NO_PROXY, ProxyWanted
from oxy_operator.decide.workload import Workload
from oxy_operator.problems import Problem
from oxy_operator.tenancy import Tenancy


@dataclass(frozen=True, slots=True)
class Observed:
    """An instance and everything that decisions about it need, at one moment."""

    now: datetime
    instance: Instance
    tenancy: Tenancy
    """Account and credentials to use now."""
    pod: Pod | None = None
    reported: LiveState | None = None
    """The last live state on the bus, current or not."""
    clock_ahead: timedelta = timedelta()
    """By how much the clock of the pod that `reported` is ahead of ours."""
    account_held: bool = False
    """Whether NATS has accepted the account since the last (re)connect."""
    bus_away: bool = False
    """Whether NATS has been away for longer than a moment."""
    bus_state: str | None = None
    """Name of what the stream of reports holds; another one after it began anew. None if it was never known."""
    record: EpochRecord | None = None
    """From the claim's annotations, else the last one written; None if there is no claim yet."""
    known_epoch: int = 0
    """The highest epoch seen anywhere but in `record`."""
    volume: str | None = None
    """uid of the claim; None: there is none yet."""
    volume_owner: str | None = None
    """The organization whose claim it is; None: there is no claim yet, or it does not say."""
    workload: Workload | None = None
    """The StatefulSet, if it exists."""
    keys: KeysWanted = NO_KEYS
    """Its models' API keys, as they are now."""
    proxy: ProxyWanted = NO_PROXY
    """Its proxy, as it is now."""
    backups: Sequence[StoredBackup] | None = None
    """The session's backups, newest first; None: not known."""
    source_backups: Sequence[StoredBackup] | None = None
    """Those of the instance whose backup is to be restored, most often the same."""
    backups_unlisted: bool = False
    """Whether the bus, though connected, did not list either."""
    backups_refused: str | None = None
    """What NATS said if it has no room for backups of anybody."""
    backup_key: Callable[[str], bytes] = lambda _: bytes(KEY_BYTES)
    """The key of an instance of the same organization, by its name."""
    restoring: Callable[[], Collection[UUID]] = frozenset
    """Returns the backups that any instance is to restore."""
    refusal: Problem | None = None
    """Why the instance may not have its organization or number."""
    refusals: tuple[ClientRefusal, ...] = ()
    """The clients that WhatsApp has refused, of any instance."""
    freeze: Freeze | None = None
    """Whether what it is to send is to be held back, by the record; None: there is none that can be read."""
    freeze_before: Freeze | None = None
    """What its settings say of that, as they were written last."""
    status_written_at: datetime | None = None
    """When this process last wrote the status."""

    @property
    def freeze_in_force(self) -> Freeze | None:
        """The newest of both: a record that was lost, cannot be read or began anew thaws nobody (decision 87)."""
        if self.freeze_before is not None and self.freeze_before.replaces(self.freeze):
            return self.freeze_before
        return self.freeze


@dataclass(frozen=True, slots=True)
class Deployment:
    """Settings that all instances share."""

    tenant_image: str
    tenant_nats_url: str
    access_mode: str
    endpoints: EndpointRules = PUBLIC_ENDPOINTS
    """Which endpoints of models instances may name."""
