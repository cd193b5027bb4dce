"""What an answer claims about appointments: that a time is free or taken, or that something has been done. Pure.

A wrong claim sends a customer to a closed door, so these are judged by stricter evidence than a mere mention of a time.
Patterns are of folded text (`oxy_ai.portuguese.words.fold`).
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from oxy_ai.assistants.review.words import clauses
from oxy_ai.portuguese.sentences import sentences
from oxy_ai.portuguese.words import fold


class ClaimKind(StrEnum):
    """What is claimed."""

    AVAILABLE = "available"
    """That times are free, or that none is."""
    DONE = "done"
    """That something is booked, moved or cancelled."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim and the sentence that makes it."""

    kind: ClaimKind
    words: str
    """The sentence, as it was written."""


_CLOCK: Final = r"(?:\b\d{1,2}(?::\d{2}|\s?h(?:\d{2}|oras?)?\b)|\bas \d{1,2}\b|\bmeio[ -]dia\b)"
_RANGE: Final = re.compile(
    rf"\b(?:das?|de|entre)(?: as)? {_CLOCK} (?:as|a|ate|e)(?: as)? {_CLOCK}"
    rf"|{_CLOCK} ?(?:as|a|-|ate) ?{_CLOCK}"
    rf"|\b(?:ate|a partir d[ea]s?|depois das|antes das)(?: as)? {_CLOCK}"
)
"""Hours of opening, which the catalog knows, are no offer of a time."""

_HAVE: Final = r"\b(?:temos|tenho|ha|existem?|sobr(?:ou|aram)|rest(?:am?|ou|aram)|tem sim|ainda tem|tem)\b"
_SLOT: Final = r"\b(?:horarios?|vagas?|encaixes?|disponibilidade)\b(?! (?:de|para) (?:funcionamento|atendimento))"
_FREE: Final = r"\b(?:livres?|disponive(?:l|is)|vag[oa]s?|available)\b"
_DAY: Final = r"\b(?:hoje|amanha|segunda|terca|quarta|quinta|sexta|sabado|domingo|semana|dia \d{1,2}|\d{1,2}/\d{1,2})\b"

_OPEN_SLOTS: Final = re.compile(rf"{_HAVE}(?:\W+\w+){{0,4}}?\W+{_SLOT}")
_FREE_TIME: Final = re.compile(
    rf"(?:{_SLOT}.*{_FREE}|{_FREE}.*{_SLOT}|\b(?:esta|estao|fica|ficam|continua|e|sao)\b(?: \w+){{0,2}} {_FREE})"
    rf"(?=.*(?:{_CLOCK}|{_DAY}))|(?:{_CLOCK}|{_DAY}).*{_FREE}"
)
_LISTED: Final = re.compile(rf"\b(?:horarios|vagas)\b[^?]*: *[^?]*{_CLOCK}")
_OFFERED: Final = re.compile(
    rf"\b(?:temos|tenho|tem|ha|consigo|conseguimos|podemos|posso|da para|pode ser|encaixo|encaixamos)\b.*{_CLOCK}"
)
_FULL: Final = re.compile(r"\b(?:lotad[oa]s?|esgotad[oa]s?|agenda (?:ja )?(?:esta )?(?:cheia|fechada|completa))\b")
_LOOKING: Final = re.compile(
    r"\b(?:verific(?:ar|o|amos)|consultar|consulto|conferir|confiro|checar|checo|vejo|ver (?:se|os|as|quais)|olhar|"
    r"buscar|procurar|se (?:\w+ )?(?:temos|tenho|ha|tem|tiver|houver)|preferencia|prefere)\b"
)
"""Who says that he is going to look claims nothing yet."""

_PERFECT: Final = re.compile(
    r"\b(?:re)?(?:agend|reserv|cadastr|confirm|cancel|registr)ei\b|\b(?:re|des)?marquei\b"
    r"|\b(?:re)?(?:agend|reserv|cadastr|confirm|cancel|(?:des)?marc)amos\b(?= (?:o|a|os|as|seu|sua|para)\b)"
)
_PARTICIPLE: Final = re.compile(
    r"\b(?:(?:re)?agendad|(?:re|des)?marcad|reservad|cancelad|confirmad)[oa]s?\b|\b(?:foi|ficou) cadastrad[oa]\b"
    r"|\b(?:booked|(?:re)?scheduled|confirmed|cancell?ed)\b"  # who talks to it in English is answered in English
)
_NOT_YET: Final = re.compile(
    r"\b(?:nao|nem|nenhum[a]?|nada|sem|nunca|se|caso|assim que|quando|depois de|apos|antes de|posso|podemos|pode|podem|"
    r"quer|gostaria|deseja|precis\w+|dev\w+|ser|com (?:hora|horario))\b"
)
"""Before a participle, these take the claim back: "nada agendado", "pode ser remarcado", "com hora marcada"."""


def claims_in(answer: str) -> tuple[Claim, ...]:
    """Return what an answer claims, at most one claim of each kind per clause."""
    found: list[Claim] = []
    for sentence in sentences(answer):
        folded = fold(sentence)
        if _is_available_claim(folded):
            found.append(Claim(ClaimKind.AVAILABLE, sentence))
        found += [Claim(ClaimKind.DONE, sentence) for clause in clauses(folded) if _is_done_claim(clause)][:1]
    return tuple(found)


def is_denied(clause: str) -> bool:
    """Whether a clause denies: its times are those that are *not* free."""
    return re.search(r"\b(?:nao|nem|sem|infelizmente|nenhum[a]?)\b", fold(clause)) is not None


def _is_available_claim(folded: str) -> bool:
    plain = _RANGE.sub(" ", folded)
    asks = plain.rstrip(" \"')*_🐾😊").endswith("?")
    timed = re.search(_CLOCK, plain) is not None
    if _LOOKING.search(plain) and not timed:
        return False
    if _FULL.search(plain) or _LISTED.search(plain):
        return True
    if asks:
        return timed and _OPEN_SLOTS.search(plain) is not None
    if _OPEN_SLOTS.search(plain) or _FREE_TIME.search(plain):
        return True
    return _OFFERED.search(plain) is not None and not _PARTICIPLE.search(plain)


def _is_done_claim(clause: str) -> bool:
    if _PERFECT.search(clause):
        return True
    found = _PARTICIPLE.search(clause)
    return found is not None and not clause.rstrip().endswith("?") and not _NOT_YET.search(clause[: found.start()])
