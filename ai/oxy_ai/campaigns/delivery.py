"""Whether one recipient gets his text of a campaign now, later, or not at all. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import AwareDatetime

from oxy_ai.assistants.fixed_texts import with_way_out
from oxy_ai.campaigns.plan import Campaign, CampaignState, Quiet, end_of_hours, next_hours, shortest_hours
from oxy_ai.records import Record
from oxy_ai.reputation import Purpose, waiting_for
from oxy_ai.text_templates import Filled
from oxy_core.outbound import MAX_CAPTION

SOON: Final = timedelta(minutes=2)
"""A text that may leave within this time is queued; of a later one the outbox knows nothing yet."""
SPREAD: Final = timedelta(minutes=30)
"""Over how much time the recipients come back, at most, who all wait for the same moment."""


class Skipped(StrEnum):
    """Why a recipient gets nothing."""

    EXPIRED = "Expired"
    OPTED_OUT = "OptedOut"
    PRIVATE = "Private"
    NO_CUSTOMER = "NoCustomer"
    """He has become one of the business's own people, or his chat is gone."""
    TOO_LONG = "TooLong"
    """His text is too long to go below a file."""
    MISSING = "Missing"
    """Nobody knows something of him that the text says; followed by its name."""


class RecipientNow(Record):
    """A recipient of a campaign, as he is now."""

    campaign: Campaign
    contact: int
    state: str
    """As the table says; leaving: his text may yet leave."""
    round: int
    """Of the jobs that count."""
    opted_out: bool
    private: bool
    customer: bool
    room: AwareDatetime | None = None
    """When the number may write to him at the earliest, as things stand; None: nobody knows."""
    shut: str = "turn"
    """What that waits for longest."""


@dataclass(frozen=True, slots=True)
class Send:
    """He gets it now."""

    until: datetime
    """What does not leave before then does not leave at all."""


@dataclass(frozen=True, slots=True)
class Wait:
    """He gets it later."""

    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Skip:
    """He does not get it."""

    why: str


@dataclass(frozen=True, slots=True)
class Void:
    """Nothing is to be done: it has happened, or is not to happen now."""

    why: str


Step = Send | Wait | Skip | Void


def next_step(recipient: RecipientNow, round_now: int, spread: float, now: datetime, quiet: Quiet = None) -> Step:
    """Decide about a recipient; `spread`, from 0 to 1, tells those apart who wait for the same moment.

    `round_now` is the job's, `now` in the business's time zone.
    """
    campaign = recipient.campaign
    if recipient.state not in {"waiting", "leaving"} or recipient.round != round_now:
        return Void("Settled")
    if campaign.state is not CampaignState.APPROVED or campaign.expires_at is None:
        return Void(f"Campaign{campaign.state.capitalize()}")
    if (why := _excluded(recipient, campaign.expires_at, now)) is not None:
        return Skip(why)
    waited = _wait(recipient, spread * _longest_spread(campaign, quiet), now)
    if waited is not None:
        return Wait(min(waited.until, campaign.expires_at), waited.why)
    ends = end_of_hours(campaign, now)
    return Send(campaign.expires_at if ends is None else min(ends, campaign.expires_at))


def _excluded(recipient: RecipientNow, expires: datetime, now: datetime) -> Skipped | None:
    if now >= expires:
        return Skipped.EXPIRED
    if recipient.opted_out:
        return Skipped.OPTED_OUT
    if recipient.private:
        return Skipped.PRIVATE
    return None if recipient.customer else Skipped.NO_CUSTOMER


def _wait(recipient: RecipientNow, later: timedelta, now: datetime) -> Wait | None:
    """Return for what he waits; None: for nothing. `later`: how long after others who wait for the same moment."""
    campaign = recipient.campaign
    if recipient.state == "leaving":
        return Wait(now + SPREAD, "Leaving")
    if campaign.begins_at is not None and campaign.begins_at > now:
        return Wait(campaign.begins_at, waiting_for(Purpose.PROMOTION, "not_before"))
    opens = next_hours(campaign, now)
    if opens is not None:
        return Wait(opens + later, waiting_for(Purpose.PROMOTION, "hours"))
    if recipient.room is None or recipient.room > now + SOON:
        until = (recipient.room or now + SPREAD) + later
        return Wait(until, waiting_for(Purpose.PROMOTION, recipient.shut))
    return None


def _longest_spread(campaign: Campaign, quiet: Quiet) -> timedelta:
    """Return over how much time recipients are spread.

    That is less than the hours last, as far as they are not quiet, or some would come too late every day.
    """
    return min(SPREAD, shortest_hours(campaign, quiet) / 2)


def again_at(campaign: Campaign, until: datetime) -> datetime | None:
    """Return when to look again at a text that leaves until a moment, or not: before the campaign expires."""
    return until if campaign.expires_at is not None and until < campaign.expires_at else None


def words_for(campaign: Campaign, text: Filled) -> str | Skip:
    """Return what a recipient reads, or why he gets nothing."""
    if text.missing:
        return Skip(f"{Skipped.MISSING}:{text.missing[0]}")
    words = with_way_out(text.text)
    if campaign.media is not None and len(words) > MAX_CAPTION:
        return Skip(Skipped.TOO_LONG)
    return words


def spread_of(recipient: int) -> float:
    """Return for a recipient a number from 0 to 1, the same every time, spread evenly over many of them."""
    return recipient * _GOLDEN % 1


_GOLDEN: Final = 0.618033988749895
"""Multiples of the golden ratio's fraction lie as far apart as can be (Knuth, The Art of Computer Programming, 6.4)."""
