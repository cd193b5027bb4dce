"""How many of a campaign's texts its number may send before it expires. Pure, and rough: others use the same budget."""

from datetime import datetime, timedelta

from oxy_ai.reputation import Reputation
from oxy_core.instance.settings import LimitsSettings


def allowance_of(reputation: Reputation | None, limits: LimitsSettings, now: datetime, until: datetime) -> int:
    """Return how many promotions the number may send from now on, in its zone, on whole days as they warm it up."""
    if reputation is None or reputation.promotions_left is None:
        return 0
    last = (until - timedelta(microseconds=1)).astimezone(now.tzinfo).date()
    later = range(1, (last - now.date()).days + 1)
    first = reputation.promotion_day  # of today
    return reputation.promotions_left + sum(_of_day(limits, first + number - 1) for number in later)


def _of_day(limits: LimitsSettings, sent_before: int) -> int:
    """Return how many may leave on a day before which the number has sent on so many."""
    warm = limits.warm_up[sent_before] if sent_before < len(limits.warm_up) else limits.campaign_per_day
    return min(warm, limits.campaign_per_day)
