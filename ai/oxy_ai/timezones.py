"""Time zones by name, also where a name is wrong: an instance without a usable zone is still answered."""

from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from oxy_ai import metrics

DEFAULT_ZONE: Final = "America/Sao_Paulo"
"""The default of ``spec.timezone``; used where neither the setting nor an earlier one can be."""

log = structlog.get_logger()


@lru_cache(maxsize=1024)
def known_zone(name: str) -> ZoneInfo | None:
    """Return a zone of the IANA time zone database; None if this machine's edition has none of that name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; no name at all; a folder of the database
        return None


def zone_or_default(name: str) -> ZoneInfo:
    """Return the zone, or, logged and counted, the default one."""
    zone = known_zone(name)
    if zone is None:
        metrics.ZONES_REPLACED.inc()
        log.warning("timezone_replaced", timezone=name, used=DEFAULT_ZONE)
        return ZoneInfo(DEFAULT_ZONE)
    return zone
