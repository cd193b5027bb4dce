"""Ways from instances to the simulated WhatsApp: a proxy for each, or none and names that nobody knows."""

import os
import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from e2e.fleet import Fleet, Member, proxy_secret

from oxy_dev.cluster import layout
from oxy_dev.cluster.up import status
from oxy_dev.environment import DEV_NAMESPACE, SIMULATOR
from oxy_dev.example import NETWORK
from oxy_dev.kubectl import Kubectl

DIRECT: Final = {"caBundleConfigMapRef": NETWORK["caBundleConfigMapRef"]}
"""``spec.network`` without a proxy."""

Json = Any
"""Any JSON value."""
Policy = Mapping[str, object]
"""How a proxy treats its clients: fields of `oxy_simulator.requests.AddProxy`."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A port of the simulator's pod where a proxy listens, or none."""

    port: int
    usual: Policy
    """How it treats its clients at first."""

    def url(self, kubectl: Kubectl, policy: Policy) -> str:
        """Return what a client must name that has the user and the password of this policy."""
        login = f"{policy['username']}:{quote(str(policy['password']))}@" if "username" in policy else ""
        return f"{policy.get('scheme', 'http')}://{login}{simulator_address(kubectl)}:{self.port}"

    async def put(self, fleet: Fleet, policy: Policy | None) -> None:
        """Listen with this policy instead of the one before; None: do not listen. What is connected stays."""
        for listener in await fleet.whatsapp.api.proxies():
            if listener.port == self.port:
                await fleet.whatsapp.api.close_proxy(listener.id)
        if policy is not None:
            await fleet.whatsapp.api.add_proxy(host="0.0.0.0", port=self.port, **policy)  # noqa: S104 in its pod


def simulator_address(kubectl: Kubectl) -> str:
    """Return the address of the simulator's pod, where proxies that are added listen."""
    selector = f"--selector=app.kubernetes.io/name={SIMULATOR}"
    [pod] = kubectl.get("--namespace", DEV_NAMESPACE, "pods", selector)["items"]
    return str(pod["status"]["podIP"])


def point_at(fleet: Fleet, name: str, url: str) -> None:
    """Write another URL into the Secret that an instance's proxy is read from."""
    fleet.kubectl.apply(proxy_secret(name, url))


def change_network(fleet: Fleet, member: Member, network: Json) -> None:
    """Give an instance another ``spec.network``."""
    member.network = network
    fleet.kubectl.apply(member.to_resource())


@contextmanager
def without_outside_names() -> Iterator[None]:
    """Let the local cluster's name server ask nobody outside; it still finds the cluster's services."""
    file = layout.default().config / "Corefile"
    usual = file.read_text()
    file.write_text(re.sub(r"^\s*forward .*\n", "", usual, flags=re.MULTILINE))
    _read_again()
    try:
        yield
    finally:
        file.write_text(usual)
        _read_again()


def _read_again() -> None:
    """Have the name server read its configuration. Source: CoreDNS, man/coredns.1, SIGUSR1."""
    [server] = [part for part in status(layout.default()) if part.part == "coredns"]
    assert server.pid is not None
    os.kill(server.pid, signal.SIGUSR1)
