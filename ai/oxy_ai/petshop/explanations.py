"""Why something cannot be booked, moved or cancelled, in Portuguese. Pure."""

from datetime import date, datetime, timedelta
from typing import Final

from oxy_ai.portuguese.formatting import full_day, plural
from oxy_ai.scheduling.booking_rules import BookingRules, Calendar, Unavailable

_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


def explain(why: Unavailable, calendar: Calendar, at: datetime) -> str:
    """Return a sentence; `at` is the wanted start, or the start of the booking that cannot be changed."""
    match why:
        case Unavailable.TAKEN:
            return f"{at:%H:%M} não está livre em {full_day(at)}."
        case Unavailable.NOT_OFFERED:
            return "Este serviço não é oferecido assim; confira com consultar_servicos."
        case Unavailable.TOO_MANY:
            coming = plural(calendar.rules.max_coming, "agendamento futuro", "agendamentos futuros")
            return f"Cada cliente pode ter até {coming}; para marcar outro, é preciso cancelar um."
        case Unavailable.TOO_LATE | Unavailable.RETIRED:
            return _unchanged(why, calendar.rules, at)
        case Unavailable.UNKNOWN_BOOKING:
            return "Este cliente não tem esse agendamento."
        case _:
            return explain_day(why, calendar, at.date())


def explain_day(why: Unavailable, calendar: Calendar, day: date) -> str:
    """Return why a day has no free time."""
    match why:
        case Unavailable.PAST:
            return f"O dia {day:%d/%m/%Y} já passou."
        case Unavailable.BEYOND_HORIZON:
            return f"Só agendamos até {plural(calendar.rules.horizon.days, 'dia', 'dias')} à frente."
        case Unavailable.CLOSED:
            return _closed(calendar, day)
        case _:
            return f"Não há mais horário livre em {full_day(day)}."


def _closed(calendar: Calendar, day: date) -> str:
    reason = calendar.hours.change(day) or calendar.hours.holiday(day)
    return f"Não abrimos em {full_day(day)}" + (f" ({reason})." if reason else ".")


def _unchanged(why: Unavailable, rules: BookingRules, at: datetime) -> str:
    when = f"O agendamento de {full_day(at)} às {at:%H:%M}"
    if why is Unavailable.RETIRED:
        return f"{when} é de um serviço que não oferecemos mais: continua marcado, mas não dá para mudar por aqui."
    if not rules.cancel_notice:
        return f"{when} já começou: não dá mais para mudar por aqui."
    return f"{when} só pode ser mudado ou cancelado com {span(rules.cancel_notice)} de antecedência."


def span(time: timedelta) -> str:
    """Return a length of time in its largest whole unit: ``2 dias``, ``24 horas`` as ``1 dia``, ``90 minutos``."""
    for unit, one, many in ((_DAY, "dia", "dias"), (_HOUR, "hora", "horas")):
        if not time % unit:
            return plural(time // unit, one, many)
    return plural(time // _MINUTE, "minuto", "minutos")
