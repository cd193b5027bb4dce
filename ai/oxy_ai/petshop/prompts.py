"""The prompts of both assistants: the files of the folder `prompt_files`, filled in Portuguese."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from oxy_ai.assistants.prompt_files import PromptFile, Variables, hash_of
from oxy_ai.assistants.vertical import Context, Prompt
from oxy_ai.aurora.acting.report_acts import own_messages
from oxy_ai.aurora.acting.sending_acts import sending_limits
from oxy_ai.petshop.parts import AGENDA, BOOKINGS, CATALOG, CUSTOMER_PARTS, PAST, PETS
from oxy_ai.petshop.pets import Pet, age_words
from oxy_ai.portuguese.formatting import full_day, moment
from oxy_ai.records import Turn
from oxy_ai.sanitize import label_text, prompt_text, without_brackets
from oxy_ai.scheduling.bookings import Booking
from oxy_ai.scheduling.opening_hours import DayRow, day_table, next_opening
from oxy_ai.scheduling.tool_arguments import booking_code

DAYS_SHOWN: Final = 14
"""Days that the table of coming days has, with today."""

OWN: Final = Path(__file__).parent / "prompt_files"
"""Where the prompts are; in another folder those that are not there are taken from here."""
_GRAMS: Final = 1_000
"""In a kilogram."""
_MISSED: Final = frozenset({"cancelled", "no_show"})
"""States of bookings to which nobody came, or will come."""
_TONE_LENGTH: Final = 200
"""Characters of a tone: a few words, in one line."""


@dataclass(frozen=True, slots=True)
class CustomerVariables:
    """Of `customer.md`: what never changes for the customers of a shop."""

    shop: str
    tone: str
    catalog: str
    extra: str


@dataclass(frozen=True, slots=True)
class CustomerNowVariables:
    """Of `customer_now.md`: the moment, then the customer."""

    today: str
    iso_date: str
    written: str
    days: str
    people: str
    customer: str
    missing: str


@dataclass(frozen=True, slots=True)
class AuroraVariables:
    """Of `aurora.md`."""

    shop: str


@dataclass(frozen=True, slots=True)
class NowVariables:
    """Of `aurora_now.md`."""

    today: str
    iso_date: str
    own_messages: str
    sending_limits: str


def customer_instructions(folder: Path = OWN) -> str:
    """Return the part of the customers' assistant's prompt that is the platform's alone."""
    return _file(folder, "customer.md", CustomerVariables).wording


def customer_prompt(context: Context, folder: Path = OWN) -> Prompt:
    """Return the prompt of the customers' assistant."""
    facts = context.facts
    settings = context.turn.settings
    catalog = facts.of(CATALOG)
    stable = CustomerVariables(
        shop=_shop(context.turn),
        tone=label_text(settings.ai.tone, _TONE_LENGTH) or "",
        catalog="" if catalog is None else catalog.lines,
        extra=prompt_text(settings.ai.system_prompt_extra or ""),
    )
    changing = CustomerNowVariables(
        today=_today(context.now),
        iso_date=f"{context.now:%Y-%m-%d}",
        written=_written(context),
        days=_coming_days(context),
        people=_people(context),
        customer=_customer_lines(context),
        missing=facts.missing(CUSTOMER_PARTS),
    )
    first, second = (
        _file(folder, "customer.md", CustomerVariables),
        _file(folder, "customer_now.md", CustomerNowVariables),
    )
    return Prompt(first.fill(stable), second.fill(changing), hash_of(first, second))


def aurora_prompt(context: Context, folder: Path = OWN) -> Prompt:
    """Return the prompt of Aurora, the owners' assistant."""
    first, second = _file(folder, "aurora.md", AuroraVariables), _file(folder, "aurora_now.md", NowVariables)
    settings = context.turn.settings
    own, limits = own_messages(settings.ai.aurora), sending_limits(settings.limits)
    changing = NowVariables(_today(context.now), f"{context.now:%Y-%m-%d}", own, limits)
    return Prompt(first.fill(AuroraVariables(_shop(context.turn))), second.fill(changing), hash_of(first, second))


_FILES: Final[Mapping[str, type[Variables]]] = {
    "customer.md": CustomerVariables,
    "customer_now.md": CustomerNowVariables,
    "aurora.md": AuroraVariables,
    "aurora_now.md": NowVariables,
}


@cache
def _file(folder: Path, name: str, variables: type[Variables]) -> PromptFile[Variables]:
    file = folder / name
    return PromptFile.read(file if file.is_file() else OWN / name, variables)


def check_prompts(folder: Path) -> None:
    """Read the prompts of a folder; raises PromptFileError if one has not exactly the variables that it is given."""
    for name, variables in _FILES.items():
        _file(folder, name, variables)


def _shop(turn: Turn) -> str:
    return label_text(turn.settings.display_name) or "pet shop"


def _today(now: datetime) -> str:
    return f"{full_day(now)}, {now:%H:%M}"


def _written(context: Context) -> str:
    """Return on which earlier days the messages to answer were written: their "hoje" is not the prompt's."""
    turn, today = context.turn, context.now.date()
    days = sorted({turn.written_on(item, context.now) for item in turn.inputs} - {today})
    if not days:
        return ""
    return (
        f"O cliente escreveu mensagens que você responde agora em {' e '.join(map(full_day, days))}: nelas, hoje e "
        "amanhã contam a partir do dia em que foram escritas."
    )


def _coming_days(context: Context) -> str:
    """Return the table of coming days: the model reads weekdays, dates and hours there instead of computing them."""
    agenda, zone = context.facts.of(AGENDA), context.now.tzinfo
    if agenda is None or not isinstance(zone, ZoneInfo):
        return ""
    return "\n".join(map(_day_line, day_table(agenda.calendar(zone).hours, context.now, DAYS_SHOWN)))


def _people(context: Context) -> str:
    agenda, zone = context.facts.of(AGENDA), context.now.tzinfo
    if agenda is None or not isinstance(zone, ZoneInfo):
        return ""
    return people_line(next_opening(agenda.calendar(zone).hours, context.now), context.now)


def people_line(opens_at: datetime | None, now: datetime) -> str:
    """Return whether people are in the shop now, or when they are back; `opens_at` None: nobody knows."""
    if opens_at is None:
        return ""
    if opens_at <= now:
        return "A loja está aberta agora."
    return (
        f"A loja está fechada agora; a equipe volta {full_day(opens_at)}, às {opens_at:%H:%M}. Responda normalmente "
        "e, se o cliente precisar da equipe ou quiser ir à loja, diga quando ela volta."
    )


def _day_line(row: DayRow) -> str:
    hours = " e ".join(f"{period.opens:%H:%M} às {period.closes:%H:%M}" for period in row.periods) or "fechado"
    why = "; ".join(label for label in map(label_text, (row.holiday, row.change)) if label)
    return f"- {full_day(row.day)} ({row.day:%Y-%m-%d}): {hours}" + (f" ({why})" if why else "")


def booked_moments(context: Context) -> tuple[datetime, ...]:
    """Return when the customer's bookings begin, in the instance's time zone."""
    held = (booking for booking in context.facts.of(BOOKINGS) or () if booking.status not in _MISSED)
    return tuple(booking.starts_at.astimezone(context.now.tzinfo) for booking in held)


def _customer_lines(context: Context) -> str:
    now, bookings = context.now, context.facts.of(BOOKINGS) or ()
    name = without_brackets(label_text(context.turn.contact.name) or "")
    pets = [_pet(pet, now) for pet in context.facts.of(PETS) or ()]
    lines = [f'O nome do cliente no WhatsApp é "{name}".' if name else ""]
    lines.append(f"Pets deste cliente: {'; '.join(pets)}." if pets else "")
    held = [booking for booking in bookings if booking.status not in _MISSED]
    coming = [booking for booking in held if booking.starts_at > now]
    past = [booking for booking in held if now - PAST <= booking.starts_at <= now]
    lines.append(_listed("Agendamentos futuros deste cliente", coming, now))
    lines.append(_listed("Agendamentos dos últimos 30 dias", past, now))
    return "\n".join(line for line in lines if line)


def _pet(pet: Pet, now: datetime) -> str:
    known = pet.facts
    age = None if known.birth is None else age_words(known.birth, now.date())
    weight = None if known.weight_grams is None else f"{known.weight_grams / _GRAMS:g} kg"
    told = (known.temperament, known.allergies and f"alergias: {known.allergies}")
    details = ", ".join(detail for detail in (known.species, known.breed, known.size, age, weight, *told) if detail)
    return f"{pet.name} ({details})" if details else pet.name


def _listed(title: str, bookings: Sequence[Booking], now: datetime) -> str:
    listed = [
        f"{booking_code(b.id)}: {b.service} de {b.subject}, {moment(b.starts_at.astimezone(now.tzinfo))}"
        for b in bookings
    ]
    return f"{title}: {'; '.join(listed)}." if listed else ""
