"""What an error means for a file: whether it is tried again, and when. Pure."""

from datetime import timedelta
from typing import Final

from oxy_core.files import FileFailure
from oxy_tenant.journal.transfers import PATIENCE
from oxy_tenant.links.errors import MediaCorruptError, MediaExpiredError, MediaTooLargeError

SHORTEST_PAUSE: Final = timedelta(seconds=1)
"""Pause after the first attempt that failed; doubles each time."""

LONGEST_PAUSE: Final = timedelta(minutes=5)

_FINAL: Final = (
    (MediaExpiredError, FileFailure.EXPIRED),
    (MediaTooLargeError, FileFailure.TOO_LARGE),
    (MediaCorruptError, FileFailure.WRONG_HASH),
)


def final_failure(error: Exception, waited: timedelta) -> FileFailure | None:
    """Return why a file cannot be had; None: it is tried again. `waited`: for how long it was tried."""
    found = next((failure for kind, failure in _FINAL if isinstance(error, kind)), None)
    return FileFailure.UNAVAILABLE if found is None and waited >= PATIENCE else found


def retry_pause(attempts: int) -> timedelta:
    """Return how long to wait after one more failed attempt; `attempts` failed before."""
    return min(SHORTEST_PAUSE * 2.0 ** min(attempts, 20), LONGEST_PAUSE)
