"""What an automation is: when it is due, for whom, and what it writes. Pure.

Owners write them in YAML (`oxy_ai.automations.document`); a vertical brings a set of its own, which is off.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from oxy_ai.automations.delays import Clock, Delay
from oxy_ai.sanitize import require_storable
from oxy_ai.scheduling.periods import Period, parse_period

LONGEST_TEXT: Final = 1_000
"""Characters of a text, with its variables."""

LATEST: Final = timedelta(days=14)
"""How late something may be sent at most: what was told is known for longer, so it is not told again."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
Words = Annotated[
    str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True), AfterValidator(require_storable)
]
"""Of a service's name, or its key."""
Text = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST_TEXT, strip_whitespace=True),
    AfterValidator(require_storable),
]
Window = Annotated[
    Period,
    BeforeValidator(lambda value: value if isinstance(value, Period) else parse_period(value)),
    PlainSerializer(str),
]


class Trigger(StrEnum):
    """What has to happen."""

    BOOKING_MADE = "booking_made"
    BEFORE_BOOKING = "before_booking"
    """A booking begins; the delay is before it."""
    NO_SHOW = "no_show"
    """Somebody says that a customer did not come."""
    AFTER_VISIT = "after_visit"
    """A visit has ended."""
    DUE_AGAIN = "due_again"
    """A service was done so long ago as `intervals` says, and was not booked again."""
    BIRTHDAY = "birthday"
    """Of whom the vertical knows."""
    INACTIVE = "inactive"
    """A customer's last visit has ended, and nothing is booked."""
    WELCOME = "welcome"
    """Somebody has written for the first time."""


OWN_BOOKING: Final = frozenset({Trigger.BOOKING_MADE, Trigger.BEFORE_BOOKING, Trigger.NO_SHOW})
"""About the customer's own booking: those may be sent although another message was not long ago."""

FROM_BOOKINGS: Final = frozenset(Trigger) - {Trigger.BIRTHDAY, Trigger.WELCOME}


class Action(StrEnum):
    """What an automation does."""

    SEND = "send"
    ASK = "ask"
    """Sends a text whose answer confirms or cancels the booking."""


Purpose = Literal["booking", "promotion"]
"""As the budget of the number has them: about the customer's own booking, or something else."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Conditions(_Strict):
    """What else must be so."""

    services: tuple[Words, ...] = ()
    """One of these, by key or words of the name; none: any."""
    booked_for: Delay = Delay()
    """The customer has known the booking's time at least so long."""
    booked_by: Literal["anybody", "business"] = "anybody"
    """business: the customer has not booked it himself in this chat, where he was told."""


_LATE: Final[Mapping[Trigger, Delay]] = {
    Trigger.BOOKING_MADE: Delay.parse("2h"),
    Trigger.BEFORE_BOOKING: Delay.parse("6h"),  # or half of its delay
    Trigger.NO_SHOW: Delay.parse("1d"),
    Trigger.AFTER_VISIT: Delay.parse("1d"),
    Trigger.DUE_AGAIN: Delay.parse("7d"),
    Trigger.BIRTHDAY: Delay.parse("10h"),
    Trigger.INACTIVE: Delay.parse("7d"),
    Trigger.WELCOME: Delay.parse("2d"),
}
"""How late each may still be sent, unless it says so itself."""


class Rule(NamedTuple):
    """How long after what something is due."""

    delay: Delay
    services: tuple[str, ...]
    """Of the bookings that it is about; none: all."""


class Mistake(NamedTuple):
    """Fields that do not go together."""

    field: str
    remedy: str


class Automation(_Strict):
    """Something that is written whenever it is due."""

    name: Name
    trigger: Trigger
    delay: Delay = Delay()
    intervals: dict[Words, Delay] = {}
    """By service, how long after it the same is due again."""
    at: Clock | None = None
    """Local time at which it is due, on the day that the delay says."""
    window: Window | None = None
    """Hours in which it is sent; what is due outside waits for them. Quiet hours count as well."""
    late: Delay | None = None
    """How late it may still be sent."""
    condition: Conditions = Conditions()
    action: Action = Action.SEND
    purpose: Purpose | None = None
    text: Text
    text_for_month: Text | None = None
    """Of a birthday of which only the month is known; None: nothing is sent then."""
    enabled: bool = False

    @property
    def counts_as(self) -> Purpose:
        """Return its purpose."""
        return self.purpose or ("booking" if self.trigger in OWN_BOOKING else "promotion")

    @property
    def latest(self) -> Delay:
        """Return how late it may still be sent."""
        if self.late is None and self.trigger is Trigger.BEFORE_BOOKING:
            return Delay(min(self.delay.about / 2, _LATE[self.trigger].elapsed))
        return self.late or _LATE[self.trigger]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Return when it is due."""
        if self.trigger is not Trigger.DUE_AGAIN:
            return (Rule(self.delay, self.condition.services),)
        return tuple(Rule(delay, (service,)) for service, delay in self.intervals.items())

    @property
    def words(self) -> tuple[str, ...]:
        """Return how it names services."""
        return (*self.condition.services, *self.intervals)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        mistakes = [
            InitErrorDetails(
                type=PydanticCustomError("automation", "{remedy}", {"remedy": item.remedy}),
                loc=tuple(item.field.split(".")),
                input=None,
            )
            for item in mistakes_in(self)
        ]
        if mistakes:
            raise ValidationError.from_exception_data(self.name, mistakes)
        return self


def mistakes_in(automation: Automation) -> Iterator[Mistake]:
    """Yield which fields do not go together."""
    trigger = automation.trigger
    yield from _about_time(automation)
    if automation.action is Action.ASK and trigger is not Trigger.BEFORE_BOOKING:
        yield Mistake("action", f"ask needs trigger: before_booking, whose answer it is; of {trigger} write send")
    if automation.purpose == "booking" and trigger not in OWN_BOOKING:
        yield Mistake(
            "purpose", f"what {trigger} writes is not about a coming booking: write promotion, or leave it out"
        )
    if automation.text_for_month is not None and trigger is not Trigger.BIRTHDAY:
        yield Mistake("text_for_month", f"is for trigger: birthday alone, not {trigger}; remove it")
    if automation.condition.services and trigger not in FROM_BOOKINGS - {Trigger.DUE_AGAIN}:
        yield Mistake("condition.services", f"{trigger} is not about services of condition; remove it")
    if automation.condition.booked_for.about and trigger is not Trigger.BEFORE_BOOKING:
        yield Mistake("condition.booked_for", f"is for trigger: before_booking alone, not {trigger}; remove it")
    if automation.condition.booked_by != "anybody" and trigger is not Trigger.BOOKING_MADE:
        yield Mistake("condition.booked_by", f"is for trigger: booking_made alone, not {trigger}; remove it")


def _about_time(automation: Automation) -> Iterator[Mistake]:
    trigger, delay = automation.trigger, automation.delay
    if automation.late is not None and not automation.late.about:
        yield Mistake("late", "leaves it no time to be sent: write for example 2h, or leave it out")
    if automation.late is not None and automation.late.about > LATEST:
        yield Mistake("late", f"{automation.late} is too long: at most {LATEST.days}d")
    if trigger is Trigger.DUE_AGAIN and not automation.intervals:
        yield Mistake("intervals", "is missing: write for each service after how long it is due again, for example 30d")
    if trigger is not Trigger.DUE_AGAIN and automation.intervals:
        yield Mistake("intervals", f"is for trigger: due_again alone, not {trigger}; remove it")
    if trigger is Trigger.DUE_AGAIN and delay.about:
        yield Mistake("delay", "of due_again stands with each service in intervals; remove it here")
    if trigger in {Trigger.BEFORE_BOOKING, Trigger.INACTIVE} and not delay.about:
        since = "before the booking" if trigger is Trigger.BEFORE_BOOKING else "after the last visit"
        yield Mistake("delay", f"is missing: how long {since}? Write for example 24h or 60d")
    if trigger is Trigger.BIRTHDAY and (delay.about or automation.at is None):
        yield Mistake("at", 'a birthday is greeted on its day: write no delay, and at what time, for example "09:00"')
    if automation.at is not None and delay.elapsed:
        yield Mistake("at", f"does not go with a delay of {delay}: write it in days, for example 1d")
    if automation.at is not None and automation.window is not None and not _holds(automation.window, automation):
        yield Mistake("window", f"does not hold {automation.at:%H:%M}, which `at` says; change one of them")


def _holds(window: Period, automation: Automation) -> bool:
    return automation.at is None or window.opens <= automation.at < window.closes
