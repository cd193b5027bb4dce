"""The barber's tool: marking a cut with a certain barber."""

from datetime import date, datetime, time

from pydantic import BaseModel, ConfigDict, Field

from oxy_ai.assistants.refusals import ToolRefusal
from oxy_ai.assistants.vertical import Tool, ToolContext
from oxy_ai.portuguese.formatting import moment
from oxy_ai.scheduling.agenda import read_agenda
from oxy_ai.scheduling.bookings import Appointment, Refused, book
from oxy_ai.scheduling.services import find_resource, find_service


class Cut(BaseModel):
    """Arguments of ``marcar_corte``."""

    model_config = ConfigDict(extra="forbid")

    servico: str = Field(description="Corte ou barba.")
    barbeiro: str = Field(description="Quem o cliente quer.")
    data: date = Field(description="Dia, AAAA-MM-DD.")
    hora: time = Field(description="Hora, HH:MM.")


class Marked(BaseModel):
    """Result of ``marcar_corte``."""

    servico: str
    barbeiro: str
    quando: str


async def _mark(context: ToolContext, wanted: Cut) -> BaseModel:
    agenda = await read_agenda(context.connection, context.organization, context.timezone)
    service = None if agenda is None else find_service(agenda.services, wanted.servico)
    barber = None if agenda is None else find_resource(agenda.resources, wanted.barbeiro)
    if agenda is None or service is None or barber is None:
        return ToolRefusal(erro="não conheço este serviço ou este barbeiro")
    starts_at = datetime.combine(wanted.data, wanted.hora, context.timezone)
    contact = context.turn.contact
    order = Appointment(contact.id, context.turn.turn, service, contact.name or "cliente", starts_at, wish=barber.id)
    made = await book(agenda, order, context.now)
    if isinstance(made, Refused):
        return ToolRefusal(erro="este horário não está livre com ele")
    return Marked(servico=made.service, barbeiro=barber.name, quando=moment(made.starts_at))


TOOLS = (Tool("marcar_corte", "Marca um corte ou uma barba com um barbeiro.", Cut, _mark, acts=True),)
