"""The faults of a run with one tenant: its process, its volume, the bus, and whatever WhatsApp's side can do. Pure."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Final

from chaos.plan import Fault, Kind, Track, deal

from oxy_simulator.faultkind import FaultKind
from oxy_simulator.mediadesk import MediaFaultKind

TENANT: Final = "tenant"
NATS: Final = "nats"
WHATSAPP: Final = "whatsapp"
"""The simulator: its connections to the tenant, and the messages on them."""
FILES: Final = "files"
TO_NATS: Final = "tenant>nats"
TO_WHATSAPP: Final = "tenant>whatsapp"
VOLUME: Final = "volume"


class VolumeKind(StrEnum):
    """What goes wrong with the tenant's volume."""

    FULL = "volume full"


ENDS: Final = (
    FaultKind.RESTART,
    FaultKind.UNAVAILABLE,
    FaultKind.UNKNOWN_ERROR,
    FaultKind.ABORT,
    FaultKind.CLOSE,
    FaultKind.STREAM_END,
    FaultKind.LOGIN_ERROR,
    FaultKind.LOGIN_UNAVAILABLE,
    FaultKind.NOT_FOUND,
    FaultKind.BAD_USER_AGENT,
    FaultKind.LOGIN_FAILURE,
    FaultKind.TLS,
    FaultKind.PROXY,
    FaultKind.DOWN,
)
"""After these the runtime comes back by itself."""

MISBEHAVIOUR: Final = (
    FaultKind.SILENCE,
    FaultKind.HALF_OPEN,
    FaultKind.SLOW,
    FaultKind.CORRUPT_FRAME,
    FaultKind.GARBAGE,
    FaultKind.UNKNOWN_STANZA,
    FaultKind.OVERSIZED_FRAME,
    FaultKind.LOGGED_IN_AGAIN,
)

OF_A_CONNECTION: Final = frozenset(
    {
        FaultKind.RESTART,
        FaultKind.UNAVAILABLE,
        FaultKind.UNKNOWN_ERROR,
        FaultKind.ABORT,
        FaultKind.CLOSE,
        FaultKind.STREAM_END,
        FaultKind.REPLACED,
        *MISBEHAVIOUR,
    }
)
"""What acts on a connection alone: it waits for one, or nothing would happen."""

LAST_ENDS: Final = (
    FaultKind.UNLINKED,
    FaultKind.LOGGED_OUT,
    FaultKind.LOCKED,
    FaultKind.BANNED,
    FaultKind.TEMPORARY_BAN,
    FaultKind.OUTDATED,
    FaultKind.REPLACED,
)
"""After these a person must act: the run does what the operator and `oxy pair` do, and links the phone again."""

CARRIAGE: Final = (
    FaultKind.CORRUPT,
    FaultKind.DROP,
    FaultKind.DUPLICATE,
    FaultKind.DELAY,
    FaultKind.REORDER,
    FaultKind.NO_ACK,
    FaultKind.LATE_ACK,
    FaultKind.REFUSE,
    FaultKind.REACHOUT_LOCK,
    FaultKind.RATE_LIMIT,
    FaultKind.RATE_LIMIT_REQUESTS,
    FaultKind.FORGET_SESSIONS,
)

LAST_ENDS_UNTIL: Final = 0.4
"""Share of the run. Each of these drops whatever waits for the device; what is said later arrives, however late."""

SHARES: Final = 300
"""Events of a full run; each track's share is a multiple of ten of these, so a tenth of a run has all tracks too."""


def draw(seed: int, events: int, seconds: float) -> tuple[Fault, ...]:
    """Return the plan of a run with so many events in so many seconds, in order of time."""
    return tuple(_detailed(fault, seed) for fault in deal(seed, seconds, tracks(events, seconds)))


def tracks(events: int, seconds: float) -> tuple[Track, ...]:
    """Return the trouble that a tenant is in for, `events` in all if these are a multiple of 30."""

    def track(  # noqa: PLR0913 one line for each
        name: str,
        share: int,
        kinds: tuple[StrEnum, ...],
        *targets: str,
        longest: float,
        one_by_one: bool = False,
        until: float = 1.0,
    ) -> Track:
        every = seconds * SHARES / (events * share)
        return Track(name, kinds, targets, every, longest, one_by_one=one_by_one, whole=False, until=until)

    cuts = (Kind.REFUSE, Kind.FREEZE, Kind.DEAFEN)
    return (
        track("process ends", 30, (Kind.KILL, Kind.TERMINATE), TENANT, longest=2),
        track("process stands still", 10, (Kind.PAUSE,), TENANT, longest=30),
        track("bus", 20, (Kind.KILL, Kind.TERMINATE, Kind.PAUSE), NATS, longest=20, one_by_one=True),
        track("network", 30, cuts, TO_NATS, TO_WHATSAPP, longest=15),
        track("volume", 10, (VolumeKind.FULL,), VOLUME, longest=12, one_by_one=True),
        track("clock", 20, (Kind.CLOCK,), TENANT, longest=20),
        track("connection ends", 50, ENDS, WHATSAPP, longest=8),
        track("connection ends for good", 10, LAST_ENDS, WHATSAPP, longest=0, until=LAST_ENDS_UNTIL),
        track("connection misbehaves", 30, MISBEHAVIOUR, WHATSAPP, longest=10),
        track("messages", 70, CARRIAGE, WHATSAPP, longest=12),
        track("files", 20, tuple(MediaFaultKind), FILES, longest=0),
    )


_Dice = random.Random

_OPTIONS: Final[Mapping[FaultKind, Callable[[_Dice, float], Mapping[str, object]]]] = {
    FaultKind.UNKNOWN_ERROR: lambda dice, _: {"code": dice.choice((500, 516, 599))},
    FaultKind.LOGIN_ERROR: lambda dice, _: {"count": dice.randint(1, 3)},
    FaultKind.LOGIN_UNAVAILABLE: lambda dice, _: {"count": dice.randint(1, 3)},
    FaultKind.LOGIN_FAILURE: lambda dice, _: {"code": dice.choice((413, 414, 418, 429, 501))},
    FaultKind.TLS: lambda dice, seconds: {
        "tls": dice.choice(("untrusted", "expired", "wrong-name", "cut", "hang")),
        "duration": seconds,
    },
    FaultKind.PROXY: lambda dice, seconds: {"code": dice.choice((0, 403, 407, 502)), "duration": seconds},
    FaultKind.TEMPORARY_BAN: lambda dice, _: {"code": dice.choice((101, 102, 103, 104, 106)), "expire": 60},
    FaultKind.SLOW: lambda dice, _: {"rate": dice.choice((500, 2_000, 10_000))},
    FaultKind.CORRUPT_FRAME: lambda dice, _: {"count": dice.randint(1, 3)},
    FaultKind.GARBAGE: lambda dice, _: {"count": dice.randint(1, 3)},
    FaultKind.UNKNOWN_STANZA: lambda dice, _: {"count": dice.randint(1, 3)},
    FaultKind.LOGGED_IN_AGAIN: lambda dice, _: {"count": dice.randint(1, 3)},
    FaultKind.CORRUPT: lambda dice, _: {"count": dice.randint(1, 6), "direction": dice.choice(("inbound", "outbound"))},
    FaultKind.DROP: lambda dice, _: {"count": dice.randint(1, 2), "direction": dice.choice(("inbound", "outbound"))},
    FaultKind.DUPLICATE: lambda _, seconds: {"duration": seconds},
    FaultKind.DELAY: lambda dice, seconds: {"duration": seconds, "delay": dice.choice((1, 3, 6))},
    FaultKind.REORDER: lambda dice, _: {"count": dice.randint(2, 5), "delay": 4},
    FaultKind.NO_ACK: lambda _dice, _: {"count": 1},
    FaultKind.LATE_ACK: lambda dice, _: {"count": dice.randint(1, 3), "delay": dice.choice((2, 6))},
    FaultKind.REFUSE: lambda dice, seconds: {
        "code": dice.choice((429, 463, 500, 503)),
        "duration": round(seconds / 3, 1),
    },
    FaultKind.REACHOUT_LOCK: lambda _, seconds: {"duration": seconds},
    FaultKind.RATE_LIMIT: lambda _, seconds: {"duration": round(seconds / 3, 1)},
    FaultKind.RATE_LIMIT_REQUESTS: lambda _, seconds: {"duration": seconds},
}
"""How each fault of the simulator that takes options is drawn, for the seconds that it lasts."""

_MEDIA_OPTIONS: Final[Mapping[MediaFaultKind, Callable[[_Dice, float], Mapping[str, object]]]] = {
    MediaFaultKind.EXPIRED: lambda dice, _: {"status": dice.choice((404, 410))},
    MediaFaultKind.UPLOAD_REFUSED: lambda dice, _: {"status": dice.choice((500, 503))},
    MediaFaultKind.AUTH_EXPIRED: lambda dice, _: {"ttl": dice.choice((0, 5))},
}


def _detailed(fault: Fault, seed: int) -> Fault:
    """Return a fault with its options, which its own dice draw."""
    dice = random.Random(f"{seed} options of {fault.kind} at {fault.at}")
    lasts = max(fault.seconds, 1.0)
    match fault.kind:
        case MediaFaultKind():
            options = _MEDIA_OPTIONS.get(fault.kind)
        case FaultKind():
            options = _OPTIONS.get(fault.kind)
        case _:
            options = None
    return fault if options is None else replace(fault, options=tuple(options(dice, lasts).items()))
