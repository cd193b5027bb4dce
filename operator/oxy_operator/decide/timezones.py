"""Time zones that an instance may name: those in the package `tzdata`, which every image has."""

from difflib import get_close_matches
from functools import cache
from importlib.resources import files

from oxy_operator.problems import Problem


@cache
def known_timezones() -> frozenset[str]:
    """Return the names of the IANA database in the package `tzdata`, which the AI workers read too."""
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


def timezone_problem(name: str) -> Problem | None:
    """Return what is wrong with ``spec.timezone``; None if the time zone exists."""
    if name in known_timezones():
        return None
    by_folded = {known.lower(): known for known in known_timezones()}
    close = [by_folded[folded] for folded in get_close_matches(name.lower(), by_folded, n=3)]
    meant = f"Did you mean {' or '.join(close)}?" if close else "For example: America/Sao_Paulo."
    message = f"spec.timezone: there is no time zone {name} in the IANA database. {meant}"
    return Problem("TimezoneUnknown", message)
