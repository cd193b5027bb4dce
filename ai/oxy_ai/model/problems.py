"""What an endpoint's refusal means: an outage, an unknown model, a parameter that this model does not take. Pure.

OpenAI's form of an error is ``{"error": {"message", "param", "code"}}``; others answer in forms of their own, so the
words of the message count as well. Nothing of an answer is ever quoted, because it may quote the request.
"""

import re
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

MAX_READ: Final = 65_536
"""Bytes of an error's body that are read; a longer one is judged by its status alone."""

_REFUSING: Final = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
_UNKNOWN_MODEL: Final = {"model_not_found", "model_not_available", "invalid_model", "model_decommissioned"}
_UNSUPPORTED: Final = re.compile(
    r"unsupported|not support|unrecognized|unknown (?:parameter|argument|field)|unexpected|not permitted|extra inputs"
    r"|is deprecated|no longer|only the default|use '?max_completion_tokens"
)
_MODEL_UNKNOWN: Final = re.compile(
    r"\bmodel\b.{0,200}\b(?:not (?:found|exist)|does not exist|not a valid)|invalid model|unknown model"
    r"|not a valid model"
)


class Parameter(StrEnum):
    """A parameter of a completion that some models refuse."""

    TEMPERATURE = "temperature"
    MAX_TOKENS = "max_tokens"
    """They take ``max_completion_tokens`` instead."""


class _Error(BaseModel):
    message: str = ""
    param: str | None = None
    code: str | int | None = None


class _Body(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    error: _Error | str | None = None


def refused_parameter(status: int, body: bytes) -> Parameter | None:
    """Return the parameter without which the same question may be answered; None: this refusal is about another thing.

    A value out of range is no such refusal: without the parameter, the model might write without a limit.
    """
    if status not in _REFUSING:
        return None
    error = _read(body)
    if not _UNSUPPORTED.search(f"{error.code} {error.message}".lower()):
        return None
    named = error.param if error.param in set(Parameter) else _first_named(error.message)
    return Parameter(named) if named else None


def is_model_unknown(status: int, body: bytes) -> bool:
    """Whether an endpoint does not serve the model, or not with this key."""
    if status == HTTPStatus.NOT_FOUND:
        return True
    if status not in _REFUSING | {HTTPStatus.FORBIDDEN}:
        return False
    error = _read(body)
    if error.code in _UNKNOWN_MODEL:
        return True
    return status in _REFUSING and _MODEL_UNKNOWN.search(error.message.lower()) is not None


def _first_named(message: str) -> str | None:
    """Return the parameter that a message names first, which is the one that it is about."""
    found = re.search(rf"\b(?:{'|'.join(Parameter)})\b", message)
    return found[0] if found else None


def _read(body: bytes) -> _Error:
    """Return what can be read of an error's body; empty if nothing can."""
    if len(body) > MAX_READ:
        return _Error()
    try:
        error = _Body.model_validate_json(body).error
    except ValidationError:
        error = None
    if error is None:
        error = body.decode(errors="replace")
    return _Error(message=error) if isinstance(error, str) else error
