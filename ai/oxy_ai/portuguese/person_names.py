"""Names that people in Brazil have. Pure but for reading them once."""

from functools import cache
from importlib.resources import files


@cache
def common_names() -> frozenset[str]:
    """Return common given names and surnames that are no other words, folded (`oxy_ai.portuguese.words.fold`)."""
    lines = (files(__package__) / "person_names.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())
