"""The number that a run's chances are drawn from."""

import os
import secrets


def draw_seed() -> int:
    """Return the seed of a run, and print it; set OXY_CHAOS_SEED to repeat a run."""
    seed = int(os.environ.get("OXY_CHAOS_SEED") or secrets.randbits(32))
    print(f"OXY_CHAOS_SEED={seed}")  # noqa: T201 shown with a failed test
    return seed
