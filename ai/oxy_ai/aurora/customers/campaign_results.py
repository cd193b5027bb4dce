"""The tool that tells what came of a campaign, with a chart."""

from datetime import datetime
from typing import Final

import structlog
from pydantic import BaseModel, Field

from oxy_ai.assistants.refusals import ToolRefusal
from oxy_ai.assistants.vertical import IntentName, Tool, ToolContext
from oxy_ai.aurora.charts.bars import Bar, Bars, draw_bars
from oxy_ai.aurora.charts.frame import Heading
from oxy_ai.aurora.charts.picture import rendered
from oxy_ai.aurora.charts.units import Unit
from oxy_ai.aurora.customers.named_campaigns import CampaignWords, find_campaign, state_words
from oxy_ai.campaigns.plan import Campaign
from oxy_ai.campaigns.results import CREDIT, Results, results_of
from oxy_ai.errors import FileLostError
from oxy_ai.portuguese.formatting import moment
from oxy_ai.sanitize import label_text
from oxy_ai.scheduling.tool_arguments import Arguments

_SENT: Final = "enviado como imagem antes da sua resposta; não descreva a imagem, comente o que importa"
_NOT_KEPT: Final = "sem gráfico: a imagem não pôde ser guardada agora; responda só com os números"
_NOTHING: Final = "sem gráfico: ainda não há nada para mostrar"

log = structlog.get_logger()


class ResultsQuestion(Arguments):
    """Arguments of ``resultado_da_campanha``."""

    campanha: CampaignWords | None = Field(default=None, description="Nome da campanha; nulo: a mais recente.")
    grafico: bool = Field(default=True, description="Se um gráfico vai como imagem; false se o dono não quer.")


class CampaignResult(BaseModel):
    """Result of ``resultado_da_campanha``: customers, each once in a line."""

    campanha: str
    situacao: str
    aprovada: str | None
    destinatarios: int
    esperando_a_vez: int
    enviadas: int
    entregues: int
    lidas: int
    responderam: int
    agendaram: int
    pediram_para_sair: int
    canceladas: int
    nao_enviadas: dict[str, int]
    """By reason."""
    conta_por_dias: int = CREDIT.days
    """How long after the text answers and bookings count."""
    grafico: str | None = None


async def _tell(context: ToolContext, question: ResultsQuestion) -> BaseModel:
    campaign = await find_campaign(context, question.campanha)
    if isinstance(campaign, ToolRefusal):
        return campaign
    results = await results_of(context.connection, context.organization, campaign.id)
    return CampaignResult(
        campanha=campaign.name,
        situacao=state_words(campaign, results, context.now),
        aprovada=None if campaign.approved_at is None else moment(campaign.approved_at.astimezone(context.timezone)),
        destinatarios=results.recipients,
        esperando_a_vez=results.waiting,
        enviadas=results.sent,
        entregues=results.delivered,
        lidas=results.read,
        responderam=results.answered,
        agendaram=results.booked,
        pediram_para_sair=results.opted_out,
        canceladas=results.cancelled,
        nao_enviadas={reason_words(reason): count for reason, count in results.failed.items()},
        grafico=await _attach(context, campaign, results) if question.grafico else None,
    )


async def _attach(context: ToolContext, campaign: Campaign, results: Results) -> str:
    if not results.sent:
        return _NOTHING
    try:
        await context.attach(
            rendered(draw_bars(chart_of(campaign, results, context.now))), caption_of(campaign, results)
        )
    except FileLostError as error:
        log.warning("chart_not_kept", reason=error.reason)
        return _NOT_KEPT
    return _SENT


def chart_of(campaign: Campaign, results: Results, now: datetime) -> Bars:
    """Return how far a campaign's texts came, as bars. Pure."""
    since = (campaign.approved_at or campaign.created_at).astimezone(now.tzinfo)
    heading = Heading(
        f"Campanha {label_text(campaign.name) or ''}", f"aprovada em {since:%d/%m/%Y}, até {now:%d/%m %H:%M}"
    )
    counted = (
        ("Destinatários", results.recipients),
        ("Enviadas", results.sent),
        ("Entregues", results.delivered),
        ("Lidas", results.read),
        ("Responderam", results.answered),
        ("Agendaram", results.booked),
        ("Pediram para sair", results.opted_out),
        ("Não enviadas", sum(results.failed.values())),
    )
    return Bars(heading, tuple(Bar(name, value) for name, value in counted), Unit.COUNT)


def caption_of(campaign: Campaign, results: Results) -> str:
    """Return the words below the chart. Pure."""
    return (
        f"Campanha {label_text(campaign.name) or ''}\nEnviadas: {results.sent} de {results.recipients}\n"
        f"Responderam: {results.answered}\nAgendaram: {results.booked}"
    )


def reason_words(reason: str) -> str:
    """Return why somebody got nothing, as an owner reads it. Pure."""
    kind, _, what = reason.partition(":")
    if kind == "Missing":
        return f"falta {what} no cadastro"
    return _REASONS.get(kind, "o WhatsApp não aceitou")


_REASONS: Final = {
    "Expired": "o prazo acabou antes",
    "NotAccepted": "o prazo acabou antes",
    "NotReleased": "o prazo acabou antes",
    "expired": "o prazo acabou antes",
    "OptedOut": "não quer mensagens",
    "Private": "contato particular",
    "NoCustomer": "não é mais cliente",
    "NoChat": "sem conversa neste número",
    "TooLong": "texto longo demais para a imagem",
    "CampaignCancelled": "campanha cancelada",
    "Merged": "mesmo cliente com dois cadastros",
    "ambiguous": "não se sabe se chegou",
    "JournalLost": "não se sabe se chegou",
}
"""By the reasons of recipients and of the outbox."""

CAMPAIGN_RESULTS: Final = Tool(
    "resultado_da_campanha",
    "Diz o que uma campanha deu até agora: enviadas, entregues, lidas, quem respondeu, agendou ou pediu para sair, e "
    "por que alguém ficou sem; manda um gráfico. responderam e agendaram contam conta_por_dias dias depois do texto.",
    ResultsQuestion,
    _tell,
    intent=IntentName.FIGURES,
)
