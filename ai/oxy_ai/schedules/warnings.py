"""Warnings that owners get once for each cause: a budget that will not last, a connection that was lost.

No model words them: they are short, and the former is about what that would cost.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from oxy_ai.engine.metered_model import BUDGET_WARNING, first_of_month
from oxy_ai.portuguese.formatting import dollars, duration, full_day
from oxy_ai.schedules.causes import FORGOTTEN, told_lately
from oxy_ai.schedules.plan import Outage, ScheduleName
from oxy_ai.schedules.report import OwnerReport
from oxy_ai.schedules.view import ReportView

LEAST_ELAPSED: Final = timedelta(days=5)
"""Of a month, before its pace says anything."""

_USED: Final = """
select spent_microdollars + reserved_microdollars from ai_months where instance_id = $1 and month = $2
"""
_OUTAGE: Final = """
select outage_since as since, outage_until as until from connection_states
where organization_id = $1 and instance_id = $2 and outage_until is not null
"""
_WROTE: Final = """
select count(distinct m.conversation_id) from messages m
where m.organization_id = $1 and m.instance_id = $2 and m.author = 'customer' and says_something(m.kind)
    and m.arrived_at >= $3 and m.sent_at >= $3 and m.sent_at < $4
    and (m.conversation_id in (select c.id from customer_conversations($1) c)) is true
"""
"""What was sent meanwhile has arrived since: the index on arrivals finds it. Customers are looked up as in
`oxy_ai.reports.conversation_figures.MESSAGES`."""


@dataclass(frozen=True, slots=True)
class BudgetPace:
    """How fast a month's budget is used."""

    budget: int
    """Micro-dollars."""
    used: int
    began: datetime
    """The month, in the instance's time zone."""
    ends: datetime
    now: datetime

    @property
    def spent_at(self) -> datetime | None:
        """When it is used up at this pace; None: not in this month, or it is too early to say."""
        elapsed = self.now - self.began
        if elapsed < LEAST_ELAPSED or not self.used:
            return None
        at = self.began + elapsed * (self.budget / self.used)
        return at if at < self.ends else None


async def budget_warning(view: ReportView) -> OwnerReport | None:
    """Return the warning that a month's budget will not last; None: it will, or the owner knows."""
    budget = view.settings.ai.monthly_budget_microdollars
    if budget is None:
        return None
    month = first_of_month(view.now)
    used = await view.connection.fetchval(_USED, view.instance, month) or 0
    began = datetime.combine(month, time.min, view.source.timezone)
    ends = datetime.combine(first_of_month(began + timedelta(days=32)), time.min, view.source.timezone)
    cause = f"{month}:{budget}"
    if cause in await told_lately(view, ScheduleName.BUDGET_WARNING, FORGOTTEN):
        return None
    return budget_report(BudgetPace(budget, used, began, ends, view.now), cause)


def budget_report(pace: BudgetPace, cause: str) -> OwnerReport | None:
    """Return the warning; None: there is no need for one, or a notice of its own has told (`schema/money.sql`)."""
    at = pace.spent_at
    if at is None or pace.used >= pace.budget * BUDGET_WARNING:
        return None
    lines = (
        f"Usado até agora: {dollars(pace.used)} de {dollars(pace.budget)}",
        f"Nesse ritmo acaba por volta de {full_day(at)}",
    )
    closing = (
        "Quando acaba, quem escreve passa a ser atendido pela equipe até o mês virar. Quem cuida do sistema pode "
        "aumentar o orçamento."
    )
    return OwnerReport("⚠️ Orçamento da IA deste mês", lines, closing=closing, causes=(cause,))


async def connection_warning(view: ReportView) -> OwnerReport | None:
    """Return the warning that the number was out of reach; None: the owner knows."""
    row = await view.connection.fetchrow(_OUTAGE, view.organization, view.instance)
    if row is None:
        return None
    zone = view.source.timezone
    outage = Outage(row["since"].astimezone(zone), row["until"].astimezone(zone))
    wrote: int = await view.connection.fetchval(_WROTE, view.organization, view.instance, outage.since, outage.until)
    return connection_report(outage, wrote)


def connection_report(outage: Outage, wrote: int) -> OwnerReport:
    """Return the warning; `wrote`: how many customers did meanwhile."""
    same_day = outage.since.date() == outage.until.date()
    until = f"{outage.until:%H:%M}" if same_day else f"{outage.until:%H:%M} de {full_day(outage.until)}"
    lasted = duration((outage.until - outage.since).total_seconds())
    lines = [f"Sem conexão das {outage.since:%H:%M} de {full_day(outage.since)} até as {until} ({lasted})"]
    if wrote:
        lines.append(f"Clientes que escreveram nesse tempo: {wrote}")
    closing = "Se acontecer de novo, confira a internet do celular da loja e os aparelhos conectados no WhatsApp."
    return OwnerReport("⚠️ O WhatsApp da loja ficou sem conexão, e já voltou", tuple(lines), closing=closing)
