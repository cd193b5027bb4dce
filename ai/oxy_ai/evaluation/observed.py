"""What came of a dialogue, as far as it is judged. Frozen values."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, NaiveDatetime

from oxy_ai.assistants.review.evidence import Offer


class Seen(BaseModel):
    """Base of what is observed; it is written to the report as JSON."""

    model_config = ConfigDict(frozen=True)


class BookedNow(Seen):
    """A booking as it is stored."""

    service: str
    subject: str
    at: NaiveDatetime
    """In the business's time zone."""
    status: str
    price_cents: int


class PersonNow(Seen):
    """What is stored of a person."""

    phone: str
    bookings: tuple[BookedNow, ...] = ()
    records: tuple[dict[str, Any], ...] = ()
    """Whatever the vertical keeps, without what is unknown."""
    opt_out: str | None = None
    private: bool = False
    taken_over: bool = False
    """Whether people answer."""


class HandOverNow(Seen):
    """A promise of a person that is open."""

    reason: str
    urgency: str
    summary: str


class ChangeNow(Seen):
    """A dated change of the agenda."""

    kind: str
    begins: NaiveDatetime
    ends: NaiveDatetime
    hours: tuple[str, ...]


class StateSeen(Seen):
    """What is stored of a business's people, at one moment."""

    people: tuple[PersonNow, ...]
    """Whoever writes first, then the others."""
    hand_over: HandOverNow | None = None
    owner_told: tuple[str, ...] = ()
    """Kinds of notices."""
    changes: tuple[ChangeNow, ...] = ()
    settings: dict[str, Any] = {}
    """Those in force."""
    proposal: str | None = None
    """The tool of the act that the owner is asked about; None: of none."""


class CallSeen(Seen):
    """A tool call of the model."""

    tool: str
    arguments: dict[str, Any] | str
    """Parsed; the text itself if it is no JSON object."""
    result: str = ""
    """As the model got it."""


class RoundSeen(Seen):
    """A response of the model."""

    text: str | None = None
    calls: tuple[CallSeen, ...] = ()


class TextSent(Seen):
    """A text, or a picture with its caption, that left."""

    text: str
    image: bool = False


class UsageSeen(Seen):
    """What the calls of an exchange took."""

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost_microdollars: int | None = 0
    """None: the price of one of them is unknown."""
    model_ms: tuple[int, ...] = ()
    """Latency of each."""


class ExchangeSeen(Seen):
    """What was said at one time, and what came of it."""

    at: datetime
    """In the business's time zone."""
    said: tuple[str, ...]
    """As it was said, for reports."""
    sent: tuple[TextSent, ...] = ()
    """To whoever wrote."""
    rounds: tuple[RoundSeen, ...] = ()
    states: tuple[str, ...] = ()
    """Of the turns: answered, skipped, dead; with the reason, if there is one."""
    intents: tuple[str, ...] = ()
    """That the platform noted."""
    usage: UsageSeen = UsageSeen()
    seconds: float = 0
    """From the message to the end of its turn."""

    @property
    def calls(self) -> Sequence[CallSeen]:
        """All tool calls, in their order."""
        return [call for seen in self.rounds for call in seen.calls]

    @property
    def text(self) -> str:
        """All that left."""
        return "\n".join(sent.text for sent in self.sent)


class Played(Seen):
    """A dialogue that was played."""

    before: StateSeen
    after: StateSeen
    exchanges: tuple[ExchangeSeen, ...]
    offers: tuple[Offer, ...] = ()
    """What the catalog offers, with prices."""
    instructions: str = ""
    """What is nobody's business."""
    tools: tuple[str, ...] = ()
    """Names of the model's tools."""
    broken: str | None = None
    """Why the dialogue could not be played to its end."""
