"""A tenant runtime as its own process, between a simulated WhatsApp and a real NATS server."""

import asyncio
import contextlib
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from oxy_core import subjects
from oxy_core.envelopes import (
    Accepted,
    ConnectionChanged,
    ConnectionState,
    LiveState,
    MessageSeen,
    Report,
    SendRequest,
    SendResult,
)
from oxy_core.identity import Jid, new_id
from oxy_core.instance.pairing_offer import PairingOffer
from oxy_core.instance.settings import ReconnectSettings
from oxy_core.jetstream import INBOUND_STREAM
from oxy_core.message_kinds import MessageKind
from oxy_core.tenant import TenantSettings, TerminationMessage
from oxy_core.trace import new_trace
from oxy_dev.servers import NatsServer, free_port
from oxy_simulator.testing import TRUST_FOLDER, Phone, WhatsApp

T = TypeVar("T")

ROOT = Path(__file__).parents[3]
ACCOUNT = "A" + "B" * 55
ORGANIZATION = "acme"
INSTANCE = "shop"
NAMESPACE = "shops"
BUSINESS = "+5511900000001"
CUSTOMER = "+5511911111111"

QUICK = ReconnectSettings(base_delay_seconds=0.3, multiplier=1.5, max_delay_seconds=1, max_attempts=50)

PATIENCE = 60
"""Seconds for which something is waited for that takes one or two: a busy machine may stall for twenty."""

PROBE_PAUSE = 0.1
"""Seconds between two requests to a runtime's probes, which cost several milliseconds on both sides."""


async def until(
    condition: Callable[[], T | Awaitable[T | None] | None],
    within: float = PATIENCE,
    what: str = "",
    pause: float = 0.02,
) -> T:
    """Wait until `condition` (or the awaitable it returns) is true and return its value. `pause`: between two looks."""
    deadline = asyncio.get_running_loop().time() + within
    while True:
        value = condition()
        if isinstance(value, Awaitable):
            value = await value
        if value:
            return value
        if asyncio.get_running_loop().time() > deadline:
            message = f"not within {within} s: {what or condition}"
            raise AssertionError(message)
        await asyncio.sleep(pause)


@dataclass
class Bus:
    """The platform's side of the bus: everything that the runtime published, as it arrived."""

    server: NatsServer
    client: Client
    reports: list[Report] = field(default_factory=list)
    states: list[LiveState] = field(default_factory=list)
    states_since: datetime | None = None
    accepted: list[Accepted] = field(default_factory=list)
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def jetstream(self) -> JetStreamContext:
        return self.client.jetstream(timeout=PATIENCE)

    async def follow(self) -> None:
        await self.client.subscribe(subjects.state(ACCOUNT, INSTANCE), cb=self._keep_state)
        await self.client.subscribe(subjects.accepted(ACCOUNT, INSTANCE), cb=self._keep_accepted)
        await self.client.flush()

    def forget_states(self) -> None:
        """Forget the live states up to now, also those that are still on their way."""
        self.states.clear()
        self.states_since = datetime.now(UTC)

    async def _keep_state(self, message: Msg) -> None:
        state = LiveState.decode(message.data)
        if self.states_since is None or state.heartbeat_at >= self.states_since:
            self.states.append(state)

    async def _keep_accepted(self, message: Msg) -> None:
        self.accepted.append(Accepted.decode(message.data))

    async def stored(self) -> list[Report]:
        """Return all reports in OXY_INBOUND, in the stream's order, without consuming them."""
        async with self.reading:
            info = await self.jetstream.stream_info(INBOUND_STREAM)
            for sequence in range(max(info.state.first_seq, len(self.reports) + 1), info.state.last_seq + 1):
                message = await self.jetstream.get_msg(INBOUND_STREAM, sequence)
                self.reports.append(Report.decode(message.data or b""))
        return self.reports

    async def messages(self) -> list[MessageSeen]:
        return [report.body for report in await self.stored() if isinstance(report.body, MessageSeen)]

    async def results(self) -> list[SendResult]:
        return [report.body for report in await self.stored() if isinstance(report.body, SendResult)]

    async def connections(self) -> list[ConnectionChanged]:
        return [report.body for report in await self.stored() if isinstance(report.body, ConnectionChanged)]

    async def request(self, request: SendRequest) -> None:
        await self.client.publish(subjects.out(ACCOUNT, INSTANCE), request.encode())
        await self.client.flush()

    async def state(self, connection: ConnectionState, within: float = PATIENCE) -> LiveState:
        """Wait for a live state with this connection and return the newest."""
        return await until(
            lambda: next((state for state in reversed(self.states) if state.connection is connection), None),
            within,
            f"live state {connection.value}",
        )


@dataclass
class Runtime:
    """``python -m oxy_tenant`` as a child process; survives `kill` and `start` with its volume."""

    folder: Path
    nats_url: str
    environment: dict[str, str]
    settings: TenantSettings
    epoch: int = 1
    probe_port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None
    wrapper: tuple[str, ...] = ()
    """A command that runs the runtime's."""

    @property
    def session(self) -> Path:
        return self.folder / "session"

    @property
    def termination_log(self) -> Path:
        return self.folder / "termination-log"

    @property
    def log(self) -> str:
        return (self.folder / "runtime.log").read_text()

    def write_settings(self, **changes: object) -> None:
        self.settings = self.settings.model_copy(update=changes)
        file = self.folder / "settings.json.new"
        file.write_bytes(self.settings.encode())
        file.replace(self.folder / "settings.json")

    async def start(self, **environment: str) -> None:
        self.folder.mkdir(exist_ok=True)
        self.write_settings()
        variables = {
            "PATH": os.environ["PATH"],
            "OXY_ORGANIZATION": ORGANIZATION,
            "OXY_INSTANCE": INSTANCE,
            "OXY_ACCOUNT": ACCOUNT,
            "OXY_NATS_URL": self.nats_url,
            "OXY_SETTINGS": str(self.folder / "settings.json"),
            "OXY_SESSION": str(self.session),
            "OXY_EPOCH": str(self.epoch),
            "OXY_POD_UID": "pod-1",
            "OXY_NAMESPACE": NAMESPACE,
            "OXY_TERMINATION_LOG": str(self.termination_log),
            "OXY_PROBE_PORT": str(self.probe_port),
            "OXY_PROBE_HOST": "127.0.0.1",
            "OXY_RECEIPT_WAIT": "2",
            **self.environment,
            "PYTHONPATH": os.pathsep.join(map(str, (TRUST_FOLDER, ROOT / "core", ROOT / "tenant_runtime"))),
            **environment,
        }
        with (self.folder / "runtime.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(*self.wrapper, "setpriv", "--pdeathsig=KILL", sys.executable, "-m", "oxy_tenant"),
                env=variables,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def exit_code(self, within: float = PATIENCE) -> int:
        assert self.process is not None
        async with asyncio.timeout(within):
            return await self.process.wait()

    async def kill(self, how: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal and wait for the exit; return the exit code."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(how)
        return await self.exit_code()

    def termination(self) -> TerminationMessage:
        return TerminationMessage.decode(self.termination_log.read_bytes())

    async def probe(self, page: str) -> tuple[int, str]:
        """Return status and content of a page of the probe server; status 0 while nobody listens."""
        return await asyncio.to_thread(_get, f"http://127.0.0.1:{self.probe_port}{page}")

    async def is_ready(self) -> bool:
        return (await self.probe("/readyz"))[0] == 200

    async def metric(self, line: str) -> float:
        """Return the value of a metric, named with its labels as Prometheus writes it."""
        _, page = await self.probe("/metrics")
        return next((float(row.rpartition(" ")[2]) for row in page.splitlines() if row.startswith(f"{line} ")), 0.0)

    async def metrics(self, name: str) -> dict[str, float]:
        """Return the values of a metric by their label, for one that has a single label."""
        _, page = await self.probe("/metrics")
        rows = (row.rpartition(" ") for row in page.splitlines() if row.startswith(f"{name}{{"))
        return {labelled.split('"')[1]: float(value) for labelled, _, value in rows}


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310 http, our own
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


@dataclass
class Scene:
    """Everything that a test of the tenant runtime uses."""

    simulator: WhatsApp
    bus: Bus
    runtime: Runtime
    business: Phone
    customer: Phone

    async def pair(self) -> None:
        """Start the runtime and link the business's phone with the code in the live state."""
        await self.runtime.start()
        await self.business.link(code=(await self.offer()).code)
        await self.ready()

    async def offer(self) -> PairingOffer:
        """Wait for a pairing offer in the live state."""

        def newest() -> PairingOffer | None:
            return next((state.pairing for state in reversed(self.bus.states) if state.pairing is not None), None)

        return await until(newest, what="a pairing offer")

    async def ready(self) -> None:
        """Wait until the runtime is ready: connected and receiving."""
        await until(self.runtime.is_ready, what="ready", pause=PROBE_PAUSE)

    async def texts(self, count: int, within: float = PATIENCE) -> list[MessageSeen]:
        """Wait until `count` texts are on the stream and return them in its order."""

        async def enough() -> list[MessageSeen] | None:
            found = [message for message in await self.bus.messages() if message.kind is MessageKind.TEXT]
            return found if len(found) >= count else None

        return await until(enough, within, f"{count} texts on the stream")

    async def chat(self) -> Jid:
        """Let the customer write once and return the address of the chat."""
        before = len(await self.bus.messages())
        await self.customer.send("oi", self.business)
        messages = await until(lambda: self._more(before), what="the message on the stream")
        chat: Jid = messages[-1].chat
        return chat

    async def _more(self, than: int) -> list[MessageSeen] | None:
        messages = await self.bus.messages()
        return messages if len(messages) > than else None

    async def result(self, request: SendRequest, within: float = PATIENCE) -> SendResult:
        """Wait for the one result of a request."""

        async def found() -> SendResult | None:
            return next((result for result in await self.bus.results() if result.request_id == request.id), None)

        outcome: SendResult = await until(found, within, f"the result of {request.text!r}")
        return outcome


@asynccontextmanager
async def staged(simulator: WhatsApp, bus: Bus, folder: Path) -> AsyncIterator[Scene]:
    """Set up phones and a runtime that is not started yet; print its log at the end."""
    settings = TenantSettings(
        organization=ORGANIZATION,
        instance=INSTANCE,
        phone_number=BUSINESS,
        pairing_until=datetime.now(UTC) + timedelta(minutes=15),
        reconnect=QUICK,
        pacing="None",
    )
    runtime = Runtime(folder / "runtime", bus.server.url, simulator.client_environment, settings)
    business = await simulator.phone(BUSINESS, "Pet Shop")
    customer = await simulator.phone(CUSTOMER, "Ana")
    try:
        yield Scene(simulator, bus, runtime, business, customer)
    finally:
        if runtime.process is not None and runtime.process.returncode is None:
            await runtime.kill()
        if (runtime.folder / "runtime.log").exists():
            print(runtime.log[-20_000:])  # noqa: T201 pytest shows it with a failure


def send_request(chat: Jid, text: str | None, **changes: object) -> SendRequest:
    """Return a request to send a text."""
    values = {
        "id": new_id(),
        "organization": ORGANIZATION,
        "instance": INSTANCE,
        "chat": chat,
        "text": text,
        "created_at": datetime.now(UTC),
        "trace": new_trace(),
    }
    return SendRequest.model_validate({**values, **changes})
