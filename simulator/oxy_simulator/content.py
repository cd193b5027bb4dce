"""What every kind of message content is built on; the kinds are in contents, menus and attachments."""

import base64
from typing import Annotated, Final, TypeAlias, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, StringConstraints

_Item = TypeVar("_Item")

UINT32: Final = 2**32 - 1
"""The largest number of the protocol's own field, where that is an uint32."""
INT64: Final = 2**63 - 1
"""The same for an int64."""

_STANDARD: Final = str.maketrans("-_", "+/")


def _from_base64(value: object) -> object:
    """Read base64 of either alphabet, with or without padding, as pydantic does from JSON alone."""
    if not isinstance(value, str):
        return value
    plain = value.rstrip("=").translate(_STANDARD)
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError as error:
        msg = "must be base64, like aGk="
        raise ValueError(msg) from error


# The lengths are the simulator's own but for Body, which is as long as phones let a text be.
Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Label: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Identifier: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Body: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=65536)]
Several: TypeAlias = Annotated[tuple[_Item, ...], Strict(strict=False)]
"""Items, of any kind of list; what they are is strict."""
Bytes: TypeAlias = Annotated[bytes, BeforeValidator(_from_base64)]
"""Bytes, or their base64 as text."""


class Part(BaseModel):
    """Something inside a message."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        ser_json_bytes="base64",
        val_json_bytes="base64",
    )


class Content(Part):
    """What a message says."""


class Quotable(Content):
    """A message that can answer another, be forwarded, or disappear after some seconds."""

    quote: Identifier | None = None
    forwarded: bool = False
    ephemeral: int | None = Field(default=None, ge=1, le=UINT32)
