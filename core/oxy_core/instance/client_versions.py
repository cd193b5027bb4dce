"""Versions of WhatsApp Web that a client claims to be, and for how long WhatsApp accepts them.

A library announces one fixed version at each login. WhatsApp refuses old ones with 405, for all numbers within days and
without notice. No document says when; what is known is when others met it.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final

from pydantic import Field

MAX_VERSION: Final = 48
"""Longest version in characters."""

ClientVersion = Annotated[str, Field(max_length=MAX_VERSION, pattern=r"^[0-9]{1,12}(\.[0-9]{1,12}){1,3}$")]
"""Numbers with dots, for example 2.3000.1047769893."""

_VERSION: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12}){1,3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class CutOff:
    """A version that WhatsApp refused."""

    version: str
    published: date
    """When whatsmeow announced it first: the commits of its store/clientpayload.go."""
    refused: date
    """The first report of a refusal that is known."""
    source: str
    """Where it was reported, on GitHub."""

    @property
    def lifetime(self) -> timedelta:
        """For how long it was accepted."""
        return self.refused - self.published


CUT_OFFS: Final = (
    CutOff("2.3000.1022781640", date(2025, 5, 13), date(2025, 9, 22), "krypton-byte/neonize#152"),
    CutOff("2.3000.1025473630", date(2025, 8, 4), date(2025, 12, 9), "tulir/whatsmeow#1031"),
    CutOff("2.3000.1030403648", date(2025, 12, 1), date(2026, 4, 9), "krypton-byte/neonize#178"),
    CutOff("2.3000.1031080782", date(2025, 12, 15), date(2026, 5, 7), "felipeadeildo/whatsapp-mcp#34"),
    CutOff("2.3000.1031716404", date(2026, 1, 7), date(2026, 6, 9), "tulir/whatsmeow#1164"),
    CutOff("2.3000.1033287297", date(2026, 2, 11), date(2026, 6, 17), "openclaw/wacli#279"),
    CutOff("2.3000.1042386815", date(2026, 6, 30), date(2026, 9, 15), "asternic/wuzapi#368"),
)
"""Add each new one. A refusal that a newer version did not cure is none (most of tulir/whatsmeow#1164)."""

EARLIEST_CUT_OFF: Final = min(cut_off.lifetime for cut_off in CUT_OFFS)
"""The shortest time for which a version was accepted."""

NOTICE: Final = timedelta(days=30)
"""How long before that an upgrade is asked for."""


def expected_cut_off(published: date) -> date:
    """Return from when on WhatsApp may refuse a version that was published on this day."""
    return published + EARLIEST_CUT_OFF


def ageing_from(published: date) -> datetime:
    """Return from when on a version that was published on this day should be replaced, in UTC."""
    return datetime.combine(expected_cut_off(published) - NOTICE, time(), UTC)


def is_version(text: str) -> bool:
    """Whether a text is a version."""
    return len(text) <= MAX_VERSION and _VERSION.fullmatch(text) is not None


def is_at_most(version: str, other: str) -> bool:
    """Whether a version is not newer than another; both are versions.

    >>> is_at_most("2.3000.999", "2.3000.1000")
    True
    """
    return _numbers(version) <= _numbers(other)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
