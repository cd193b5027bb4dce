"""Whether somebody who is asked if he comes says that he does, that he cancels, or that he cannot. Pure.

As with a yes (`oxy_ai.portuguese.agreement`), only what says nothing beside it counts: "cancela e marca sexta" is
neither.
"""

from collections.abc import Iterable
from enum import Enum, auto
from typing import Final

from oxy_ai.portuguese.agreement import PLAIN_NO_FORMS, YES_FORMS, says_only
from oxy_ai.portuguese.words import any_of


class Attendance(Enum):
    """What a text says to "do you come?"."""

    COMING = auto()
    CANCELLING = auto()
    NOT_COMING = auto()
    """He cannot, and does not say whether he wants another time."""
    OTHER = auto()
    """Anything else, and whatever says more."""


_WANTS: Final = (
    r"(?:(?:pode|podem|podes|quero|queria|gostaria de|preciso|precisamos|vou|vamos|vou ter que|vou precisar) )?"
)
_WHAT: Final = (
    r"(?: (?:o meu |meu |o |esse |este |a |minha |a minha )?(?:horario|agendamento|compromisso|visita)| isso| pra mim)?"
)
_CANCELLING: Final = rf"{_WANTS}(?:cancel(?:a|e|ar|em|ado|o)|desmar(?:ca|car|co|cado)|desmarque)(?: sim)?{_WHAT}"
_COMING: Final = any_of(
    (
        *("vou", "vou sim", "eu vou", "vamos sim", "iremos", "irei", "estarei ai", "estaremos ai", "estarei la"),
        *("estaremos la", "vou estar ai", "vamos estar ai", "presenca confirmada", "pode confirmar", "podem confirmar"),
        *("confirmamos", "confirmo sim", "confirmo presenca", "esta confirmado", "ta confirmado", "confirmado sim"),
        *("sim confirmo", "sim vou", "sim vamos", "levarei", "levo sim", "vou levar", "estou indo", "nos vamos"),
    )
)
_NOT_COMING: Final = any_of(
    (
        *("nao vou", "nao vou poder", "nao vou poder ir", "nao vou conseguir", "nao vou conseguir ir", "nao consigo"),
        *("nao consigo ir", "nao poderei", "nao poderei ir", "nao posso", "nao posso ir", "nao da", "nao vai dar"),
        *("nao irei", "nao iremos", "nao vamos", "nao vamos poder", "nao vamos conseguir", "nao podemos"),
        *(
            "nao confirmo",
            "nao confirmado",
            "infelizmente nao",
            "infelizmente nao vou",
            "nao vou mais",
            "nao quero mais",
        ),
    )
)


def attendance_in(text: str) -> Attendance:
    """Return what a text, the words of a voice note or the emoji of a reaction says to "do you come?"."""
    said = (
        (Attendance.CANCELLING, (_CANCELLING,)),
        (Attendance.NOT_COMING, (_NOT_COMING, *PLAIN_NO_FORMS)),
        (Attendance.COMING, (_COMING, *YES_FORMS)),
    )
    return next((what for what, forms in said if says_only(text, *forms)), Attendance.OTHER)


def attendance_of(texts: Iterable[str]) -> Attendance:
    """Return what several texts say together: as soon as they differ, something else."""
    said = {attendance_in(text) for text in texts}
    return said.pop() if len(said) == 1 else Attendance.OTHER
