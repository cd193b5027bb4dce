"""What every kind of message content is built on; the kinds are in contents, menus and attachments."""

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Label: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Identifier: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Body: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=65536)]


class Part(BaseModel):
    """Something inside a message."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_bytes="base64", val_json_bytes="base64")


class Content(Part):
    """What a message says."""


class Quotable(Content):
    """A message that can answer another, be forwarded, or disappear after some seconds."""

    quote: Identifier | None = None
    forwarded: bool = False
    ephemeral: int | None = Field(default=None, ge=1)
