"""Errors of the AI worker. What owners read about them is in `oxy_ai.assistants.fixed_texts`.

OxyError
├── TurnError                  an attempt at a turn failed: it counts and is retried, then becomes a dead letter
│   ├── ModelUnreachableError  no usable answer came: network, time-out, refusal of service
│   ├── ModelInvalidError      an answer came that is not a completion
│   ├── ModelRefusalError      the model, or its provider's filter, declined to answer
│   └── TurnUnreadableError    what is stored for the turn cannot be read
├── FenceLostError             another worker holds the conversation now; nothing may be written any more
└── AdministrationError        a command cannot do what it was asked; the message says what to do
"""

from oxy_core.errors import OxyError


class TurnError(OxyError):
    """An attempt at a turn failed."""

    retry_after_seconds: float = 0.0
    """Shortest pause before the next attempt."""


class ModelUnreachableError(TurnError):
    """The model's endpoint gave no usable answer; `retry_after_seconds` is the pause that it asked for, if any."""

    def __init__(self, message: str, retry_after_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ModelInvalidError(TurnError):
    """The model's endpoint answered with something other than a usable completion."""


class ModelRefusalError(TurnError):
    """The model, or its provider's filter, declined to answer."""


class TurnUnreadableError(TurnError):
    """What is stored for the turn cannot be read: by this version of the worker, or at all."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class FenceLostError(OxyError):
    """Another worker has claimed the conversation since; whatever this one still writes is refused."""


class AdministrationError(OxyError):
    """A command cannot do what it was asked; the message says what to do instead."""
