"""What an answer may rest on. Pure."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Offer:
    """A service with its price, as the catalog has it."""

    name: str
    cents: int


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What a tool call of this turn gave back."""

    tool: str
    result: str
    """JSON, as the model got it."""
    acts: bool = False
    """Whether the tool changes data."""

    @property
    def is_invalid_call(self) -> bool:
        """Whether the call itself was wrong, so that the tool did not run (`refusals.CallRefusal`)."""
        return '"chamada_invalida"' in self.result

    @property
    def is_success(self) -> bool:
        """Whether the tool did what it was called for."""
        return not self.is_invalid_call and '"erro"' not in self.result


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that was given to the model for one answer, by how far it can be relied on."""

    now: datetime
    """In the instance's time zone."""
    facts: str = ""
    """What the same for all customers is true: the catalog and the owner's own instructions."""
    changing: str = ""
    """The calendar, and what is known of the customer. Contains names that customers chose."""
    instructions: str = ""
    """The platform's instructions, which are not quoted to anybody."""
    shop: str = ""
    """The business's name, which is no secret although the instructions contain it."""
    offers: tuple[Offer, ...] = ()
    booked: tuple[datetime, ...] = ()
    """When this customer's bookings begin, in the instance's time zone."""
    tools: tuple[str, ...] = ()
    """Names of the tools that the model was offered."""
    outcomes: tuple[ToolOutcome, ...] = ()
    by_people: tuple[str, ...] = ()
    """What people of the business wrote in this conversation."""
    by_assistant: tuple[str, ...] = ()
    """What the assistant wrote before; it was reviewed then."""
    by_customer: tuple[str, ...] = ()
    """What the customer wrote, the messages to answer included."""
    phones: tuple[str, ...] = ()
    """Numbers that the customer may read: his own (E.164)."""
    allowed_links: tuple[str, ...] = ()
    """``spec.ai.allowedLinks``: hosts, or addresses that a link may begin with."""
