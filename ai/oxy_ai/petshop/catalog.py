"""The catalog file that a pet shop's owner writes: strict YAML. Errors name the line and the fix."""

from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Final, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_serializer,
    field_validator,
    model_validator,
)

from oxy_ai.errors import AdministrationError
from oxy_ai.scheduling.opening_hours import Period, Weekday, parse_period
from oxy_core.identity import Phone

_DAY_MINUTES: Final = 24 * 60


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=80)]


def _in_cents(price: Decimal) -> Decimal:
    if price != price.quantize(Decimal("0.01")):
        message = "a price has at most two decimal places"
        raise ValueError(message)
    return price.quantize(Decimal("0.01"))


class Business(_Strict):
    """Facts about the shop that customers may know."""

    address: Name | None = None
    phone: Phone | None = None
    emergency_phone: Phone | None = None
    notes: Annotated[str, StringConstraints(max_length=1000)] | None = None


class Resource(_Strict):
    """Something that serves one animal at a time: a tub, a table, a veterinarian."""

    key: Key
    name: Name


class Service(_Strict):
    """A service that can be booked."""

    key: Key
    name: Name
    price: Annotated[Decimal, Field(ge=0, le=100_000), AfterValidator(_in_cents)]
    """In the shop's currency, for example "60.00"."""
    duration_minutes: int = Field(gt=0, le=_DAY_MINUTES)
    buffer_minutes: int = Field(default=0, ge=0, le=_DAY_MINUTES)
    """Kept free after each booking, for cleaning up."""
    resources: tuple[Key, ...] = Field(min_length=1)
    """Any one of them is enough."""
    description: Annotated[str, StringConstraints(max_length=300)] | None = None

    @property
    def price_cents(self) -> int:
        """`price` in hundredths of the currency."""
        return int(self.price * 100)


class Holiday(_Strict):
    """A day on which the shop is closed."""

    date: date
    name: Name


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
    hours: dict[Weekday, tuple[Period, ...]]
    """Days that are not listed are closed."""
    holidays: tuple[Holiday, ...] = ()
    resources: tuple[Resource, ...] = Field(min_length=1)
    services: tuple[Service, ...] = Field(min_length=1)

    @field_validator("hours", mode="before")
    @classmethod
    def _read_hours(cls, hours: object) -> object:
        if not isinstance(hours, dict):
            return hours
        return {day: tuple(parse_period(text) for text in _texts(periods)) for day, periods in hours.items()}

    @field_validator("hours")
    @classmethod
    def _in_order(cls, hours: dict[Weekday, tuple[Period, ...]]) -> dict[Weekday, tuple[Period, ...]]:
        for day, periods in hours.items():
            for earlier, later in pairwise(periods):
                if later.opens < earlier.closes:
                    message = f"{day}: {later} starts before {earlier} ends; list the hours in order, without overlap"
                    raise ValueError(message)
        return hours

    @field_serializer("hours")
    def _write_hours(self, hours: dict[Weekday, tuple[Period, ...]]) -> dict[str, list[str]]:
        # In the order of the week, because jsonb does not keep the order of keys.
        return {day.value: [str(period) for period in hours[day]] for day in Weekday if day in hours}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _require_unique("resources", [resource.key for resource in self.resources])
        _require_unique("services", [service.key for service in self.services])
        _require_unique("holidays", [holiday.date.isoformat() for holiday in self.holidays])
        known = {resource.key for resource in self.resources}
        for service in self.services:
            missing = [key for key in service.resources if key not in known]
            if missing:
                message = f"service {service.key!r} needs the resource {missing[0]!r}; add it under resources"
                raise ValueError(message)
        return self


def _texts(periods: object) -> list[object]:
    return list(periods) if isinstance(periods, list | tuple) else [periods]


def _require_unique(what: str, keys: list[str]) -> None:
    for key in keys:
        if keys.count(key) > 1:
            message = f"{what}: {key!r} appears {keys.count(key)} times; give each its own key"
            raise ValueError(message)


def read_catalog(text: str) -> Catalog:
    """Read a catalog in YAML; raises AdministrationError, which names each mistake with its field and line."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        message = f"the catalog is not YAML: {error}"
        raise AdministrationError(message) from error
    try:
        return Catalog.model_validate(data)
    except ValidationError as error:
        lines = [
            f"  line {_line(root, item['loc'])}, {'.'.join(map(str, item['loc'])) or 'catalog'}: {item['msg']}"
            for item in error.errors()
        ]
        raise AdministrationError("\n".join(["the catalog cannot be applied; correct:", *lines])) from None


def _line(node: yaml.Node | None, path: tuple[int | str, ...]) -> int:
    """Return the line, counted from 1, of the innermost part of the path that exists in the text."""
    line = 1
    for part in path:
        found = _child(node, part)
        if found is None:
            break
        node = found
        line = found.start_mark.line + 1
    return line


def _child(node: yaml.Node | None, part: int | str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        child: yaml.Node = node.value[part]
        return child
    return None
