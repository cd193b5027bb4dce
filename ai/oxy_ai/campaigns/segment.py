"""Segments of any business with appointments: who came for what, lately or not for long."""

from datetime import datetime, time, timedelta
from typing import Annotated, Final

from pydantic import AliasChoices, Field

from oxy_ai.campaigns.criteria import Criterion, Group
from oxy_ai.portuguese.formatting import plural
from oxy_ai.scheduling.tool_arguments import Arguments, ServiceWords

LONGEST_DAYS: Final = 3_650
"""How far back a criterion looks at most."""

Days = Annotated[int, Field(ge=1, le=LONGEST_DAYS)]

_VISIT: Final = (
    "select from bookings b where b.organization_id = c.organization_id and b.contact_id = c.id and is_visit(b)"
)
ABSENT: Final = f"exists ({_VISIT} and b.starts_at < {{}}) and not exists ({_VISIT} and b.starts_at >= {{}})"
"""Whether a customer `c` came before a moment, and neither came since nor has a booking that is still to come."""


class Segment(Arguments):
    """What the recipients of a campaign have in common; None: it does not matter. Files may name fields in English."""

    servico: ServiceWords | None = Field(
        default=None,
        validation_alias=AliasChoices("servico", "service"),
        description="Já fizeram este serviço, como no catálogo.",
    )
    sem_vir_ha_dias: Days | None = Field(
        default=None,
        validation_alias=AliasChoices("sem_vir_ha_dias", "absent_days"),
        description="Não vêm há pelo menos tantos dias.",
    )
    vieram_nos_ultimos_dias: Days | None = Field(
        default=None,
        validation_alias=AliasChoices("vieram_nos_ultimos_dias", "came_within_days"),
        description="Vieram nos últimos tantos dias.",
    )

    def contradiction(self) -> tuple[str, str] | None:
        """Return two fields that nobody fulfils together; None: there are none."""
        absent, came = self.sem_vir_ha_dias, self.vieram_nos_ultimos_dias
        if absent is not None and came is not None and absent >= came:
            return "sem_vir_ha_dias", "vieram_nos_ultimos_dias"
        return None


def first_moment(days: int, now: datetime) -> datetime:
    """Return when the day began that is so many days ago, less one: who came later has come within these days."""
    return datetime.combine(now.date() - timedelta(days=days - 1), time.min, now.tzinfo)


_VISITED: Final = (
    "exists (select from bookings b where b.organization_id = c.organization_id and b.contact_id = c.id "
    "and is_visit(b) and b.starts_at <= $3 and {})"
)

_SERVICE: Final = Criterion(
    "servico",
    "b.service_id in (select s.id from services s where s.organization_id = c.organization_id and s.name = {})",
    lambda name: f"que já fizeram {name}",
)
_CAME: Final = Criterion(
    "vieram_nos_ultimos_dias",
    "b.starts_at >= {}",
    lambda days: f"que vieram nos últimos {plural(days, 'dia', 'dias')}",
    first_moment,
)
_ABSENT: Final = Criterion(
    "sem_vir_ha_dias",
    ABSENT,
    lambda days: f"sem vir há pelo menos {plural(days, 'dia', 'dias')} e sem nada marcado",
    first_moment,
)

CRITERIA: Final = (Group((_SERVICE, _CAME), _VISITED), Group((_ABSENT,)))
"""For any business with appointments; $3 is now (`oxy_ai.campaigns.reach`)."""
