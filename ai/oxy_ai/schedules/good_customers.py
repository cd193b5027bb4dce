"""Good customers who stay away: they came often, and then longer than usual not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from oxy_ai.schedules.view import ReportView

LEAST_VISITS: Final = 3
"""That make a customer a good one."""
LEAST_ABSENCE: Final = timedelta(days=45)
"""Nobody is missed earlier, however often he came."""
INTERVALS: Final = 2
"""He is missed after so many times the pause that was usual for him."""
MOST_READ: Final = 2_000

ABSENT: Final = """
with absent as materialized (
    select c.id, c.name from customers_of($1, $2) c
    where c.opt_out is null
        and exists (
            select from bookings b where b.organization_id = c.organization_id and b.contact_id = c.id and is_visit(b)
                and b.starts_at < $3
        )
        and not exists (
            select from bookings b where b.organization_id = c.organization_id and b.contact_id = c.id and is_visit(b)
                and b.starts_at >= $3
        )
)
select a.id, a.name, r.visits, r.first_at, r.last_at, r.cents from absent a
cross join lateral (
    select count(*) as visits, min(b.starts_at) as first_at, max(b.starts_at) as last_at,
        sum(b.price_cents)::bigint as cents
    from bookings b where b.organization_id = $1 and b.contact_id = a.id and is_visit(b)
) r
where r.visits >= $4 order by r.cents desc, a.id limit $5
"""
"""Whoever has a booking that is still to come has a visit in the future."""


@dataclass(frozen=True, slots=True)
class Regular:
    """A customer who came often."""

    id: int
    name: str | None
    visits: int
    first_at: datetime
    last_at: datetime
    cents: int
    """That he has paid in all."""

    def is_missed(self, now: datetime) -> bool:
        """Whether he has stayed away for longer than is usual for him."""
        usual = (self.last_at - self.first_at) / (self.visits - 1)
        return now - self.last_at > max(LEAST_ABSENCE, usual * INTERVALS)


async def read_absent(view: ReportView) -> Sequence[Regular]:
    """Return those who are missed and may be written to, those who have paid most first."""
    rows = await view.connection.fetch(
        ABSENT, view.organization, view.instance, view.now - LEAST_ABSENCE, LEAST_VISITS, MOST_READ
    )
    regulars = (Regular(**dict(row)) for row in rows)
    return [regular for regular in regulars if regular.is_missed(view.now)]
