"""Which campaign an owner means, and how it is doing in his words."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Annotated, Final

from pydantic import StringConstraints

from oxy_ai.assistants.refusals import ToolRefusal
from oxy_ai.assistants.vertical import ToolContext
from oxy_ai.campaigns.campaign_table import campaigns_of
from oxy_ai.campaigns.plan import LONGEST_NAME, Campaign, CampaignState
from oxy_ai.campaigns.results import Results
from oxy_ai.scheduling.services import fold_name

CampaignWords = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME, strip_whitespace=True)]

_LOOKED_AT: Final = 50
"""The newest campaigns, among which one is looked for."""
_NAMED: Final = 8
"""Campaigns that are named when nobody knows which is meant."""


async def find_campaign(
    context: ToolContext, words: str | None, states: Collection[CampaignState] = tuple(CampaignState)
) -> Campaign | ToolRefusal:
    """Return the campaign that these words mean, without words the newest, of those in these states."""
    known = await campaigns_of(context.connection, context.turn.instance, _LOOKED_AT)
    found = meant([campaign for campaign in known if campaign.state in states], words)
    if len(found) == 1:
        return found[0]
    return ToolRefusal(erro=_which(found, known))


def meant(campaigns: Sequence[Campaign], words: str | None) -> list[Campaign]:
    """Return the campaigns that words may mean: of this name, else whose names contain them. Pure."""
    if words is None:
        return list(campaigns[:1])
    wanted = fold_name(words)
    exact = [campaign for campaign in campaigns if fold_name(campaign.name) == wanted]
    return exact or [campaign for campaign in campaigns if wanted and wanted in fold_name(campaign.name)]


def _which(found: Sequence[Campaign], known: Sequence[Campaign]) -> str:
    if found:
        return f"Há mais de uma campanha assim: {_names(found)}. Pergunte ao dono qual."
    if not known:
        return "Ainda não há nenhuma campanha; sugerir_campanha guarda um rascunho."
    told = "; ".join(f"“{campaign.name}” ({_STATES[campaign.state]})" for campaign in known[:_NAMED])
    return f"Não há campanha assim para isto. Campanhas: {told}."


def _names(campaigns: Sequence[Campaign]) -> str:
    return "; ".join(f"“{campaign.name}”" for campaign in campaigns[:_NAMED])


_STATES: Final = {
    CampaignState.DRAFT: "rascunho",
    CampaignState.APPROVED: "aprovada",
    CampaignState.PAUSED: "em pausa",
    CampaignState.CANCELLED: "cancelada",
}


def state_words(campaign: Campaign, results: Results, now: datetime) -> str:
    """Return how a campaign is doing. Pure."""
    if campaign.state is CampaignState.APPROVED:
        over = campaign.expires_at is not None and campaign.expires_at <= now
        return "terminada" if over or not results.waiting else "enviando aos poucos"
    return _STATES[campaign.state]
