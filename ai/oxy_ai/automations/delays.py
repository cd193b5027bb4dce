"""How long before or after something: hours and minutes that pass, or days of the calendar. Pure.

A day later is the same time of the next day, even when the clock changes in between; 24 hours later is not.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final, Self
from zoneinfo import ZoneInfo

from pydantic import GetCoreSchemaHandler, PlainSerializer
from pydantic_core import CoreSchema, core_schema

LONGEST: Final = timedelta(days=1_826)
"""Five years: vaccinations of long effect are within."""

_FORM: Final = re.compile(r"(\d{1,6}) ?(m|h|d)")
_HOW: Final = "write minutes, hours or days, for example 30m, 24h or 3d"


@dataclass(frozen=True, slots=True)
class Delay:
    """A length of time: one of both is not zero, or none."""

    elapsed: timedelta = timedelta()
    """Time that passes."""
    days: int = 0
    """Days of the calendar."""

    @classmethod
    def parse(cls, text: object) -> Self:
        """Read for example ``30m``, ``24h``, ``3d`` or ``0m``; raises ValueError."""
        if isinstance(text, cls):
            return text
        found = _FORM.fullmatch(str(text).strip())
        if found is None:
            message = f"{text!r} is no delay: {_HOW}"
            raise ValueError(message)
        number = int(found[1])
        units = {"m": cls(timedelta(minutes=number)), "h": cls(timedelta(hours=number)), "d": cls(days=number)}
        delay = units[found[2]]
        if delay.about > LONGEST:
            message = f"{text!r} is too long: at most {LONGEST.days}d"
            raise ValueError(message)
        return delay

    @property
    def about(self) -> timedelta:
        """Return its length, days as those of 24 hours."""
        return self.elapsed + timedelta(days=self.days)

    def __str__(self) -> str:
        if self.days:
            return f"{self.days}d"
        minutes = self.elapsed // timedelta(minutes=1)
        return f"{minutes // 60}h" if minutes and minutes % 60 == 0 else f"{minutes}m"

    def after(self, moment: datetime, zone: ZoneInfo, at: time | None = None) -> datetime:
        """Return the moment so long after another one; at `at` local time, if given, and never before it."""
        return self._from(moment, zone, at, 1)

    def before(self, moment: datetime, zone: ZoneInfo, at: time | None = None) -> datetime:
        """Return the moment so long before another one; at `at` local time, if given, and never after it."""
        return self._from(moment, zone, at, -1)

    def _from(self, moment: datetime, zone: ZoneInfo, at: time | None, way: int) -> datetime:
        moment = moment.astimezone(UTC)  # Python's sums and comparisons within a zone are those of its clocks
        if not self.days and at is None:
            return moment + way * self.elapsed
        local = (moment + way * self.elapsed).astimezone(zone)
        day, clock = local.date() + timedelta(days=way * self.days), local.time() if at is None else at
        found = wall_time(day, clock, zone)
        passed = found < moment if way > 0 else found > moment
        return wall_time(day + timedelta(days=way), clock, zone) if passed else found

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401 of pydantic
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )


def wall_time(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """Return in UTC when a clock of a zone shows a time on a day; one that it leaves out comes as much later.

    Of a time that it shows twice it is the first.
    """
    return datetime.combine(day, clock.replace(tzinfo=None, fold=0), zone).astimezone(UTC)


def _read_clock(value: object) -> time:
    if isinstance(value, time):
        return value
    try:
        found = time.fromisoformat(str(value).strip())
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None or isinstance(value, int):
        message = f'{value!r} is no time of day: write it in quotation marks, for example "10:00"'
        raise ValueError(message)
    return found


class _ClockForm:
    """Reads and writes times of day as people write them."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401 of pydantic
        return core_schema.no_info_plain_validator_function(_read_clock)


Clock = Annotated[time, _ClockForm, PlainSerializer(lambda clock: f"{clock:%H:%M}")]
"""A local time of day."""
