"""Gathers what is known at the end of a run with one tenant, says whether it rests, and keeps it if it is wrong."""

import asyncio
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from chaos.breaking import Happened
from chaos.evidence import bugs_in, page, resident
from chaos.tenant.exits import unexplained
from chaos.tenant.known import Evidence
from chaos.tenant.people import Contact
from chaos.tenant.references import breaches
from chaos.tenant.system import BUSINESS, System, devices

from oxy_core.content import PlaceholderReason
from oxy_simulator.client import SimulatorClient
from oxy_simulator.replies import DeviceView, Message

MEMORY_BYTES: Final = 160 << 20
"""Most resident memory of the tenant: the limit that the operator sets."""
_FULL: Final = re.compile(r"disk is full|No space left on device")
"""What a write says that met a volume before the runtime noticed that it was full."""
_PENDING: Final = re.compile(r"^(oxy_tenant_reports_pending|oxy_tenant_files_waiting) (?!0\.0$)(.*)$", re.MULTILINE)


async def gather(
    system: System, simulator: SimulatorClient, people: Sequence[Contact], faults: Sequence[Happened]
) -> Evidence:
    """Return everything that `audit.judge` compares."""
    platform = system.platform
    known = [
        message.whatsapp_id
        for message in platform.messages()
        if message.placeholder_reason is not PlaceholderReason.LOST
    ]
    losses = await simulator.losses(BUSINESS, ids=known)
    return Evidence(
        people=people,
        reports=platform.in_order(),
        accepted=frozenset(platform.accepted),
        lines=await simulator.accounting(),
        lost=frozenset(line.id for line in losses.lost),
        inboxes={person.phone: await _shown(simulator, person.phone) for person in people},
        linked=frozenset(device.id for device in await devices(simulator)),
        faults=faults,
    )


async def _shown(simulator: SimulatorClient, phone: str) -> list[Message]:
    """Return what a phone shows of others, without what repeats an id: phones show that once."""
    return [message for message in await simulator.inbox(phone) if not (message.from_me or message.duplicate)]


async def unquiet(system: System, simulator: SimulatorClient) -> list[str]:
    """Return what is still under way; empty when everything rests."""
    linked, platform = await devices(simulator), system.platform
    found = [f"{device.waiting} messages wait, online: {device.online}" for device in linked if _is_busy(device)]
    found += [] if linked else ["no device is linked"]
    found += [f"a fault holds {rule.held} messages: {rule.kind}" for rule in await simulator.faults()]
    results = platform.results()
    open_requests = [request.id for request in platform.requests if request.id not in results]
    found += [f"{len(open_requests)} requests have no result"] if open_requests else []
    waiting = await platform.waiting()
    found += [f"{waiting} reports wait on the bus"] if waiting else []
    metrics = await asyncio.to_thread(page, system.pod.port, "metrics")
    if metrics is None or await asyncio.to_thread(page, system.pod.port, "readyz") is None:
        return [*found, "the tenant is not ready"]
    return [*found, *(match[0] for match in _PENDING.finditer(metrics))]


def _is_busy(device: DeviceView) -> bool:
    return bool(device.waiting) or not device.online


def processes(system: System, largest: int) -> list[str]:
    """Return what the tenant's process did that it must not: crash, stay for too long, grow."""
    log = system.pod.program.log.read_text(errors="replace")
    found = [f"the log says {line[:400]}" for line in bugs_in(log) if not _FULL.search(line)]
    found += unexplained(system.pod.exits)
    found += system.pod.overdue
    found += system.platform.problems
    return [*found, f"the tenant had {largest >> 20} MiB"] if largest > MEMORY_BYTES else found


async def violations(simulator: SimulatorClient, evidence: Evidence) -> list[str]:
    """Return how the tenant broke the protocol."""
    return list(breaches(await simulator.violations(), evidence.lines))


def size(system: System) -> int:
    """Return the tenant's resident memory in bytes."""
    pid = system.pod.program.pid
    return 0 if pid is None or system.pod.program.exit_code is not None else resident(pid)


async def keep(  # noqa: PLR0913, PLR0917 everything
    folder: Path, system: System, simulator: SimulatorClient, evidence: Evidence, plan: str, wrong: Sequence[str]
) -> None:
    """Write everything that is known of a run to a folder, for whoever looks for the cause.

    Test runners tidy up their own folders after a few runs, so it should be another one.
    """
    files = {
        "wrong.txt": "\n".join(wrong),
        "plan.txt": plan,
        "faults.txt": "\n".join(map(str, evidence.faults)),
        "reports.jsonl": "\n".join(report.encode().decode() for report in evidence.reports),
        "requests.jsonl": "\n".join(request.encode().decode() for request in system.platform.requests),
        "lines.jsonl": "\n".join(line.model_dump_json() for line in evidence.lines),
        "packets.jsonl": "\n".join(packet.model_dump_json() for packet in await simulator.packets()),
        "transcript.txt": await simulator.transcript(),
        "exits.txt": "\n".join(map(str, system.pod.exits)),
        "tenant.log": system.pod.program.log.read_text(errors="replace"),
    }
    await asyncio.to_thread(_write, folder, files, system.volume.folder)


def _write(folder: Path, files: Mapping[str, str], session: Path) -> None:
    for name, content in files.items():
        (folder / name).write_text(content)
    shutil.copytree(session, folder / "session")
