"""What an answer must not give away, whoever asks: internal ids and names, and the instructions. Pure."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from oxy_ai.assistants.review.evidence import Evidence
from oxy_ai.assistants.review.objections import AnswerObjection, Fault
from oxy_ai.portuguese.words import fold, key_words

QUOTED: Final = 50
"""So many letters in a row that also stand in the instructions are a quotation: ten words. Fewer happen by chance."""

SHOWN: Final = 80
"""Most characters of the answer that an objection repeats."""

_INTERNAL: Final = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"  # a UUID
    r"|\b[\w.:-]+@(?:s\.whatsapp\.net|lid|g\.us|broadcast|newsletter)\b"  # a WhatsApp address
    r"|\bcall_\w{6,}"  # a tool call
    r"|\[(?:mensagem|o cliente|encaminhada|em resposta|editada)[^\]]*\]?"  # a note that only the model reads
)
_OPAQUE: Final = re.compile(r"(?<![\w/.:?=&%-])(?=\S*\d)(?=\S*[A-Za-z])[A-Za-z0-9+/=_-]{32,}(?![\w/:])")
"""A hash, a key, or something encoded."""


_CODE: Final = re.compile(r"\b[a-z]{2,8}[-_]\d+\b")
"""How tools name rows for each other, folded."""


def internal_codes(answer: str, evidence: Evidence) -> Iterable[AnswerObjection]:
    """Object to ids, WhatsApp addresses, notes, names of tools, and what is encoded.

    What the business itself has written is none: its Pix key may look like an id.
    """
    public = "\n".join((evidence.facts, *evidence.by_people))
    codes = (match.group() for pattern in (_INTERNAL, _OPAQUE) for match in pattern.finditer(answer))
    yield from (AnswerObjection(Fault.INTERNAL, code[:SHOWN]) for code in codes if code not in public)
    folded = fold(answer)
    yield from (AnswerObjection(Fault.INTERNAL, name) for name in evidence.tools if "_" in name and name in folded)
    named = set(_CODE.findall(folded))
    private = named and {code for text in _private_texts(evidence) for code in _CODE.findall(fold(text))}
    yield from (AnswerObjection(Fault.INTERNAL, code) for code in sorted(named & private))


def _private_texts(evidence: Evidence) -> Iterable[str]:
    return evidence.changing, *(outcome.result for outcome in evidence.outcomes)


def quoted_instructions(answer: str, evidence: Evidence) -> Iterable[AnswerObjection]:
    """Object to an answer that repeats the instructions, whatever stands between their letters, also backwards."""
    if not evidence.instructions:
        return
    secret, letters = _secret(evidence.instructions, evidence.shop), _letters(answer, evidence.shop)
    if not all(secret.isdisjoint(_runs(text)) for text in (letters, letters[::-1])):
        yield AnswerObjection(Fault.PROMPT)


@lru_cache(maxsize=64)
def _secret(instructions: str, shop: str) -> frozenset[str]:
    return frozenset(_runs(_letters(instructions, shop)))


def _letters(text: str, shop: str) -> str:
    """Return the letters of a text, folded; the business's name counts as none, because it may be long."""
    name, joined = key_words(shop), key_words(text, len(text))
    return "".join(filter(str.isalpha, joined.replace(name, "") if name else joined))


def _runs(letters: str) -> Iterator[str]:
    """Yield all runs of `QUOTED` letters."""
    return (letters[n : n + QUOTED] for n in range(len(letters) - QUOTED + 1))
