"""What models were asked and what that cost, as ``oxy usage`` shows it: by tenant and month, or in more detail."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID

from pydantic import BaseModel

from oxy_ai.database import organization_transaction
from oxy_ai.engine.conversations import conversation_key
from oxy_ai.engine.known_names import known_organizations, require_known
from oxy_ai.engine.store import Engine
from oxy_core.identity import mask

MICRODOLLARS_PER_CENT: Final = 10_000

By = Literal["month", "conversation", "model", "intent"]
"""What each line is about, beside the tenant and the month."""

_SUBJECTS: Final[Mapping[By, str]] = {
    "month": "null::text",
    "conversation": "c.conversation_id::text",
    "model": "c.kind || ' ' || c.model",
    "intent": "coalesce(c.intent, c.kind)",
}


class UsageFigures(BaseModel):
    """Sums over some calls."""

    calls: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    audio_seconds: float
    cost_microdollars: int
    """Of those whose cost is known; what is reserved counts in full until it is settled."""
    cost_cents: Decimal
    """The same in cents of a US dollar."""
    unknown_calls: int
    """Calls whose cost nobody knows."""
    unsettled_calls: int
    """Calls that are under way, or whose worker died."""
    unsettled_microdollars: int
    """The part of the cost that is reserved for those."""


class UsageLine(UsageFigures):
    """The calls of one tenant in one month, or some of them."""

    organization: str
    instance: str
    month: str
    """As YYYY-MM, in the tenant's time zone."""
    subject: str | None = None
    """The conversation, model or intent."""
    phone: str | None = None
    """Of a conversation's contact, masked."""
    budget_microdollars: int | None = None
    """What the month may cost by now; None: any amount, or the line is about a part of it."""
    budget_cents: Decimal | None = None


class UsageReport(BaseModel):
    """Lines and their sum."""

    lines: tuple[UsageLine, ...]
    total: UsageFigures


class UsageQuestion(BaseModel):
    """What to report; None: all."""

    organization: str | None = None
    instance: str | None = None
    month: date | None = None
    """Its first day; None: all months of the organization that is named, or the newest of each tenant."""
    conversation: str | None = None
    """Its id, as `oxy conversations list` shows it."""
    by: By = "month"
    most: int
    """Lines."""


_LINES: Final = """
select i.name as instance, to_char(c.month, 'YYYY-MM') as month, {subject} as subject,
    count(*) as calls, sum(c.prompt_tokens)::bigint as prompt_tokens, sum(c.cached_tokens)::bigint as cached_tokens,
    sum(c.completion_tokens)::bigint as completion_tokens, sum(c.audio_seconds) as audio_seconds,
    coalesce(sum(charge_of(c)), 0)::bigint as cost_microdollars,
    count(*) filter (where charge_of(c) is null) as unknown_calls,
    count(*) filter (where c.outcome = 'reserved') as unsettled_calls,
    coalesce(sum(c.reserved_microdollars) filter (where c.outcome = 'reserved'), 0)::bigint as unsettled_microdollars,
    case when $6 then budget_of($1, i.id) end as budget_microdollars, case when $7 then min(p.phone) end as phone
from ai_interactions c
join instances i on i.organization_id = c.organization_id and i.id = c.instance_id
join conversations v on v.organization_id = c.organization_id and v.id = c.conversation_id
join contacts p on p.organization_id = v.organization_id and p.id = v.contact_id
where c.organization_id = $1 and ($2::text is null or i.name = $2) and ($4::bigint is null or c.conversation_id = $4)
    and case when $3::date is not null then c.month = $3 else $5 or c.month = (
        select max(m.month) from ai_months m where m.organization_id = $1 and m.instance_id = c.instance_id
    ) end
group by i.id, i.name, c.month, subject
"""


async def read_usage(engine: Engine, question: UsageQuestion) -> UsageReport:
    """Return the usage, the newest month and the highest cost first; raises AdministrationError."""
    number = None
    if question.conversation is not None:
        organization, number = conversation_key(question.conversation)
        question = question.model_copy(update={"organization": organization})
    await require_known(engine, question.organization, question.instance)
    found = [
        line
        for key in await known_organizations(engine, question.organization)
        for line in await _lines(engine, key, question, number)
    ]
    found.sort(key=lambda line: (line.month, line.cost_microdollars), reverse=True)
    return UsageReport(lines=tuple(found[: question.most]), total=_total(found))


async def _lines(engine: Engine, key: UUID, question: UsageQuestion, conversation: int | None) -> list[UsageLine]:
    everything = question.organization is not None
    whole = question.by == "month" and conversation is None
    async with organization_transaction(engine.pool, key) as connection:
        name = await connection.fetchval("select name from organizations where id = $1", key)
        rows = await connection.fetch(
            _LINES.format(subject=_SUBJECTS[question.by]),
            key,
            question.instance,
            question.month,
            conversation,
            everything,
            whole,
            question.by == "conversation",
        )
    return [_line(name, dict(row), question.by) for row in rows]


def _line(organization: str, row: dict[str, object], by: By) -> UsageLine:
    phone, subject = row["phone"], row["subject"]
    return UsageLine.model_validate(
        row
        | {
            "organization": organization,
            "subject": f"{organization}:{subject}" if by == "conversation" else subject,
            "phone": mask(str(phone)) if phone is not None else None,
            "cost_cents": cents(row["cost_microdollars"]),
            "budget_cents": cents(row["budget_microdollars"]),
        }
    )


def cents(microdollars: object) -> Decimal | None:
    """Return an amount in cents of a US dollar.

    >>> cents(12_345)
    Decimal('1.2345')
    """
    return Decimal(microdollars) / MICRODOLLARS_PER_CENT if isinstance(microdollars, int) else None


def _total(lines: Iterable[UsageLine]) -> UsageFigures:
    names = [name for name in UsageFigures.model_fields if name != "cost_cents"]
    sums = dict.fromkeys(names, 0)
    for line in lines:
        sums = {name: sums[name] + getattr(line, name) for name in names}
    return UsageFigures.model_validate(sums | {"cost_cents": cents(sums["cost_microdollars"])})
