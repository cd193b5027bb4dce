"""Which key goes with a request: the instance's own for that very endpoint, or the platform's for the platform's.

Keys are read for each request (some 30 µs), so that a rotated one works as soon as the kubelet has written it.
"""

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from oxy_ai.errors import EndpointOutageError, OutageCause
from oxy_ai.model.route import ModelRoute
from oxy_core.errors import ContractError
from oxy_core.model_keys import PLATFORM_ENDPOINT, ModelKeys, endpoint_of, key_file

NO_KEY: Final = "none"
"""Sent to an instance's own endpoint for which it has no key: some demand the header, whatever it says."""

MAX_FILE_BYTES: Final = 65_536
"""Longest file of keys that is read; three keys take a kilobyte."""

_PATHS: Final = 4_096
"""Instances whose files' paths are remembered."""

_USABLE: Final = re.compile(r"[!-~]{1,8192}")
"""What a header may carry: visible ASCII."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A key, and whose it is."""

    key: str
    holder: str | None
    """The organization that it belongs to; None: the platform."""


class Credentials:
    """Finds the key of a request. A key is bound to one endpoint and goes to no other."""

    def __init__(self, platform_url: str, platform_key: str, folder: Path | None) -> None:
        """`folder` holds the instances' keys (`oxy_core.model_keys.key_file`); None: no instance has any."""
        self._platform = endpoint_of(platform_url)
        self._platform_key = platform_key
        self._folder = folder

    def is_platforms(self, base_url: str | None) -> bool:
        """Whether a base URL is that of the platform's endpoint."""
        return endpoint_of(base_url) in (PLATFORM_ENDPOINT, self._platform)

    def of(self, route: ModelRoute) -> Credential:
        """Return the key for a route's endpoint; raises EndpointOutageError for one that cannot be used."""
        own = self._own(route)
        if own is not None:
            return Credential(_usable(own), route.organization)
        if self.is_platforms(route.base_url):
            return Credential(self._platform_key, None)
        return Credential(NO_KEY, route.organization)

    def _own(self, route: ModelRoute) -> str | None:
        if self._folder is None:
            return None
        keys = _read(_path(self._folder, route.organization, route.instance))
        if keys is None:
            return None
        names = {endpoint_of(route.base_url)}
        if self.is_platforms(route.base_url):
            names |= {PLATFORM_ENDPOINT, self._platform}
        found = next((keys.by_endpoint[name] for name in sorted(names) if name in keys.by_endpoint), None)
        return None if found is None else found.get_secret_value().strip()


@lru_cache(_PATHS)
def _path(folder: Path, organization: str, instance: str) -> str:
    return str(key_file(folder, organization, instance))


def _read(path: str) -> ModelKeys | None:
    """Return the keys in a file, None if there is none; raises EndpointOutageError if they cannot be read.

    Nobody is asked without them, or with the platform's: the instance has given one.
    """
    try:
        return ModelKeys.decode(_content(path))
    except FileNotFoundError:
        return None
    except (OSError, ContractError) as error:
        message = (
            f"the instance's API key cannot be read ({type(error).__name__}): check the conditions of the instance"
        )
        raise EndpointOutageError(message, OutageCause.UNAUTHORIZED) from None


def _content(path: str) -> bytes:
    # Not with pathlib, which takes four times as long; the files are in memory, so nothing blocks.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        return os.read(descriptor, MAX_FILE_BYTES)
    finally:
        os.close(descriptor)


def _usable(key: str) -> str:
    if _USABLE.fullmatch(key) is None:
        message = "the instance's API key is missing or no key: check the Secret that apiKeySecretRef names"
        raise EndpointOutageError(message, OutageCause.UNAUTHORIZED)
    return key
