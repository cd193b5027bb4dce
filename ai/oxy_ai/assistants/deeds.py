"""What a model claims to an owner that it has done, although only code does anything, on his yes. Pure.

An assistant's "fechei a loja" is a lie whenever it is said. Whether "a loja foi fechada" is one depends: who has looked
something up may tell of it, and so may who has just done it.
"""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Final

from oxy_ai.portuguese.sentences import sentences
from oxy_ai.portuguese.words import fold

NO_DEED: Final = "Nesta resposta não mudei nada na loja."

_DONE: Final = (
    r"(?:fechad|bloquead|desbloquead|pausad|retomad|reativad|desativad|marcad|desmarcad|remarcad|agendad|reagendad|"
    r"cancelad|confirmad|reabert|liberad|mudad|alterad|reservad|atualizad)[oa]s?\b"
)
_MADE: Final = r"(?:realizad|efetuad|concluid|feit|finalizad|efetivad|atendid|executad)[oa]s?\b"
_TO_DO: Final = (
    r"(?:fechar|bloquear|desbloquear|pausar|retomar|reativar|desativar|marcar|agendar|remarcar|desmarcar|cancelar|"
    r"assumir|devolver|mudar|alterar|reservar|reabrir|liberar)\b"
)
_NOUN: Final = r"(?:loja|agenda|assistente|horarios?|dias?|pausa|atendimento|agendamentos?|conversa|reserva)"
_DEED: Final = re.compile(
    r"(?<!nao )(?<!nunca )\b(?:fechei|bloqueei|desbloqueei|pausei|retomei|reativei|desativei|marquei|agendei|remarquei|"
    r"desmarquei|cancelei|assumi|devolvi|mudei|alterei|reservei|reabri|liberei)\b"
    rf"|\bja (?:esta|estao|ficou) (?:{_DONE}|(?:feit|pront)[oa]s?\b)"
    r"|\bparei de responder\b|\bvoltei a responder\b|\bsai do modo\b"
    rf"|(?<!nao )\b(?:acabei|acabamos) de {_TO_DO}|(?<!nao )\bconsegui(?:mos)? {_TO_DO}"
    rf"|(?<!nao )\b(?:ja )?deixei\b(?: \w+){{1,5}} {_DONE}"
    r"|(?<!nao )(?<!nao te )(?<!nunca )\b(?:enviei|mandei|disparei|aprovei|acabei de (?:enviar|mandar))\b"
    r"(?!(?: \w+){0,2} (?:grafico|imagem|figura|tabela|resumo)\b)"
)
"""Never true: pictures alone leave with an answer."""
_TOLD: Final = re.compile(
    rf"(?<!nao )\b(?:foi|foram|ficou|ficaram) (?:ja |agora )?{_DONE}"
    r"|(?<!nao )(?<!nunca )\b(?:cancel|bloque|desbloque|paus|desmarc|remarc)amos\b"
    rf"|^\W*(?:(?:ok|certo|pronto|feito|tudo certo)\W+)*(?:a |o )?{_NOUN} (?:ja )?(?:ativad[oa]|{_DONE})"
    rf"|, (?:a |o )?{_NOUN} (?:ativad[oa]\b|{_DONE})\W*$"
    rf"|^\W*(?:ja )?(?:esta|ta) (?:tudo )?(?:{_DONE}|{_MADE})\W*$"
    rf"|\b(?:pedido|comando|ordem|solicitacao)\b(?: \w+){{0,3}} {_MADE}"
    r"|\b(?:campanhas?|mensage(?:m|ns))\b(?: \w+){0,3} (?:ja )?(?:foi|foram|esta|estao) (?:ja )?"
    r"(?:enviad|disparad|aprovad|mandad)[oa]s?\b"
)
"""True of what was looked up, or has just been done."""
_ANNOUNCED: Final = re.compile(
    r"\W*(?:(?:ok|certo|tudo|ja|esta|prontinh[oa])\W+)*(?:feito|pronto|prontinho|consegui|concluido)\W*"
)
"""A sentence of its own, which says that the next one is done: "Feito! Amanhã a loja não abre."."""
_REPORTED: Final = re.compile(
    r"\b(?:foi|foram|ficaram) .{0,40}\b\d{1,4} [a-z]{4,}|\b\d{1,4} [a-z]{4,}.{0,40}\b(?:foi|foram)\b"
    r"|\bpel[ao]s? (?!assistente|aurora)[a-z]|\bferiados?\b|\b(?:aos|todos os) (?:sabados|domingos|dias)\b"
)
"""A figure, somebody else's deed, or the usual hours: "já foram marcados 12", "cancelado pela Ana"."""


def without_deeds(text: str, *, knows: bool = False) -> str:
    """Return an answer to an owner in which nothing was done without what claims that something was.

    `knows`: something was looked up for the answer, or done just before it.
    """
    said = sentences(text)
    claims = {part for part in said if _claims(part, knows=knows)}
    if not claims and (knows or not any(map(_announces, said))):
        return text
    if not knows:
        claims |= {after for before, after in pairwise(said) if _announces(before) and not after.rstrip().endswith("?")}
    left = _sentences_without(text, lambda part: part in claims or _announces(part))
    return f"{left}\n\n{NO_DEED}".strip()


def beside_question(text: str) -> str:
    """Return what may be said beside a question: nothing that asks, so that a yes answers one, or claims a deed."""
    return _sentences_without(text, lambda part: "?" in part or _claims(part, knows=False) or _announces(part))


def _claims(sentence: str, *, knows: bool) -> bool:
    folded = fold(sentence)
    if _DEED.search(folded) is not None:
        return True
    return (
        not (knows or sentence.rstrip().endswith("?"))
        and _TOLD.search(folded) is not None
        and not _REPORTED.search(folded)
    )


def _announces(sentence: str) -> bool:
    return _ANNOUNCED.fullmatch(fold(sentence)) is not None


def _sentences_without(text: str, unwanted: Callable[[str], bool]) -> str:
    lines = [" ".join(part for part in sentences(line) if not unwanted(part)) for line in text.splitlines()]
    return "\n".join(lines).strip()
