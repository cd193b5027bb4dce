"""Errors of the AI worker. The texts about them for owners are in `oxy_ai.assistants.fixed_texts`.

OxyError
├── TurnError                  an attempt at a turn failed: it counts and is retried, then becomes a dead letter
│   ├── ModelUnreachableError  no usable answer: network error, time-out or HTTP error
│   ├── ModelInvalidError      the answer is not a valid completion
│   ├── ModelRefusalError      the model, or its provider's filter, declined to answer
│   └── TurnUnreadableError    the turn's stored data cannot be read
├── FenceLostError             another worker has claimed the conversation; further writes are refused
└── AdministrationError        a command cannot do what it was asked; the message says what to do
"""

from oxy_core.errors import OxyError


class TurnError(OxyError):
    """An attempt at a turn failed."""

    retry_after_seconds: float = 0.0
    """Shortest pause before the next attempt."""


class ModelUnreachableError(TurnError):
    """The model's endpoint gave no usable answer; `retry_after_seconds` is its Retry-After, if any."""

    def __init__(self, message: str, retry_after_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ModelInvalidError(TurnError):
    """The model's endpoint answered with something other than a usable completion."""


class ModelRefusalError(TurnError):
    """The model, or its provider's filter, declined to answer."""


class TurnUnreadableError(TurnError):
    """The turn's stored data cannot be read, by this version of the worker or by any."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class FenceLostError(OxyError):
    """Another worker has claimed the conversation since; further writes under the old fence are refused."""


class AdministrationError(OxyError):
    """A command cannot do what it was asked; the message says what to do instead."""
