"""Faults of a connection on a node, and what kubectl must say of the instances that meet them."""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count

from e2e.fleet import Fleet, Member, proxy_secret, running_fleet, simulator_address

from oxy_core.instance.custom_resource import Phase
from oxy_dev.connection_faults import PASSING, ConnectionFault
from oxy_dev.environment import forwarding_simulator
from oxy_dev.example import NETWORK
from oxy_dev.kubectl import Kubectl
from oxy_dev.up import System

LASTING = 10_000
"""How often a fault is met that is to last until it is cleared."""

AT_LOGIN = tuple(
    replace(fault, options={**fault.options, "count": LASTING})
    for fault in PASSING
    if "count" in fault.options and fault.cause.reason.startswith(("Login", "Client", "Connect"))
)
"""Faults of every login: the instance does not come back until they are cleared."""

PATIENT = {"baseDelaySeconds": 1, "maxDelaySeconds": 2, "maxAttempts": 1000}

PROXIES = {
    "proxy-dead": "ProxyUnreachable",
    "proxy-refuses": "ProxyRefused",
    "proxy-password": "ProxyAuthenticationFailed",
}
"""Reasons by the name of the member, whose proxy is named by a Secret of that name."""

_NUMBERS = count(secrets.randbelow(10**8))
"""Of accounts: some are of no use after a test."""


def members(names: Sequence[str], reconnect: dict[str, int] = PATIENT) -> list[Member]:
    """Return members of these names."""
    return [Member(name, f"+55119{next(_NUMBERS) % 10**8:08}", reconnect=reconnect) for name in names]


def proxied(names: Sequence[str]) -> list[Member]:
    """Return members that have Secrets of their own, whose names are theirs, for their proxies."""
    return [replace(one, network=NETWORK | {"proxySecretRef": {"name": one.name}}) for one in members(names)]


@asynccontextmanager
async def fleet_of(system: System, wanted: Sequence[Member]) -> AsyncIterator[Fleet]:
    with forwarding_simulator(system.kubectl) as url:
        async with running_fleet(system.kubectl, url, wanted) as fleet:
            yield fleet


async def inflict(fleet: Fleet, faults: Sequence[ConnectionFault]) -> list[Member]:
    """Let each member meet the fault that it is named after, and return them."""
    met = [fleet.members[fault.name] for fault in faults]
    for fault, member in zip(faults, met, strict=True):
        await fault.inflict(fleet.whatsapp, member.linked)
    return met


async def assert_ended(fleet: Fleet, faults: Sequence[ConnectionFault]) -> None:
    """Nothing connects again, and the status says why and what to do, in one sentence each."""
    met = await inflict(fleet, faults)
    await fleet.until("ended", met, lambda member: member.pod is None and not member.connected and bool(member.reason))
    for fault, member in zip(faults, met, strict=True):
        ready, terminal = member.condition("Ready"), fault.cause.terminal
        assert terminal is not None
        assert (member.phase, ready["reason"]) == (terminal.phase.value, fault.reason), (fault.name, ready)
        assert ready["message"].count(fault.cause.happened) == 1
        assert fault.says in ready["message"]
        assert f"oxy pair {member.name}" in ready["message"]
        assert member.condition("Connected")["status"] == member.condition("Receiving")["status"] == "False"
        assert member.status["runtime"]["epoch"] == 1


async def assert_reconnecting(fleet: Fleet, reasons: dict[str, str], says: dict[str, str]) -> None:
    """The same process tries again and again, and the status says why."""
    met = [fleet.members[name] for name in reasons]
    await fleet.until("reconnecting", met, lambda member: member.reason == reasons[member.name] and member.attempts > 0)
    for member in met:
        ready = member.condition("Ready")
        assert (member.phase, ready["status"]) == (Phase.RECONNECTING.value, "False"), member.name
        assert says.get(member.name, "") in ready["message"]
        assert member.condition("Receiving")["status"] == "False"
        assert member.restarts == 0


async def assert_back(fleet: Fleet, names: Sequence[str], restarts: int = 0) -> None:
    """All are connected again."""
    met = [fleet.members[name] for name in names]
    await fleet.until("connected again", met, lambda member: member.connected and member.phase == "Connected")
    assert {member.name: member.restarts for member in met} == dict.fromkeys(names, restarts)


async def spoil_proxies(fleet: Fleet, kubectl: Kubectl, names: Sequence[str]) -> None:
    """Change the Secrets so that each proxy fails as its name says."""
    host, api = simulator_address(kubectl), fleet.whatsapp.api
    for name in names:
        url = f"http://{host}:9"
        if name == "proxy-refuses":
            url = f"http://{host}:{(await api.add_proxy(host='0.0.0.0', answer='refuse', code=403)).port}"  # noqa: S104 in its pod
        elif name == "proxy-password":
            proxy = await api.add_proxy(host="0.0.0.0", scheme="socks5", username="shop", password="right")  # noqa: S104 in its pod
            url = f"socks5://shop:wrong@{host}:{proxy.port}"
        kubectl.apply(proxy_secret(name, url))
