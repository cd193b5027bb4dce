"""That a virtual assistant answers: said in the first message to a new contact. Pure."""

import re
from typing import Final

from oxy_ai.sanitize import label_text

_SAYS_IT: Final = re.compile(r"(?i)\b(?:assistente|atendente)\s+virtual\b")
_DENIES: Final = re.compile(
    r"(?i)\bn(?:ão|ao)\s+(?:sou|é|e|somos|há|tem)\b[^.!?\n]{0,40}\b(?:assistente|atendente)\s+virtual\b"
)


def says_who_answers(text: str) -> bool:
    """Whether a text says that a virtual assistant answers."""
    return bool(_SAYS_IT.search(text)) and not _DENIES.search(text)


def introduction(text: str, business: str | None) -> str:
    """Return what has to follow a text in which a contact first hears of the assistant; nothing if it says so."""
    if says_who_answers(text):
        return ""
    name = label_text(business)
    return f"🤖 Quem responde aqui é a assistente virtual{f' de {name}' if name else ''}."
