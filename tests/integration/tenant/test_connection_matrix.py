"""Every cause of a lost connection, brought about by the simulator: what the runtime says of it and does about it.

Several instances run side by side, because a process costs more than a fault. Each goes through some faults that pass,
and ends with one that does not.
"""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

from integration.tenant.proxying import Place
from integration.tenant.scene import NAMESPACE, ORGANIZATION, QUICK, Bus, Runtime, send_request, until
from nats.aio.msg import Msg

from oxy_core import subjects
from oxy_core.envelopes import ConnectionChanged, ConnectionState, LiveState, MessageSeen
from oxy_core.identity import Jid
from oxy_core.instance.settings import ReconnectSettings
from oxy_core.instance.terminal_causes import ExitCode
from oxy_core.message_kinds import MessageKind
from oxy_core.report_bodies import MessageLost
from oxy_core.tenant import TenantSettings
from oxy_dev.connection_faults import FINAL, OF_SERVER, PASSING, SILENT, UNANSWERED, ConnectionFault
from oxy_dev.servers import free_port
from oxy_simulator.faultkind import FaultKind
from oxy_simulator.proxy_protocol import ProxyPolicy, Scheme
from oxy_simulator.testing import Phone, WhatsApp

STRANGER = "+5511933330001"
WITHIN = 60.0
"""Seconds; the machine may have many other things to do."""

ATTENTIVE = ReconnectSettings(
    base_delay_seconds=0.3,
    max_delay_seconds=1,
    max_attempts=50,
    silent_after_seconds=5,
    renew_after_seconds=8,
    max_silent_sessions=2,
)


class Member:
    """One instance among others, with a customer of its own."""

    def __init__(self, simulator: WhatsApp, bus: Bus, runtime: Runtime, business: Phone, customer: Phone) -> None:
        self.simulator = simulator
        self.bus = bus
        self.runtime = runtime
        self.business = business
        self.customer = customer
        self.states: list[LiveState] = []
        self.said: list[str] = []

    @property
    def name(self) -> str:
        return self.runtime.settings.instance

    async def keep_state(self, message: Msg) -> None:
        self.states.append(LiveState.decode(message.data))

    async def say(self, text: str) -> None:
        self.said.append(text)
        await self.customer.send(text, self.business)

    def logged(self, reason: str, since: int) -> dict[str, Any] | None:
        """Return the first line of the log, from character `since` on, that gives this reason."""
        lines = (json.loads(line) for line in self.runtime.log[since:].splitlines() if line.startswith("{"))
        events = {"connection_lost", "session_ended", "connection_troubled"}
        return next((line for line in lines if line["event"] in events and line.get("reason") == reason), None)

    def tried(self, reason: str) -> list[LiveState]:
        """Return the live states that tell of an attempt that has failed for this reason."""
        return [state for state in self.states if state.attempts and state.last_reason == reason]

    async def ready(self) -> None:
        await until(self.runtime.is_ready, WITHIN, f"{self.name} ready")

    async def pair(self) -> None:
        await self.runtime.start()
        await self.link()

    async def link(self) -> None:
        def code() -> str | None:
            return next((state.pairing.code for state in reversed(self.states) if state.pairing), None)

        await self.business.link(code=await until(code, WITHIN, f"a code of {self.name}"))
        await self.ready()

    # -- faults

    async def pass_through(self, fault: ConnectionFault) -> None:
        """Meet a fault, which is named with its error, and receive again, also what was said meanwhile."""
        since = len(self.runtime.log)
        await fault.inflict(self.simulator, self.business)
        await self.say(f"durante {fault.name}")
        line = await until(lambda: self.logged(fault.reason, since), WITHIN, f"{self.name}: {fault.name}")
        assert fault.says in line["detail"], (fault.name, line)
        await self.ready()
        await self.receive_all()
        newest = await until(self._connected, WITHIN, f"{self.name} connected after {fault.name}")
        assert (newest.last_reason, newest.last_error, newest.receiving) == (None, None, True)
        assert newest.last_frame_at is not None
        assert self.runtime.process is not None
        assert self.runtime.process.returncode is None

    def _connected(self) -> LiveState | None:
        newest = self.states[-1]
        return newest if newest.connection is ConnectionState.CONNECTED else None

    async def end_with(self, fault: ConnectionFault) -> None:
        """Meet a fault after which nothing connects again."""
        await fault.inflict(self.simulator, self.business)
        assert await self.runtime.exit_code(WITHIN) == fault.cause.exit_code, fault.name
        message = self.runtime.termination()
        assert (message.reason, message.exit_code) == (fault.reason, fault.cause.exit_code)
        assert fault.says in message.message
        assert message.message.count(fault.cause.happened) == 1
        assert message.message.count(f"oxy pair {self.name} -n {NAMESPACE}") == 1
        assert (message.ban_expires_at is not None) == (fault.reason == "TemporaryBan")
        # The server has its last state when it ends, and the test a moment later.
        await until(lambda: self.states[-1].connection is ConnectionState.ENDED, WITHIN, f"{self.name} ended")
        bodies = [report.body for report in await self.bus.stored() if report.instance == self.name]
        assert not [body for body in bodies if isinstance(body, MessageLost)], self.name
        changes = [body for body in bodies if isinstance(body, ConnectionChanged)]
        assert (changes[-1].state, changes[-1].reason) == (ConnectionState.ENDED, fault.reason)

    # -- what arrived

    async def received(self) -> list[str]:
        """Return the texts that were reported, in order."""
        bodies = [report.body for report in await self.bus.stored() if report.instance == self.name]
        seen = [body for body in bodies if isinstance(body, MessageSeen) and body.kind is MessageKind.TEXT]
        return [body.text or "" for body in seen if not body.from_me]

    async def receive_all(self) -> None:
        async def all_received() -> bool:
            return len(await self.received()) >= len(self.said)

        await until(all_received, WITHIN, f"all that was said to {self.name}")
        assert await self.received() == self.said


@asynccontextmanager
async def member(
    simulator: WhatsApp, bus: Bus, folder: Path, number: int, reconnect: ReconnectSettings = QUICK
) -> AsyncIterator[Member]:
    name, account = f"shop-{number}", "A" + "BCDEFGHIJKLMN"[number] * 55
    business = await simulator.phone(f"+55119000001{number:02}", f"Pet {number}")
    customer = await simulator.phone(f"+55119111111{number:02}", f"Ana {number}")
    settings = TenantSettings(
        organization=ORGANIZATION,
        instance=name,
        phone_number=f"+{business.number.removeprefix('+')}",
        pairing_until=datetime.now(UTC) + timedelta(minutes=15),
        reconnect=reconnect,
        pacing="None",
    )
    environment = simulator.client_environment | {"OXY_INSTANCE": name, "OXY_ACCOUNT": account}
    runtime = Runtime(folder / name, bus.server.url, environment, settings)
    made = Member(simulator, bus, runtime, business, customer)
    subscription = await bus.client.subscribe(subjects.state(account, name), cb=made.keep_state)
    try:
        yield made
    finally:
        if runtime.process is not None and runtime.process.returncode is None:
            await runtime.kill()
        await subscription.unsubscribe()
        print(runtime.log[-10_000:])  # noqa: T201 pytest shows it with a failure


async def meet(one: Member, faults: Sequence[ConnectionFault], last: ConnectionFault) -> None:
    if one.runtime.process is None:
        await one.pair()
    for fault in faults:
        await one.pass_through(fault)
    await one.end_with(last)


async def fall_silent(one: Member, last: ConnectionFault) -> None:
    """Go through silence: not receiving, then a new session, then, because that falls silent too, a new process."""
    silence, half_open = SILENT
    await one.pair()
    over = asyncio.Event()
    talking = asyncio.create_task(_talk(one, over))
    try:
        await _meet_silence(one, silence)
        await one.ready()
        await _meet_silence(one, half_open)
        assert await one.runtime.exit_code(WITHIN) == ExitCode.ATTEMPTS_EXHAUSTED
        message = one.runtime.termination()
        assert message.reason == "AttemptsExhausted"
        assert "NothingReceived: The connection is open, but nothing comes" in message.message
        await one.runtime.start()
        await one.ready()
    finally:
        over.set()
        await talking
    await one.receive_all()
    await one.end_with(last)


async def _talk(one: Member, over: asyncio.Event) -> None:
    """Have the server say something all the time; the library's own signs of life are half a minute apart.

    It ends between two messages: whoever is cancelled does not know whether the last one was sent.
    """
    number = 0
    while not over.is_set():
        await one.say(f"ainda aí? {number}")
        number += 1
        await asyncio.sleep(0.5)


async def _meet_silence(one: Member, fault: ConnectionFault) -> None:
    one.states.clear()
    await fault.inflict(one.simulator, one.business)

    async def has_heard_nothing() -> bool:
        return await one.runtime.metric("oxy_tenant_silence_seconds") > ATTENTIVE.silent_after_seconds / 2

    await until(has_heard_nothing, WITHIN, "silence that is counted")
    state = await until(
        lambda: next((state for state in one.states if state.last_reason == fault.reason), None), WITHIN, fault.name
    )
    assert (state.connection, state.receiving) == (ConnectionState.RECONNECTING, False)
    assert state.last_error is not None
    assert state.last_error.startswith(fault.says)


async def ask_too_much(one: Member) -> None:
    """Meet the limit of requests: the connection holds, and what was to be sent is sent later."""
    await one.pair()
    stranger = await one.simulator.phone(STRANGER, "Bia")
    await one.business.fault(FaultKind.RATE_LIMIT_REQUESTS, count=2)
    account = one.runtime.environment["OXY_ACCOUNT"]
    request = send_request(Jid.of_phone(STRANGER), "olá", instance=one.name)
    await one.bus.client.publish(subjects.out(account, one.name), request.encode())
    state = await until(
        lambda: next((state for state in one.states if state.last_reason == "RequestsRateLimited"), None),
        WITHIN,
        "a note of the limit",
    )
    assert (state.connection, state.receiving) == (ConnectionState.CONNECTED, True)
    await stranger.expect("olá", within=WITHIN)


async def meet_silent_proxy(one: Member, place: Place, scheme: Scheme) -> None:
    """Go through a proxy that takes connections and says nothing: at the start, and once it has been used."""
    await place.put(ProxyPolicy(scheme, answer="hang"))
    one.runtime.environment["HTTPS_PROXY"] = f"{scheme}://127.0.0.1:{place.port}"
    await one.runtime.start()
    state = await until(lambda: next(iter(one.tried("ProxyTimedOut")), None), WITHIN, f"{scheme}: a silent proxy")
    assert (state.connection, state.pairing) == (ConnectionState.PAIRING, None)
    assert (state.last_error or "").startswith("no answer")
    await place.put(ProxyPolicy(scheme))
    await one.link()
    one.states.clear()
    await place.put(ProxyPolicy(scheme, answer="hang"))
    await one.business.fault(FaultKind.ABORT)
    state = await until(lambda: next(iter(one.tried("ProxyTimedOut")), None), WITHIN, f"{scheme}: silent again")
    assert state.connection is ConnectionState.RECONNECTING
    await place.put(ProxyPolicy(scheme))
    await one.say(f"por {scheme}")
    await one.ready()
    await one.receive_all()
    assert await one.runtime.kill(signal.SIGTERM) == 0
    assert one.runtime.log.count('"runtime_started"') == 1


async def test_every_cause_is_named_and_met_and_loses_nothing(simulator: WhatsApp, bus: Bus, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        count = len(FINAL) - 1
        shares = [list(PASSING[index::count]) for index in range(count)]
        shares[-1].append(UNANSWERED)
        assert all(sum(fault.reason == "FrameUnreadable" for fault in share) <= 1 for share in shares)
        fleet = [await enter(member(simulator, bus, tmp_path, number)) for number in range(count)]
        silent = await enter(member(simulator, bus, tmp_path, count, ATTENTIVE))
        schemes = get_args(Scheme)
        proxied = [await enter(member(simulator, bus, tmp_path, count + 1 + index)) for index in range(len(schemes))]
        async with asyncio.TaskGroup() as tasks:
            for one, scheme in zip(proxied, schemes, strict=True):
                tasks.create_task(meet_silent_proxy(one, Place(simulator, "127.0.0.1", free_port()), scheme))
            tasks.create_task(fall_silent(silent, FINAL[-1]))
            tasks.create_task(ask_too_much(fleet[0]))
            for one, share, last in zip(fleet[1:], shares[1:], FINAL[1:-1], strict=True):
                tasks.create_task(meet(one, share, last))
        # Nobody else connects any more.
        await meet(fleet[0], (*shares[0], *OF_SERVER), FINAL[0])
