"""What ``oxy campaign`` asks a worker (``python -m oxy_ai.admin campaign``), and what that answers.

Standard input is one line, a `CampaignOrder` as JSON, and right after it the bytes of the campaign's media, if they are
needed. Nothing of it is an argument, as in `oxy_core.send_command`.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from oxy_core.identity import InstanceName, OrganizationName
from oxy_core.models import StrictModel


class CampaignVerb(StrEnum):
    """What is done with a campaign."""

    CREATE = "create"
    """Keep it as a draft."""
    PREVIEW = "preview"
    """Tell what approving it would do."""
    APPROVE = "approve"
    """Fix its recipients; each gets it once."""
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    REPORT = "report"
    """Tell what came of it."""
    LIST = "list"
    """Tell which campaigns there are."""


class MediaOrder(StrictModel):
    """A file beside the campaign's."""

    name: Annotated[str, Field(min_length=1)]
    size: int = Field(ge=1)
    sha256: str
    follows: bool = False
    """Whether its bytes come after the order."""


class CampaignOrder(StrictModel):
    """What is to be done with a campaign of an instance."""

    organization: OrganizationName
    instance: InstanceName
    verb: CampaignVerb
    name: str | None = None
    """Of the campaign; None: that of the file, or the verb concerns none, or all of them."""
    text: str | None = None
    """The campaign as a YAML file; None: it is named only."""
    file: str | None = None
    """Name of that file, for messages about mistakes in it."""
    media: MediaOrder | None = None
    number: bool = False
    """Resume whatever the number sends without being asked, not one campaign."""


class CampaignExample(StrictModel):
    """A recipient with the text that he would get."""

    name: str | None = None
    text: str


class CampaignPreview(StrictModel):
    """What approving it now would do."""

    to: str
    """The segment in words."""
    recipients: int
    over_cap: int
    """Others, whom the cap leaves out."""
    opted_out: int
    """Others, who do not want such messages."""
    unproven: int
    """Others, of whom nothing shows that they are customers."""
    missing: dict[str, int]
    """Of the recipients, how many would get nothing because nobody knows this of them."""
    silent: bool = False
    """Whether its hours lie within the number's quiet hours, so that nothing would leave."""
    room: int = 0
    """How many texts the number may send before it expires, if it sends no others."""
    paused: bool = False
    """Whether the number sends nothing now, until a person resumes."""
    examples: tuple[CampaignExample, ...] = ()


class CampaignWait(StrictModel):
    """Why promotions of its number wait."""

    why: str
    """As `oxy status` shows it: `oxy_ai.reputation.WaitingTexts.why`."""
    until: AwareDatetime | None = None
    """When the first may leave; None: nobody knows."""


class CampaignReport(StrictModel):
    """What came of it, each recipient counted once in a line."""

    recipients: int
    waiting: int
    sent: int
    delivered: int
    read: int
    answered: int
    booked: int
    opted_out: int
    cancelled: int
    failed: dict[str, int] = Field(default_factory=dict)
    """By reason."""
    dead: int = 0
    """Of those waiting, whose job is a dead letter (`oxy dlq`)."""
    waits: tuple[CampaignWait, ...] = ()
    """Why some wait, as far as the number knows, which may have other promotions."""


class CampaignAnswer(StrictModel):
    """A campaign after what was ordered."""

    name: str
    state: str
    outcome: str
    """What has happened: created, changed, same, previewed, approved, already, paused, resumed, cancelled, reported."""
    approved_at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None
    preview: CampaignPreview | None = None
    report: CampaignReport | None = None
    withdrawn: int | None = None
    """Who get nothing because it was cancelled."""


class CampaignsAnswer(StrictModel):
    """All campaigns of an instance, the newest first; or nothing but what was done with the number."""

    campaigns: tuple[CampaignAnswer, ...] = ()
    resumed: bool | None = None
    """Whether the number sends again, having been paused."""
