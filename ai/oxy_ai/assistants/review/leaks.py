"""What an answer must not give away, whoever asks: internal ids and names, and the instructions. Pure."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from oxy_ai.assistants.review.evidence import Evidence
from oxy_ai.assistants.review.objections import AnswerObjection, Fault
from oxy_ai.portuguese.words import fold, key_words

QUOTED_WORDS: Final = 10
"""So many words in a row that also stand in the instructions are a quotation; fewer happen by chance."""

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
    """Object to an answer that repeats the instructions, whatever their case, accents and punctuation."""
    if not evidence.instructions:
        return
    if not _secret(evidence.instructions, evidence.shop).isdisjoint(_runs(answer, evidence.shop)):
        yield AnswerObjection(Fault.PROMPT)


@lru_cache(maxsize=64)
def _secret(instructions: str, shop: str) -> frozenset[str]:
    return _runs(instructions, shop)


def _runs(text: str, shop: str) -> frozenset[str]:
    """Return all runs of `QUOTED_WORDS` words; the business's name counts as none, because it may be long."""
    name, joined = key_words(shop), key_words(text, len(text))
    kept = (joined.replace(name, "") if name else joined).split()
    return frozenset(" ".join(kept[n : n + QUOTED_WORDS]) for n in range(len(kept) - QUOTED_WORDS + 1))
