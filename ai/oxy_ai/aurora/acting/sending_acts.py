"""What the number may still send without being asked, why something waits, and going on after it was stopped."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from oxy_ai.assistants.refusals import ToolRefusal
from oxy_ai.assistants.vertical import ActOutcome, ConfirmedAct, IntentName, Tool, ToolContext
from oxy_ai.aurora.acting.asking import ActPlan, asking_tool, undone, who_of
from oxy_ai.portuguese.formatting import moment
from oxy_ai.reputation import PauseReason, Purpose, Reputation, WaitingTexts, reputation_of, resume_proactive
from oxy_ai.scheduling.tool_arguments import Arguments
from oxy_core.instance.settings import LimitsSettings

_PURPOSES: Final[Mapping[Purpose, str]] = {
    Purpose.PROMOTION: "campanhas e divulgação",
    Purpose.BOOKING: "avisos de agendamentos",
    Purpose.REPORT: "relatórios para o dono",
}
_STOPPED: Final[Mapping[PauseReason, str]] = {
    PauseReason.REACHOUT_LOCKED: "o WhatsApp não deixa este número iniciar conversas",
    PauseReason.RATE_LIMITED: "o WhatsApp pediu para este número enviar menos",
    PauseReason.BANNED: "o WhatsApp bloqueou este número",
    PauseReason.FAILURES: "muitas mensagens de divulgação não foram aceitas",
    PauseReason.OPT_OUTS: "muita gente pediu para não receber mais",
    PauseReason.PERSON: "uma pessoa pediu para parar",
}
_REASONS: Final[Mapping[str, str]] = {
    "frozen": "a plataforma suspendeu todos os envios",
    "connection": "o WhatsApp não está conectado",
    "paused": "os envios estão parados",
    "assistant": "a assistente está em pausa",
    "draft": "a assistente está em modo de teste",
    "quiet_hours": "é horário de silêncio",
    "day": "o limite de divulgação de hoje acabou",
    "minute": "o limite por minuto",
    "human": "uma pessoa está conversando com o cliente",
    "audience": "no modo de teste só alguns contatos recebem",
    "talking": "o cliente acabou de escrever",
    "hours": "está fora do horário da campanha",
    "settings": "os limites deste número ainda não chegaram",
    "interval": "o cliente recebeu outra divulgação há poucos dias",
    "not_before": "a hora marcada ainda não chegou",
    "turn": "espera a vez",
}


class SendingQuestion(Arguments):
    """Arguments of ``ver_envios`` and of ``retomar_envios``: none."""


class Promotions(BaseModel):
    """What is left of the day."""

    limite_de_hoje: int | None
    restam_hoje: int | None
    dia_de_aquecimento: int | None
    """Which of the first days it is, on which fewer may leave; None: they are over."""


class Stopped(BaseModel):
    """Why nothing leaves."""

    motivo: str
    desde: str


class Waits(BaseModel):
    """Texts that wait for the same reason."""

    o_que: str
    quantas: int
    por_que: str
    podem_sair_a_partir_de: str | None


class SendingState(BaseModel):
    """Result of ``ver_envios``."""

    divulgacao: Promotions
    limite_por_minuto: int | None
    enviadas_no_ultimo_minuto: int
    horario_de_silencio: str | None
    parado: Stopped | None
    esperando: list[Waits]


class ResumeSendingOrder(BaseModel):
    """The end of a stop."""


async def _read(context: ToolContext) -> Reputation:
    found = await reputation_of(context.connection, context.organization, context.turn.instance)
    if found is None:
        message = "the turn's instance is not known"
        raise LookupError(message)
    return found


async def _show(context: ToolContext, _: SendingQuestion) -> BaseModel:
    return shown(await _read(context), context.turn.settings.limits, context.timezone)


def shown(found: Reputation, limits: LimitsSettings, zone: ZoneInfo) -> SendingState:
    """Return what an owner is told of a number's budget."""
    warming = found.promotion_day if found.promotion_day <= len(limits.warm_up) else None
    return SendingState(
        divulgacao=Promotions(
            limite_de_hoje=found.promotions_a_day, restam_hoje=found.promotions_left, dia_de_aquecimento=warming
        ),
        limite_por_minuto=found.per_minute,
        enviadas_no_ultimo_minuto=found.this_minute,
        horario_de_silencio=found.quiet_hours or None,
        parado=found.paused and Stopped(motivo=_STOPPED[found.paused.why], desde=_local(found.paused.at, zone)),
        esperando=[_waits(line, zone) for line in found.waiting],
    )


def _waits(line: WaitingTexts, zone: ZoneInfo) -> Waits:
    return Waits(
        o_que=_PURPOSES[line.purpose],
        quantas=line.texts,
        por_que=_REASONS.get(line.why, "espera alguém liberar"),
        podem_sair_a_partir_de=None if line.until is None else _local(line.until, zone),
    )


def promotions_begin(found: Reputation | None, zone: ZoneInfo) -> str:
    """Return in a sentence why promotions that were just queued do not leave now, and until when; empty: they do."""
    waiting = [] if found is None else found.waiting
    lines = [line for line in waiting if line.purpose is Purpose.PROMOTION]
    if not lines or any(line.why in {"turn", "minute"} for line in lines):
        return ""
    first = min(lines, key=lambda line: (line.until is None, line.until))
    when = "" if first.until is None else f", a partir de {_local(first.until, zone)}"
    return f" Agora nenhuma sai ({_waits(first, zone).por_que}){when}."


def _local(at: datetime, zone: ZoneInfo) -> str:
    return moment(at.astimezone(zone))


async def _plan_resume(context: ToolContext, _: SendingQuestion) -> ActPlan | ToolRefusal:
    stopped = (await _read(context)).paused
    if stopped is None:
        return ToolRefusal(erro="Os envios não estão parados; ver_envios diz por que algo espera.")
    intent = (
        f"Vou voltar a enviar campanhas, divulgação e lembretes deste número. Eles pararam porque "
        f"{_STOPPED[stopped.why]}; o que esperava sai aos poucos, dentro dos limites."
    )
    return ActPlan(intent, ResumeSendingOrder())


async def _resume(context: ToolContext, _: ResumeSendingOrder) -> ActOutcome:
    if not await resume_proactive(context.connection, context.organization, context.turn.instance, who_of(context)):
        return undone("Os envios já tinham voltado.")
    return ActOutcome("Pronto! Voltei a enviar, aos poucos, dentro dos limites.")


SENDING_TOOLS: Final = (
    Tool(
        "ver_envios",
        "Mostra o que este número ainda pode enviar hoje sem que ninguém peça (campanhas, divulgação, lembretes, "
        "relatórios), se os envios estão parados e por que algo espera.",
        SendingQuestion,
        _show,
        intent=IntentName.FIGURES,
    ),
    asking_tool(
        "retomar_envios",
        "Faz o número voltar a enviar campanhas, divulgação e lembretes depois que os envios foram parados.",
        SendingQuestion,
        _plan_resume,
        ConfirmedAct(ResumeSendingOrder, _resume),
    ),
)


def sending_limits(limits: LimitsSettings) -> str:
    """Return what Aurora has to know of how much the number sends without being asked."""
    quiet = f", nunca entre {limits.quiet_hours.replace('-', ' e ')}" if limits.quiet_hours else ""
    return (
        f"Sem ninguém pedir, este número envia no máximo {limits.outbound_per_minute} mensagens por minuto{quiet}, e "
        f"no máximo {limits.campaign_per_day} de divulgação por dia, menos nos primeiros dias; o que não pode sair "
        "espera. Por que algo espera: ver_envios."
    )
