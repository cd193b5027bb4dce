"""Names for WhatsApp's message protobuf, whose generated modules have no types. Each library ships its own."""

from typing import Any, TypeAlias

MessageProtobuf: TypeAlias = Any
"""A waE2E ``Message``: the content of a WhatsApp message."""

MessagesModule: TypeAlias = Any
"""The generated module that defines `MessageProtobuf` and its parts."""
