"""Many instances in a namespace of their own, linked with simulated phones: what kubectl says of each."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from oxy_core.instance.custom_resource import pairing_secret_name
from oxy_core.instance.pairing_offer import PairingOffer
from oxy_dev.environment import DEV_NAMESPACE, SIMULATOR, TENANT_NAMESPACE
from oxy_dev.example import NETWORK, PROXY_SECRET, TRUST_CONFIG_MAP
from oxy_dev.kubectl import Kubectl
from oxy_simulator.errors import SimulatorError
from oxy_simulator.testing import Phone, WhatsApp

NAMESPACE = "causes"
WITHIN = 240.0
"""Seconds; many pods share two cores."""

AT_ONCE = 8
"""How many are created at a time: a pod costs most when it starts."""

Json = Any
"""Any JSON value."""


@dataclass
class Member:
    """An instance, as kubectl last showed it, and its phone."""

    name: str
    number: str
    network: Json = field(default_factory=lambda: NETWORK)
    reconnect: Json = field(default_factory=dict)
    resource: Json = None
    pod: Json = None
    phone: Phone | None = None

    @property
    def linked(self) -> Phone:
        """The phone of a member of a running fleet."""
        assert self.phone is not None
        return self.phone

    def spec(self) -> Json:
        return {
            "organizationId": f"org-{self.name}",
            "displayName": self.name,
            "phoneNumber": self.number,
            "session": {"storage": {"size": "64Mi"}},
            "network": self.network,
            "reconnect": self.reconnect,
        }

    @property
    def status(self) -> Json:
        return (self.resource or {}).get("status", {})

    @property
    def phase(self) -> str:
        return str(self.status.get("phase", ""))

    def condition(self, kind: str) -> Json:
        found = (item for item in self.status.get("conditions", ()) if item["type"] == kind)
        return next(found, {"status": "", "reason": "", "message": ""})

    @property
    def reason(self) -> str:
        return str(self.condition("Ready")["reason"])

    @property
    def attempts(self) -> int:
        """Failed attempts to connect since the last success."""
        return int(self.status.get("reconnect", {}).get("attempts", 0))

    @property
    def connected(self) -> bool:
        return self.condition("Ready")["status"] == "True"

    @property
    def restarts(self) -> int:
        """How often the kubelet has restarted the container of the pod that runs; -1: none does."""
        statuses = (self.pod or {}).get("status", {}).get("containerStatuses", ())
        return int(statuses[0]["restartCount"]) if statuses else -1


class Fleet:
    """All members, and the phones of the simulated WhatsApp."""

    def __init__(self, kubectl: Kubectl, whatsapp: WhatsApp, members: Sequence[Member]) -> None:
        self.kubectl = kubectl
        self.whatsapp = whatsapp
        self.members = {member.name: member for member in members}

    def look(self) -> None:
        """Ask what kubectl says of everybody, at once."""
        listed = self.kubectl.get("--namespace", NAMESPACE, "whatsappinstances,pods")["items"]
        found = {(item["kind"], item["metadata"]["name"]): item for item in listed}
        for name, member in self.members.items():
            member.resource = found.get(("WhatsAppInstance", name))
            member.pod = found.get(("Pod", f"wai-{name}-0"))

    async def until(self, what: str, members: Sequence[Member], holds: Callable[[Member], bool]) -> None:
        """Wait until something holds for all of these members."""
        deadline = asyncio.get_running_loop().time() + WITHIN
        while True:
            await asyncio.to_thread(self.look)
            others = [member for member in members if not holds(member)]
            if not others:
                return
            shown = [(one.name, one.phase, one.reason, one.condition("Ready")["message"]) for one in others]
            assert asyncio.get_running_loop().time() < deadline, f"{what}: not within {WITHIN:g} s: {shown}"
            await asyncio.sleep(1)

    async def link(self) -> None:
        """Create the instances and type their codes on the phones, a few at a time, until all are connected."""
        everybody = list(self.members.values())
        for member in everybody:
            member.phone = await self.whatsapp.phone(member.number, member.name)
        for first in range(0, len(everybody), AT_ONCE):
            await self._link(everybody[first : first + AT_ONCE])

    async def _link(self, members: Sequence[Member]) -> None:
        self.kubectl.apply(*map(_resource, members))
        connected = asyncio.create_task(self.until("linked", members, lambda member: member.connected))
        typed: set[str] = set()
        while not connected.done():
            await self._type_codes(typed)
            await asyncio.wait({connected}, timeout=1)
        await connected

    async def _type_codes(self, typed: set[str]) -> None:
        listed = await asyncio.to_thread(self.kubectl.get, "--namespace", NAMESPACE, "secrets")
        found = {item["metadata"]["name"]: item.get("data", {}) for item in listed["items"]}
        for member in self.members.values():
            encoded = found.get(pairing_secret_name(member.name), {})
            offer = PairingOffer.from_secret({key: base64.b64decode(text).decode() for key, text in encoded.items()})
            if offer is not None and offer.code and offer.code not in typed:
                typed.add(offer.code)
                with contextlib.suppress(SimulatorError):  # a code that was replaced meanwhile
                    await member.linked.link(code=offer.code)


def _resource(member: Member) -> Json:
    metadata = {"name": member.name, "namespace": NAMESPACE}
    return {"apiVersion": "oxy.dev/v1alpha1", "kind": "WhatsAppInstance", "metadata": metadata, "spec": member.spec()}


def proxy_secret(name: str, url: str) -> Json:
    """Return the Secret with the URL of a proxy."""
    metadata, data = {"name": name, "namespace": NAMESPACE}, {"url": base64.b64encode(url.encode()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


@asynccontextmanager
async def running_fleet(kubectl: Kubectl, url: str, members: Sequence[Member]) -> AsyncIterator[Fleet]:
    """Link members' phones, in a namespace that exists as long as the fleet does. `url`: of the simulator's control."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    proxies = {member.network["proxySecretRef"]["name"] for member in members}
    kubectl.apply(
        namespace,
        _copied(kubectl, "configmap", TRUST_CONFIG_MAP, TRUST_CONFIG_MAP),
        *(_copied(kubectl, "secret", PROXY_SECRET, name) for name in sorted(proxies)),
    )
    try:
        async with WhatsApp(url) as whatsapp:
            fleet = Fleet(kubectl, whatsapp, members)
            await fleet.link()
            yield fleet
    finally:
        kubectl.run_long("delete", "--namespace", NAMESPACE, "whatsappinstances", "--all", "--timeout=180s")
        kubectl.run_long("delete", "namespace", NAMESPACE, "--timeout=120s")


def _copied(kubectl: Kubectl, kind: str, name: str, wanted: str) -> Json:
    """Return what instances need to reach and trust the simulator, under another name for this namespace."""
    found = kubectl.get("--namespace", TENANT_NAMESPACE, kind, name)
    kept = {key: value for key, value in found.items() if key in {"apiVersion", "kind", "data"}}
    return kept | {"metadata": {"name": wanted, "namespace": NAMESPACE}}


def simulator_address(kubectl: Kubectl) -> str:
    """Return the address of the simulator's pod, where proxies that are added listen."""
    selector = f"--selector=app.kubernetes.io/name={SIMULATOR}"
    [pod] = kubectl.get("--namespace", DEV_NAMESPACE, "pods", selector)["items"]
    return str(pod["status"]["podIP"])
