"""The whole journal: opens, prunes and closes its parts together."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from oxy_core.identity import InstanceName, OrganizationName
from oxy_tenant.journal import retention
from oxy_tenant.journal.chats import Chats
from oxy_tenant.journal.database import JournalDatabase
from oxy_tenant.journal.epochs import Restored
from oxy_tenant.journal.erasures import Erasures
from oxy_tenant.journal.fillers import OwedFillers
from oxy_tenant.journal.freezes import Freezes
from oxy_tenant.journal.inbound import Inbound
from oxy_tenant.journal.instance_events import InstanceEvents
from oxy_tenant.journal.numbers import ResolvedNumbers
from oxy_tenant.journal.pairing_proofs import PairingProofs
from oxy_tenant.journal.receipts import SendReceipts
from oxy_tenant.journal.reports import Clock, Reports, do_nothing
from oxy_tenant.journal.sends import Sends
from oxy_tenant.journal.steady_clock import SteadyClock
from oxy_tenant.journal.transfers import FileTransfers


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal of one instance. Give collaborators only the part that they need."""

    database: JournalDatabase
    chats: Chats
    inbound: Inbound
    sends: Sends
    reports: Reports
    numbers: ResolvedNumbers
    fillers: OwedFillers
    transfers: FileTransfers
    receipts: SendReceipts
    erasures: Erasures
    pairing_proofs: PairingProofs
    freezes: Freezes
    events: InstanceEvents
    clock: Clock

    @classmethod
    def open(  # noqa: PLR0913 whose journal it is and where, each by name
        cls,
        path: Path,
        *,
        organization: OrganizationName,
        instance: InstanceName,
        volume: str | None = None,
        restored: Restored | None = None,
        clock: Clock | None = None,
        on_report: Callable[[], None] = do_nothing,
    ) -> Self:
        """Open or create the journal; raises JournalError if it is damaged or belongs to another instance.

        `volume` names the volume that the file is on, `restored` the session that was restored last: with another one a
        new journal begins (`epochs`). `on_report` is called after each transaction that added reports, in its thread.
        """
        clock = clock or SteadyClock()
        database = JournalDatabase.open(
            path,
            organization=organization,
            instance=instance,
            volume=volume,
            restored=restored,
            now=clock(),
        )
        return cls._of(database, organization, instance, clock, on_report)

    @classmethod
    def _of(
        cls,
        database: JournalDatabase,
        organization: OrganizationName,
        instance: InstanceName,
        clock: Clock,
        on_report: Callable[[], None],
    ) -> Self:
        chats = Chats(database)
        reports = Reports(database, organization=organization, instance=instance, clock=clock, on_report=on_report)
        transfers = FileTransfers(database, reports, clock)
        transfers.forget_pauses()
        events = InstanceEvents(database, reports, clock)
        sends = Sends(database, chats, reports, clock)
        sends.close_older_journals()
        return cls(
            database=database,
            chats=chats,
            inbound=Inbound(database, chats, reports, transfers, events, clock),
            sends=sends,
            reports=reports,
            numbers=ResolvedNumbers(database, chats, clock),
            fillers=OwedFillers(database),
            transfers=transfers,
            receipts=SendReceipts(database, reports),
            erasures=Erasures(database, reports, sends, clock),
            pairing_proofs=PairingProofs(database, reports),
            freezes=Freezes(database),
            events=events,
            clock=clock,
        )

    def prune(self) -> None:
        """Delete old entries (`retention`)."""
        retention.prune(self.database, self.clock())
        self.numbers.prune()

    def used_bytes(self) -> int:
        """Return how much of the file is used; room in it that was freed is used first."""
        return self.database.used_bytes()

    def trim(self, excess: int) -> int:
        """Delete the oldest reports that the bus has, about `excess` bytes; return how many. Raises JournalError."""
        return retention.trim(self.database, excess)

    def close(self) -> None:
        """Close the file; the journal cannot be used afterwards."""
        self.database.close()
