"""Pods of every kind end together, however pods end, while a customer writes: each message is answered once."""

import json
from collections import Counter
from collections.abc import Callable

import pytest

from oxy_dev.conversation import ask, newest
from oxy_dev.environment import BUSINESS_PHONE, INSTANCE, SYSTEM_NAMESPACE, TENANT_NAMESPACE
from oxy_dev.kubectl import Kubectl, wait_until
from oxy_dev.up import System, is_ready
from oxy_simulator.client import SimulatorClient

pytestmark = pytest.mark.timeout(900)

TENANT = ("--namespace", TENANT_NAMESPACE, f"--selector=oxy.dev/instance={INSTANCE}")
PLATFORM = ("--namespace", SYSTEM_NAMESPACE, "--selector=app.kubernetes.io/component in (ai, operator)")


def kill(kubectl: Kubectl) -> None:
    for selected in (TENANT, PLATFORM):
        kubectl("delete", "pod", *selected, "--grace-period=0", "--force")


def restart(kubectl: Kubectl) -> None:
    kubectl("rollout", "restart", "deployment", *PLATFORM)
    kubectl("delete", "pod", *TENANT, "--wait=false")


def drain(kubectl: Kubectl) -> None:
    """Evict them from the only node, which then takes them back: the simulator's pod stays, it keeps its phones."""
    node = kubectl("get", "node", "--output=name").strip().removeprefix("node/")
    try:
        for _, _, selector in (TENANT, PLATFORM):
            chosen = selector.replace("--selector", "--pod-selector")
            kubectl("drain", node, chosen, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=120s")
    finally:
        kubectl("uncordon", node)


def uids(kubectl: Kubectl) -> set[str]:
    found = [pod for selected in (TENANT, PLATFORM) for pod in kubectl.get("pod", *selected)["items"]]
    return {pod["metadata"]["uid"] for pod in found if "deletionTimestamp" not in pod["metadata"]}


def ledger(kubectl: Kubectl) -> Counter[str]:
    """How many messages and texts are open or ended badly, by state; fails if any is in a state that must not be."""
    in_system = ("--namespace", SYSTEM_NAMESPACE)
    workers = kubectl("get", "deployment", *in_system, "--selector=app.kubernetes.io/component=ai", "--output=name")
    found = json.loads(
        kubectl("exec", *in_system, workers.strip(), "--", "python", "-m", "oxy_ai.admin", "ledger", "--oldest=0")
    )
    counts = [count for page in found["organizations"] for count in page["counts"] if count["what"] != "notice"]
    return Counter({state: sum(c["entries"] for c in counts if c["state"] == state) for state in STATES})


STATES = ("open", "pending", "accepted", "lost", "ambiguous", "dead", "failed", "expired")
UNDER_WAY = ("open", "pending", "accepted")


def settled(kubectl: Kubectl) -> Counter[str] | None:
    """What ended badly, once nothing is under way any more."""
    found = ledger(kubectl)
    return None if any(found[state] for state in UNDER_WAY) else found


def replaced(before: set[str], now: set[str]) -> bool:
    return len(now) >= len(before) and not now & before


@pytest.mark.parametrize("end", [kill, restart, drain])
async def test_what_is_said_while_pods_end_is_answered_once(
    system: System, simulator: SimulatorClient, end: Callable[[Kubectl], None]
) -> None:
    kubectl = system.kubectl
    phone = f"+551191235{['kill', 'restart', 'drain'].index(end.__name__):04}"
    await simulator.add_phone(phone, "Carla")
    earlier = await newest(simulator, phone)
    before, bad_before = uids(kubectl), wait_until("nothing is under way", 60, lambda: settled(kubectl))
    await simulator.send(phone, BUSINESS_PHONE, "Bom dia!")
    end(kubectl)
    await simulator.send(phone, BUSINESS_PHONE, "Vocês abrem no sábado?")
    wait_until("every pod was replaced", 180, lambda: replaced(before, uids(kubectl)) or None)
    kubectl.run_long("rollout", "status", "deployment", *PLATFORM, "--timeout=180s")
    wait_until("the instance is ready again", 180, lambda: is_ready(kubectl) or None)
    await ask(simulator, phone, BUSINESS_PHONE, "Obrigada!")
    bad = wait_until("nothing is under way any more", 60, lambda: settled(kubectl)) - bad_before
    # What a kill cuts off in the library is named, and no more than the two messages that met it.
    assert set(bad) <= {"lost", "ambiguous"}
    assert bad.total() <= 2
    answers = [
        message.text
        for message in await simulator.inbox(phone, after=earlier)
        if not message.from_me and message.kind != "reaction"
    ]
    # Messages that arrive together are answered together.
    assert 1 <= len(answers) <= 3
    assert len(set(answers)) == len(answers)
