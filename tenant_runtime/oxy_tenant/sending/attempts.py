"""When a send is attempted again. Only attempts that certainly did not reach WhatsApp are repeated. Pure."""

from dataclasses import dataclass
from random import Random
from typing import Final

_MULTIPLIER: Final = 2.0
_JITTER: Final = 0.2


@dataclass(frozen=True, slots=True)
class Retries:
    """The pauses between attempts, in seconds, and their number."""

    first: float = 2.0
    """Pause after the first failed attempt; it doubles with each further one."""
    longest: float = 300.0
    """Longest pause after WhatsApp refused a message for now. It tells no time, and rate limits last minutes."""
    longest_unavailable: float = 30.0
    """Longest pause if there was no connection; the next attempt waits for one anyway."""
    attempts: int = 100
    """Attempts at a request that never expires before it fails; any other is repeated until it expires."""

    def pause_seconds(self, failed: int, longest: float, random: Random) -> float:
        """Return the pause after the `failed`-th failed attempt in a row (from 1), ±20 %."""
        plain = min(longest, self.first * _MULTIPLIER ** min(failed - 1, 30))
        return plain * random.uniform(1 - _JITTER, 1 + _JITTER)
