"""Making text from outside fit for a prompt, the database and WhatsApp."""

import unicodedata
from typing import Final

MAX_INPUT: Final = 4_000
"""Characters of one message that the model is shown; about 1,000 tokens."""

MAX_ANSWER: Final = 4_096
"""Characters of an answer; longer ones are unreadable on a phone and cut at a word."""

_KEPT_CONTROLS: Final = frozenset("\n\t")
_JOINER: Final = "\u200d"
"""Zero-width joiner: part of many emoji, therefore kept."""


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


def storable(text: str) -> str:
    """Return the text without what PostgreSQL cannot store: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()


def for_prompt(text: str, limit: int = MAX_INPUT) -> str:
    """Return a customer's text fit to be one message of a prompt: clean and of bounded length."""
    return shorten(clean(text), limit)


def for_label(text: str | None, limit: int = 60) -> str | None:
    """Return a name fit to stand inside a system prompt: one short line, without quotes; None if nothing is left."""
    line = " ".join(clean(text or "").replace('"', "").replace("`", "").split())
    return shorten(line, limit) or None


def shorten(text: str, limit: int) -> str:
    """Cut a text at a word so that it has at most `limit` characters."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    at_word = cut.rsplit(None, 1)[0] if any(character.isspace() for character in cut) else cut
    return f"{at_word}…"
