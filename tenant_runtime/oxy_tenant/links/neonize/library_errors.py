"""What the library's warnings and errors are about, in a few words for a metric. Pure."""

from collections.abc import Mapping
from typing import Final

OTHER: Final = "other"

_BEGINNING: Final = 80
"""Characters that are read: what is wrong comes first, then about whom."""

_KINDS: Final[Mapping[str, str]] = {
    "ignoring message": "repeated message",
    "decrypt": "decryption",
    "app state": "app state",
    "mutation": "app state",
    "retry": "retry",
    "receipt": "receipt",
    "prekey": "keys",
    "session": "keys",
    "media": "file",
    "upload": "file",
    "download": "file",
    "reconnect": "connection",
    "websocket": "connection",
    "keepalive": "connection",
    "frame": "connection",
    "disconnect": "connection",
    "stream error": "connection",
    "database": "store",
    "store": "store",
    "save": "store",
}
"""Kinds by what an entry says, without regard to capitals; the first counts. Source: whatsmeow's calls of Warnf and
Errorf."""

KINDS: Final = frozenset({*_KINDS.values(), OTHER})


def kind_of_error(text: str) -> str:
    """Return the kind of a warning or an error, one of `KINDS`."""
    beginning = text[:_BEGINNING].lower()
    return next((kind for words, kind in _KINDS.items() if words in beginning), OTHER)
