"""The organizations and instances that commands may name."""

from uuid import UUID

from oxy_ai.database import organization_transaction
from oxy_ai.engine.store import Engine
from oxy_ai.errors import AdministrationError
from oxy_ai.ids import organization_id


async def known_organizations(engine: Engine, name: str | None) -> list[UUID]:
    """Return the key of an organization, None: of all; raises AdministrationError for one that is not known."""
    keys = await engine.pool.fetch("select id from known_organizations() as k (id)")
    found = [row["id"] for row in keys if name is None or row["id"] == organization_id(name)]
    if name is not None and not found:
        message = f"organization {name!r} is not known; spec.organizationId of its WhatsAppInstance is its name"
        raise AdministrationError(message)
    return found


async def require_known(engine: Engine, organization: str | None, instance: str | None) -> None:
    """Raise AdministrationError if the organization, or the instance in it or in any, is not known."""
    keys = await known_organizations(engine, organization)
    if instance is None:
        return
    for key in keys:
        async with organization_transaction(engine.pool, key) as connection:
            known = "select from instances where organization_id = $1 and name = $2"
            if await connection.fetchrow(known, key, instance) is not None:
                return
    place = "" if organization is None else f" in organization {organization!r}"
    message = f"instance {instance!r} is not known{place}; metadata.name of its WhatsAppInstance is its name"
    raise AdministrationError(message)
