"""Which customer an owner means, by name or number. The customers of the number that was written to alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from asyncpg import Record
from pydantic import Field, StringConstraints

from oxy_ai.assistants.refusals import ToolRefusal
from oxy_ai.assistants.vertical import ToolContext
from oxy_ai.aurora.acting.asking import listed
from oxy_ai.sanitize import person_name
from oxy_ai.scheduling.services import fold_name
from oxy_core.identity import phone_key

CustomerWords = Annotated[
    str,
    StringConstraints(min_length=1, max_length=80, strip_whitespace=True),
    Field(description="Nome do cliente, ou o telefone dele, como o dono disse."),
]

_FEWEST_DIGITS: Final = 4
"""Of the end of a number that tells a customer."""

_CUSTOMERS: Final = """
select c.id, c.name, c.phone, v.id as conversation
from customer_conversations($1) k
join conversations v on v.organization_id = $1 and v.id = k.id
join contacts c on c.organization_id = $1 and c.id = v.contact_id
where v.instance_id = $2 and ($3::bigint is null or c.id = $3)
order by v.last_inbound_at desc nulls last, v.id
"""


@dataclass(frozen=True, slots=True)
class KnownCustomer:
    """A customer of the instance."""

    contact: int
    conversation: int
    name: str | None
    phone: str | None

    def __str__(self) -> str:
        name = person_name(self.name)
        if name is None:
            return self.phone or "um cliente sem nome"
        return f"“{name}” ({self.phone})" if self.phone else f"“{name}”"


async def find_customer(context: ToolContext, words: str) -> KnownCustomer | ToolRefusal:
    """Return the customer whom these words mean, or what to ask the owner."""
    rows = await context.connection.fetch(_CUSTOMERS, context.organization, context.turn.instance, None)
    found = meant([_customer(row) for row in rows], words)
    if len(found) == 1:
        return found[0]
    if not found:
        return ToolRefusal(erro=f"Não encontrei nenhum cliente com “{person_name(words) or words[:20]}” neste número.")
    return ToolRefusal(
        erro=f"Há mais de um: {listed(list(map(str, found)))}. Pergunte ao dono qual, e use o telefone dele."
    )


async def customer_of(context: ToolContext, contact: int) -> KnownCustomer | None:
    """Return a customer again when it is acted; None: it is none any more."""
    rows = await context.connection.fetch(_CUSTOMERS, context.organization, context.turn.instance, contact)
    return _customer(rows[0]) if rows else None


def meant(customers: Sequence[KnownCustomer], words: str) -> list[KnownCustomer]:
    """Return the customers whom these words may mean: of this number, or this name, else whose names contain it."""
    digits = "".join(character for character in words if character.isdigit())
    if len(digits) >= _FEWEST_DIGITS and not any(character.isalpha() for character in words):
        return [customer for customer in customers if _has_number(customer, digits)]
    wanted = fold_name(words)
    named = [(fold_name(customer.name or ""), customer) for customer in customers]
    exact = [customer for name, customer in named if name == wanted]
    return exact or [customer for name, customer in named if wanted and wanted in name]


def _has_number(customer: KnownCustomer, digits: str) -> bool:
    if customer.phone is None:
        return False
    return customer.phone.endswith(digits) or phone_key(customer.phone).endswith(phone_key(f"+{digits}")[1:])


def _customer(row: Record) -> KnownCustomer:
    return KnownCustomer(row["id"], row["conversation"], row["name"], row["phone"])
