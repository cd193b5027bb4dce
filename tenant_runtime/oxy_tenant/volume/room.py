"""How much room a volume has, and what is wrong with it. Pure.

A full volume would lose messages: the library could not store its ratchets, and nothing could be journalled. So the
runtime keeps a reserve. When that is touched, it disconnects, and WhatsApp keeps what arrives; whatever still needs
the disk then (results, marks, the checkpoint of a log) finds room in the reserve.
"""

from dataclasses import dataclass
from typing import Final

from oxy_core.instance.stored_session import VolumeProblem

LEAST_RESERVE: Final = 4 << 20
MOST_RESERVE: Final = 64 << 20
_RESERVED_PART: Final = 20
"""A twentieth of the volume is reserved, within these limits in bytes."""

ENOUGH: Final = 1.5
"""How many times the reserve must be free before the runtime connects again, so that it does not come and go."""

USABLE: Final = 0.25
"""Which part of the reserve must be free for the journal to be opened: with less, its first write would fail."""

TRIM_TO: Final = 0.9
"""To which part of its share a journal is trimmed, so that it is not done at every look."""

LACKING: Final = 0.1
"""Which part of its share the bus must lack of a full journal to stop the runtime. The rest is kept for other reasons,
and waiting for the bus would not make it less."""

LOOK_SECONDS: Final = 1.0
"""How often the room is measured: two system calls and a query of three numbers."""

EASY_LOOK_SECONDS: Final = 5.0
EASY: Final = 8
"""The same while this many times the reserve is free, and half of the journal's share."""


@dataclass(frozen=True, slots=True)
class VolumeUsage:
    """What a volume holds, in bytes."""

    total: int
    free: int
    journal: int
    """Used in the journal's file."""
    lacking: int = 0
    """Of that, reports that the bus has not taken. Known only of a journal that is near its share (`is_near`)."""


def reserve_of(total: int) -> int:
    """Return how many bytes of a volume of `total` bytes are to stay free."""
    return max(LEAST_RESERVE, min(MOST_RESERVE, total // _RESERVED_PART))


def seconds_to_next_look(usage: VolumeUsage | None, share: int) -> float:
    """Return after how long to measure again; `usage` is None if it is unknown."""
    if usage is None or usage.free < reserve_of(usage.total) * EASY or usage.journal > share // 2:
        return LOOK_SECONDS
    return EASY_LOOK_SECONDS


def is_usable(usage: VolumeUsage) -> bool:
    """Whether the runtime can start, if only to publish what it has."""
    return usage.free >= reserve_of(usage.total) * USABLE


def share_of(total: int, percent: int, claimed: int | None) -> int:
    """Return how many bytes the journal may use: `percent` of the volume, or of what was `claimed` if that is less.

    Some volumes are folders on the node's own disk, whose size says nothing.
    """
    return min(total, claimed or total) * percent // 100


def is_near(journal: int, share: int) -> bool:
    """Whether a journal of so many bytes may be, or has been, too large for its share."""
    return journal > share * TRIM_TO


def excess_of(usage: VolumeUsage, share: int) -> int:
    """Return by how many bytes the journal should become smaller; 0: it is within its share."""
    return max(0, usage.journal - int(share * TRIM_TO)) if usage.journal > share else 0


def stopping_problem(usage: VolumeUsage, share: int, before: VolumeProblem | None) -> VolumeProblem | None:
    """Return why the runtime must not receive; `before` is the last answer, and needs more room to be over."""
    needed = reserve_of(usage.total) * (ENOUGH if before is VolumeProblem.VOLUME_FULL else 1)
    if usage.free < needed:
        return VolumeProblem.VOLUME_FULL
    is_full = is_near(usage.journal, share) if before is VolumeProblem.JOURNAL_FULL else usage.journal > share
    return VolumeProblem.JOURNAL_FULL if is_full and usage.lacking > share * LACKING else None
