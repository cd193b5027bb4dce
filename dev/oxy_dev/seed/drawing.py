"""Random numbers that are the same in every run."""

from random import Random


def drawing(what: str) -> Random:
    """Return a generator for one purpose: what is drawn for another does not change its numbers."""
    return Random(what)  # noqa: S311 not for secrets
