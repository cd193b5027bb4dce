"""How long to show "typing" before a text, "recording" before a voice note. Pure; randomness is passed in."""

from random import Random
from typing import Final

SECONDS_PER_CHARACTER: Final = 0.04
"""About 300 words a minute: several times as fast as a person on a phone, so that answers do not take too long."""

SHORTEST: Final = 1.0
LONGEST: Final = 12.0
"""Limits in seconds, before jitter."""

_JITTER: Final = 0.3


def typing_seconds(text: str, random: Random) -> float:
    """Return how many seconds to show "typing" before `text`, with jitter of ±30 %."""
    plain = min(LONGEST, max(SHORTEST, len(text) * SECONDS_PER_CHARACTER))
    return plain * random.uniform(1 - _JITTER, 1 + _JITTER)


BYTES_PER_SECOND: Final = 2_000
"""Of a voice note, as phones record it (16 kbit/s)."""


def recording_seconds(size: int, random: Random) -> float:
    """Return how many seconds to show "recording" before a voice note of `size` bytes, with the same jitter."""
    plain = min(LONGEST, max(SHORTEST, size / BYTES_PER_SECOND))
    return plain * random.uniform(1 - _JITTER, 1 + _JITTER)
