"""Approving a campaign: from then on its recipients are fixed, and each of them gets it once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from oxy_ai.campaigns.audience import Audience
from oxy_ai.campaigns.campaign_table import held_campaign, set_approved
from oxy_ai.campaigns.plan import Campaign, CampaignState, expiry_of, is_silent, objection_to_times
from oxy_ai.campaigns.preview import Shop
from oxy_ai.campaigns.reach import Frozen, Market, freeze


class Approval(StrEnum):
    """What became of an approval."""

    APPROVED = "approved"
    ALREADY = "already"
    """It was approved before: nothing was done twice."""
    CHANGED = "changed"
    """It is another one than was to be approved."""
    GONE = "gone"
    """There is none, or it was cancelled."""
    LATE = "late"
    """Its times have passed."""
    SILENT = "silent"
    """Its hours lie within the number's quiet hours."""
    EMPTY = "empty"
    """Nobody would get it."""


@dataclass(frozen=True, slots=True)
class Approved:
    """What became of it."""

    outcome: Approval
    recipients: int = 0
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ApprovalOrder:
    """What is approved, and by whom."""

    campaign: int
    digest: str
    """Of what it said when it was shown."""
    who: str


async def approve(shop: Shop, audience: Audience, order: ApprovalOrder, pace: timedelta) -> Approved:
    """Freeze a campaign's recipients and have each of them get it, `pace` apart; in the caller's transaction.

    The caller holds the instance. Whoever approves again changes nothing.
    """
    campaign = await held_campaign(shop.connection, shop.organization, order.campaign)
    if (refused := _refused(campaign, order, shop)) is not None or campaign is None:
        return Approved(refused or Approval.GONE)
    segment = audience.segment.model_validate(campaign.segment)
    target = Market(shop.organization, shop.instance, segment, campaign.basis)
    count = await freeze(shop.connection, target, audience, Frozen(campaign.id, campaign.cap), shop.now)
    if not count:
        return Approved(Approval.EMPTY)
    expires = expiry_of(campaign, shop.now)
    await set_approved(shop.connection, shop.organization, campaign.id, order.who, expires, pace)
    return Approved(Approval.APPROVED, count, expires)


def _refused(campaign: Campaign | None, order: ApprovalOrder, shop: Shop) -> Approval | None:
    """Return why a campaign cannot be approved; None: it can."""
    if campaign is None or campaign.state is CampaignState.CANCELLED:
        return Approval.GONE
    if campaign.digest != order.digest:
        return Approval.CHANGED
    if campaign.state is not CampaignState.DRAFT:
        return Approval.ALREADY
    if is_silent(campaign, shop.limits):
        return Approval.SILENT
    return Approval.LATE if objection_to_times(campaign, shop.now, shop.limits) else None


def pace_of(per_minute: int) -> timedelta:
    """Return how far apart the texts of a campaign are queued if the number may send so many in a minute."""
    return timedelta(minutes=1) / per_minute
