"""Taking conversations over, handing them back, and contacts who are never answered."""

from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, Field

from oxy_ai.assistants.refusals import ToolRefusal
from oxy_ai.assistants.vertical import ActOutcome, ConfirmedAct, ToolContext
from oxy_ai.aurora.acting.asking import ActPlan, asking_tool, undone, who_of
from oxy_ai.aurora.acting.customers import CustomerWords, KnownCustomer, customer_of, find_customer
from oxy_ai.portuguese.formatting import moment, plural
from oxy_ai.scheduling.tool_arguments import Arguments, unknown_as_none

_MOST_MINUTES: Final = 43_200
"""Thirty days: a conversation that is left to people for longer is forgotten."""

_STATE: Final = """
select v.human_until, (select count(*) from messages m where m.conversation_id = v.id and m.state = 'open') as open,
    human_state(v, open_hand_over(v)) as state, is_private(c) as private,
    exists (
        select from private_numbers p where p.organization_id = c.organization_id and p.phone_key = c.phone_key
    ) as listed
from conversations v join contacts c on c.organization_id = v.organization_id and c.id = v.contact_id
where v.organization_id = $1 and v.id = $2
"""


class _State(BaseModel):
    """How a conversation is."""

    human_until: datetime | None
    open: int
    """Messages that wait for an answer."""
    state: str
    private: bool
    listed: bool
    """The catalog lists its number as private."""


async def _state(context: ToolContext, customer: KnownCustomer) -> _State:
    row = await context.connection.fetchrow(_STATE, context.organization, customer.conversation)
    return _State.model_validate(dict(row or {}))


class Takeover(Arguments):
    """Arguments of ``assumir_conversa``."""

    cliente: CustomerWords
    minutos: Annotated[int | None, BeforeValidator(unknown_as_none)] = Field(
        default=None, ge=1, le=_MOST_MINUTES, description="Por quantos minutos; nulo se o dono não disse."
    )


class TakeoverOrder(BaseModel):
    """A conversation that people answer from now on."""

    contact: int
    minutes: int


async def _plan_takeover(context: ToolContext, wanted: Takeover) -> ActPlan | ToolRefusal:
    customer = await find_customer(context, wanted.cliente)
    if isinstance(customer, ToolRefusal):
        return customer
    minutes = wanted.minutos or context.turn.settings.ai.handover_minutes
    intent = (
        f"Vou deixar a conversa com {customer} para vocês: não respondo nela por {_span(minutes)}, ou até você me "
        "devolver a conversa. O cliente não recebe aviso disso."
    )
    return ActPlan(intent, TakeoverOrder(contact=customer.contact, minutes=minutes))


async def _take_over(context: ToolContext, order: TakeoverOrder) -> ActOutcome:
    customer = await customer_of(context, order.contact)
    if customer is None:
        return undone("Não encontro mais essa conversa.")
    now = await _state(context, customer)
    until: datetime = await context.connection.fetchval(
        "select command_takeover($1, $2, $3, $4)",
        context.organization,
        customer.conversation,
        timedelta(minutes=order.minutes),
        who_of(context),
    )
    already = "Ela já estava com vocês. " if now.state != "assistant" else ""
    when = moment(until.astimezone(context.timezone))
    return ActOutcome(f"Pronto! {already}Não respondo a conversa com {customer} até {when}.")


class HandBack(Arguments):
    """Arguments of ``devolver_conversa``."""

    cliente: CustomerWords


class HandBackOrder(BaseModel):
    """A contact about whom something is done."""

    contact: int


async def _plan_hand_back(context: ToolContext, wanted: HandBack) -> ActPlan | ToolRefusal:
    customer = await find_customer(context, wanted.cliente)
    if isinstance(customer, ToolRefusal):
        return customer
    now = await _state(context, customer)
    if now.state == "assistant":
        return ToolRefusal(erro=f"A conversa com {customer} já está com a assistente; não há o que devolver.")
    waiting = f"Há {_messages(now.open)} esperando, que respondo logo." if now.open else "Nada espera resposta agora."
    return ActPlan(
        f"Vou voltar a responder a conversa com {customer}. {waiting}", HandBackOrder(contact=customer.contact)
    )


class _HandedBack(BaseModel):
    """The result of the SQL function `command_hand_back`."""

    outcome: str
    open: int


async def _hand_back(context: ToolContext, order: HandBackOrder) -> ActOutcome:
    customer = await customer_of(context, order.contact)
    if customer is None:
        return undone("Não encontro mais essa conversa.")
    document = await context.connection.fetchval(
        "select command_hand_back($1, $2, $3)", context.organization, customer.conversation, who_of(context)
    )
    back = _HandedBack.model_validate_json(document)
    if back.outcome != "handed_back":
        return undone(f"A conversa com {customer} já tinha voltado para a assistente.")
    answered = f"Vou responder {_messages(back.open)}." if back.open else "Nada esperava resposta."
    return ActOutcome(f"Pronto! Voltei a responder a conversa com {customer}. {answered}")


class Privacy(Arguments):
    """Arguments of ``marcar_contato_particular``."""

    cliente: CustomerWords
    particular: bool = Field(default=True, description="false: volta a ser atendido.")


class PrivacyOrder(BaseModel):
    """A contact who is never answered, or is again."""

    contact: int
    private: bool


async def _plan_privacy(context: ToolContext, wanted: Privacy) -> ActPlan | ToolRefusal:
    customer = await find_customer(context, wanted.cliente)
    if isinstance(customer, ToolRefusal):
        return customer
    now = await _state(context, customer)
    if now.private == wanted.particular:
        return ToolRefusal(erro=f"{customer} já está assim; não há o que mudar.")
    if now.listed and not wanted.particular:
        return ToolRefusal(erro=f"{customer} está na lista de particulares do catálogo; é lá que se tira.")
    intent = (
        f"Vou marcar {customer} como contato particular: não respondo mais o que essa pessoa escrever."
        if wanted.particular
        else f"Vou tirar {customer} dos contatos particulares: volto a responder o que essa pessoa escrever."
    )
    return ActPlan(intent, PrivacyOrder(contact=customer.contact, private=wanted.particular))


async def _mark(context: ToolContext, order: PrivacyOrder) -> ActOutcome:
    customer = await customer_of(context, order.contact)
    if customer is None:
        return undone("Não encontro mais esse contato.")
    changed = await context.connection.fetchval(
        """
        update contacts set private = $3 where organization_id = $1 and id = $2 and private <> $3 returning true
        """,
        context.organization,
        order.contact,
        order.private,
    )
    if not changed:
        return undone(f"{customer} já estava assim.")
    return ActOutcome(
        f"Pronto! {customer} é contato particular: não respondo mais essa pessoa."
        if order.private
        else f"Pronto! Volto a responder {customer}."
    )


def _messages(count: int) -> str:
    return plural(count, "mensagem", "mensagens")


def _span(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return plural(hours, "hora", "horas") if hours and not rest else plural(minutes, "minuto", "minutos")


CONVERSATION_ACTS: Final = (
    asking_tool(
        "assumir_conversa",
        "Deixa a conversa com um cliente para as pessoas da loja: a assistente para de responder nela por um tempo.",
        Takeover,
        _plan_takeover,
        ConfirmedAct(TakeoverOrder, _take_over),
    ),
    asking_tool(
        "devolver_conversa",
        "Devolve à assistente a conversa com um cliente que as pessoas da loja respondiam.",
        HandBack,
        _plan_hand_back,
        ConfirmedAct(HandBackOrder, _hand_back),
    ),
    asking_tool(
        "marcar_contato_particular",
        "Marca um contato como particular (família, amigos), que a assistente nunca responde, ou desfaz isso.",
        Privacy,
        _plan_privacy,
        ConfirmedAct(PrivacyOrder, _mark),
    ),
)
