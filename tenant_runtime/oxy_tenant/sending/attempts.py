"""How often a message is attempted, as long as it certainly did not reach WhatsApp."""

from typing import Final

ATTEMPTS: Final = 5
"""Attempts before a request is given up."""

RETRY_SECONDS: Final = 2.0
"""Pause after an attempt that failed although connected."""
