"""The memory of pods, as PSS: after many messages, alone and side by side, and what each import costs."""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tenant_pods import Customers, Pods, hide_absent_packages

from oxy_dev.process_memory import MIB, measure
from oxy_operator.decide.instance import Instance
from oxy_tenant.library_environment import LIBRARY_ENVIRONMENT

RATE: Final = 60.0
STEPS: Final = 5
QUIET_SECONDS: Final = 5.0

IMPORTS: Final = (
    (
        "Python",
        "from oxy_tenant.placeholders import UNUSED, placeholders; absent = placeholders(*UNUSED); absent.__enter__()",
    ),
    ("asyncio", "import asyncio"),
    ("sqlite3", "import sqlite3"),
    ("pydantic", "import pydantic"),
    ("structlog", "import structlog"),
    ("prometheus_client", "import prometheus_client"),
    ("nats", "import nats"),
    ("the contracts (`oxy_core.envelopes`, `oxy_core.tenant`)", "import oxy_core.envelopes, oxy_core.tenant"),
    ("the runtime without the library", "import oxy_tenant.runtime"),
    (
        "messages of WhatsApp (generated protobuf)",
        "from oxy_tenant.links.neonize.library import load_messages; load_messages()",
    ),
    ("the library (Go)", "from oxy_tenant.links.neonize.library import load_library; load_library()"),
)
"""In the order in which a runtime imports them; each with all before it."""

_READ: Final = "print(next(line.split()[1] for line in open('/proc/self/smaps_rollup') if line.startswith('Pss:')))"


def measure_imports() -> None:
    """Print the PSS of an interpreter after each import."""
    print("\n## What imports cost, PSS in MiB\n\n| import | so far | this one |\n|---|---|---|")
    statements, before = "", 0.0
    with tempfile.TemporaryDirectory(prefix="oxy-bench-") as folder:
        environment = {**LIBRARY_ENVIRONMENT, "PYTHONPATH": hide_absent_packages(Path(folder))}
        for name, statement in IMPORTS:
            statements += f"{statement}\n"
            command = [sys.executable, "-c", statements + _READ]
            output = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
            size = int(output) * 1024 / MIB
            print(f"| {name} | {size:.1f} | {size - before:.1f} |", flush=True)
            before = size


def pss(pods: Pods, tenant: Instance) -> float:
    """Return the PSS of an instance's pod in MiB."""
    memory = measure(pods.pid(tenant))
    return 0.0 if memory is None else memory.pss / MIB


async def measure_alone(pods: Pods, messages: int) -> None:
    """Print the memory of one pod while it answers `messages` messages."""
    tenant = pods.tenants[0]
    customers = await Customers.of(pods, "5200")
    print(f"\n## Memory of one pod, {messages} messages and their answers\n\n| messages | PSS, MiB |\n|---|---|")
    print(f"| 0 | {pss(pods, tenant):.1f} |", flush=True)
    pods.answering = True
    for step in range(1, STEPS + 1):
        await pods.hear(customers, messages // STEPS, RATE)
        print(f"| {messages // STEPS * step} | {pss(pods, tenant):.1f} |", flush=True)
    pods.answering = False
    await asyncio.sleep(QUIET_SECONDS)
    print(f"| {messages}, {QUIET_SECONDS:.0f} s later | {pss(pods, tenant):.1f} |", flush=True)


async def measure_together(pods: Pods, messages: int) -> None:
    """Print the memory of each of many pods, at rest and after `messages` messages and answers of all together."""
    customers = await Customers.of(pods, "5300")
    count = len(pods.tenants)
    print(f"\n## Memory of {count} pods on one node, PSS in MiB\n\n| when | mean | largest |\n|---|---|---|")
    _print_all(pods, "connected")
    pods.answering = True
    await pods.hear(customers, messages, RATE)
    pods.answering = False
    _print_all(pods, f"after {messages // count} messages and answers each")


def _print_all(pods: Pods, when: str) -> None:
    sizes = [pss(pods, tenant) for tenant in pods.tenants]
    print(f"| {when} | {sum(sizes) / len(sizes):.1f} | {max(sizes):.1f} |", flush=True)
