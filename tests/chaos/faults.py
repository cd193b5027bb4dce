"""Makes the faults of a plan happen to a running system, each at its time."""

import asyncio
import contextlib
import json
import shutil
import signal
import urllib.request
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Final
from uuid import uuid4

import psycopg
from chaos.breaking import CUTS, TERM_SECONDS, Breaking, stopped_for
from chaos.people import Person, Role
from chaos.plan import Fault, Kind
from chaos.system import NAMESPACE, SHOPS, Shop, System

from oxy_core import subjects
from oxy_core.bus import connected
from oxy_core.errors import BusError
from oxy_dev.cluster.errors import ApiError
from oxy_dev.servers import ServerError
from oxy_simulator.client import SimulatorClient

MODEL_STATUS: Final = {
    Kind.MODEL_BUSY: HTTPStatus.TOO_MANY_REQUESTS,
    Kind.MODEL_FAILS: HTTPStatus.INTERNAL_SERVER_ERROR,
}
FOLLOW_ATTEMPTS: Final = 5
HUGE: Final = 1_048_516
"""Bytes that just fit the bus without headers."""
POISON_SECONDS: Final = 20.0
"""Longest wait of a poisoner for the bus."""
EMOJI: Final = "😀" * 65_536


@dataclass(eq=False)
class Faults(Breaking):
    """Breaks a system as the plan says, and mends it."""

    system: System
    simulator: SimulatorClient
    strangers: Mapping[str, Person]
    """By shop."""

    async def act(self, fault: Fault) -> bool:
        """Let a fault happen, and mend it; return that it happened: those of this run wait for nothing."""
        await self._actions()[fault.kind](fault)
        return True

    def _actions(self) -> dict[StrEnum, Callable[[Fault], Awaitable[None]]]:
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
        async with self.alone("nats"):
            await asyncio.to_thread(nats.stop if fault.kind is Kind.TERMINATE else nats.kill)
            if fault.kind is Kind.VOLUME_LOST:
                for lost in ("jetstream", "accounts"):
                    await asyncio.to_thread(shutil.rmtree, nats.folder / lost, ignore_errors=True)
            await asyncio.sleep(fault.seconds)
            await asyncio.to_thread(nats.start)

    async def _end_postgres(self, fault: Fault) -> None:
        async with self.alone("postgres"):
            server = self.system.database.primary
            await asyncio.to_thread(server.stop if fault.kind is Kind.TERMINATE else server.kill)
            await asyncio.sleep(fault.seconds)
            await asyncio.to_thread(server.start)

    async def _fail_over(self, fault: Fault) -> None:
        async with self.alone("postgres"):
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
        async with self.alone("model"):
            await asyncio.to_thread(self.system.model.kill)
            await asyncio.sleep(fault.seconds)
            self.system.model.start()

    async def _fail_model(self, fault: Fault) -> None:
        async with self.alone("model"):
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
            async with self.alone(fault.target):
                await stopped_for(self._pids(fault.target), fault.seconds)
        else:
            await stopped_for(self._pids(fault.target), fault.seconds)

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
        await self.cut(self.system.links[fault.target], fault)

    async def _move_clock(self, fault: Fault) -> None:
        await self.move(self.system.clocks[fault.target], fault)

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
