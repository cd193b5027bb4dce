"""The whole system as plain processes on one machine, without Kubernetes.

For talking to it within seconds, for chaos tests and for benchmarks. Every process is the real one; what the operator
and the kubelet do on a cluster, `Stack` does here: it gives out accounts and settings, and starts what it is told to.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from oxy_core import subjects
from oxy_core.bus import connected
from oxy_core.envelopes import ConnectionState, InstanceSettings, LiveState
from oxy_core.errors import OxyError
from oxy_core.instance.settings import AiSettings
from oxy_core.jetstream import STATE_STREAM, ensure_streams
from oxy_core.tenant import CREDENTIALS_FILE, SETTINGS_FILE, TenantSettings
from oxy_dev.postgres import PostgresServer
from oxy_dev.programs import Program
from oxy_dev.servers import NatsServer, free_port, is_listening, program
from oxy_operator.accounts import nats_configuration, platform_credentials, system_credentials, tenancy
from oxy_operator.directory import push_account
from oxy_operator.keys import PlatformKeys
from oxy_simulator.client import SimulatorClient
from oxy_simulator.testing import TRUST_FOLDER

REPOSITORY: Final = Path(__file__).resolve().parents[2]
CATALOGUE: Final = REPOSITORY / "examples" / "petshop-catalog.yaml"
SCENARIO: Final = REPOSITORY / "dev" / "oxy_dev" / "model" / "petshop.yaml"
READY_SECONDS: Final = 60.0
APP_PASSWORD: Final = "plain-processes"  # noqa: S105 the database listens on the loopback interface of one developer
ADMIN: Final = "postgres"


class StackError(OxyError):
    """A part of the plain-process system did not become ready; the message holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """One business in the plain-process system."""

    organization: str = "petshop-aurora"
    instance: str = "petshop"
    display_name: str = "Pet Shop Aurora"
    phone: str = "+5511987650000"
    owner: str = "+5511987651111"
    timezone: str = "America/Sao_Paulo"
    pacing: str = "None"
    ai: AiSettings = field(default_factory=lambda: AiSettings(debounce_seconds=0, debounce_max_seconds=0))


@dataclass
class Stack:
    """NATS, PostgreSQL, simulator, model, workers and tenant runtimes under one folder."""

    folder: Path
    tenants: tuple[Tenant, ...] = (Tenant(),)
    workers: int = 1
    worker_environment: Mapping[str, str] = field(default_factory=dict)
    model_arguments: tuple[str, ...] = ("--scenario", str(SCENARIO))
    keys: PlatformKeys = field(default_factory=PlatformKeys.generate)

    def __post_init__(self) -> None:
        """Describe every process; nothing starts yet."""
        accounts = nats_configuration(self.keys, self.folder / "accounts")
        self.nats = NatsServer(self.folder / "nats", accounts)
        self.postgres = PostgresServer(self.folder / "postgres")
        self.model_port = free_port()
        self.proxy_port, self.control_port = free_port(), free_port()
        self.model = self._program(
            "model", [sys.executable, "-m", "oxy_dev.model", "--port", str(self.model_port), *self.model_arguments]
        )
        self.simulator = self._program("simulator", self._simulator_command())
        self.worker_programs = [self._worker(number) for number in range(self.workers)]
        self.runtimes = {tenant.instance: self._runtime(tenant) for tenant in self.tenants}

    # -- what runs

    @property
    def control_url(self) -> str:
        """The simulator's control API."""
        return f"http://127.0.0.1:{self.control_port}"

    @property
    def database_url(self) -> str:
        """The database as workers see it."""
        return self.postgres.url("oxy", user="oxy_app", password=APP_PASSWORD)

    @property
    def admin_url(self) -> str:
        """The database as its owner sees it."""
        return self.postgres.url("oxy")

    def _program(self, name: str, command: list[str], environment: Mapping[str, str] | None = None) -> Program:
        return Program(name, command, self.folder / "logs", environment or {})

    def _simulator_command(self) -> list[str]:
        ports = ["--proxy-port", str(self.proxy_port), "--control-port", str(self.control_port)]
        return [program("oxy-simulator"), "serve", "--host", "127.0.0.1", *ports, "--state", str(self._simulator_state)]

    @property
    def _simulator_state(self) -> Path:
        return self.folder / "simulator"

    @property
    def worker_settings(self) -> dict[str, str]:
        """Environment of a worker, and of `oxy_ai.admin`."""
        return {
            "OXY_NATS_URL": self.nats.url,
            "OXY_NATS_CREDENTIALS": str(self._platform_file),
            "OXY_DATABASE_URL": self.database_url,
            "OXY_OPENAI_BASE_URL": f"http://127.0.0.1:{self.model_port}/v1",
            "OXY_OPENAI_API_KEY": "scripted",
            "OXY_PROBE_HOST": "127.0.0.1",
            **self.worker_environment,
        }

    def _worker(self, number: int) -> Program:
        environment = self.worker_settings | {"OXY_PROBE_PORT": str(free_port())}
        return self._program(f"worker-{number}", [sys.executable, "-m", "oxy_ai"], environment)

    def _runtime(self, tenant: Tenant) -> Program:
        folder = self._tenant_folder(tenant)
        environment = {
            "OXY_ORGANIZATION": tenant.organization,
            "OXY_INSTANCE": tenant.instance,
            "OXY_ACCOUNT": self._account(tenant),
            "OXY_NATS_URL": self.nats.url,
            "OXY_NATS_CREDENTIALS": str(folder / CREDENTIALS_FILE),
            "OXY_SETTINGS": str(folder / SETTINGS_FILE),
            "OXY_SESSION": str(folder / "session"),
            "OXY_EPOCH": "1",
            "OXY_POD_UID": f"plain-{tenant.instance}",
            "OXY_TERMINATION_LOG": str(folder / "termination-log"),
            "OXY_PROBE_HOST": "127.0.0.1",
            "OXY_PROBE_PORT": str(free_port()),
            "OXY_NOISE_ROOT_FILE": str(self._simulator_state / "noise-root.hex"),
            "SSL_CERT_FILE": str(self._simulator_state / "ca.crt"),
            "HTTPS_PROXY": f"http://127.0.0.1:{self.proxy_port}",
            "PYTHONPATH": str(TRUST_FOLDER),
            "MALLOC_ARENA_MAX": "1",
            "GOGC": "25",
        }
        return self._program(f"tenant-{tenant.instance}", [sys.executable, "-m", "oxy_tenant"], environment)

    def _tenant_folder(self, tenant: Tenant) -> Path:
        return self.folder / "tenants" / tenant.instance

    @property
    def _platform_file(self) -> Path:
        return self.folder / "platform.creds"

    def _account(self, tenant: Tenant) -> str:
        return self.keys.tenant_account(tenant.organization, tenant.instance).public

    # -- starting and stopping

    @property
    def programs(self) -> Iterator[Program]:
        """Every program that is not a server, in the order in which they start."""
        yield from (self.model, self.simulator, *self.worker_programs, *self.runtimes.values())

    async def start(self) -> None:
        """Start everything, link every tenant's phone and wait until all are connected; raises StackError."""
        self.nats.start()
        self.postgres.start()
        self.model.start()
        self.simulator.start()
        await self._migrate()
        await self._listening(self.simulator, self.control_port)
        await self._listening(self.model, self.model_port)
        await self.provision()
        for worker in self.worker_programs:
            worker.start()
        for runtime in self.runtimes.values():
            runtime.start()
        await asyncio.gather(*(self._apply_catalogue(tenant) for tenant in self.tenants))
        for tenant in self.tenants:
            await self.link(tenant)

    def stop(self) -> None:
        """Stop everything, last started first."""
        for one in reversed(list(self.programs)):
            one.stop()
        self.postgres.stop()
        self.nats.stop()

    async def _migrate(self) -> None:
        environment = {"OXY_DATABASE_ADMIN_URL": self.admin_url, "OXY_DATABASE_APP_PASSWORD": APP_PASSWORD}
        await self._run("migrate", ["-m", "oxy_ai.migrate"], environment)

    async def _run(self, name: str, arguments: list[str], environment: Mapping[str, str], stdin: bytes = b"") -> bytes:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            env=dict(environment),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate(stdin)
        if process.returncode:
            message = f"{name} failed:\n{errors.decode()[-3000:]}"
            raise StackError(message)
        return output

    async def admin(self, *arguments: str, stdin: bytes = b"") -> object:
        """Run ``python -m oxy_ai.admin`` and return the JSON that it printed; raises StackError."""
        output = await self._run("admin", ["-m", "oxy_ai.admin", *arguments], self.worker_settings, stdin)
        return json.loads(output)

    async def _apply_catalogue(self, tenant: Tenant) -> None:
        """Apply the example catalogue as soon as the workers know the organization."""
        catalogue = CATALOGUE.read_bytes()
        deadline = asyncio.get_running_loop().time() + READY_SECONDS
        while True:
            try:
                await self.admin("catalog", "apply", "--organization", tenant.organization, stdin=catalogue)
            except StackError:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.2)
            else:
                return

    async def _listening(self, part: Program, port: int) -> None:
        await self._until(part, lambda: is_listening(port))

    async def _until(self, part: Program, check: Callable[[], bool]) -> None:
        deadline = asyncio.get_running_loop().time() + READY_SECONDS
        while not check():
            if part.exit_code is not None or asyncio.get_running_loop().time() > deadline:
                message = f"{part.name} did not become ready (exit status {part.exit_code}):\n{part.tail()}"
                raise StackError(message)
            await asyncio.sleep(0.05)

    # -- what the operator does on a cluster

    async def provision(self, tenants: tuple[Tenant, ...] | None = None) -> None:
        """Create streams, push accounts, write credentials and settings, publish settings to the workers."""
        self._platform_file.write_text(platform_credentials(self.keys))
        system_file = self.folder / "system.creds"
        system_file.write_text(system_credentials(self.keys))
        async with (
            connected(self.nats.url, self._platform_file, name="stack", within=10) as platform,
            connected(self.nats.url, system_file, name="stack-system", within=10) as system,
        ):
            await ensure_streams(platform.jetstream())
            bucket = await platform.jetstream().key_value(subjects.INSTANCES_BUCKET)
            for tenant in tenants or self.tenants:
                rights = tenancy(self.keys, tenant.organization, tenant.instance, now=datetime.now(UTC).timestamp())
                await push_account(system, rights.account_token)
                self._write_tenant(tenant, rights.credentials)
                await bucket.put(
                    subjects.instance_key(tenant.organization, tenant.instance), self._published(tenant).encode()
                )

    def _write_tenant(self, tenant: Tenant, credentials: str) -> None:
        folder = self._tenant_folder(tenant)
        (folder / "session").mkdir(parents=True, exist_ok=True)
        (folder / CREDENTIALS_FILE).write_text(credentials)
        settings = TenantSettings(
            organization=tenant.organization,
            instance=tenant.instance,
            phone_number=tenant.phone,
            pairing_until=datetime.now(UTC) + timedelta(minutes=15),
            pacing="Human" if tenant.pacing == "Human" else "None",
        )
        (folder / SETTINGS_FILE).write_bytes(settings.encode())

    def _published(self, tenant: Tenant) -> InstanceSettings:
        return InstanceSettings(
            organization=tenant.organization,
            instance=tenant.instance,
            account=self._account(tenant),
            generation=int(datetime.now(UTC).timestamp()),
            display_name=tenant.display_name,
            phone_number=tenant.phone,
            timezone=tenant.timezone,
            owners=(tenant.owner,),
            ai=tenant.ai,
        )

    # -- pairing

    async def states(self, tenant: Tenant) -> AsyncGenerator[LiveState]:
        """Yield the live states of a tenant, the last known one first."""
        async with connected(self.nats.url, self._platform_file, name="stack-states", within=10) as client:
            subscription = await client.jetstream().subscribe(
                subjects.state(self._account(tenant), tenant.instance), stream=STATE_STREAM, ordered_consumer=True
            )
            async for message in subscription.messages:
                yield LiveState.decode(message.data)

    async def link(self, tenant: Tenant) -> None:
        """Type the runtime's pairing code on the simulated business phone and wait until it is connected."""
        try:
            async with (
                asyncio.timeout(READY_SECONDS),
                contextlib.aclosing(self.states(tenant)) as states,
                SimulatorClient(self.control_url) as simulator,
            ):
                await simulator.add_phone(tenant.phone, tenant.display_name)
                await _link(states, simulator, tenant.phone)
        except TimeoutError:
            log = self.runtimes[tenant.instance].tail()
            message = f"{tenant.instance} was not connected after {READY_SECONDS:.0f} s:\n{log}"
            raise StackError(message) from None


async def _link(states: AsyncIterator[LiveState], simulator: SimulatorClient, phone: str) -> None:
    typed: set[str] = set()
    async for state in states:
        if state.connection is ConnectionState.CONNECTED:
            return
        code = state.pairing.code if state.pairing else None
        if code and code not in typed:
            typed.add(code)
            await simulator.link(phone, code=code)


@contextlib.asynccontextmanager
async def running_stack(stack: Stack) -> AsyncIterator[Stack]:
    """Run everything while the context lasts."""
    try:
        await stack.start()
        yield stack
    finally:
        await asyncio.to_thread(stack.stop)
