"""What an answer claims about appointments: that a time is free or taken, or that something has been done. Pure.

A wrong claim sends a customer to a closed door, so these are judged by stricter evidence than a mere mention of a time.
Patterns are of folded text (`oxy_ai.portuguese.words.fold`).
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from oxy_ai.assistants.review.words import clause_spans, clauses
from oxy_ai.portuguese.sentences import sentences
from oxy_ai.portuguese.words import fold


class ClaimKind(StrEnum):
    """What is claimed."""

    AVAILABLE = "available"
    """That times are free, or that none is."""
    DONE = "done"
    """That something is booked, moved or cancelled."""


class Deed(StrEnum):
    """What can have been done."""

    BOOKED = "booked"
    """Or moved."""
    CANCELLED = "cancelled"
    CONFIRMED = "confirmed"
    """That it is booked, moved or cancelled."""
    REGISTERED = "registered"


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim and the sentence that makes it."""

    kind: ClaimKind
    words: str
    """The sentence, as it was written, with the lines below it that only list days and times."""
    start: int = 0
    """Where it begins in the answer."""
    deeds: frozenset[Deed] = frozenset()
    """What is said to be done."""


_CLOCK: Final = r"(?:\b\d{1,2}(?::\d{2}|\s?h(?:\d{2}|oras?)?\b)|\bas \d{1,2}\b|\bmeio[ -]dia\b)"
_RANGE: Final = re.compile(
    rf"\b(?:das?|de|entre)(?: as)? {_CLOCK} (?:as|a|ate|e)(?: as)? {_CLOCK}"
    rf"|{_CLOCK} ?(?:as|a|-|ate) ?{_CLOCK}"
    rf"|\b(?:ate|a partir d[ea]s?|depois das|antes das)(?: as)? {_CLOCK}"
)
"""Hours of opening, which the catalog knows, are no offer of a time."""

_NO_SLOT: Final = (
    r"(?! (?:de|para|no|do) (?:funcionamento|atendimento|almoco|visita|abertura|estacionamento|carros?|emprego|"
    r"trabalho|estagio))"
)
_HAVE: Final = (
    r"\b(?:temos|tenho|ha|existem?|sobr(?:ou|aram)|rest(?:am?|ou|aram)|tem sim|ainda tem|(?<!voce )tem)\b(?! como\b)"
)
_SLOT: Final = rf"\b(?:horarios?|vagas?|encaixes?|disponibilidade)\b{_NO_SLOT}"
_FREE: Final = rf"\b(?:livres?(?! de\b)|disponive(?:l|is)|vag[oa]s?{_NO_SLOT}|available)\b"
_DAY: Final = r"\b(?:hoje|amanha|segunda|terca|quarta|quinta|sexta|sabado|domingo|semana|dia \d{1,2}|\d{1,2}/\d{1,2})\b"

_OPEN_SLOTS: Final = re.compile(rf"{_HAVE}(?:\W+\w+){{0,4}}?\W+{_SLOT}")
_SLOTS: Final = re.compile(_SLOT)
_FREES: Final = re.compile(_FREE)
_IS_FREE: Final = re.compile(rf"\b(?:esta|estao|fica|ficam|continua|e|sao)\b(?: \w+){{0,2}} {_FREE}")
_MOMENT: Final = re.compile(rf"{_CLOCK}|{_DAY}")
_CLOCKS: Final = re.compile(_CLOCK)
_LIST_OF: Final = re.compile(rf"\b(?:horarios|vagas)\b{_NO_SLOT}")
_DAY_WITH_TIMES: Final = re.compile(
    rf"{_DAY}[ ,()\d/*-]{{0,30}}(?:feira[ ,()\d/*]{{0,30}})?(?: (?:de|da|a) (?:manha|tarde|noite))?: ?\W{{0,8}}{_CLOCK}"
)
_OFFERS: Final = re.compile(
    r"\b(?:temos|tenho|tem|ha|consigo|conseguimos|podemos|posso|da para|pode ser|encaixo|encaixamos)\b"
)
_FULL: Final = re.compile(
    r"\b(?:lotad[oa]s?|esgotad[oa]s?|agenda (?:ja )?(?:esta )?(?:cheia|fechada|completa)|"
    r"(?:esta|ta|estamos) (?:tud[oa] |bem |muito )?chei[oa]s?(?! d[eo]))\b"
)
_LOOKING: Final = re.compile(
    r"\b(?:verific(?:ar|o|amos)|consultar|consulto|conferir|confiro|checar|checo|vejo|ver (?:se|os|as|quais)|olhar|"
    r"buscar|procurar|se (?:\w+ )?(?:temos|tenho|ha|tem|tiver|houver)|preferencia|prefere)\b"
)
"""Who says that he is going to look claims nothing yet."""
_OPEN_QUESTION: Final = re.compile(
    r"(?<!acabei de )\b(?:verific(?:ar|o)|conferir|confiro|chec(?:ar|o)|consult(?:ar|o)|olhar|ver|vejo|saber) "
    r"(?:\w+ ){0,2}?(?:se|quais|quando|os? horarios?|as? vagas?|a agenda|a disponibilidade)\b"
    r"(?:(?! e (?:sim |ja )?(?:temos|tenho|ha|tem|esta)\b)(?:[^,;:?!]|:(?=\d)))*"
    r"|\bse (?!quiser|preferir|puder|voce quiser|voce preferir)(?:\w+ ){0,3}?"
    r"(?:temos|tenho|ha|tem|tiver|houver|esta|estiver|fica|ficar)\b(?:[^,;:?!]|:(?=\d))*"
)
"""What he is going to look at: "vou verificar se temos horário às 10h"."""
_AT_HAND: Final = re.compile(r"\b(?:estou|estamos|fico|ficamos) (?:sempre |aqui |a )?disponive(?:l|is)\b")
_LASTS: Final = re.compile(rf"\b(?:dura\w*|lev[ao]u?\w*|demor\w+|tempo)\b:?(?: \w+){{0,4}}? {_CLOCK}")
_WEEK: Final = re.compile(
    r"\b(?:de )?(?:segunda|terca|quarta|quinta|sexta|sabado)(?:-feira)? (?:a|ate) (?:a )?"
    r"(?:terca|quarta|quinta|sexta|sabado|domingo)(?:-feira)?\b"
)
"""Days of the week on which something is offered at all."""

_WHAT: Final = r"(?: (?:o|a|os|as|seu|sua|para)\b)"
_PERFECTS: Final = {
    Deed.BOOKED: (
        r"\b(?:re)?(?:agend|reserv)ei\b|\b(?:re)?marquei\b|\bencaixei\b|\bremanejei\b|\bgaranti (?:o|a|seu|sua)\b"
        r"|\bconsegui (?:(?:re)?(?:agendar|marcar)|encaixar|reservar|mudar|alterar|trocar|adiar|antecipar)\b"
        r"|\b(?:coloquei|inclui|inseri)\b[^.!?]{0,30} na agenda\b"
        r"|\b(?:mudei|alterei|troquei|adiei|antecipei) (?:o|a|seu|sua|para|pra|de)\b"
        rf"|\b(?:re)?(?:agend|reserv|marc)amos\b(?={_WHAT})"
    ),
    Deed.CONFIRMED: rf"\bconfirmei\b|\bconfirmamos\b(?={_WHAT})",
    Deed.CANCELLED: (
        r"\bcancelei\b|\bdesmarquei\b|\bconsegui (?:cancelar|desmarcar)\b"
        r"|\b(?:exclui|removi|apaguei|tirei) (?:o|a|seu|sua|da agenda)\b"
        rf"|\b(?:cancel|desmarc)amos\b(?={_WHAT})"
    ),
    Deed.REGISTERED: rf"\b(?:cadastr|registr)ei\b|\bconsegui (?:cadastr|registr)ar\b|\bcadastramos\b(?={_WHAT})",
}
_MADE: Final = (
    r"(?: (?:foi|ja|esta|ficou|com sucesso|d[oae] \w+)){0,3}"
    r" (?:realizad|efetuad|concluid|feit|finalizad|efetivad)[oa]s?\b"
)
"""After a noun: "agendamento realizado com sucesso"."""
_PARTICIPLES: Final = {
    Deed.BOOKED: (
        r"\b(?:(?:re)?agendad|(?:re)?marcad|reservad|encaixad)[oa]s?\b(?! (?:por|para) outr)"
        rf"|\b(?:booked|(?:re)?scheduled)\b|\b(?:agendamento|marcacao|remarcacao|reserva){_MADE}"
    ),
    Deed.CONFIRMED: r"\bconfirmad(?:[oa]s?|issim[oa])\b|\bconfirmed\b",
    Deed.CANCELLED: rf"\b(?:cancelad|desmarcad)[oa]s?\b|\bcancell?ed\b|\bcancelamento{_MADE}",
    Deed.REGISTERED: rf"\b(?:foi|ficou|esta|ta) cadastrad[oa]s?\b|\bcadastro{_MADE}",
}
"""Some in English: who talks to it in English is answered in English."""
_DONE: Final = tuple(
    (deed, re.compile(words), perfect)
    for perfect, rules in ((True, _PERFECTS), (False, _PARTICIPLES))
    for deed, words in rules.items()
)
_ALREADY_BOOKED: Final = re.compile(
    r"\b(?:[dn][oa]s?|aos?|as?|pel[oa]s?) (?:seu |sua )?(?:horario|dia|data|hora|momento)s? (?:ja )?"
    r"(?:agendad|marcad|combinad|reservad)[oa]s?\b"
    r"(?! (?:e|esta|ficou|foi|para)\b)"
)
"""A noun of its own, of whatever is booked: "chegue antes do horário agendado"."""
_NOT_YET: Final = re.compile(
    r"\b(?:nao(?! se preocup)|nem|nenhum[a]?|nada|sem|nunca|se(?! preocup)|caso|assim que|quando|depois de|apos|"
    r"antes de|posso|podemos|pode|podem|quer|gostaria|deseja|precis\w+|dev\w+|ser|sera|serao|com (?:hora|horario))\b"
)
"""Before a participle, these take the claim back: "nada agendado", "pode ser remarcado", "com hora marcada"."""
_NOT: Final = re.compile(r"\b(?:nao(?! se preocup)|nem|nunca|nenhum[a]?)\b(?: \w+){0,3} $")
"""Before a verb: "ainda não agendei"."""
_CONDITION: Final = re.compile(r"\b(?:se|caso|apos|assim que|depois d[aeo])\b(?! (?:preocup|precisar|quiser))")
_IN_GENERAL: Final = re.compile(r"\b(?:e|sao|fica|ficam) (?:automaticamente )?$")
"""Of what happens if something else does: "se não for confirmado, o horário é cancelado"."""

_ONLY_MOMENTS: Final = re.compile(
    r"(?:[\W\d_]|\b(?:h|hs|hrs?|horas?|e|ou|as|a|da|de|do|na|no|das|dia|manha|tarde|noite|hoje|amanha|segunda|terca|"
    r"quarta|quinta|sexta|sabado|domingo|feira|data|horarios?)\b)+"
)
"""A line of a list below the sentence that introduces it."""
_LIST_LINE: Final = re.compile(r"(?:\d+[.)]|[^\w\s*_~\"'(]).*[^.!?…]$", re.DOTALL)
"""Begins with a bullet, an emoji or a number."""


def claims_in(answer: str) -> tuple[Claim, ...]:
    """Return what an answer claims, at most one claim of each kind per sentence."""
    found: list[Claim] = []
    for start, sentence in _statements(answer):
        folded = fold(sentence)
        if _is_available_claim(folded.replace("\n", "; ")):
            found.append(Claim(ClaimKind.AVAILABLE, sentence, start))
        deeds = frozenset[Deed]().union(*(_deeds_in(clause, folded) for clause in clauses(folded)))
        if deeds:
            found.append(Claim(ClaimKind.DONE, sentence, start, deeds))
    return tuple(found)


def _statements(answer: str) -> list[tuple[int, str]]:
    """Return the sentences of an answer with their places; a list with days and times belongs to the one above it."""
    found: list[tuple[int, str]] = []
    end = head = 0
    for sentence in sentences(answer):
        start = answer.index(sentence, end)
        end = start + len(sentence)
        if found and any(map(str.isalnum, sentence)) and _ONLY_MOMENTS.fullmatch(fold(sentence)):
            start = found[head][0]
            del found[head:]
        elif not _LIST_LINE.fullmatch(sentence):
            head = len(found)
        found.append((start, answer[start:end]))
    return found


def is_denied(clause: str) -> bool:
    """Whether a clause denies: its times are those that are *not* free."""
    return re.search(r"\b(?:nao|nem|sem|infelizmente|nenhum[a]?)\b", fold(clause)) is not None


def denied_places(sentence: str) -> list[tuple[int, int]]:
    """Return where the clauses of a sentence stand that deny."""
    return [(start, end) for start, end in clause_spans(sentence) if is_denied(sentence[start:end])]


def _is_available_claim(folded: str) -> bool:
    plain = folded
    for aside in (_RANGE, _LASTS, _WEEK, _AT_HAND, _OPEN_QUESTION):
        plain = aside.sub(" ", plain)
    asks = plain.rstrip(" \"')*_🐾😊").endswith("?")
    timed = re.search(_CLOCK, plain) is not None
    if _LOOKING.search(plain) and not timed:
        return False
    if _FULL.search(plain) or _lists_times(plain):
        return True
    if asks:
        return timed and _OPEN_SLOTS.search(plain) is not None
    if _OPEN_SLOTS.search(plain) or _calls_free(plain):
        return True
    return _comes_after(_OFFERS, _CLOCKS, plain) and not any(
        words.search(plain) for _, words, perfect in _DONE if not perfect
    )


# One search after another, not one pattern with gaps: a model that repeats itself would keep that busy for hours.


def _lists_times(plain: str) -> bool:
    """Whether a sentence lists times: "horários de terça: 9h, 10h"."""
    return _DAY_WITH_TIMES.search(plain) is not None or any(_lists_after_colon(part) for part in plain.split("?"))


def _lists_after_colon(part: str) -> bool:
    head = _LIST_OF.search(part)
    colon = -1 if head is None else part.find(":", head.end())
    return colon >= 0 and _CLOCKS.search(part, colon + 1) is not None


def _calls_free(plain: str) -> bool:
    """Whether a sentence calls a moment free: "às 10h está livre", "há vaga livre amanhã"."""
    frees = [match.start() for match in _FREES.finditer(plain)]
    moments = [match.start() for match in _MOMENT.finditer(plain)] if frees else []
    if not moments:
        return False
    slots = {match.start() for match in _SLOTS.finditer(plain)}
    named = bool(slots) and len(slots.union(frees)) > 1
    return moments[0] < frees[-1] or (moments[-1] > frees[0] and (named or _IS_FREE.search(plain) is not None))


def _comes_after(first: re.Pattern[str], second: re.Pattern[str], plain: str) -> bool:
    found = first.search(plain)
    return found is not None and second.search(plain, found.end()) is not None


def _deeds_in(clause: str, sentence: str) -> frozenset[Deed]:
    """Return what a clause says to be done."""
    plain = _ALREADY_BOOKED.sub(" ", clause)
    asks = clause.rstrip().endswith("?")
    found = ((deed, perfect, words.search(plain)) for deed, words, perfect in _DONE)
    return frozenset(
        deed
        for deed, perfect, match in found
        if match is not None
        and not (_NOT.search(plain[: match.start()]) if perfect else asks or _is_open(plain[: match.start()], sentence))
    )


def _is_open(before: str, sentence: str) -> bool:
    """Whether what stands before a participle takes it back: a negation, a wish, a condition."""
    general = _IN_GENERAL.search(before) is not None and _CONDITION.search(sentence) is not None
    return general or _NOT_YET.search(before) is not None
