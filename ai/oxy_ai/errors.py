"""Errors of the AI worker.

OxyError
├── TurnError            an attempt at a turn failed: counts, is tried again, then becomes a dead letter
│   ├── ModelUnreachableError  no usable answer came: network, time-out, refusal of service
│   └── ModelInvalidError      an answer came that is not one
├── FenceLostError       somebody else has taken the conversation over; nothing may be written any more
└── AdministrationError  a command cannot do what it was asked; the message says what to do
"""

from oxy_core.errors import OxyError


class TurnError(OxyError):
    """An attempt at a turn failed."""


class ModelUnreachableError(TurnError):
    """The model's endpoint gave no usable answer."""


class ModelInvalidError(TurnError):
    """The model's endpoint gave an answer that is none."""


class FenceLostError(OxyError):
    """Somebody else has taken the conversation over."""


class AdministrationError(OxyError):
    """A command cannot do what it was asked."""
