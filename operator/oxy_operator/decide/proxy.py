"""The proxy of an instance: whether its Secret has a usable URL, and a digest that changes with it. Pure.

While the Secret that the spec names has none, no pod is started. One that was made with a proxy stays as it is,
whatever becomes of the Secret and of the spec's other fields; one that connects directly ends (decision 86).
"""

import binascii
import hashlib
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from oxy_core.errors import SettingsError
from oxy_core.instance.proxy_url import PROXY_KEY, ProxyUrl
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.workload import Workload
from oxy_operator.problems import Problem

_DIGEST_BYTES: Final = 12
_STOPPED: Final = "Without its proxy the instance does not connect."
_KEPT: Final = (
    "The pod is left as it is, with the proxy that it was made with. It never connects directly, no other change of it "
    "is made meanwhile, and if it ends it cannot start again before the Secret can be used."
)


@dataclass(frozen=True, slots=True)
class ProxyFault:
    """Why there is no usable URL."""

    reason: str
    what: str
    """A sentence that names field and Secret."""
    remedy: str

    def problem(self, *, pod_kept: bool) -> Problem:
        """Return what a person reads: what is wrong, what that means for the instance's pod, and what to do."""
        return Problem(self.reason, f"{self.what}. {_KEPT if pod_kept else _STOPPED} {self.remedy}")


@dataclass(frozen=True, slots=True)
class ProxyWanted:
    """What an instance's Secret says about its proxy."""

    secret: str | None = None
    """Its name; None: the instance connects directly."""
    digest: str | None = None
    """Changes with the URL, and tells nobody without the key anything about it; None: there is no usable URL."""
    fault: ProxyFault | None = None
    """Why there is none."""


NO_PROXY: Final = ProxyWanted()


def proxy_secret(instance: Instance) -> str | None:
    """Return the name of the Secret with the URL; None: the instance connects directly."""
    reference = instance.spec.network.proxy_secret_ref
    return None if reference is None else reference.name


def rules_direct_out(instance: Instance) -> bool:
    """Whether nothing may connect directly: the spec names a proxy, or it may, in a part that cannot be read."""
    return proxy_secret(instance) is not None or instance.is_unread("network")


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
        fault = ProxyFault("ProxySecretMissing", f"{place} does not exist", f"To create it, run: {create} {url}")
        return ProxyWanted(name, fault=fault)
    if PROXY_KEY not in data:
        fault = ProxyFault("ProxyUrlMissing", f"{place} has no key {PROXY_KEY}", "Add the proxy's URL under that key.")
        return ProxyWanted(name, fault=fault)
    try:
        url = ProxyUrl.parse(_plain(data[PROXY_KEY])).text
    except SettingsError as error:
        fault = ProxyFault("ProxyUrlUnusable", f"{place}, key {PROXY_KEY}: {error}", "Correct the Secret.")
        return ProxyWanted(name, fault=fault)
    return ProxyWanted(name, hashlib.blake2b(url.encode(), key=key, digest_size=_DIGEST_BYTES).hexdigest())


def keeps_pod(wanted: ProxyWanted, workload: Workload | None, epoch: int, volume: str | None) -> bool:
    """Whether the pod of this epoch, on the claim with this uid, goes on with the proxy that it was made with.

    One of an earlier epoch ends in any case: a person wants another.
    """
    if wanted.fault is None or workload is None:
        return False
    return workload.replicas > 0 and workload.proxy is not None and (workload.epoch, workload.volume) == (epoch, volume)


def connects_past(instance: Instance, workload: Workload) -> bool:
    """Whether a pod that an earlier spec made connects directly, which the spec rules out now."""
    return rules_direct_out(instance) and workload.replicas > 0 and workload.proxy is None


def _plain(encoded: str) -> str:
    """Return a value as text; what is no text as something that no URL contains."""
    try:
        return b64decode(encoded).decode("ascii", errors="replace")
    except binascii.Error:
        return ""
