"""How often a send is attempted. Only attempts that certainly did not reach WhatsApp are repeated."""

from typing import Final

ATTEMPTS: Final = 5
"""Attempts before a request fails."""

RETRY_SECONDS: Final = 2.0
"""Pause after a failed attempt."""
