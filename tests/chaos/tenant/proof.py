"""Whether a run with one tenant proves anything, and whether the bus explains what it had twice. Pure.

A tenant that is hardly ever online receives hardly anything, and then nothing can be lost, doubled or disordered. The
least that is asked for lies far below what runs on a busy machine show: of 300 faults at load 0 to 14, 65 % of what was
said was reported and 39 % of the faults of a connection found one; of 30 at load 12 to 17 all was
reported, and none to three of six found one. Runs that proved nothing had reported 1 to 8 %.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final
from uuid import UUID

from chaos.breaking import Happened
from chaos.plan import Kind
from chaos.tenant.plan import NATS, OF_A_CONNECTION

from oxy_core.jetstream import INBOUND_STREAM, STREAMS

LEAST_REPORTED: Final = 0.15
"""Share of what was said to the tenant that must have been reported."""
LEAST_ONLINE: Final = 0.025
"""Share of the seconds of the faults for which a device must have been online, in a run of many faults."""
LEAST_MET: Final = 1 / 6
"""Share of the faults of a connection that must have found one, in a run of many faults."""
MANY: Final = 30
"""Faults of a connection; a full run has 55. A short one has six, and on a busy machine all of them may fall between a
kill and the next login."""
LEAST_ENDED: Final = 0.5
"""Share of the other faults of the tenant that must have found its process running."""

WINDOW_SECONDS: Final = next(stream.duplicate_window or 0.0 for stream in STREAMS if stream.name == INBOUND_STREAM)
"""For how long the stream of reports knows an id again."""


def missing(counts: Mapping[str, int], faults: Sequence[Happened], seconds: Mapping[str, int]) -> Iterator[str]:
    """Yield what a run should have had more of; `seconds`: of a device's states during the faults."""
    of_a_connection = _of_a_connection(faults)
    at_least = [
        ("messages that were said were reported", counts.get("reported", 0), counts.get("said", 0), LEAST_REPORTED),
        ("other faults found what they were to break", *_met(_others(faults)), LEAST_ENDED),
    ]
    if len(of_a_connection) >= MANY:
        online, watched = seconds.get("online", 0), sum(seconds.values())
        at_least += [
            ("seconds of the faults had a device online", online, watched, LEAST_ONLINE),
            ("faults of a connection found one", *_met(of_a_connection), LEAST_MET),
        ]
    for what, count, of, share in at_least:
        if count < share * of or not of:
            yield f"the run proves too little: {count} of {of} {what}, and at least {share:.0%} should have"


def shown(faults: Sequence[Happened], seconds: Mapping[str, int]) -> str:
    """Return the figures that `missing` looks at, beside the audit's, for people to read."""
    (met, of), (others, of_others) = _met(_of_a_connection(faults)), _met(_others(faults))
    online = f"{seconds.get('online', 0)} of {sum(seconds.values())} seconds of the faults online"
    return f"{met} of {of} faults of a connection found one, {others} of {of_others} others their target; {online}"


def _of_a_connection(faults: Sequence[Happened]) -> list[Happened]:
    return [fault for fault in faults if fault.kind in OF_A_CONNECTION]


def _others(faults: Sequence[Happened]) -> list[Happened]:
    return [fault for fault in faults if fault.kind not in OF_A_CONNECTION]


def _met(faults: Sequence[Happened]) -> tuple[int, int]:
    return sum(not fault.in_vain for fault in faults), len(faults)


def copied_in_vain(places: Mapping[UUID, Mapping[int, float]], faults: Sequence[Happened]) -> Iterator[str]:
    """Yield the reports that the stream took twice although it should have known the id again.

    It knows the ids of the last two minutes, and after a restart those of the reports that it still has: what was
    taken and acknowledged before, it has forgotten. The tenant publishes again what it does not know to have arrived.
    """
    restarts = [fault for fault in faults if fault.target == NATS and fault.kind in {Kind.KILL, Kind.TERMINATE}]
    for report, times in places.items():
        for first, second in pairwise(sorted(times.values())):
            restarted = any(fault.began <= second and fault.ended >= first for fault in restarts)
            if second - first < WINDOW_SECONDS and not restarted:
                yield f"report {report} is in the stream again {second - first:.1f} s after its first copy"
