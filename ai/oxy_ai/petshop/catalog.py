"""The catalog file that a pet shop's owner writes: strict YAML. Errors name the line and the fix."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    field_validator,
    model_validator,
)

from oxy_ai.scheduling.opening_hours import Weekday
from oxy_ai.scheduling.periods import Period, in_order, parse_period, without_breaks
from oxy_ai.scheduling.public_holidays import STATES, HolidayKind, optional_names
from oxy_ai.scheduling.services import ResourceKind, fold_name
from oxy_ai.strict_yaml import read_document
from oxy_core.identity import Phone

_DAY_MINUTES: Final = 24 * 60


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=80)]


def _known_state(state: str) -> str:
    if state not in STATES:
        message = f"unknown state; write one of {', '.join(sorted(STATES))}"
        raise ValueError(message)
    return state


State = Annotated[str, StringConstraints(to_upper=True), AfterValidator(_known_state)]


def _read_periods(periods: object) -> object:
    return tuple(parse_period(text) for text in _texts(periods))


def _write_periods(periods: tuple[Period, ...]) -> list[str]:
    return [str(period) for period in periods]


Periods = Annotated[
    tuple[Period, ...], BeforeValidator(_read_periods), AfterValidator(in_order), PlainSerializer(_write_periods)
]


def _in_weekly_order(hours: dict[Weekday, tuple[Period, ...]]) -> dict[Weekday, tuple[Period, ...]]:
    # jsonb does not keep the order of keys.
    return {day: hours[day] for day in Weekday if day in hours}


WeekHours = Annotated[dict[Weekday, Periods], AfterValidator(_in_weekly_order)]
"""Days that are not listed are closed."""


def _in_cents(price: Decimal) -> Decimal:
    if price != price.quantize(Decimal("0.01")):
        message = "a price has at most two decimal places"
        raise ValueError(message)
    return price.quantize(Decimal("0.01"))


class Business(_Strict):
    """Facts about the shop that customers may know."""

    address: Name | None = None
    state: State | None = None
    """Its abbreviation, for the state's holidays."""
    phone: Phone | None = None
    emergency_phone: Phone | None = None
    notes: Annotated[str, StringConstraints(max_length=1000)] | None = None


class Resource(_Strict):
    """Something or somebody that serves one animal at a time: a tub, a table, a veterinarian, a room."""

    key: Key
    name: Name
    kind: ResourceKind = ResourceKind.EQUIPMENT
    hours: WeekHours | None = Field(default=None, min_length=1)
    """When it is there, within the shop's hours; by default during all of them."""
    breaks: Periods = ()
    """Of every day."""


Group = Annotated[tuple[Key, ...], Field(min_length=1)]


class Service(_Strict):
    """A service that can be booked."""

    key: Key
    name: Name
    price: Annotated[Decimal, Field(ge=0, le=100_000), AfterValidator(_in_cents)]
    """In the shop's currency, for example "60.00"."""
    duration_minutes: int = Field(gt=0, le=_DAY_MINUTES)
    buffer_minutes: int = Field(default=0, ge=0, le=_DAY_MINUTES)
    """Kept free after each booking, for cleaning up."""
    resources: tuple[Key, ...] = ()
    """Any one of them is enough; the short form of one group of `needs`."""
    needs: tuple[Group, ...] = Field(default=(), max_length=4)
    """Groups, for example the veterinarians and the rooms; one of each is needed."""
    description: Annotated[str, StringConstraints(max_length=300)] | None = None

    @property
    def price_cents(self) -> int:
        """`price` in hundredths of the currency."""
        return int(self.price * 100)

    @property
    def groups(self) -> tuple[Group, ...]:
        """The resources that it needs, one of each group."""
        return self.needs or (self.resources,)

    @model_validator(mode="after")
    def _needs_something(self) -> Self:
        if bool(self.needs) == bool(self.resources):
            message = (
                "list either resources, any one of which is enough, or needs: groups, one of each of which is taken"
            )
            raise ValueError(message)
        return self


class Holiday(_Strict):
    """A holiday of the shop's own, for example its city's."""

    date: date
    name: Name
    hours: Periods = ()
    """None: closed. So the shop can also be open on a public holiday."""


def _known_optional(name: str) -> str:
    known = {fold_name(listed): listed for listed in optional_names(_A_YEAR)}
    if fold_name(name) not in known:
        message = f"unknown; write one of {', '.join(sorted(known.values()))}"
        raise ValueError(message)
    return known[fold_name(name)]


_A_YEAR: Final = 2026
"""Any year in which the optional days are celebrated: their names do not change."""


class Holidays(_Strict):
    """The holidays on which the shop is closed."""

    use: tuple[HolidayKind, ...] = (HolidayKind.NATIONAL, HolidayKind.STATE)
    """Public holidays; those of the state need `business.state`."""
    optional: tuple[Annotated[str, AfterValidator(_known_optional)], ...] = ()
    """Days that the law leaves to the employer, by name, for example Carnaval."""
    days: tuple[Holiday, ...] = ()
    """The shop's own, before public ones."""


class Catalog(_Strict):
    """Everything that can be booked, and when."""

    version: Literal[1] = 1
    business: Business = Business()
    slot_minutes: int = Field(default=30, ge=5, le=240)
    """Bookings start at multiples of this after opening time."""
    min_notice_minutes: int = Field(default=60, ge=0, le=7 * _DAY_MINUTES)
    """Shortest time between booking and start."""
    horizon_days: int = Field(default=60, ge=1, le=366)
    """How far ahead customers may book."""
    cancel_notice_minutes: int = Field(default=120, ge=0, le=30 * _DAY_MINUTES)
    """Until this before the start customers may cancel or move a booking themselves."""
    max_coming_bookings: int = Field(default=5, ge=1, le=100)
    """Of one customer."""
    private_contacts: tuple[Phone, ...] = Field(
        default=(), max_length=500, validation_alias=AliasChoices("privateContacts", "private_contacts")
    )
    """Numbers (E.164) of family and friends, whom the assistant never answers."""
    hours: WeekHours
    """Days that are not listed are closed."""
    breaks: Periods = ()
    """Of every day, for example lunch."""
    holidays: Holidays = Holidays()
    """A list is short for its `days`."""
    resources: tuple[Resource, ...] = Field(min_length=1)
    services: tuple[Service, ...] = Field(min_length=1)

    def open_periods(self, day: Weekday) -> tuple[Period, ...]:
        """Return a weekday's hours without breaks; none: closed."""
        return without_breaks(self.hours.get(day, ()), self.breaks)

    def people_of(self, service: Service) -> tuple[str, ...]:
        """Return the names of the people who can perform a service."""
        chosen = {key for group in service.groups for key in group}
        return tuple(r.name for r in self.resources if r.key in chosen and r.kind is ResourceKind.STAFF)

    @field_validator("holidays", mode="before")
    @classmethod
    def _days_alone(cls, holidays: object) -> object:
        return {"days": holidays} if isinstance(holidays, list | tuple) else holidays

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _require_unique("resources", [resource.key for resource in self.resources])
        _require_unique("services", [service.key for service in self.services])
        _require_unique("names of services", [fold_name(service.name) for service in self.services], "name")
        _require_unique("holidays", [holiday.date.isoformat() for holiday in self.holidays.days])
        known = {resource.key for resource in self.resources}
        for service in self.services:
            missing = [key for group in service.groups for key in group if key not in known]
            if missing:
                message = f"service {service.key!r} needs the resource {missing[0]!r}; add it under resources"
                raise ValueError(message)
        return self


def _texts(periods: object) -> list[object]:
    return list(periods) if isinstance(periods, list | tuple) else [periods]


def _require_unique(what: str, keys: list[str], own: str = "key") -> None:
    for key in keys:
        if keys.count(key) > 1:
            message = f"{what}: {key!r} appears {keys.count(key)} times; give each its own {own}"
            raise ValueError(message)


def read_catalog(text: str) -> Catalog:
    """Read a catalog in YAML; raises AdministrationError, which names each mistake with its field and line."""
    return read_document(text, Catalog, "catalog")
