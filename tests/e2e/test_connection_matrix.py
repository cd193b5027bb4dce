"""What kubectl says of instances whose connections fail: one for each cause, side by side, with and without a bus."""

import asyncio
import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest
from e2e.connection_causes import (
    AT_LOGIN,
    LASTING,
    PROXIES,
    assert_back,
    assert_ended,
    assert_reconnecting,
    fleet_of,
    inflict,
    members,
    proxied,
    spoil_proxies,
)
from e2e.fleet import NAMESPACE, WITHIN, Fleet, Member, proxy_secret

from oxy_core.instance.custom_resource import Phase
from oxy_dev.connection_faults import FINAL, OF_SERVER, PASSING, ConnectionFault
from oxy_dev.environment import SYSTEM_NAMESPACE
from oxy_dev.example import PROXY_SECRET
from oxy_dev.kubectl import Kubectl
from oxy_dev.up import System
from oxy_simulator.journals import SETTLED

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(1800)]

BRIEF = tuple(fault for fault in PASSING if fault.name not in {other.name for other in AT_LOGIN})
"""Faults after which the instance is back before kubectl can show that it was gone."""

IMPATIENT = {"baseDelaySeconds": 1, "maxDelaySeconds": 2, "maxAttempts": 2}
"""So that the process ends, and the kubelet starts another, before the live state is forgotten."""

CUSTOMER = "+5511933330002"


@contextmanager
def without_bus(kubectl: Kubectl) -> Iterator[None]:
    """Stop NATS, and start it again at the end."""
    server = ["--namespace", SYSTEM_NAMESPACE, "statefulset/oxy-nats"]
    kubectl("scale", *server, "--replicas=0")
    kubectl("wait", "--namespace", SYSTEM_NAMESPACE, "--for=delete", "pod/oxy-nats-0", "--timeout=60s")
    try:
        yield
    finally:
        kubectl("scale", *server, "--replicas=1")
        kubectl.run_long("rollout", "status", *server, "--timeout=120s")


async def assert_backing_off(fleet: Fleet, faults: Sequence[ConnectionFault]) -> None:
    """The process gives up, and the kubelet starts it again and again: the pod alone says why."""
    met = await inflict(fleet, faults)
    await fleet.until("backing off", met, lambda member: member.reason == "BackingOff" and member.restarts > 0)
    for fault, member in zip(faults, met, strict=True):
        message = member.condition("Ready")["message"]
        assert member.phase == Phase.RECONNECTING.value
        assert (fault.cause.happened in message, fault.says in message) == (True, True), message


async def test_every_cause_is_shown_as_it_is(system: System) -> None:
    names, kubectl = [fault.name for fault in (*FINAL, *AT_LOGIN)], system.kubectl
    async with fleet_of(system, [*members([*names, "passing"]), *proxied([*PROXIES])]) as fleet:
        await spoil_proxies(fleet, kubectl, [*PROXIES])
        await inflict(fleet, AT_LOGIN)
        await assert_ended(fleet, FINAL)
        reasons = {fault.name: fault.reason for fault in AT_LOGIN} | PROXIES
        await assert_reconnecting(fleet, reasons, {fault.name: fault.says for fault in AT_LOGIN})
        await fleet.whatsapp.clear_faults()
        url = base64.b64decode(kubectl.get("--namespace", NAMESPACE, "secret", PROXY_SECRET)["data"]["url"]).decode()
        kubectl.apply(*(proxy_secret(name, url) for name in PROXIES))
        await assert_back(fleet, [*reasons])
        await assert_passing(fleet, fleet.members["passing"])


async def assert_passing(fleet: Fleet, member: Member) -> None:
    """What passes by itself, or is cleared, leaves the pod as it is; one fault after the other."""
    customer = await fleet.whatsapp.phone(CUSTOMER, "Bia")
    for fault in BRIEF:
        await fault.inflict(fleet.whatsapp, member.linked)
        await customer.send(f"depois de {fault.name}", member.linked)
        await received(fleet, f"depois de {fault.name}")
        await assert_back(fleet, [member.name])
    for fault in OF_SERVER:
        lasting = replace(fault, options={**fault.options, "count": LASTING})
        await lasting.inflict(fleet.whatsapp, member.linked)
        await assert_reconnecting(fleet, {member.name: fault.reason}, {member.name: fault.says})
        await fleet.whatsapp.clear_faults()
        await assert_back(fleet, [member.name])


async def received(fleet: Fleet, text: str) -> None:
    """Wait until the linked device has received a text."""
    async with asyncio.timeout(WITHIN):
        while not any(SETTLED & line.stages.keys() for line in await fleet.whatsapp.messages(text=text)):  # noqa: ASYNC110 no event
            await asyncio.sleep(1)


async def test_every_cause_is_shown_without_a_bus(system: System) -> None:
    names = [fault.name for fault in (*FINAL, *AT_LOGIN)]
    async with fleet_of(system, members(names, IMPATIENT)) as fleet:
        with without_bus(system.kubectl):
            await assert_ended(fleet, FINAL)
            await assert_backing_off(fleet, AT_LOGIN)
            await fleet.whatsapp.clear_faults()
            met = [fleet.members[fault.name] for fault in AT_LOGIN]
            await fleet.until("connected again", met, lambda member: member.connected)
        await assert_ended_still(fleet)


async def assert_ended_still(fleet: Fleet) -> None:
    """With the bus back nothing is forgotten."""
    met = [fleet.members[fault.name] for fault in FINAL]
    await fleet.until("still ended", met, lambda member: member.pod is None and not member.connected)
    assert {member.name: member.reason for member in met} == {fault.name: fault.reason for fault in FINAL}
