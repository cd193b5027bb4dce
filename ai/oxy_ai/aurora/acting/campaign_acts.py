"""Sending a campaign that was drafted, and pausing, resuming and cancelling one."""

from collections.abc import Awaitable, Callable
from typing import Final

from pydantic import BaseModel, Field

from oxy_ai.assistants.refusals import ToolRefusal
from oxy_ai.assistants.vertical import ActOutcome, ConfirmedAct, Tool, ToolContext
from oxy_ai.aurora.acting.asking import ActPlan, asking_tool, undone, who_of
from oxy_ai.aurora.acting.sending_acts import promotions_begin
from oxy_ai.aurora.customers.campaigns import shop_of
from oxy_ai.aurora.customers.named_campaigns import CampaignWords, find_campaign
from oxy_ai.campaigns.approval import Approval, ApprovalOrder, Approved, approve, pace_of
from oxy_ai.campaigns.audience import Audience
from oxy_ai.campaigns.campaign_table import cancel, pause, resume
from oxy_ai.campaigns.plan import Campaign, CampaignState, expiry_of, is_silent, objection_to_times
from oxy_ai.campaigns.preview import Preview, preview_of
from oxy_ai.portuguese.formatting import moment, number, plural
from oxy_ai.reputation import reputation_of
from oxy_ai.scheduling.tool_arguments import Arguments


class CampaignWish(Arguments):
    """Arguments of the tools about one campaign."""

    campanha: CampaignWords | None = Field(default=None, description="Nome da campanha; nulo: a mais recente.")


class SendingOrder(BaseModel):
    """A campaign that is sent as it was shown."""

    campaign: int
    name: str
    digest: str


class CampaignActOrder(BaseModel):
    """A campaign with which something is done."""

    campaign: int
    name: str


_SILENT: Final = (
    "O horário da campanha ({hours}) cai todo no horário de silêncio deste número ({quiet}), e nada sairia; é preciso "
    "guardar outro rascunho com outro horário."
)


def sending_tool(audience: Audience) -> Tool:
    """Return the tool that sends a draft, for a vertical's customers."""

    async def plan(context: ToolContext, wanted: CampaignWish) -> ActPlan | ToolRefusal:
        campaign = await find_campaign(context, wanted.campanha, {CampaignState.DRAFT})
        if isinstance(campaign, ToolRefusal):
            return campaign
        limits = context.turn.settings.limits
        if is_silent(campaign, limits):
            return ToolRefusal(erro=_SILENT.format(hours=campaign.hours, quiet=limits.quiet_hours))
        if objection_to_times(campaign, context.now, limits) is not None:
            return ToolRefusal(erro=f"O prazo da campanha “{campaign.name}” passou; é preciso guardar outro rascunho.")
        preview = await preview_of(shop_of(context), audience, campaign)
        if not preview.reached:
            return ToolRefusal(erro=f"Ninguém receberia a campanha “{campaign.name}” agora ({preview.to}).")
        order = SendingOrder(campaign=campaign.id, name=campaign.name, digest=campaign.digest)
        return ActPlan(_intent(context, campaign, preview), order)

    async def carry_out(context: ToolContext, order: SendingOrder) -> ActOutcome:
        pace = pace_of(context.turn.settings.limits.outbound_per_minute)
        wanted = ApprovalOrder(order.campaign, order.digest, who_of(context))
        approved = await approve(shop_of(context), audience, wanted, pace)
        found = await reputation_of(context.connection, context.organization, context.turn.instance)
        return _told(context, order.name, approved, promotions_begin(found, context.timezone))

    return asking_tool(
        "enviar_campanha",
        "Envia a vários clientes uma campanha que está em rascunho, aos poucos, cada cliente uma vez só.",
        CampaignWish,
        plan,
        ConfirmedAct(SendingOrder, carry_out),
    )


def _intent(context: ToolContext, campaign: Campaign, preview: Preview) -> str:
    expires = expiry_of(campaign, context.now).astimezone(context.timezone)
    to_whom = plural(preview.reached, "cliente", "clientes")
    below = " A mensagem vai abaixo de um arquivo." if campaign.media is not None else ""
    return (
        f"Vou enviar a campanha “{campaign.name}” para {to_whom} ({preview.to}), aos poucos, até {moment(expires)}."
        f"{_slowed(preview)}{_left_out(preview)}{below} Por exemplo: “{preview.examples[0].text}”"
    )


def _slowed(preview: Preview) -> str:
    """Return what keeps some of the recipients from getting it in time."""
    few = f" Até lá este número pode mandar só umas {number(preview.room)} mensagens." if preview.room else ""
    slow = few or " No ritmo de agora, nenhuma sai até lá."
    stopped = " Os envios deste número estão parados: nada sai até você retomar." if preview.paused else ""
    return (slow if preview.room < preview.reached else "") + stopped


def _left_out(preview: Preview) -> str:
    left = [
        f"{plural(preview.opted_out, 'cliente que não quer', 'clientes que não querem')} mensagens"
        if preview.opted_out
        else "",
        *(f"{count} sem {name} no cadastro" for name, count in preview.missing.items()),
    ]
    told = ", ".join(filter(None, left))
    return f" Ficam de fora: {told}." if told else ""


def _told(context: ToolContext, name: str, approved: Approved, begin: str) -> ActOutcome:
    if approved.outcome is Approval.APPROVED and approved.expires_at is not None:
        until = moment(approved.expires_at.astimezone(context.timezone))
        who = plural(approved.recipients, "cliente recebe", "clientes recebem")
        return ActOutcome(
            f"Pronto! A campanha “{name}” foi aprovada: {who} aos poucos, até {until}.{begin} Pergunte quando quiser "
            "como ela está."
        )
    return undone(_UNDONE[approved.outcome].format(name=name))


_UNDONE: Final = {
    Approval.ALREADY: "A campanha “{name}” já tinha sido aprovada.",
    Approval.CHANGED: "A campanha “{name}” mudou depois da pergunta; peça de novo para ver como ficou.",
    Approval.GONE: "Não encontro mais a campanha “{name}”.",
    Approval.SILENT: "O horário da campanha “{name}” cai no horário de silêncio; é preciso guardar outro rascunho.",
    Approval.LATE: "O prazo da campanha “{name}” passou.",
    Approval.EMPTY: "Ninguém receberia a campanha “{name}” agora.",
}


def _planned(
    states: set[CampaignState], intent: str
) -> Callable[[ToolContext, CampaignWish], Awaitable[ActPlan | ToolRefusal]]:
    """Return what plans an act on a campaign in one of these states."""

    async def plan(context: ToolContext, wanted: CampaignWish) -> ActPlan | ToolRefusal:
        campaign = await find_campaign(context, wanted.campanha, states)
        if isinstance(campaign, ToolRefusal):
            return campaign
        return ActPlan(intent.format(name=campaign.name), CampaignActOrder(campaign=campaign.id, name=campaign.name))

    return plan


async def _pause(context: ToolContext, order: CampaignActOrder) -> ActOutcome:
    if not await pause(context.connection, context.organization, order.campaign, who_of(context)):
        return undone(f"A campanha “{order.name}” não está enviando.")
    return ActOutcome(f"Pronto! A campanha “{order.name}” está em pausa: ninguém mais recebe até você retomar.")


async def _resume(context: ToolContext, order: CampaignActOrder) -> ActOutcome:
    pace = pace_of(context.turn.settings.limits.outbound_per_minute)
    if not await resume(context.connection, context.organization, order.campaign, who_of(context), pace):
        return undone(f"A campanha “{order.name}” não está em pausa.")
    return ActOutcome(f"Pronto! A campanha “{order.name}” voltou a ser enviada, aos poucos.")


async def _cancel(context: ToolContext, order: CampaignActOrder) -> ActOutcome:
    count = await cancel(context.connection, context.organization, order.campaign, who_of(context))
    if count is None:
        return undone(f"A campanha “{order.name}” já tinha acabado.")
    left = plural(count, "cliente que ainda esperava não recebe", "clientes que ainda esperavam não recebem")
    return ActOutcome(f"Pronto! Cancelei a campanha “{order.name}”: {left} mais nada.")


def campaign_acts(audience: Audience) -> tuple[Tool, ...]:
    """Return the tools with which Aurora acts on campaigns, for a vertical's customers."""
    return (
        sending_tool(audience),
        asking_tool(
            "pausar_campanha",
            "Para por um tempo de enviar uma campanha.",
            CampaignWish,
            _planned(
                {CampaignState.APPROVED},
                "Vou pausar a campanha “{name}”: quem ainda não recebeu não recebe até você retomar; o prazo corre.",
            ),
            ConfirmedAct(CampaignActOrder, _pause),
        ),
        asking_tool(
            "retomar_campanha",
            "Volta a enviar uma campanha que está em pausa.",
            CampaignWish,
            _planned(
                {CampaignState.PAUSED}, "Vou voltar a enviar a campanha “{name}”, aos poucos, a quem ainda não recebeu."
            ),
            ConfirmedAct(CampaignActOrder, _resume),
        ),
        asking_tool(
            "cancelar_campanha",
            "Cancela de vez uma campanha: quem ainda não recebeu não recebe mais.",
            CampaignWish,
            _planned(
                {CampaignState.DRAFT, CampaignState.APPROVED, CampaignState.PAUSED},
                "Vou cancelar de vez a campanha “{name}”: quem ainda não recebeu não recebe mais.",
            ),
            ConfirmedAct(CampaignActOrder, _cancel),
        ),
    )
