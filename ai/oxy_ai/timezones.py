"""Time zones by name. An unknown name is replaced, not refused: the instance must still be answered."""

from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from oxy_ai import metrics

DEFAULT_ZONE: Final = "America/Sao_Paulo"
"""The default of ``spec.timezone``; also used where an instance's zone is unknown and it never had a known one."""

log = structlog.get_logger()


@lru_cache(maxsize=1024)
def known_zone(name: str) -> ZoneInfo | None:
    """Return a zone of the IANA database; None if this image's edition of it has none of that name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # an unknown name, a malformed one, a folder of the database
        return None


def zone_or_default(name: str) -> ZoneInfo:
    """Return the zone, or the default one; the latter is logged and counted."""
    zone = known_zone(name)
    if zone is None:
        metrics.ZONES_REPLACED.inc()
        log.warning("timezone_replaced", timezone=name, used=DEFAULT_ZONE)
        return ZoneInfo(DEFAULT_ZONE)
    return zone
