"""Closing days, blocking slots and changing hours: dated changes beside the catalog."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StringConstraints, model_validator

from oxy_ai.assistants.refusals import ToolRefusal
from oxy_ai.assistants.vertical import ActOutcome, ConfirmedAct, ToolContext
from oxy_ai.aurora.acting.asking import ActPlan, asking_tool, listed, undone, who_of
from oxy_ai.portuguese.formatting import full_day, plural
from oxy_ai.sanitize import label_text, person_name
from oxy_ai.scheduling.agenda import Agenda, read_agenda
from oxy_ai.scheduling.agenda_days import BookedTime, booked_between, left_outside
from oxy_ai.scheduling.overlay_store import NewOverlay, add_overlay
from oxy_ai.scheduling.overlays import Overlay, OverlayKind
from oxy_ai.scheduling.periods import Period, in_order, parse_period
from oxy_ai.scheduling.services import named_by
from oxy_ai.scheduling.tool_arguments import Arguments, Day, TimeOfDay, unknown_as_none

_Unknown = BeforeValidator(unknown_as_none)

_LONGEST: Final = timedelta(days=366)
"""Of one dated change."""
_MOST_PERIODS: Final = 4
"""Of one day."""
_NO_CATALOG: Final = "A loja ainda não tem catálogo aplicado, então não há agenda para mudar."
_OWN_REASON: Final = "a pedido do dono"

Reason = Annotated[
    Annotated[str, StringConstraints(max_length=200, strip_whitespace=True)] | None,
    _Unknown,
    Field(description="Motivo, que os clientes podem ler; nulo se o dono não disse."),
]
Who = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True)] | None,
    _Unknown,
    Field(description="Profissional ou sala; nulo para a loja toda."),
]


class _Days(Arguments):
    primeiro_dia: Day = Field(description="Primeiro dia, AAAA-MM-DD.")
    ultimo_dia: Annotated[Day | None, _Unknown] = Field(
        default=None, description="Último dia, AAAA-MM-DD; nulo se for um dia só."
    )
    profissional: Who = None
    motivo: Reason = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last < self.primeiro_dia or self.last - self.primeiro_dia >= _LONGEST:
            message = "o último dia vem depois do primeiro, em até um ano"
            raise ValueError(message)
        return self

    @property
    def last(self) -> date:
        """The last of the days."""
        return self.ultimo_dia or self.primeiro_dia


class Closing(_Days):
    """Arguments of ``fechar_dia``."""


def _hours(texts: Sequence[str]) -> Sequence[str]:
    """Check the hours of a day; raises ValueError."""
    try:
        periods = in_order([parse_period(text) for text in texts])
    except ValueError:
        periods = ()
    if not 0 < len(periods) <= _MOST_PERIODS:
        message = 'não são horários na ordem, na forma "09:00-12:00"'
        raise ValueError(message)
    return texts


class HoursWish(_Days):
    """Arguments of ``mudar_horario_de_funcionamento``."""

    horarios: Annotated[list[str], AfterValidator(_hours)] = Field(
        description='Horários desses dias, por exemplo ["09:00-12:00", "14:00-18:00"].'
    )


class Blocking(Arguments):
    """Arguments of ``bloquear_horario``."""

    data: Day = Field(description="Dia, AAAA-MM-DD.")
    inicio: TimeOfDay = Field(description="Começo, HH:MM.")
    fim: TimeOfDay = Field(description="Fim, HH:MM.")
    profissional: Who = None
    motivo: Reason = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.fim <= self.inicio:
            message = "o fim vem depois do inicio, no mesmo dia"
            raise ValueError(message)
        return self


class ChangeOrder(BaseModel):
    """A dated change of the agenda."""

    kind: OverlayKind
    begins: datetime
    """Local time of the business."""
    ends: datetime
    hours: list[str] = []
    resource: int | None = None
    reason: str

    def overlay(self, who: str) -> NewOverlay:
        """Return it in the terms of scheduling."""
        periods = tuple(map(parse_period, self.hours))
        return NewOverlay(self.kind, self.begins, self.ends, periods, self.resource, self.reason, who)

    def is_in(self, agenda: Agenda) -> bool:
        """Whether the agenda has the same change already."""
        return any(map(self._equals, agenda.changes))

    def _equals(self, other: Overlay) -> bool:
        return (self.kind, self.begins, self.ends, self.resource, tuple(self.hours)) == (
            other.kind,
            other.begins,
            other.ends,
            other.resource,
            tuple(map(str, other.hours)),
        )


async def _plan_closing(context: ToolContext, wanted: Closing) -> ActPlan | ToolRefusal:
    return await _plan(context, wanted.profissional, _of_days(wanted, OverlayKind.CLOSED, ()))


async def _plan_hours(context: ToolContext, wanted: HoursWish) -> ActPlan | ToolRefusal:
    return await _plan(context, wanted.profissional, _of_days(wanted, OverlayKind.HOURS, wanted.horarios))


async def _plan_block(context: ToolContext, wanted: Blocking) -> ActPlan | ToolRefusal:
    begins, ends = (datetime.combine(wanted.data, at) for at in (wanted.inicio, wanted.fim))
    order = ChangeOrder(kind=OverlayKind.BLOCKED, begins=begins, ends=ends, reason=_reason(wanted.motivo))
    return await _plan(context, wanted.profissional, order)


def _of_days(wanted: _Days, kind: OverlayKind, hours: Sequence[str]) -> ChangeOrder:
    begins, ends = (datetime.combine(day, time.min) for day in (wanted.primeiro_dia, wanted.last + timedelta(days=1)))
    periods = [str(parse_period(text)) for text in hours]
    return ChangeOrder(kind=kind, begins=begins, ends=ends, hours=periods, reason=_reason(wanted.motivo))


def _reason(motive: str | None) -> str:
    return label_text(motive, 200) or _OWN_REASON


async def _plan(context: ToolContext, who: str | None, order: ChangeOrder) -> ActPlan | ToolRefusal:
    agenda = await read_agenda(context.connection, context.organization, context.timezone)
    if agenda is None:
        return ToolRefusal(erro=_NO_CATALOG)
    if order.ends <= context.now.replace(tzinfo=None):
        return ToolRefusal(erro="Esse dia ou horário já passou; confirme a data com o dono.")
    resource = None if who is None else _resource(agenda, who)
    if isinstance(resource, ToolRefusal):
        return resource
    order = order.model_copy(update={"resource": resource})
    if order.is_in(agenda):
        return ToolRefusal(erro="A agenda já está assim; não há o que mudar.")
    intent = f"Vou {_words(agenda, order)}. {_about(await _touched(agenda, order))}"
    return ActPlan(intent, order)


def _resource(agenda: Agenda, words: str) -> int | ToolRefusal:
    found = named_by(agenda.resources, words)
    if len(found) == 1:
        return found[0].id
    names = ", ".join(item.name for item in found or agenda.resources)
    return ToolRefusal(erro=f"Não sei qual profissional ou sala; há: {names}.")


def _words(agenda: Agenda, order: ChangeOrder) -> str:
    """Return what a change does, after "vou" or "já posso"."""
    name = next((item.name for item in agenda.resources if item.id == order.resource), None)
    first, last = order.begins.date(), (order.ends - timedelta(microseconds=1)).date()
    days = full_day(first) if first == last else f"de {full_day(first)} até {full_day(last)}"
    reason = "" if order.reason == _OWN_REASON else f" (motivo: {order.reason})"
    match order.kind:
        case OverlayKind.CLOSED:
            what = f"fechar a loja {_on(days)}, o dia todo" if name is None else f"dar folga a {name} {_on(days)}"
        case OverlayKind.HOURS:
            hours = " e ".join(_period(parse_period(text)) for text in order.hours)
            what = f"mudar o horário {'da loja' if name is None else f'de {name}'} {_on(days)} para {hours}"
        case OverlayKind.BLOCKED:
            span = _period(Period(order.begins.time(), order.ends.time()))
            what = f"bloquear {span} de {full_day(first)}{'' if name is None else f' para {name}'}"
    return f"{what}{reason}"


def _on(days: str) -> str:
    return days if days.startswith("de ") else f"em {days}"


def _period(period: Period) -> str:
    return f"{period.opens:%H:%M} às {period.closes:%H:%M}"


async def _touched(agenda: Agenda, order: ChangeOrder) -> list[BookedTime]:
    """Return the bookings inside what is changed that do not fit once it is, also those that did not fit before it."""
    changed = await _with(agenda, order)
    first, last = order.begins.date(), order.ends.date() + timedelta(days=1)
    booked = await booked_between(agenda, first, last)
    before = {item.id for item in left_outside(agenda, booked)}
    return [item for item in left_outside(changed, booked) if item.id not in before or _is_inside(order, item)]


def _is_inside(order: ChangeOrder, item: BookedTime) -> bool:
    """Whether a change is about the time, and about the person or room, of a booking."""
    starts_at, ends_at = (at.replace(tzinfo=None) for at in (item.starts_at, item.ends_at))
    about = order.resource is None or order.resource in item.resource_ids
    return about and starts_at < order.ends and order.begins < ends_at


async def _with(agenda: Agenda, order: ChangeOrder) -> Agenda:
    """Return the agenda as it would be with a change, which is made and taken back."""
    transaction = agenda.connection.transaction()
    await transaction.start()
    try:
        await add_overlay(agenda.connection, agenda.organization, order.overlay(""))
        changed = await read_agenda(agenda.connection, agenda.organization, agenda.timezone)
    finally:
        await transaction.rollback()
    return changed or agenda


def _about(touched: list[BookedTime]) -> str:
    """Return what becomes of the bookings that do not fit any more."""
    if not touched:
        return "Nenhum agendamento fica de fora."
    names = listed([f"{item.starts_at:%d/%m %H:%M} {item.service} de {_whose(item)}" for item in touched])
    kept = plural(len(touched), "agendamento continua marcado", "agendamentos continuam marcados")
    return f"{kept} nesse tempo, e é preciso combinar com os clientes, que não recebem aviso: {names}."


def _whose(item: BookedTime) -> str:
    subject, customer = person_name(item.subject), person_name(item.customer)
    return f"{subject or 'cliente'} ({customer})" if customer else subject or "cliente"


async def _change(context: ToolContext, order: ChangeOrder) -> ActOutcome:
    agenda = await read_agenda(context.connection, context.organization, context.timezone)
    known = None if agenda is None else await agenda.locked()
    if known is None:
        return undone(_NO_CATALOG)
    if order.is_in(known):
        return undone("A agenda já estava assim.")
    if order.ends <= context.now.replace(tzinfo=None):
        return undone("Esse dia ou horário já passou.")
    if order.resource is not None and all(item.id != order.resource for item in known.resources):
        return undone("Esse profissional ou sala não está mais no catálogo.")
    touched = await _touched(known, order)
    await add_overlay(context.connection, context.organization, order.overlay(who_of(context)))
    return ActOutcome(f"Pronto! Pedido feito: {_words(known, order)}. {_about(touched)}")


_MADE: Final = ConfirmedAct(ChangeOrder, _change)

AGENDA_ACTS: Final = (
    asking_tool(
        "fechar_dia",
        "Fecha a loja, ou dá folga a um profissional, num dia ou em vários. Nada novo é agendado neles.",
        Closing,
        _plan_closing,
        _MADE,
    ),
    asking_tool(
        "mudar_horario_de_funcionamento",
        "Muda o horário da loja, ou de um profissional, em dias com data; os outros dias ficam como no catálogo.",
        HoursWish,
        _plan_hours,
        _MADE,
    ),
    asking_tool(
        "bloquear_horario",
        "Bloqueia parte de um dia, da loja toda ou de um profissional, para que nada seja agendado nela.",
        Blocking,
        _plan_block,
        _MADE,
    ),
)
