"""One row of the matrix: how a cause is brought about on an instance of its own, and how it ends."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from e2e.fleet import Fleet, Member
from e2e.volumes import OWN_CLASS
from e2e.ways_out import Proxy

from oxy_dev.connection_faults import ConnectionFault
from oxy_dev.example import NETWORK

LASTING: Final = 10_000
"""How often a fault is met that is to last until it is cleared."""

PATIENT: Final = {"baseDelaySeconds": 2, "maxDelaySeconds": 4, "maxAttempts": 1000}
UNHURRIED: Final = PATIENT | {"baseDelaySeconds": 20, "maxDelaySeconds": 20}
"""So that kubectl can show why a connection was lost before there is another."""

Json = Any
"""Any JSON value."""
Act = Callable[[Fleet, Member], Awaitable[None]]


async def nothing(fleet: Fleet, member: Member) -> None:
    """Do nothing: it passes by itself, or never."""


async def clear(fleet: Fleet, member: Member) -> None:
    """End the faults of a member's phone."""
    await fleet.whatsapp.api.clear_faults(member.number)


@dataclass(frozen=True, slots=True)
class Row:
    """A way in which a connection is lost, refused or in trouble."""

    name: str
    """Of the instance, too."""
    reason: str
    """Of the cause in `cause_table.SHOWN`."""
    inflict: Act
    """Brings it about."""
    mend: Act = nothing
    says: str = ""
    """What the underlying error contains; empty: nothing in particular, or there is none."""
    every: float | None = None
    """Seconds after which it is brought about again until it shows; None: once is enough."""
    shown_as: str = ""
    """Reason of the condition, if it is another than the cause's, which is in the message."""
    exit_code: int | None = None
    """Of a process that ends although the cause passes; None: it goes on, or the cause's own code counts."""
    tries: bool = False
    """Whether it lasts until it is mended, so that attempts are counted."""
    replaces_pod: bool = False
    """Whether the pod is another one afterwards, as with each change of the spec."""
    by_live_state: bool = False
    """Whether only the live state tells of it, for which the bus is needed."""
    also: frozenset[str] = frozenset()
    """Reasons of events that may come beside its own."""
    reconnect: Mapping[str, int] = field(default_factory=lambda: PATIENT)
    network: Json = field(default_factory=lambda: NETWORK)
    proxy: Proxy | None = None
    """Its own, which a Secret of its name names; None: the one that all have."""
    pairing: Json = field(default_factory=dict)
    is_linked: bool = True
    """Whether a phone is linked before."""
    volume: int | None = None
    """Bytes of a volume of its own, which can be filled; None: as much as the node has."""

    def to_member(self, number: str, **reconnect: int) -> Member:
        """Return the instance that is to meet it."""
        storage = {"size": "64Mi"} | ({} if self.volume is None else {"storageClassName": OWN_CLASS})
        return Member(
            self.name,
            number,
            self.network,
            {**self.reconnect, **reconnect},
            self.pairing,
            session={"storage": storage},
            is_linked=self.is_linked,
        )


def faulted(fault: ConnectionFault, **options: object) -> Act:
    """Return what breaks a member's connection in this way; `options` replace some of the fault's."""

    async def inflict(fleet: Fleet, member: Member) -> None:
        await replace(fault, options={**fault.options, **options}).inflict(fleet.whatsapp, member.linked)

    return inflict


async def keep_inflicting(row: Row, fleet: Fleet, member: Member) -> None:
    """Bring it about again and again, until cancelled, if once is not enough."""
    while row.every is not None:
        await asyncio.sleep(row.every)
        await row.inflict(fleet, member)
