"""The tool with which the customers' assistant calls a person; verticals of any kind offer it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from oxy_ai.assistants.people import hand_over_of
from oxy_ai.assistants.vertical import IntentName, Tool, ToolContext
from oxy_ai.portuguese.words import fold
from oxy_ai.records import HandOverReason, Urgency


class Motive(StrEnum):
    """Why a person is needed."""

    ASKED = "cliente_pediu"
    COMPLAINT = "reclamacao"
    EMERGENCY = "emergencia"
    UNABLE = "nao_consigo_ajudar"


class Pressure(StrEnum):
    """How soon."""

    NORMAL = "normal"
    URGENT = "urgente"


_REASONS: Final[Mapping[Motive, HandOverReason]] = {
    Motive.ASKED: HandOverReason.ASKED,
    Motive.COMPLAINT: HandOverReason.COMPLAINT,
    Motive.EMERGENCY: HandOverReason.EMERGENCY,
    Motive.UNABLE: HandOverReason.UNABLE,
}


T = TypeVar("T", bound=StrEnum)


def _one_of(kind: type[T], otherwise: T) -> BeforeValidator:
    """Read a value as models write it; what cannot be read is `otherwise`."""

    def read(value: object) -> T:
        word = fold(value.strip()).replace(" ", "_") if isinstance(value, str) else ""
        return kind(word) if word in set(kind) else otherwise

    return BeforeValidator(read)


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


class Escalation(BaseModel):
    """Arguments of ``escalar_para_humano``: no mistake in them keeps a customer from a person."""

    model_config = ConfigDict(extra="forbid")

    motivo: Annotated[Motive, _one_of(Motive, Motive.UNABLE)] = Field(
        default=Motive.UNABLE, description="Por que uma pessoa precisa atender."
    )
    urgencia: Annotated[Pressure, _one_of(Pressure, Pressure.NORMAL)] = Field(
        default=Pressure.NORMAL, description="urgente: emergência, dor, risco ou dinheiro envolvido agora."
    )
    resumo: Annotated[str, BeforeValidator(_text)] = Field(
        default="", description="O que o cliente quer, numa frase, para quem vai atender."
    )

    @model_validator(mode="before")
    @classmethod
    def _known(cls, given: object) -> object:
        return {name: given[name] for name in cls.model_fields if name in given} if isinstance(given, dict) else given


class Escalated(BaseModel):
    """Result of ``escalar_para_humano``."""

    encaminhado: bool = True
    instrucao: str = (
        "Logo depois da sua resposta, o cliente lê automaticamente o que acontece agora e quando uma pessoa responde. "
        "Responda em uma frase curta, sem repetir isso e sem prometer prazo."
    )


async def _escalate(context: ToolContext, wanted: Escalation) -> BaseModel:
    urgent = wanted.urgencia is Pressure.URGENT or wanted.motivo is Motive.EMERGENCY
    urgency = Urgency.URGENT if urgent else Urgency.NORMAL
    await context.hand_over(hand_over_of(context.turn, _REASONS[wanted.motivo], wanted.resumo, urgency))
    return Escalated()


ESCALATE: Final = Tool(
    "escalar_para_humano",
    "Chama uma pessoa da equipe para continuar esta conversa. Use quando o cliente pedir uma pessoa, reclamar, em "
    "emergência, ou quando você não puder ajudar. Nunca diga que uma pessoa vai responder sem usar esta ferramenta.",
    Escalation,
    _escalate,
    acts=True,
    intent=IntentName.PERSON,
)
