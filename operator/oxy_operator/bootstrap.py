"""Creates the Secrets with the platform's keys and passwords if they are absent; never changes an existing one.

The chart runs ``python -m oxy_operator.bootstrap`` as a Job. Concurrent runs agree: a Secret is created, never applied,
so the first one wins, and everything derived from the keys uses those that the API server holds.
"""

if __name__ == "__main__":
    from oxy_core.early_signals import UNFINISHED, end_on_signals

    end_on_signals(UNFINISHED)  # the next run creates what is missing

import asyncio
import sys
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final

import structlog
from pydantic import Field

from oxy_core.errors import OxyError
from oxy_core.logs import configure_logging
from oxy_core.settings import ProcessSettings
from oxy_operator.bus.accounts import nats_configuration, platform_credentials, system_credentials
from oxy_operator.bus.nkeys import PlatformKeys
from oxy_operator.errors import ConflictError
from oxy_operator.kube.client import Kubernetes, connected, load_configuration
from oxy_operator.objects import SECRETS, Object
from oxy_operator.postgres import Database, database_data

OPERATOR_SEED: Final = "operator.seed"
ROOT_SEED: Final = "root.seed"
SERVER_CONFIGURATION: Final = "auth.conf"
PLATFORM_CREDENTIALS: Final = "platform.creds"
SYSTEM_CREDENTIALS: Final = "system.creds"

log = structlog.get_logger()


class BootstrapSettings(ProcessSettings):
    """Settings of the bootstrap Job."""

    namespace: str = Field(description="Namespace of the Secrets.")
    secret_prefix: str = Field(default="oxy", description="Prefix of the Secrets' names.")
    nats_resolver_dir: str = Field(
        default="/data/accounts", description="Folder in the NATS server's file system where it keeps accounts."
    )
    postgres_host: str | None = Field(
        default=None, description="Host of the embedded PostgreSQL; if unset, no database Secret is created."
    )
    postgres_port: int = Field(default=5432, description="Port of the embedded PostgreSQL.")
    postgres_database: str = Field(default="oxy", description="Name of the database.")
    postgres_admin: str = Field(default="postgres", description="Role that owns the database.")

    @property
    def database(self) -> Database | None:
        """The embedded PostgreSQL, if this installation has one."""
        if self.postgres_host is None:
            return None
        return Database(self.postgres_host, self.postgres_port, self.postgres_database, self.postgres_admin)


def keys_secret(keys: PlatformKeys, *, namespace: str, prefix: str, resolver_dir: PurePosixPath | str) -> Object:
    """Return the Secret ``<prefix>-nats-keys``: both seeds, and the server configuration that trusts them."""
    data = {
        OPERATOR_SEED: keys.operator_seed,
        ROOT_SEED: keys.root_seed,
        SERVER_CONFIGURATION: nats_configuration(keys, resolver_dir),
    }
    return _secret(namespace, f"{prefix}-nats-keys", data)


def platform_secret(keys: PlatformKeys, *, namespace: str, prefix: str) -> Object:
    """Return the Secret ``<prefix>-platform-nats``: credentials of the platform's and the system account's users."""
    data = {PLATFORM_CREDENTIALS: platform_credentials(keys), SYSTEM_CREDENTIALS: system_credentials(keys)}
    return _secret(namespace, f"{prefix}-platform-nats", data)


def database_secret(database: Database, *, namespace: str, prefix: str) -> Object:
    """Return the Secret ``<prefix>-postgres`` with fresh passwords."""
    return _secret(namespace, f"{prefix}-postgres", database_data(database))


def keys_of(secret: Object) -> PlatformKeys:
    """Read the keys from the Secret that `keys_secret` builds; raises OxyError if one is missing or damaged."""
    try:
        data = {name: b64decode(secret["data"][name]).decode() for name in (OPERATOR_SEED, ROOT_SEED)}
        return PlatformKeys(operator_seed=data[OPERATOR_SEED], root_seed=data[ROOT_SEED])
    except (KeyError, ValueError):
        name = secret["metadata"]["name"]
        message = (
            f"Secret {name} exists but has no usable keys {OPERATOR_SEED} and {ROOT_SEED}; restore it from a "
            "backup or, if nothing was ever installed with it, delete it and run the Job again"
        )
        raise OxyError(message) from None


def _secret(namespace: str, name: str, data: Mapping[str, str]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": "oxy-bootstrap", "app.kubernetes.io/part-of": "oxy"},
        },
        "type": "Opaque",
        "data": {key: b64encode(value.encode()).decode() for key, value in data.items()},
    }


async def bootstrap(api: Kubernetes, settings: BootstrapSettings) -> None:
    """Create every Secret that is absent; raises ApiError or OxyError."""
    place = {"namespace": settings.namespace, "prefix": settings.secret_prefix}
    fresh = keys_secret(PlatformKeys.generate(), resolver_dir=settings.nats_resolver_dir, **place)
    keys = keys_of(await _existing_or_created(api, fresh))
    await _existing_or_created(api, platform_secret(keys, **place))
    if settings.database is not None:
        await _existing_or_created(api, database_secret(settings.database, **place))


async def _existing_or_created(api: Kubernetes, secret: Object) -> Object:
    namespace, name = secret["metadata"]["namespace"], secret["metadata"]["name"]
    try:
        created = await api.create(SECRETS, namespace, secret)
    except ConflictError:
        log.info("secret_kept", name=name)
        return await api.get(SECRETS, namespace, name)
    log.info("secret_created", name=name)
    return created


async def main() -> int:
    """Run once; return the process's exit code."""
    try:
        settings = BootstrapSettings.read()
        configure_logging("bootstrap", settings.log_level)
        async with connected(await load_configuration()) as api:
            await bootstrap(api, settings)
    except OxyError as error:
        log.error("bootstrap_failed", error=str(error))  # noqa: TRY400 the message says it all
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
