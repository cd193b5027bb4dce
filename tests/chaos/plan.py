"""The faults of a run, drawn from its seed: which, when, against what, for how long. Pure.

Each track is a kind of trouble with draws of its own, so tracks overlap in time, and a new track changes no other. A
track deals its kinds like cards: none comes twice before each has come once, so even a short run meets every fault.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

_Card = TypeVar("_Card")


class Kind(StrEnum):
    """What goes wrong."""

    KILL = "kill -9"
    TERMINATE = "SIGTERM"
    PAUSE = "SIGSTOP"
    REFUSE = "connections refused"
    FREEZE = "connections frozen"
    DEAFEN = "answers lost"
    VOLUME_LOST = "volume lost"
    FAILOVER = "failover"
    CLOCK = "clock moved"
    LONG_ID = "id too long"
    BROKEN_NAME = "name of rubbish"
    MANY_EMOJI = "65,536 emoji"
    HUGE_REPORT = "report of almost 1 MiB"
    RUBBISH_REPORT = "report of rubbish"
    NEWER_REPORT = "report of a newer version"
    FOREIGN_REPORT = "report of another instance"
    SETTINGS = "settings edited"
    CREDENTIALS = "credentials replaced"
    MODEL_AWAY = "model away"
    MODEL_BUSY = "model answers 429"
    MODEL_FAILS = "model answers 500"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong."""

    at: float
    """Seconds since the start."""
    kind: StrEnum
    target: str
    seconds: float
    """How long it lasts; a process that was ended starts again after so long."""
    moved: int = 0
    """Seconds by which a clock is moved, for `Kind.CLOCK`."""
    options: tuple[tuple[str, object], ...] = ()
    """What else there is to say about it, by name."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Everything that faults can hit, by name."""

    workers: tuple[str, ...]
    operators: tuple[str, ...]
    tenants: tuple[str, ...]

    @property
    def links(self) -> tuple[str, ...]:
        """The network connections that can be cut, as ``<who>><server>``."""
        ends = (
            (self.workers, ("nats", "postgres", "model")),
            (self.operators, ("nats",)),
            (self.tenants, ("nats", "whatsapp")),
        )
        return tuple(f"{who}>{server}" for names, servers in ends for who in names for server in servers)


@dataclass(frozen=True, slots=True)
class Track:
    """Trouble of one sort, which comes at intervals."""

    name: str
    kinds: tuple[StrEnum, ...]
    targets: tuple[str, ...]
    every: float
    """Seconds between the beginnings of two faults on average, in a long run."""
    longest: float
    """Most seconds that one lasts."""
    one_by_one: bool = False
    """Whether a fault must have ended well before the next begins."""
    whole: bool = True
    """Whether every kind comes even in a run that is too short for it."""
    until: float = 1.0
    """Share of the run after which none begins."""


_ENDS: Final = (Kind.KILL, Kind.TERMINATE)
_SERVER_ENDS: Final = (Kind.KILL, Kind.TERMINATE, Kind.PAUSE)
_CUTS: Final = (Kind.REFUSE, Kind.FREEZE, Kind.DEAFEN)

BREATH: Final = 0.55
"""Largest part of its interval that a fault of a track lasts whose faults come one by one."""

CLOCK_MOVES: Final = (-7_200, -600, -45, 45, 600, 3_000)
"""Seconds. Forward less than half the rotation of credentials, which NATS judges by a clock of its own."""


def tracks(cast: Cast) -> tuple[Track, ...]:
    """Return the trouble that a cast is in for."""
    clocks = (*cast.workers, *cast.operators, *cast.tenants, "postgres", "postgres")
    return (
        Track("workers end", _ENDS, cast.workers, every=15, longest=5),
        Track("operators end", _ENDS, cast.operators, every=25, longest=5),
        Track("tenants end", _ENDS, cast.tenants, every=20, longest=3),
        Track("pauses", (Kind.PAUSE,), (*cast.workers, *cast.operators, *cast.tenants), every=12, longest=30),
        Track("nats", (*_SERVER_ENDS, Kind.VOLUME_LOST), ("nats",), every=40, longest=20, one_by_one=True),
        Track("postgres", (*_SERVER_ENDS, Kind.FAILOVER), ("postgres",), every=40, longest=20, one_by_one=True),
        Track("network", _CUTS, cast.links, every=6, longest=20),
        Track("clocks", (Kind.CLOCK,), clocks, every=10, longest=20),
        Track("hostile people", (Kind.LONG_ID, Kind.BROKEN_NAME, Kind.MANY_EMOJI), cast.tenants, every=30, longest=0),
        Track(
            "poison",
            (Kind.HUGE_REPORT, Kind.RUBBISH_REPORT, Kind.NEWER_REPORT, Kind.FOREIGN_REPORT),
            cast.tenants,
            every=20,
            longest=0,
        ),
        Track("changes", (Kind.SETTINGS, Kind.CREDENTIALS), cast.tenants, every=15, longest=0),
        Track(
            "model",
            (Kind.MODEL_AWAY, Kind.MODEL_BUSY, Kind.MODEL_FAILS),
            ("model",),
            every=35,
            longest=15,
            one_by_one=True,
        ),
    )


def draw(seed: int, seconds: float, cast: Cast) -> tuple[Fault, ...]:
    """Return the plan of a run of so many seconds, in order of time."""
    return deal(seed, seconds, tracks(cast))


def deal(seed: int, seconds: float, trouble: Sequence[Track]) -> tuple[Fault, ...]:
    """Return the faults of some tracks in so many seconds, in order of time."""
    faults = [fault for track in trouble for fault in _faults(track, seed, seconds)]
    return tuple(sorted(faults, key=lambda fault: (fault.at, fault.kind, fault.target)))


def _faults(track: Track, seed: int, seconds: float) -> Iterator[Fault]:
    dice = random.Random(f"{seed} {track.name}")
    count = max(len(track.kinds) if track.whole else 1, round(seconds / track.every))
    width = seconds * track.until / count
    longest = min(track.longest, BREATH * width if track.one_by_one else seconds / 4)
    dealt = zip(_dealt(track.kinds, count, dice), _dealt(track.targets, count, dice), strict=True)
    for number, (kind, target) in enumerate(dealt):
        at = (number + dice.uniform(0.0, 1 - BREATH)) * width
        moved = dice.choice(CLOCK_MOVES) if kind is Kind.CLOCK else 0
        yield Fault(round(at, 1), kind, target, round(dice.uniform(0.1, 1.0) * longest, 1), moved)


def _dealt(cards: Sequence[_Card], count: int, dice: random.Random) -> list[_Card]:
    """Deal so many cards from as many shuffled decks as it takes."""
    dealt: list[_Card] = []
    while len(dealt) < count:
        dealt += dice.sample(cards, len(cards))
    return dealt[:count]


def table(plan: Sequence[Fault]) -> str:
    """Return the plan for people to read."""
    lines = (
        f"{fault.at:7.1f} s  {fault.kind:<26}  {fault.target:<22}"
        + (f" {fault.seconds:5.1f} s" if fault.seconds else "")
        + (f"  by {fault.moved:+d} s" if fault.moved else "")
        + "".join(f"  {name} {value}" for name, value in fault.options)
        for fault in plan
    )
    return "\n".join(lines)
