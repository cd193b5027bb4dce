"""Instances' own API keys for models, from the operator to the workers: platform Secrets, mounted as files.

The operator copies the key that a custom resource names into one of `SHARDS` Secrets of the platform's namespace. The
workers mount all of them below one folder, a folder for each by its number, and find an instance's keys in the file
`key_file`. Each key stands with the endpoint that it was given for, so that none is ever sent to another, whichever of
settings and keys arrives first.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from pydantic import SecretStr, TypeAdapter, ValidationError

from oxy_core.errors import ContractError

SHARDS: Final = 16
"""How many Secrets share the keys. One holds 1 MiB, some 5,000 instances; and a change writes one alone."""

PLATFORM_ENDPOINT: Final = ""
"""Stands for the platform's endpoint, which the operator does not know."""

_KEYS: Final = TypeAdapter(dict[str, SecretStr])


def shard_of(organization: str, instance: str) -> int:
    """Return the number of the Secret that holds an instance's keys, from 0."""
    digest = hashlib.sha256(entry_name(organization, instance).encode()).digest()
    return digest[0] % SHARDS


def entry_name(organization: str, instance: str) -> str:
    """Return under which name a Secret holds an instance's keys; neither part contains a dot."""
    return f"{organization}.{instance}"


def shard_name(prefix: str, shard: int) -> str:
    """Return the name of a Secret; `prefix` is that of the platform's Secrets."""
    return f"{prefix}-model-keys-{shard}"


def key_file(folder: Path, organization: str, instance: str) -> Path:
    """Return where a worker finds an instance's keys; there is no such file if it has none."""
    return folder / str(shard_of(organization, instance)) / entry_name(organization, instance)


def endpoint_of(base_url: str | None) -> str:
    """Return by which name a key stands for an endpoint: its base URL without a slash at the end.

    >>> endpoint_of("https://model.example/v1/")
    'https://model.example/v1'
    >>> endpoint_of(None)
    ''
    """
    return PLATFORM_ENDPOINT if base_url is None else base_url.rstrip("/")


@dataclass(frozen=True, slots=True)
class ModelKeys:
    """The keys of one instance."""

    by_endpoint: Mapping[str, SecretStr]
    """By `endpoint_of`. An empty key: the instance names one for this endpoint, but it cannot be had now. Nothing is
    asked there then, least of all with the platform's key."""

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a file; raises ContractError, which quotes nothing of it."""
        try:
            return cls(_KEYS.validate_json(data))
        except ValidationError:
            message = "not an instance's model keys: expected an object of endpoints and their keys"
            raise ContractError(message) from None

    def encode(self) -> bytes:
        """Return the content of the file, UTF-8 JSON; the same for the same keys."""
        shown = {endpoint: key.get_secret_value() for endpoint, key in sorted(self.by_endpoint.items())}
        return TypeAdapter(dict[str, str]).dump_json(shown)

    def key_for(self, base_url: str | None) -> SecretStr | None:
        """Return the key of an endpoint, None for the platform's; None if the instance has none for it."""
        return self.by_endpoint.get(endpoint_of(base_url))
