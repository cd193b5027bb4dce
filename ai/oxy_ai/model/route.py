"""What a model is asked, and whom: the values that a request is made of."""

from collections.abc import Sequence
from dataclasses import dataclass

from openai.types.chat import ChatCompletionFunctionToolParam, ChatCompletionMessageParam

from oxy_core.instance.settings import ModelPrice


@dataclass(frozen=True, slots=True)
class ModelRoute:
    """Whom an instance's request goes to."""

    organization: str
    instance: str
    """Both as the custom resource names them: they find the instance's keys."""
    base_url: str | None
    """The instance's own endpoint; None: the platform's."""
    models: tuple[str, ...]
    """The first choice, then those of the same endpoint that are asked in turn while it is out."""
    timeout_seconds: float
    """Longest wait for a whole response of one of them, from the request to the last byte."""
    prices: tuple[ModelPrice, ...] = ()
    """The instance's own, before all others."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request for a completion."""

    temperature: float
    max_tokens: int
    messages: Sequence[ChatCompletionMessageParam]
    tools: Sequence[ChatCompletionFunctionToolParam] = ()
    tools_allowed: bool = True
    """False: the model must answer in text."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A request for a transcript."""

    data: bytes
    seconds: float
    """As measured; counts where the endpoint does not say what it charges for."""
    name: str = "voice.ogg"
    """Endpoints tell the format by its ending, and refuse ``.oga``."""
    media_type: str = "audio/ogg"
    language: str | None = "pt"
    """Expected, as ISO 639-1; None: the model finds out."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a recording says; empty if nobody speaks."""

    text: str
