"""Time zones by name. An unknown name is replaced, not refused: the instance must still be answered."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

import structlog

from oxy_ai import metrics

DEFAULT_ZONE: Final = "America/Sao_Paulo"
"""The default of ``spec.timezone``; also the fallback for an instance that never had a known zone."""

Clock: TypeAlias = Callable[[], datetime]
"""Returns the time, in any zone."""

log = structlog.get_logger()


def now_utc() -> datetime:
    """Return what this machine's clock shows."""
    return datetime.now(UTC)


@lru_cache(maxsize=1024)
def known_zone(name: str) -> ZoneInfo | None:
    """Return the IANA zone of this name; None if this image's time zone database does not have it."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown name, malformed name, directory of the database
        return None


def zone_or_default(name: str) -> ZoneInfo:
    """Return the zone, or the default one, whose use is logged and counted."""
    zone = known_zone(name)
    if zone is None:
        metrics.ZONES_REPLACED.inc()
        log.warning("timezone_replaced", timezone=name, used=DEFAULT_ZONE)
        return ZoneInfo(DEFAULT_ZONE)
    return zone
