"""The ledger: what is open or ended badly, of the messages to the businesses, the texts to send and the notices.

The query is in `oxy_ai/schema/ledger.sql`. Workers watch that nothing is in a state that must not be.
"""

import asyncio
from datetime import timedelta
from uuid import UUID

import structlog
from pydantic import AwareDatetime, BaseModel, Field

from oxy_ai import metrics
from oxy_ai.database import organization_transaction
from oxy_ai.engine.known_names import known_organizations
from oxy_ai.engine.store import Engine
from oxy_core.identity import mask
from oxy_core.settings import ProcessSettings

log = structlog.get_logger()


class LedgerSettings(ProcessSettings):
    """How the ledger is watched."""

    ledger_check_seconds: float = Field(default=60, gt=0, description="How often a worker looks for wrong entries.")
    ledger_grace_seconds: float = Field(
        default=300, gt=0, description="How long a text may be kept after it has expired before that is wrong."
    )
    ledger_rules_seconds: float = Field(
        default=86_400, gt=0, description="How far back the ledger shows what rules decided instead of a model."
    )


class Count(BaseModel):
    """How many entries are in one state for one reason."""

    what: str
    """message (to the business), report (not stored), text (to send), notice (to the owner) or person (promised)."""
    state: str
    reason: str | None = None
    entries: int
    since: AwareDatetime | None = None
    """Of the oldest."""
    wrong: int
    """How many of them must not be."""


class Ruled(BaseModel):
    """How many turns and texts ended by a rule, for one reason, within the time that is looked back."""

    what: str
    """turn, or text (withheld from its contact)."""
    state: str
    reason: str
    entries: int
    newest: AwareDatetime


class Entry(BaseModel):
    """One entry."""

    what: str
    id: str
    instance: str | None = None
    conversation: int | None = None
    phone: str | None = None
    """Of the contact, masked."""
    state: str
    reason: str | None = None
    since: AwareDatetime | None = None
    wrong: str | None = None
    """What must not be."""


class OrganizationLedger(BaseModel):
    """One organization's ledger."""

    organization: str
    violations: int
    counts: tuple[Count, ...]
    rules: tuple[Ruled, ...] = ()
    oldest: tuple[Entry, ...]


class Ledger(BaseModel):
    """The ledger of one or all organizations; those without an entry are left out."""

    violations: int
    organizations: tuple[OrganizationLedger, ...]


async def watch_ledger(engine: Engine, settings: LedgerSettings) -> None:
    """Keep the gauge of wrong entries current until cancelled; raises the error of an outage."""
    while True:
        wrong = await engine.pool.fetchval("select ledger_violations($1)", _grace(settings))
        metrics.LEDGER_VIOLATIONS.set(wrong)
        if wrong:
            log.error("ledger_violated", entries=wrong)
        await asyncio.sleep(settings.ledger_check_seconds)


async def read_ledger(engine: Engine, settings: LedgerSettings, name: str | None, oldest: int) -> Ledger:
    """Return the ledger of an organization, None: of all; raises AdministrationError for one that is not known."""
    pages = [await _page(engine, settings, key, oldest) for key in await known_organizations(engine, name)]
    shown = sorted((page for page in pages if page.counts or page.rules), key=lambda page: page.organization)
    return Ledger(violations=sum(page.violations for page in shown), organizations=tuple(shown))


async def _page(engine: Engine, settings: LedgerSettings, organization: UUID, oldest: int) -> OrganizationLedger:
    async with organization_transaction(engine.pool, organization) as connection:
        name = await connection.fetchval("select name from organizations where id = $1", organization)
        document = await connection.fetchval(
            "select ledger_page($1, $2, $3, $4) || jsonb_build_object('organization', $5::text)",
            organization,
            _grace(settings),
            timedelta(seconds=settings.ledger_rules_seconds),
            oldest,
            name,
        )
    page = OrganizationLedger.model_validate_json(document)
    return page.model_copy(update={"oldest": tuple(_masked(entry) for entry in page.oldest)})


def _masked(entry: Entry) -> Entry:
    return entry.model_copy(update={"phone": None if entry.phone is None else mask(entry.phone)})


def _grace(settings: LedgerSettings) -> timedelta:
    return timedelta(seconds=settings.ledger_grace_seconds)
