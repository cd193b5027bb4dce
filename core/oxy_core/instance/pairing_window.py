"""How long an instance offers codes to link the business's phone."""

from datetime import timedelta
from typing import Final

PAIRING_WINDOW: Final = timedelta(minutes=15)
"""From the creation of an instance, or from a repair. After it, the runtime waits in silence."""

PAIRING_EXPIRED: Final = "PairingExpired"
"""Reason of the condition Ready once the window has closed and nobody linked the phone; a repair opens the next one."""
