"""Makes the faults of a plan happen to a running system, each at its time."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import time
import urllib.request
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final
from uuid import uuid4

import psycopg
import structlog
from chaos.audit import Happened
from chaos.links import Cut
from chaos.people import Person, Role
from chaos.plan import Fault, Kind
from chaos.system import NAMESPACE, SHOPS, Shop, System

from oxy_core import subjects
from oxy_core.bus import connected
from oxy_core.errors import BusError
from oxy_dev.cluster.errors import ApiError
from oxy_dev.servers import ServerError
from oxy_simulator.client import SimulatorClient

log = structlog.get_logger()

CUTS: Final = {Kind.REFUSE: Cut.REFUSE, Kind.FREEZE: Cut.FREEZE, Kind.DEAFEN: Cut.DEAFEN}
MODEL_STATUS: Final = {
    Kind.MODEL_BUSY: HTTPStatus.TOO_MANY_REQUESTS,
    Kind.MODEL_FAILS: HTTPStatus.INTERNAL_SERVER_ERROR,
}
TERM_SECONDS: Final = 30.0
"""Between SIGTERM and SIGKILL, as for the pods of the chart."""
FOLLOW_ATTEMPTS: Final = 5
HUGE: Final = 1_048_516
"""Bytes that just fit the bus without headers."""
POISON_SECONDS: Final = 20.0
"""Longest wait of a poisoner for the bus."""
EMOJI: Final = "😀" * 65_536


@dataclass(eq=False)
class Faults:
    """Breaks a system as the plan says, and mends it."""

    system: System
    simulator: SimulatorClient
    strangers: Mapping[str, Person]
    """By shop."""
    locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    made: int = 0
    happened: list[Happened] = field(default_factory=list)

    async def happen(self, plan: Sequence[Fault]) -> None:
        """Let every fault happen at its time; returns when all are over and everything is mended."""
        start = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            for fault in plan:
                group.create_task(self._at(start + fault.at, fault))

    async def _at(self, moment: float, fault: Fault) -> None:
        await asyncio.sleep(max(moment - asyncio.get_running_loop().time(), 0.0))
        log.info("fault_begins", kind=fault.kind, target=fault.target, seconds=fault.seconds, moved=fault.moved)
        began = time.time()
        await self._actions()[fault.kind](fault)
        self.happened.append(Happened(fault.kind, fault.target, began, time.time(), fault.moved))
        log.info("fault_over", kind=fault.kind, target=fault.target)
        self.made += 1

    def _actions(self) -> dict[Kind, Callable[[Fault], Awaitable[None]]]:
        return {
            Kind.KILL: self._end,
            Kind.TERMINATE: self._end,
            Kind.PAUSE: self._pause,
            **dict.fromkeys(CUTS, self._cut),
            Kind.VOLUME_LOST: self._end,
            Kind.FAILOVER: self._fail_over,
            Kind.CLOCK: self._move_clock,
            **dict.fromkeys((Kind.LONG_ID, Kind.BROKEN_NAME, Kind.MANY_EMOJI), self._be_hostile),
            **dict.fromkeys(
                (Kind.HUGE_REPORT, Kind.RUBBISH_REPORT, Kind.NEWER_REPORT, Kind.FOREIGN_REPORT), self._poison
            ),
            Kind.SETTINGS: self._edit_settings,
            Kind.CREDENTIALS: self._replace_credentials,
            Kind.MODEL_AWAY: self._end,
            **dict.fromkeys(MODEL_STATUS, self._fail_model),
        }

    def _alone(self, target: str) -> asyncio.Lock:
        """Return the lock that keeps two faults of one sort from one target."""
        return self.locks.setdefault(target, asyncio.Lock())

    async def _end(self, fault: Fault) -> None:
        target = fault.target
        if target in self.system.members:
            await self._end_member(fault)
        elif target == "nats":
            await self._end_nats(fault)
        elif target == "postgres":
            await self._end_postgres(fault)
        elif target == "model":
            await self._end_model(fault)
        elif fault.kind is Kind.TERMINATE:
            await asyncio.to_thread(self.system.kubelet.delete, target)
        elif (pod := self.system.tenant(target)) is not None:
            await asyncio.to_thread(pod.kill)

    async def _end_member(self, fault: Fault) -> None:
        member = self.system.members[fault.target]
        member.held += 1
        try:
            member.program.signal(signal.SIGTERM if fault.kind is Kind.TERMINATE else signal.SIGKILL)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TERM_SECONDS):
                    while member.program.exit_code is None:  # noqa: ASYNC110 a process rings no event
                        await asyncio.sleep(0.05)
            await asyncio.to_thread(member.program.kill)
            await asyncio.sleep(fault.seconds)
        finally:
            member.held -= 1
        if member.held == 0:
            member.program.start()

    async def _end_nats(self, fault: Fault) -> None:
        nats = self.system.nats
        async with self._alone("nats"):
            await asyncio.to_thread(nats.stop if fault.kind is Kind.TERMINATE else nats.kill)
            if fault.kind is Kind.VOLUME_LOST:
                for lost in ("jetstream", "accounts"):
                    await asyncio.to_thread(shutil.rmtree, nats.folder / lost, ignore_errors=True)
            await asyncio.sleep(fault.seconds)
            await asyncio.to_thread(nats.start)

    async def _end_postgres(self, fault: Fault) -> None:
        async with self._alone("postgres"):
            server = self.system.database.primary
            await asyncio.to_thread(server.stop if fault.kind is Kind.TERMINATE else server.kill)
            await asyncio.sleep(fault.seconds)
            await asyncio.to_thread(server.start)

    async def _fail_over(self, fault: Fault) -> None:
        async with self._alone("postgres"):
            database = self.system.database
            await asyncio.to_thread(database.fail_over)
            await asyncio.sleep(fault.seconds)
            await self._until_followed()

    async def _until_followed(self) -> None:
        """Give the new primary a standby; a clock that jumps meanwhile ends PostgreSQL's replication connections."""
        database = self.system.database
        for left in reversed(range(FOLLOW_ATTEMPTS)):
            try:
                await asyncio.to_thread(database.standby.follow, database.primary)
            except (ServerError, psycopg.OperationalError):
                if left == 0:
                    raise
                await asyncio.to_thread(database.standby.kill)
            else:
                return

    async def _end_model(self, fault: Fault) -> None:
        async with self._alone("model"):
            await asyncio.to_thread(self.system.model.kill)
            await asyncio.sleep(fault.seconds)
            self.system.model.start()

    async def _fail_model(self, fault: Fault) -> None:
        async with self._alone("model"):
            status = MODEL_STATUS[fault.kind]
            await asyncio.to_thread(self._ask_model, "POST", {"kind": "status", "status": status, "times": None})
            await asyncio.sleep(fault.seconds)
            await asyncio.to_thread(self._ask_model, "DELETE")

    def _ask_model(self, method: str, body: Mapping[str, object] | None = None) -> None:
        data = None if body is None else json.dumps(body).encode()
        url = f"http://127.0.0.1:{self.system.model_port}/faults"
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 our own server

    async def _pause(self, fault: Fault) -> None:
        if fault.target in {"nats", "postgres"}:
            async with self._alone(fault.target):
                await self._stop_for(self._pids(fault.target), fault.seconds)
        else:
            await self._stop_for(self._pids(fault.target), fault.seconds)

    async def _stop_for(self, pids: list[int], seconds: float) -> None:
        _signal_all(pids, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            _signal_all(pids, signal.SIGCONT)

    def _pids(self, target: str) -> list[int]:
        if target == "postgres":
            return self.system.database.primary.pids
        if target == "nats":
            return [] if self.system.nats.pid is None else [self.system.nats.pid]
        member = self.system.members.get(target)
        program = self.system.tenant(target) if member is None else member.program
        running = program is not None and program.exit_code is None and program.pid is not None
        return [program.pid] if running else []

    async def _cut(self, fault: Fault) -> None:
        link, how = self.system.links[fault.target], CUTS[fault.kind]
        async with self._alone(fault.target):
            await link.cut(how)
            await asyncio.sleep(fault.seconds)
            await link.mend(how)

    async def _move_clock(self, fault: Fault) -> None:
        """Move a clock for a while. One that was ahead is put back, and what was noted under it lies in the future."""
        clock = self.system.clocks[fault.target]
        async with self._alone(f"{fault.target}'s clock"):
            clock.move(fault.moved)
            await asyncio.sleep(fault.seconds)
            clock.move(0)

    async def _be_hostile(self, fault: Fault) -> None:
        stranger = self.strangers[fault.target]
        number = len(stranger.lines)
        match fault.kind:
            case Kind.LONG_ID:
                name = f"{stranger.name}-{number}"
                await stranger.say(self.simulator, name, f"{name}-".ljust(1_000, "F"))
            case Kind.BROKEN_NAME:
                await self.simulator.add_phone(stranger.phone, "\x00\x1b[31m\u202e" + "n" * 5_000)
                await stranger.say(self.simulator, f"{stranger.name}-{number}")
            case _:
                await stranger.say(self.simulator, EMOJI)

    async def _poison(self, fault: Fault) -> None:
        """Publish as somebody who has a tenant's credentials; gives up where the bus is away or refuses."""
        shop = next(shop for shop in SHOPS if shop.name == fault.target)
        account = self.system.keys.tenant_account(shop.organization, shop.name).public
        pod = self.system.kubelet.pods.get(shop.name)
        if pod is None:
            return
        with contextlib.suppress(BusError, TimeoutError, OSError):
            async with (
                asyncio.timeout(POISON_SECONDS),
                connected(self.system.nats.url, pod.folder / "credentials" / "user.creds", name="poison") as client,
            ):
                await client.publish(subjects.inbound(account, shop.name), poison(fault.kind, shop))
                await client.flush()

    async def _edit_settings(self, fault: Fault) -> None:
        with contextlib.suppress(ApiError):
            await asyncio.to_thread(self.system.edit, fault.target, {"ai": {"maxTokens": 300 + self.made}})

    async def _replace_credentials(self, fault: Fault) -> None:
        """Delete the Secret with a tenant's credentials: the operator makes new ones."""
        path = f"/api/v1/namespaces/{NAMESPACE}/secrets/wai-{fault.target}"
        with contextlib.suppress(ApiError):
            await asyncio.to_thread(self.system.api.delete, path)


def poison(kind: Kind, shop: Shop) -> bytes:
    """Return a report that no honest pod writes."""
    match kind:
        case Kind.HUGE_REPORT:
            return b"x" * HUGE
        case Kind.RUBBISH_REPORT:
            return b'{"version": 1, "id": "\xff\xfe\x00", "body": ' + bytes(range(256))
        case _:
            newer = kind is Kind.NEWER_REPORT
            organization = shop.organization if newer else "org-of-somebody-else"
            return json.dumps(
                {
                    "version": 99 if newer else 1,
                    "id": str(uuid4()),
                    "organization": organization,
                    "instance": shop.name,
                    "journal_epoch": str(uuid4()),
                    "journal_sequence": 1,
                    "occurred_at": datetime.now(UTC).isoformat(),
                    "trace": f"00-{uuid4().hex}-{uuid4().hex[:16]}-01",
                    "body": {"type": "connection", "state": "connected"},
                }
            ).encode()


def strangers_of(people: Sequence[Person]) -> dict[str, Person]:
    """Return those who mean no good, by shop."""
    return {person.shop.name: person for person in people if person.role is Role.STRANGER}


def _signal_all(pids: Sequence[int], which: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, which)
