"""How long the parts of a message may be, whoever wrote it."""

from typing import Annotated, Final

from pydantic import Field

MAX_TEXT: Final = 65_536
"""Longest text in characters that WhatsApp carries (whatsmeow's and the apps' own limit)."""

MAX_WHATSAPP_ID: Final = 128
"""Longest message id in characters. WhatsApp's own have 32 or fewer, but the sender's client chooses them."""

MAX_NAME: Final = 256
"""Longest push name in characters; WhatsApp's apps allow 25."""

WhatsAppId = Annotated[str, Field(min_length=1, max_length=MAX_WHATSAPP_ID)]
"""The id of a WhatsApp message, unique together with its chat and sender."""
