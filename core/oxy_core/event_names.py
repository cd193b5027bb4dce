"""Names of the events that Oxy publishes to integrators; docs/events.md says what each tells."""

from typing import Final

CONNECTED: Final = "whatsapp:connected"
DISCONNECTED: Final = "whatsapp:disconnected"
CREDENTIALS_SAVED: Final = "whatsapp:credentials_saved"
MESSAGE_LOST: Final = "whatsapp:message_lost"
PHONE_OFFLINE: Final = "whatsapp:phone_offline"
REACHOUT_LOCKED: Final = "whatsapp:reachout_locked"
REACHOUT_UNLOCKED: Final = "whatsapp:reachout_unlocked"
PAIRING_CONFIRMED: Final = "whatsapp:pairing_confirmed"
PAIRING_UNCONFIRMED: Final = "whatsapp:pairing_unconfirmed"
SESSION_BACKED_UP: Final = "session:backed_up"
EVENTS_DROPPED: Final = "events:dropped"

PAIRING: Final = "whatsapp:pairing"
"""Live only: a code to type on the phone."""

QR: Final = "whatsapp:qr"
"""Live only: a code to scan with the phone."""
