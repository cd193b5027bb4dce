"""Many instances in a namespace of their own, linked with simulated phones: what kubectl says of each."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from oxy_core.instance.custom_resource import pairing_secret_name
from oxy_core.instance.pairing_offer import PairingOffer
from oxy_dev.environment import TENANT_NAMESPACE
from oxy_dev.example import NETWORK, PROXY_SECRET, TRUST_CONFIG_MAP
from oxy_dev.kubectl import Kubectl
from oxy_simulator.errors import SimulatorError
from oxy_simulator.journals import SETTLED
from oxy_simulator.testing import Phone, WhatsApp

NAMESPACE = "causes"
WITHIN = 300.0
"""Seconds; many pods share two cores."""

AT_ONCE = 8
"""How many are created at a time: a pod costs most when it starts."""

CUSTOMER = "+5511933330002"
_ENDS: Final = (
    "--output=jsonpath={.metadata.name},"
    "{.status.containerStatuses[0].state.terminated.exitCode},"
    '{.status.containerStatuses[0].lastState.terminated.exitCode}{"\\n"}'
)
"""A line whenever a pod's status changes: its name, and how its container has ended, now and before."""

Json = Any
"""Any JSON value."""


@dataclass
class Member:
    """An instance, as kubectl last showed it, and its phone."""

    name: str
    number: str
    network: Json = field(default_factory=lambda: NETWORK)
    reconnect: Json = field(default_factory=dict)
    pairing: Json = field(default_factory=dict)
    session: Json = field(default_factory=lambda: {"storage": {"size": "64Mi"}})
    is_linked: bool = True
    """Whether its phone is linked before a test begins."""
    resource: Json = None
    pod: Json = None
    phone: Phone | None = None
    history: list[str] = field(default_factory=list)
    """The phases and reasons that were seen, each as often as it came."""

    @property
    def linked(self) -> Phone:
        """The phone of a member of a running fleet."""
        assert self.phone is not None
        return self.phone

    def to_resource(self) -> Json:
        spec = {
            "organizationId": f"org-{self.name}",
            "displayName": self.name,
            "phoneNumber": self.number,
            "session": self.session,
            "network": self.network,
            "reconnect": self.reconnect,
            "pairing": self.pairing,
        }
        metadata = {"name": self.name, "namespace": NAMESPACE}
        return {"apiVersion": "oxy.dev/v1alpha1", "kind": "WhatsAppInstance", "metadata": metadata, "spec": spec}

    def see(self, resource: Json, pod: Json) -> None:
        """Take in what kubectl shows."""
        self.resource, self.pod = resource, pod
        seen = f"{self.phase}/{self.reason}"
        if self.history[-1:] != [seen]:
            self.history.append(seen)

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
        return bool(self.condition("Ready")["status"] == "True")

    @property
    def proved(self) -> bool:
        """Whether it is connected, and its phone has confirmed the notice in its own chat."""
        return self.connected and bool(self.condition("PairingConfirmed")["status"] == "True")

    @property
    def restarts(self) -> int:
        """How often the kubelet has restarted the container of the pod that runs; -1: none does."""
        statuses = (self.pod or {}).get("status", {}).get("containerStatuses", ())
        return int(statuses[0]["restartCount"]) if statuses else -1


class Fleet:
    """All members, and the phones of the simulated WhatsApp."""

    def __init__(self, kubectl: Kubectl, whatsapp: WhatsApp, members: Sequence[Member], ends: Path) -> None:
        """`ends`: a file with a line for each change of a pod's status (see `_ENDS`)."""
        self.kubectl = kubectl
        self.whatsapp = whatsapp
        self.members = {member.name: member for member in members}
        self._ends = ends
        self._looked = asyncio.Event()
        self._received = frozenset[str | None]()
        self._customer: Phone | None = None

    async def follow(self) -> None:
        """Ask what kubectl says of everybody, and what their devices received, once a second; run until cancelled.

        WhatsApp keeps every message that was ever sent, so it is asked once for all members, and not for older ones.
        """
        begin = max((line.number for line in await self.whatsapp.api.accounting()), default=0)
        while True:
            arguments = ("--namespace", NAMESPACE, "whatsappinstances,pods")
            listed = (await asyncio.to_thread(self.kubectl.get, *arguments))["items"]
            found = {(item["kind"], item["metadata"]["name"]): item for item in listed}
            for name, member in self.members.items():
                member.see(found.get(("WhatsAppInstance", name)), found.get(("Pod", f"wai-{name}-0")))
            lines = await self.whatsapp.api.accounting(begin)
            self._received = frozenset(line.text for line in lines if SETTLED & line.stages.keys())
            self._looked.set()
            self._looked = asyncio.Event()
            await asyncio.sleep(1)

    async def until(self, what: str, members: Sequence[Member], holds: Callable[[Member], bool]) -> None:
        """Wait until something holds for all of these members."""
        deadline = asyncio.get_running_loop().time() + WITHIN
        while others := [member for member in members if not holds(member)]:
            shown = [(one.name, one.history, one.condition("Ready")["message"]) for one in others]
            assert asyncio.get_running_loop().time() < deadline, f"{what}: not within {WITHIN:g} s: {shown}"
            await self._looked.wait()

    def exit_codes(self, member: Member) -> set[int]:
        """Return the codes with which the containers of a member's pods have ended so far."""
        lines = (line.split(",") for line in self._ends.read_text().splitlines())
        return {int(code) for pod, *codes in lines if pod == f"wai-{member.name}-0" for code in codes if code}

    async def warned(self) -> dict[str, list[Json]]:
        """Return the events about each member, which people see."""
        listed = (await asyncio.to_thread(self.kubectl.get, "--namespace", NAMESPACE, "events"))["items"]
        about: dict[str, list[Json]] = {name: [] for name in self.members}
        for event in listed:
            if event["involvedObject"]["kind"] == "WhatsAppInstance":
                about[event["involvedObject"]["name"]].append(event)
        return about

    async def say(self, member: Member, text: str) -> None:
        """Let a customer write to a member."""
        self._customer = self._customer or await self.whatsapp.phone(CUSTOMER, "Bia")
        await self._customer.send(text, member.linked)

    async def receive(self, member: Member, text: str) -> None:
        """Let a customer write to a member, and wait until its device has received it."""
        await self.say(member, text)
        async with asyncio.timeout(WITHIN):
            while text not in self._received:
                await self._looked.wait()

    # -- linking

    async def link(self) -> None:
        """Create the instances and type their codes on the phones, a few at a time, until all are connected."""
        everybody = list(self.members.values())
        for member in everybody:
            member.phone = await self.whatsapp.phone(member.number, member.name)
        for first in range(0, len(everybody), AT_ONCE):
            await self._link(everybody[first : first + AT_ONCE])

    async def _link(self, members: Sequence[Member]) -> None:
        self.kubectl.apply(*(member.to_resource() for member in members))
        linked = [member for member in members if member.is_linked]
        connected = asyncio.create_task(self.until("linked", linked, lambda member: member.proved))
        typed: set[str] = set()
        while not connected.done():
            for member in linked:
                offer = await self.offer(member)
                if offer is not None and offer.code and offer.code not in typed:
                    typed.add(offer.code)
                    with contextlib.suppress(SimulatorError):  # a code that was replaced meanwhile
                        await member.linked.link(code=offer.code)
            await asyncio.wait({connected}, timeout=1)
        await connected

    async def offered(self, member: Member) -> PairingOffer:
        """Wait until a member offers a code, and return it."""
        async with asyncio.timeout(WITHIN):
            while (found := await self.offer(member)) is None:  # noqa: ASYNC110 no event
                await asyncio.sleep(1)
        return found

    async def offer(self, member: Member) -> PairingOffer | None:
        """Return the code that a member offers now; None if it offers none."""
        name = ("--namespace", NAMESPACE, "secret", pairing_secret_name(member.name))
        found = (await asyncio.to_thread(self.kubectl.find, *name) or {}).get("data", {})
        return PairingOffer.from_secret({key: base64.b64decode(text).decode() for key, text in found.items()})


def proxy_secret(name: str, url: str) -> Json:
    """Return the Secret with the URL of a proxy."""
    metadata, data = {"name": name, "namespace": NAMESPACE}, {"url": base64.b64encode(url.encode()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


@asynccontextmanager
async def running_fleet(
    kubectl: Kubectl,
    url: str,
    members: Sequence[Member],
    objects: Sequence[Json],
    prepare: Callable[["Fleet"], Awaitable[None]],
) -> AsyncIterator[Fleet]:
    """Link members' phones, in a namespace that exists as long as the fleet does.

    `url`: of the simulator's control; `objects`: what the members refer to beside the simulator's own proxy; `prepare`
    is called before they are linked.
    """
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    trust = copied(kubectl, "configmap", TRUST_CONFIG_MAP)
    kubectl.apply(namespace, trust, copied(kubectl, "secret", PROXY_SECRET), *objects)
    watch = ("get", "pods", "--namespace", NAMESPACE, "--watch", _ENDS)
    try:
        with kubectl.following(*watch) as ends:
            async with WhatsApp(url) as whatsapp, asyncio.TaskGroup() as tasks:
                fleet = Fleet(kubectl, whatsapp, members, ends)
                following = tasks.create_task(fleet.follow())
                await prepare(fleet)
                await fleet.link()
                yield fleet
                following.cancel()
    finally:
        kubectl.run_long("delete", "--namespace", NAMESPACE, "whatsappinstances", "--all", "--timeout=300s")
        kubectl.run_long("delete", "namespace", NAMESPACE, "--timeout=120s")


def copied(kubectl: Kubectl, kind: str, name: str) -> Json:
    """Return what instances need to reach and trust the simulator, for this namespace."""
    found = kubectl.get("--namespace", TENANT_NAMESPACE, kind, name)
    kept = {key: value for key, value in found.items() if key in {"apiVersion", "kind", "data"}}
    return kept | {"metadata": {"name": name, "namespace": NAMESPACE}}
