"""Turning off and on what Aurora writes to owners on her own: overlays over the custom resource."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, Field

from oxy_ai.assistants.refusals import ToolRefusal
from oxy_ai.assistants.vertical import ActOutcome, ConfirmedAct, ToolContext
from oxy_ai.aurora.acting.asking import ActPlan, asking_tool, undone, who_of
from oxy_ai.portuguese.formatting import WEEKDAYS
from oxy_ai.scheduling.tool_arguments import Arguments
from oxy_ai.setting_overlays import OverlaidField, overlay_setting
from oxy_core.instance.settings import AuroraSettings


class OwnMessage(StrEnum):
    """What Aurora writes without being asked, as owners call it."""

    DAILY_SUMMARY = "resumo_diario"
    WEEKLY_REPORT = "relatorio_semanal"
    EMPTY_AGENDA = "agenda_vazia"
    OPPORTUNITIES = "oportunidades"
    WARNINGS = "avisos"


@dataclass(frozen=True, slots=True)
class _Named:
    words: str
    field: OverlaidField


_NAMED: Final[Mapping[OwnMessage, _Named]] = {
    OwnMessage.DAILY_SUMMARY: _Named("o resumo do dia", OverlaidField.DAILY_SUMMARY),
    OwnMessage.WEEKLY_REPORT: _Named("o relatório da semana", OverlaidField.WEEKLY_REPORT),
    OwnMessage.EMPTY_AGENDA: _Named("o aviso de agenda vazia", OverlaidField.EMPTY_AGENDA),
    OwnMessage.OPPORTUNITIES: _Named("as oportunidades da semana", OverlaidField.OPPORTUNITIES),
    OwnMessage.WARNINGS: _Named("os avisos de orçamento da IA e de conexão", OverlaidField.WARNINGS),
}


class OwnMessagesWish(Arguments):
    """Arguments of ``ligar_ou_desligar_mensagens``."""

    mensagens: list[OwnMessage] = Field(
        min_length=1,
        max_length=len(OwnMessage),
        description="Quais mensagens: resumo_diario, relatorio_semanal, agenda_vazia, oportunidades, avisos (orçamento "
        "da IA e conexão). Todas, se o dono não quer mais nenhuma.",
    )
    ligar: bool = Field(description="true para voltar a mandar, false para parar de mandar.")


class OwnMessagesOrder(BaseModel):
    """What is turned on or off."""

    messages: list[OwnMessage]
    on: bool


async def _plan(context: ToolContext, wanted: OwnMessagesWish) -> ActPlan | ToolRefusal:
    aurora = context.turn.settings.ai.aurora
    changed = [message for message in dict.fromkeys(wanted.mensagens) if _is_on(aurora, message) != wanted.ligar]
    if not changed:
        return ToolRefusal(erro=f"Isso já está {'ligado' if wanted.ligar else 'desligado'}; não há o que mudar.")
    intent = f"Vou {'voltar a' if wanted.ligar else 'parar de'} mandar {_listed(aurora, changed, on=wanted.ligar)}."
    return ActPlan(intent, OwnMessagesOrder(messages=changed, on=wanted.ligar))


async def _carry_out(context: ToolContext, order: OwnMessagesOrder) -> ActOutcome:
    changed = [message for message in order.messages if await _set(context, message, on=order.on)]
    if not changed:
        return undone(f"Isso já estava {'ligado' if order.on else 'desligado'}.")
    words = _listed(context.turn.settings.ai.aurora, changed, on=order.on)
    if order.on:
        return ActOutcome(f"Pronto! Volto a mandar {words}.")
    return ActOutcome(f"Pronto! Não mando mais {words}. Para voltar, é só me pedir.")


async def _set(context: ToolContext, message: OwnMessage, *, on: bool) -> bool:
    about = (context.connection, context.organization, context.turn.instance)
    return await overlay_setting(*about, _NAMED[message].field, on, who_of(context))


def _is_on(aurora: AuroraSettings, message: OwnMessage) -> bool:
    match message:
        case OwnMessage.DAILY_SUMMARY:
            return aurora.daily_summary.enabled
        case OwnMessage.WEEKLY_REPORT:
            return aurora.weekly_report.enabled
        case OwnMessage.EMPTY_AGENDA:
            return aurora.empty_agenda.enabled
        case OwnMessage.OPPORTUNITIES:
            return aurora.opportunities.enabled
        case OwnMessage.WARNINGS:
            return aurora.warnings.enabled


def _listed(aurora: AuroraSettings, messages: list[OwnMessage], *, on: bool) -> str:
    named = [_NAMED[message].words + (_when(aurora, message) if on else "") for message in messages]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} e {named[-1]}"


def _when(aurora: AuroraSettings, message: OwnMessage) -> str:
    """Return when a message comes; nothing: it has no time of its own."""
    match message:
        case OwnMessage.DAILY_SUMMARY:
            return f" (todo dia às {aurora.daily_summary.at})"
        case OwnMessage.WEEKLY_REPORT:
            weekly = aurora.weekly_report
            return f" ({WEEKDAYS[weekly.weekday - 1]} às {weekly.at})"
        case _:
            return ""


def own_messages(aurora: AuroraSettings) -> str:
    """Return what Aurora has to know of what she writes on her own."""
    on = [message for message in OwnMessage if _is_on(aurora, message)]
    off = [message for message in OwnMessage if message not in on]
    told = f"Sem ninguém pedir você manda ao dono: {_listed(aurora, on, on=True)}." if on else ""
    return f"{told} Desligado: {_listed(aurora, off, on=False)}.".strip() if off else told


REPORT_ACTS: Final = (
    asking_tool(
        "ligar_ou_desligar_mensagens",
        "Liga ou desliga o que a Aurora manda ao dono sem ele pedir: resumo do dia, relatório da semana, agenda "
        "vazia, oportunidades, avisos. Alertas de clientes esperando e de emergências não são desligados.",
        OwnMessagesWish,
        _plan,
        ConfirmedAct(OwnMessagesOrder, _carry_out),
    ),
)
