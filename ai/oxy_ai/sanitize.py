"""Make untrusted text safe for prompts, the database and WhatsApp. Pure."""

import unicodedata
from typing import Final

MAX_INPUT: Final = 4_000
"""Characters of one message in a model request; about 1,000 tokens."""

_KEPT_CONTROLS: Final = frozenset("\n\t")
_JOINER: Final = "\u200d"
"""Zero-width joiner: many emoji contain it."""


_OPENING: Final = "[\uff3b\u3010\u3014\u3016\u27e6"
_CLOSING: Final = "]\uff3d\u3011\u3015\u3017\u27e7"
"""Square brackets and what looks like them."""

NAME: Final = 40
"""Characters of a person's name in a list."""
_LIST_MARKS: Final = str.maketrans(dict.fromkeys("•·▪◦‣()[]:;*_~|", " "))

_ENDS: Final = ",!?…-\u2013\u2014/"
"""What ends a name; a full stop may be part of it: Dr. Paulo."""
_EDGES: Final = f" .{_ENDS}"

_PARENTHESES: Final = str.maketrans(dict.fromkeys(_OPENING, "(") | dict.fromkeys(_CLOSING, ")"))


def without_brackets(text: str) -> str:
    """Return the text with parentheses for square brackets, in which notes for the model stand."""
    return text.translate(_PARENTHESES)


def clean(text: str) -> str:
    """Return the text without control, invisible and direction-changing characters, normalised to NFC."""
    kept = (
        character
        for character in unicodedata.normalize("NFC", text)
        if character in _KEPT_CONTROLS
        or character == _JOINER
        or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
    )
    return "".join(kept).strip()


def storable_text(text: str) -> str:
    """Return the text without the characters that PostgreSQL cannot store: NUL and lone surrogates."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()


def require_storable(text: str) -> str:
    """Return the text; raises ValueError if PostgreSQL cannot store it."""
    if storable_text(text) != text:
        message = "it has characters that no phone shows (NUL, half of a character): write it anew"
        raise ValueError(message)
    return text


def prompt_text(text: str, limit: int = MAX_INPUT) -> str:
    """Return a customer's text for one message of a model request: clean and of bounded length."""
    return shorten(clean(text), limit)


def label_text(text: str | None, limit: int = 60) -> str | None:
    """Return a name for use inside a system prompt: one short line without quotes; None if nothing is left."""
    line = " ".join(clean(text or "").replace('"', "").replace("`", "").split())
    return shorten(line, limit) or None


def person_name(text: str | None) -> str | None:
    """Return what a person calls himself, for a list of people: nothing in it looks like another entry of the list."""
    return label_text((text or "").translate(_LIST_MARKS), NAME)


def called(name: str | None) -> str | None:
    """Return how a person is addressed: by the first name, if it is one; None: nobody knows."""
    known = (person_name(name) or "").strip(_EDGES).partition(",")[0].rstrip(_EDGES)
    if not any(character.isalpha() for character in known):
        return None
    first = known.split()[0].rstrip(_ENDS)
    return first if first.isalpha() and len(first) > 1 else known


def shorten(text: str, limit: int) -> str:
    """Cut a text, at a word if possible, to at most `limit` characters including the ellipsis."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    at_word = cut.rsplit(None, 1)[0] if any(character.isspace() for character in cut) else cut
    return f"{at_word}…"
