"""What kubectl says of instances whose connections fail: one for each cause, side by side, with and without a bus."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from e2e.cause_table import SHOWN
from e2e.connection_causes import (
    assert_exits,
    assert_heard,
    assert_refusal_told_to_all,
    fleet_of,
    go_through,
    is_back,
    is_final,
)
from e2e.fleet import Fleet, Member
from e2e.matrix_rows import ROWS
from e2e.row import Row
from e2e.ways_out import without_outside_names

from oxy_dev.environment import SYSTEM_NAMESPACE
from oxy_dev.kubectl import Kubectl
from oxy_dev.up import System
from oxy_simulator.faultkind import FaultKind

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(1800)]

AT_ONCE_EXHAUSTED = {"maxAttempts": 1, "maxSilentSessions": 1, "baseDelaySeconds": 1, "maxDelaySeconds": 2}
"""So that the process ends with its first trouble, and the kubelet starts another."""

AT_ONCE = 20
"""How many instances meet their rows at the same time: with all of them, two cores starve, and what lasts a minute is
over before it is shown."""


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


@pytest.fixture
def forgiving(system: System) -> Iterator[None]:
    """Have the operator forget afterwards that WhatsApp refused the client."""
    yield
    in_system = ("--namespace", SYSTEM_NAMESPACE)
    system.kubectl("delete", *in_system, "configmap", "oxy-refused-clients", "--ignore-not-found")
    system.kubectl("rollout", "restart", *in_system, "deployment/oxy-operator")
    system.kubectl.run_long("rollout", "status", *in_system, "deployment/oxy-operator", "--timeout=120s")


async def side_by_side(fleet: Fleet, rows: Sequence[Row], *, with_bus: bool) -> None:
    """Let each instance meet its row; one that fails keeps no other from going on."""
    places = asyncio.Semaphore(AT_ONCE)

    async def go(row: Row) -> None:
        async with places:
            await go_through(fleet, row, with_bus=with_bus)

    ways = (go(row) for row in rows)
    results = zip(rows, await asyncio.gather(*ways, return_exceptions=True), strict=True)
    failed = [(row, error) for row, error in results if isinstance(error, Exception)]
    for row, error in failed:
        error.add_note(row.name)
    if failed:
        message = f"of {len(rows)} causes"
        raise ExceptionGroup(message, [error for _, error in failed])


@pytest.mark.usefixtures("forgiving")
async def test_every_cause_is_shown_as_it_is(system: System) -> None:
    with without_outside_names():
        async with fleet_of(system, ROWS) as fleet:
            await side_by_side(fleet, ROWS, with_bus=True)
            await assert_heard(fleet, ROWS)
            assert_exits(fleet, ROWS)
            await assert_refusal_told_to_all(fleet)
            await assert_outage_passes(fleet)
            await assert_ended_still(fleet)


async def assert_outage_passes(fleet: Fleet) -> None:
    """WhatsApp is away for everybody: each instance says so, and all come back."""
    away = {row.name: _away(row) for row in ROWS if not is_final(row) and row.name != "exhausted"}
    lasting = [fleet.members[name] for name in away]

    def is_away(member: Member) -> bool:
        return (member.phase, member.reason) == ("Reconnecting", away[member.name]) and member.attempts > 0

    await fleet.whatsapp.fault(FaultKind.DOWN)
    try:
        await fleet.until("away", lasting, is_away)
        for member in lasting:
            assert SHOWN[away[member.name]].advice in member.condition("Ready")["message"]
    finally:
        await fleet.whatsapp.fault(FaultKind.UP)
    await fleet.until("back after the outage", lasting, is_back)


def _away(row: Row) -> str:
    """Return what an instance says of an outage, in which the simulator cuts connections to its proxies too.

    Go tells only of SOCKS whether it had reached the server already.
    """
    by_socks = row.proxy is not None and row.proxy.usual.get("scheme") == "socks5"
    return "ProxyUnreachable" if by_socks else "ServerUnreachable"


@pytest.mark.usefixtures("forgiving")
async def test_every_cause_is_shown_without_a_bus(system: System) -> None:
    rows = [row for row in ROWS if not row.by_live_state]
    with without_outside_names():
        async with fleet_of(system, rows, **AT_ONCE_EXHAUSTED) as fleet:
            with without_bus(system.kubectl):
                await side_by_side(fleet, rows, with_bus=False)
            await assert_ended_still(fleet)
            await assert_heard(fleet, rows, with_bus=False)
            assert_exits(fleet, rows, with_bus=False)


async def assert_ended_still(fleet: Fleet) -> None:
    """What has ended is neither forgotten nor tried again; all others are connected, also with the bus that is back."""
    ended = {row.name: row.reason for row in ROWS if is_final(row) and row.name in fleet.members}
    others = [member for name, member in fleet.members.items() if name not in ended]
    await fleet.until("connected", others, is_back)
    over = [fleet.members[name] for name in ended]
    await fleet.until("still ended", over, lambda member: member.pod is None and not member.connected)
    assert {member.name: member.reason for member in over} == ended
