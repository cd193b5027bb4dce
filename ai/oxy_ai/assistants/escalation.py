"""The tool with which the customers' assistant calls a person; verticals of any kind offer it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from oxy_ai.assistants.people import SUMMARY, hand_over_of
from oxy_ai.assistants.vertical import Tool, ToolContext
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


class Escalation(BaseModel):
    """Arguments of ``escalar_para_humano``."""

    model_config = ConfigDict(extra="forbid")

    motivo: Motive = Field(description="Por que uma pessoa precisa atender.")
    urgencia: Pressure = Field(
        default=Pressure.NORMAL, description="urgente: emergência, dor, risco ou dinheiro envolvido agora."
    )
    resumo: Annotated[str, StringConstraints(min_length=1, max_length=SUMMARY, strip_whitespace=True)] = Field(
        description="O que o cliente quer, numa frase, para quem vai atender."
    )


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
)
