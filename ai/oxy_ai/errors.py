"""Errors of the AI worker.

OxyError
├── TurnError            an attempt at a turn failed: counts, is tried again, then becomes a dead letter
│   ├── ModelUnreachableError  no usable answer came: network, time-out, refusal of service
│   ├── ModelInvalidError      an answer came that is not one
│   ├── ModelRefusalError      the model, or its provider's filter, declined to answer
│   └── TurnUnreadableError    what is stored for the turn cannot be read
├── FenceLostError       somebody else has taken the conversation over; nothing may be written any more
└── AdministrationError  a command cannot do what it was asked; the message says what to do
"""

from typing import ClassVar

from oxy_core.errors import OxyError


class TurnError(OxyError):
    """An attempt at a turn failed."""

    in_portuguese: ClassVar[str] = "a assistente não chegou a uma resposta"
    """The reason in words for the shop's owner."""

    retry_after_seconds: float = 0.0
    """How long the next attempt should wait at least."""


class ModelUnreachableError(TurnError):
    """The model's endpoint gave no usable answer."""

    in_portuguese = "o serviço de inteligência artificial não respondeu"

    def __init__(self, message: str, retry_after_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ModelInvalidError(TurnError):
    """The model's endpoint gave an answer that is none."""

    in_portuguese = "o serviço de inteligência artificial deu uma resposta inválida"


class ModelRefusalError(TurnError):
    """The model, or its provider's filter, declined to answer."""

    in_portuguese = "a inteligência artificial se recusou a responder"


class TurnUnreadableError(TurnError):
    """What is stored for the turn cannot be read: by this version of the worker, or at all."""

    in_portuguese = "os dados guardados para a assistente não puderam ser lidos"

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class FenceLostError(OxyError):
    """Somebody else has taken the conversation over."""


class AdministrationError(OxyError):
    """A command cannot do what it was asked."""
