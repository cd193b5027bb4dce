"""How long to wait before the next attempt to connect. Pure; randomness is passed in."""

from random import Random
from typing import Final

from oxy_core.instance.settings import ReconnectSettings

_JITTER: Final = 0.2


def delay_seconds(policy: ReconnectSettings, failed: int, random: Random) -> float:
    """Return the pause after the `failed`-th failed attempt in a row (from 1): base x multiplier^n, ±20 %, capped."""
    plain = min(policy.max_delay_seconds, policy.base_delay_seconds * policy.multiplier ** (failed - 1))
    return min(policy.max_delay_seconds, plain * random.uniform(1 - _JITTER, 1 + _JITTER))
