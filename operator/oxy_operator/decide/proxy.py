"""The proxy of an instance: whether its Secret has a usable URL, and a digest that changes with it. Pure."""

import binascii
import hashlib
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from oxy_core.errors import SettingsError
from oxy_core.instance.proxy_url import PROXY_KEY, ProxyUrl
from oxy_operator.decide.instance import Instance
from oxy_operator.problems import Problem

PROXY_ANNOTATION: Final = "oxy.dev/proxy"
"""Of a StatefulSet and its pods: `ProxyWanted.digest`."""

_DIGEST_BYTES: Final = 12
_MEANWHILE: Final = "Without its proxy the instance does not connect"


@dataclass(frozen=True, slots=True)
class ProxyWanted:
    """What an instance's Secret says about its proxy."""

    secret: str | None = None
    """Its name; None: the instance connects directly."""
    digest: str | None = None
    """Changes with the URL, and tells nobody without the key anything about it; None: there is no usable URL."""
    problem: Problem | None = None
    """Why there is none."""


NO_PROXY: Final = ProxyWanted()


def proxy_secret(instance: Instance) -> str | None:
    """Return the name of the Secret with the URL; None: the instance connects directly."""
    reference = instance.spec.network.proxy_secret_ref
    return None if reference is None else reference.name


def proxy_wanted(instance: Instance, data: Mapping[str, str] | None, key: bytes) -> ProxyWanted:
    """Return what the Secret's content means. `key`: of the digest, at most 64 bytes.

    `data` is the Secret's, in base64; None if it does not exist.
    """
    name = proxy_secret(instance)
    if name is None:
        return NO_PROXY
    place = f"spec.network.proxySecretRef: Secret {name} in namespace {instance.namespace}"
    if data is None:
        create = f"kubectl create secret generic {name} -n {instance.namespace}"
        url = f"--from-literal={PROXY_KEY}=http://USER:PASSWORD@HOST:PORT"
        message = f"{place} does not exist. {_MEANWHILE}. To create it, run: {create} {url}"
        return ProxyWanted(name, problem=Problem("ProxySecretMissing", message))
    if PROXY_KEY not in data:
        message = f"{place} has no key {PROXY_KEY}. {_MEANWHILE}. Add the proxy's URL under that key."
        return ProxyWanted(name, problem=Problem("ProxyUrlMissing", message))
    try:
        url = ProxyUrl.parse(_plain(data[PROXY_KEY])).text
    except SettingsError as error:
        message = f"{place}, key {PROXY_KEY}: {error}. {_MEANWHILE}. Correct the Secret."
        return ProxyWanted(name, problem=Problem("ProxyUrlUnusable", message))
    return ProxyWanted(name, hashlib.blake2b(url.encode(), key=key, digest_size=_DIGEST_BYTES).hexdigest())


def _plain(encoded: str) -> str:
    """Return a value as text; what is no text as something that no URL contains."""
    try:
        return b64decode(encoded).decode("ascii", errors="replace")
    except binascii.Error:
        return ""
