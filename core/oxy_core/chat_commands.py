"""What a person of the business writes into a chat for the assistant, not for the customer. Pure."""

import unicodedata
from typing import Final

HAND_BACK: Final = "#bot"
"""Written from the business's phone: the assistant answers this chat again."""

_LONGEST: Final = 64
"""Most characters of a text that is looked at: phones may add spaces and invisible marks, but not many."""


def is_hand_back(text: str | None) -> bool:
    """Whether a text says nothing but `HAND_BACK`: in any case, spacing and width of its characters."""
    if text is None or len(text) > _LONGEST:
        return False
    seen = (
        character
        for character in unicodedata.normalize("NFKC", text)
        if not character.isspace() and unicodedata.category(character) not in {"Cc", "Cf", "Mn"}
    )
    return "".join(seen).casefold() == HAND_BACK
