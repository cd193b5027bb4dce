"""Whether an answer ends with something that is to come: nobody writes again until the customer does. Pure."""

import re
from collections.abc import Iterable
from typing import Final

from oxy_ai.assistants.review.evidence import Evidence
from oxy_ai.assistants.review.objections import SHOWN, AnswerObjection, Fault
from oxy_ai.portuguese.promises import promises_person
from oxy_ai.portuguese.sentences import sentences
from oxy_ai.portuguese.words import fold

_WAIT: Final = re.compile(
    r"\b(?:um|1) (?:momento|momentinho|instante|instantinho|minuto|minutinho|segundo|segundinho|pouquinho)\b"
    r"|\baguarde\b|\b(?:aguarda|espera|espere) (?:um|so|ai|uns)\b"
)
_WILL: Final = re.compile(
    r"\b(?:vou|irei|estou|deixa eu|deixe-me|vamos) (?:ja |agora |aqui |so |te )?(?:verific|consult|chec|confer|confir|"
    r"ver\b|vend|olh|busc|procur|agend|marc|reserv|cancel|desmarc|remarc|reagend|cadastr|registr)\w*"
    r"|\benquanto (?:eu )?(?:verific|consult|chec|confir|olh|busc)\w*"
)


def postponements(answer: str, evidence: Evidence) -> Iterable[AnswerObjection]:
    """Object to "vou verificar, um momento": the tools can be asked now. If it promises a person, one is told."""
    said = sentences(answer)
    asks = max((place for place, sentence in enumerate(said) if "?" in sentence), default=-1)
    waits = any(_WAIT.search(fold(sentence)) for sentence in said)
    if not waits or promises_person(answer) or _has_called(evidence):
        return
    for sentence in said[asks + 1 :]:
        if _WILL.search(fold(sentence)):
            yield AnswerObjection(Fault.POSTPONED, sentence[:SHOWN])


def _has_called(evidence: Evidence) -> bool:
    """Whether a tool has called a person, who will see to it."""
    return any('"encaminhado"' in outcome.result for outcome in evidence.outcomes)
