"""What an automation's text says to one customer, about one thing or several. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from oxy_ai.assistants.fixed_texts import with_way_out
from oxy_ai.automations.definition import Automation
from oxy_ai.automations.occurrences import Subject
from oxy_ai.portuguese.formatting import full_day, moment
from oxy_ai.sanitize import called, label_text, person_name
from oxy_ai.scheduling.services import fold_name
from oxy_ai.text_templates import Filled, fill


def text_for(
    automation: Automation,
    subjects: Sequence[Subject],
    people: Mapping[str, str],
    aliases: Mapping[str, str],
    zone: ZoneInfo,
) -> Filled:
    """Return the text about these subjects, in the order of time; `people`: the values of OF_PEOPLE.

    What was the same of several is said once: "Rex e Mia".
    """
    template = automation.text
    if automation.text_for_month is not None and all(subject.month_only for subject in subjects):
        template = automation.text_for_month
    ordered = sorted(subjects, key=lambda subject: (subject.starts_at or subject.anchor, subject.key))
    values = dict(people) | {
        name: enumerated([of(subject, zone) for subject in ordered]) for name, of in _VALUES.items()
    }
    filled = fill(template, values | {alias: values[name] for alias, name in aliases.items() if name in values})
    return filled if automation.counts_as == "booking" else Filled(with_way_out(filled.text), filled.missing)


def people_of(customer: str | None, business: str | None) -> dict[str, str]:
    """Return what every text may have filled in, as far as it is known."""
    return {"nome": called(customer) or "", "loja": label_text(business) or ""}


def enumerated(words: Sequence[str]) -> str:
    """Return words as a list, each once: ``a, b e c``."""
    once = list({fold_name(word): word for word in reversed(words) if word}.values())[::-1]
    return " e ".join(filter(None, [", ".join(once[:-1]), *once[-1:]]))


def described(subject: Subject, zone: ZoneInfo) -> str:
    """Return a booking as a customer reads it: ``Corte de Ana, sábado, 05/12/2026 às 10:00``."""
    if subject.starts_at is None:
        return ""
    name = person_name(subject.name)
    return f"{subject.service}{f' de {name}' if name else ''}, {moment(subject.starts_at.astimezone(zone))}"


def _local(form: str) -> Callable[[Subject, ZoneInfo], str]:
    return lambda subject, zone: "" if subject.starts_at is None else f"{subject.starts_at.astimezone(zone):{form}}"


def _day(subject: Subject, zone: ZoneInfo) -> str:
    return "" if subject.starts_at is None else full_day(subject.starts_at.astimezone(zone))


_VALUES: Final[Mapping[str, Callable[[Subject, ZoneInfo], str]]] = {
    "servico": lambda subject, _: subject.service,
    "para": lambda subject, _: person_name(subject.name) or "",
    "dia": _day,
    "hora": _local("%H:%M"),
    "quando": lambda subject, zone: "" if subject.starts_at is None else moment(subject.starts_at.astimezone(zone)),
    "agendamentos": described,
}
