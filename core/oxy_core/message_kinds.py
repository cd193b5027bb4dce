"""The kinds of WhatsApp messages that the platform distinguishes.

The tenant runtime chooses a message's kind in `oxy_tenant.content.classification`.
"""

from enum import StrEnum


class MessageKind(StrEnum):
    """What a WhatsApp message contains; contents that the platform treats alike share a kind."""

    TEXT = "text"
    UNSUPPORTED = "unsupported"
    UNDECRYPTABLE = "undecryptable"
