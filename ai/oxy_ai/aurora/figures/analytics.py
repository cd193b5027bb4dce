"""The tool that answers with the business's figures of a period, and a chart of them."""

from typing import Final, Self

import structlog
from pydantic import BaseModel, Field, model_validator

from oxy_ai.assistants.vertical import IntentName, Tool, ToolContext
from oxy_ai.aurora.charts.picture import rendered
from oxy_ai.aurora.figures.measures import MEASURES, Compared, cents_written, compare, compared
from oxy_ai.aurora.figures.periods import Period, PeriodName, Span, period_of
from oxy_ai.aurora.figures.pictures import ChartName, Told, drawing_of
from oxy_ai.aurora.figures.source import FigureSource
from oxy_ai.aurora.figures.wording import before_words, period_words
from oxy_ai.errors import FileLostError
from oxy_ai.portuguese.formatting import duration, money, plural
from oxy_ai.reports.ai_cost import AiCost
from oxy_ai.reports.conversation_figures import read_waiting
from oxy_ai.scheduling.booking_figures import BookingFigures, ServiceFigures, read_coming
from oxy_ai.scheduling.tool_arguments import Arguments, Day

log = structlog.get_logger()

SENT: Final = "enviado como imagem antes da sua resposta; não descreva a imagem, comente o que importa"
NOTHING_TO_SEE: Final = "sem gráfico: não há nada para mostrar neste período"
NOT_KEPT: Final = "sem gráfico: a imagem não pôde ser guardada agora; responda só com os números"


class AnalyticsQuestion(Arguments):
    """Arguments of ``buscar_analytics``."""

    periodo: PeriodName = Field(
        default=PeriodName.TODAY,
        description="Período. semana_atual e semana_passada são as do calendário (segunda a domingo); ultimos_7_dias "
        "conta hoje e os 6 dias antes. Use o que o dono pediu.",
    )
    inicio: Day | None = Field(default=None, description="Primeiro dia (AAAA-MM-DD), só com periodo personalizado.")
    fim: Day | None = Field(default=None, description="Último dia (AAAA-MM-DD), só com periodo personalizado.")
    grafico: ChartName | None = Field(
        default=None,
        description="Gráfico a enviar como imagem; nulo se os números bastam. receita e atendimentos: evolução ao "
        "longo do período; mensagens: recebidas e enviadas; servicos: receita de cada serviço; resumo: tabela.",
    )

    @model_validator(mode="after")
    def _has_days(self) -> Self:
        if self.periodo is PeriodName.CUSTOM and (self.inicio is None or self.fim is None or self.fim < self.inicio):
            message = "periodo personalizado precisa de inicio e fim, nesta ordem"
            raise ValueError(message)
        return self

    @property
    def span(self) -> Span | None:
        """The days of a custom period."""
        custom = self.periodo is PeriodName.CUSTOM
        return Span(self.inicio, self.fim) if custom and self.inicio is not None and self.fim is not None else None


class ServiceLine(BaseModel):
    """The figures of one service."""

    servico: str
    atendimentos: Compared
    receita: Compared


class Booked(BaseModel):
    """What is booked in the rest of a period."""

    agendamentos: int
    valor: str


class WaitingCustomers(BaseModel):
    """Who waits for a person of the business at this moment."""

    clientes: int
    o_que_espera_ha_mais_tempo: str | None = None


class Summary(BaseModel):
    """Result of ``buscar_analytics``. What each figure counts: `ConversationFigures` and `BookingFigures`."""

    periodo: str
    comparado_com: str | None
    receita: Compared
    atendimentos: Compared
    clientes_atendidos: Compared
    agendamentos: Compared
    valor_agendado: Compared
    faltas: Compared
    valor_das_faltas: Compared
    cancelamentos: Compared
    valor_cancelado: Compared
    conversas: Compared
    novos_clientes: Compared
    mensagens_recebidas: Compared
    mensagens_enviadas: Compared
    tempo_medio_de_resposta: Compared
    tempo_mediano_de_resposta: Compared
    pedidos_de_atendente: Compared
    tempo_mediano_da_equipe: Compared
    custo_da_ia: Compared
    custo_da_ia_sem_preco: str | None
    """None: the cost of all calls is known."""
    por_servico: list[ServiceLine]
    ainda_por_vir: Booked | None
    """None: the period is over."""
    esperando_atendente_agora: WaitingCustomers
    grafico: str | None = None


async def _summarize(context: ToolContext, question: AnalyticsQuestion) -> BaseModel:
    period = period_of(question.periodo, question.span, context.now, context.timezone)
    source = FigureSource(context.connection, context.organization, context.timezone)
    now = await source.read(period.now)
    before = None if period.before is None else await source.read(period.before)
    told = Told(period, now, before)
    return Summary.model_validate(
        {measure.key: compared(measure, now, before) for measure in MEASURES}
        | {
            "periodo": period_words(period),
            "comparado_com": before_words(period),
            "por_servico": _services(now.bookings, None if before is None else before.bookings),
            "ainda_por_vir": await _booked(context, period),
            "custo_da_ia_sem_preco": _unpriced(now.cost),
            "esperando_atendente_agora": await _waiting(context),
            "grafico": None if question.grafico is None else await _attach(context, question.grafico, told, source),
        }
    )


def _unpriced(cost: AiCost) -> str | None:
    if not cost.unpriced:
        return None
    return f"{plural(cost.unpriced, 'chamada', 'chamadas')} de modelo sem preço conhecido, fora do custo"


def _services(now: BookingFigures, before: BookingFigures | None) -> list[ServiceLine]:
    """Return the services of both periods, those with the highest revenue now first."""
    current = {service.name: service for service in now.by_service}
    former = {} if before is None else {service.name: service for service in before.by_service}
    lines = []
    for name in dict.fromkeys((*current, *former)):
        nothing = ServiceFigures(name, 0, 0)
        lines.append(_line(current.get(name, nothing), None if before is None else former.get(name, nothing)))
    return lines


def _line(now: ServiceFigures, before: ServiceFigures | None) -> ServiceLine:
    return ServiceLine(
        servico=now.name,
        atendimentos=compare(now.visits, None if before is None else before.visits, int),
        receita=compare(now.revenue_cents, None if before is None else before.revenue_cents, cents_written),
    )


async def _booked(context: ToolContext, period: Period) -> Booked | None:
    if period.now.is_whole:
        return None
    coming = await read_coming(context.connection, context.organization, period.now.until, period.now.end)
    return Booked(agendamentos=coming.bookings, valor=money(coming.cents))


async def _waiting(context: ToolContext) -> WaitingCustomers:
    found = await read_waiting(context.connection, context.organization)
    longest = found.longest_seconds
    return WaitingCustomers(
        clientes=found.waiting, o_que_espera_ha_mais_tempo=None if longest is None else duration(longest)
    )


async def _attach(context: ToolContext, name: ChartName, told: Told, source: FigureSource) -> str:
    """Attach a chart to the answer, and return what the model has to know of it."""
    drawing = await drawing_of(name, told, source)
    if drawing is None:
        return NOTHING_TO_SEE
    try:
        await context.attach(rendered(drawing.svg), drawing.caption)
    except FileLostError as error:
        log.warning("chart_not_kept", reason=error.reason)
        return NOT_KEPT
    return SENT


ANALYTICS: Final = Tool(
    "buscar_analytics",
    "Busca os números da loja num período, cada um comparado com o período anterior (agora, antes, variacao), e manda "
    "um gráfico se for pedido. Se o período ainda não acabou, agora vai até este momento e antes é o mesmo trecho do "
    "anterior; ainda_por_vir é o que já está marcado até o fim dele. atendimentos e receita: horários que já "
    "chegaram, sem cancelados nem faltas; agendamentos e valor_agendado: o que foi marcado no período, para qualquer "
    "dia. Mensagens, conversas, clientes novos e tempos contam só clientes: nunca os donos, o chat da loja consigo "
    "mesma, nem grupos.",
    AnalyticsQuestion,
    _summarize,
    intent=IntentName.FIGURES,
)
