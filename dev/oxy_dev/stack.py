"""The whole system as plain processes on one machine, without Kubernetes.

Used for chats that start within seconds, for chaos tests and for benchmarks. Every process is the real one. `Stack`
does the operator's work with the operator's own functions, so settings, accounts and environment are the same as on a
cluster; the kubelet's work is in `oxy_dev.plain_pod`.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psycopg

from oxy_core import subjects
from oxy_core.bus import connected
from oxy_core.envelopes import ConnectionState, LiveState
from oxy_core.errors import OxyError
from oxy_core.jetstream import STATE_STREAM, ensure_streams
from oxy_core.tenant import CREDENTIALS_FILE, SETTINGS_FILE
from oxy_dev.environment import REPOSITORY, TIRELESS
from oxy_dev.example import CATALOG_FILE, PROXY_SECRET, example_resource
from oxy_dev.plain_pod import pod_environment
from oxy_dev.postgres import PostgresServer
from oxy_dev.programs import Program, run_module
from oxy_dev.servers import NatsServer, free_port, is_listening, program
from oxy_operator.bus.accounts import nats_configuration, platform_credentials, system_credentials, tenancy
from oxy_operator.bus.directory import push_account
from oxy_operator.bus.nkeys import PlatformKeys
from oxy_operator.decide.epoch_record import EpochRecord, next_record
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.specs.config_map import tenant_settings
from oxy_operator.decide.specs.instance_settings import instance_settings
from oxy_operator.decide.specs.stateful_set import runtime_stateful_set
from oxy_simulator.client import SimulatorClient
from oxy_simulator.errors import RequestError
from oxy_simulator.keys import NOISE_ROOT_FILE
from oxy_simulator.testing import TRUST_FOLDER

SCENARIO: Final = REPOSITORY / "dev" / "oxy_dev" / "model" / "petshop.yaml"
READY_SECONDS: Final = 60.0
APP_PASSWORD: Final = "plain-processes"  # noqa: S105 the database listens on the loopback interface of one developer

_AT_ONCE: Final = {
    "limits": {"pacing": "None", "inboundPerSecond": 0, "contactTurnsPerHour": 0},
    "ai": {"debounceSeconds": 0, "debounceMaxSeconds": 0},
}
"""Changes to the example's spec: answers come without debounce, without simulated typing, and as many as are asked."""


_KNOWN: Final = """
select from instances i join organizations o on o.id = i.organization_id where o.name = %s and i.name = %s
"""


class StackError(OxyError):
    """A tenant was not known to the workers or not connected in time; the message holds the end of a log."""


def petshop(name: str = "petshop", **spec: object) -> Instance:
    """Return the example instance without delays; `spec` replaces fields of its spec, in the resource's camelCase.

    Instances of one stack must differ in name and `phoneNumber`.
    """
    resource = example_resource("plain", _AT_ONCE | spec)
    resource["metadata"] |= {"name": name, "uid": f"plain-{name}"}
    return Instance.of(resource)


@dataclass
class Stack:
    """NATS, PostgreSQL, simulator, model, workers and tenant runtimes under one folder."""

    folder: Path
    tenants: tuple[Instance, ...] = field(default_factory=lambda: (petshop(),))
    workers: int = 1
    worker_environment: Mapping[str, str] = field(default_factory=dict)
    model_arguments: tuple[str, ...] = ("--scenario", str(SCENARIO))
    keys: PlatformKeys = field(default_factory=PlatformKeys.generate)

    def __post_init__(self) -> None:
        """Describe every process, without starting any."""
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
        self.runtimes = {tenant.name: self._runtime(tenant) for tenant in self.tenants}

    @property
    def control_url(self) -> str:
        """URL of the simulator's control API."""
        return f"http://127.0.0.1:{self.control_port}"

    @property
    def database_url(self) -> str:
        """URL of the database with the workers' rights."""
        return self.postgres.url("oxy", user="oxy_app", password=APP_PASSWORD)

    @property
    def admin_url(self) -> str:
        """URL of the database with its owner's rights."""
        return self.postgres.url("oxy")

    @property
    def worker_settings(self) -> dict[str, str]:
        """Environment of a worker, and of `oxy_ai.admin`."""
        return {
            "OXY_NATS_URL": self.nats.url,
            "OXY_NATS_CREDENTIALS": str(self.platform_credentials),
            "OXY_DATABASE_URL": self.database_url,
            "OXY_OPENAI_BASE_URL": f"http://127.0.0.1:{self.model_port}/v1",
            "OXY_OPENAI_API_KEY": "scripted",
            "OXY_PROBE_HOST": "127.0.0.1",
            **TIRELESS,
            **self.worker_environment,
        }

    @property
    def programs(self) -> Iterator[Program]:
        """Every program that is not a server, in the order in which they start."""
        yield from (self.model, self.simulator, *self.worker_programs, *self.runtimes.values())

    async def start(self) -> None:
        """Start everything, link every tenant's phone and wait until all are connected.

        Raises ServerError, ProgramError or StackError with the end of a log.
        """
        self.nats.start()
        self.postgres.start()
        self.model.start()
        self.simulator.start()
        await self._migrate()
        await self.simulator.wait_until(lambda: is_listening(self.control_port), READY_SECONDS)
        await self.model.wait_until(lambda: is_listening(self.model_port), READY_SECONDS)
        await self._provision()
        for worker in self.worker_programs:
            worker.start()
        for runtime in self.runtimes.values():
            runtime.start()
        await asyncio.gather(*(self._apply_catalog(tenant) for tenant in self.tenants))
        for tenant in self.tenants:
            await self._link(tenant)

    def stop(self) -> None:
        """Stop everything, last started first."""
        for one in reversed(list(self.programs)):
            one.stop()
        self.postgres.stop()
        self.nats.stop()

    async def admin(self, *arguments: str, stdin: bytes = b"") -> object:
        """Run ``python -m oxy_ai.admin`` and return the JSON that it printed; raises ProgramError."""
        output = await run_module("oxy_ai.admin", *arguments, environment=self.worker_settings, stdin=stdin)
        return json.loads(output)

    def _program(self, name: str, command: list[str], environment: Mapping[str, str] | None = None) -> Program:
        return Program(name, command, self.folder / "logs", environment or {})

    def _simulator_command(self) -> list[str]:
        ports = ["--proxy-port", str(self.proxy_port), "--control-port", str(self.control_port)]
        return [program("oxy-simulator"), "serve", "--host", "127.0.0.1", *ports, "--state", str(self._simulator_state)]

    def _worker(self, number: int) -> Program:
        environment = self.worker_settings | {"OXY_PROBE_PORT": str(free_port())}
        return self._program(f"worker-{number}", [sys.executable, "-m", "oxy_ai"], environment)

    def _runtime(self, tenant: Instance) -> Program:
        stateful_set = runtime_stateful_set(
            tenant,
            _record(tenant),
            account=self._account(tenant),
            image="",
            nats_url=self.nats.url,
            volume=tenant.uid,
            proxy=None,
            replicas=1,
        )
        environment = pod_environment(
            stateful_set["spec"]["template"],
            self._pod_folder(tenant),
            uid=tenant.uid,
            secrets={PROXY_SECRET: {"url": f"http://127.0.0.1:{self.proxy_port}"}},
        )
        environment |= {
            "OXY_PROBE_HOST": "127.0.0.1",
            "OXY_PROBE_PORT": str(free_port()),
            # What distinguishes the image tenant-simulated from tenant.
            "PYTHONPATH": str(TRUST_FOLDER),
            "OXY_NOISE_ROOT_FILE": str(self._pod_folder(tenant) / "authorities" / NOISE_ROOT_FILE),
        }
        return self._program(f"tenant-{tenant.name}", [sys.executable, "-m", "oxy_tenant"], environment)

    @property
    def _simulator_state(self) -> Path:
        return self.folder / "simulator"

    @property
    def platform_credentials(self) -> Path:
        """The workers' credentials for the bus."""
        return self.folder / "platform.creds"

    def _pod_folder(self, tenant: Instance) -> Path:
        return self.folder / "tenants" / tenant.name

    def _account(self, tenant: Instance) -> str:
        return self.keys.tenant_account(tenant.spec.organization_id, tenant.name).public

    async def _migrate(self) -> None:
        environment = {"OXY_DATABASE_ADMIN_URL": self.admin_url, "OXY_DATABASE_APP_PASSWORD": APP_PASSWORD}
        await run_module("oxy_ai.migrate", environment=environment)

    async def _provision(self) -> None:
        """Create streams, push accounts, fill the pods' volumes, publish settings to the workers."""
        self.platform_credentials.write_text(platform_credentials(self.keys))
        system_file = self.folder / "system.creds"
        system_file.write_text(system_credentials(self.keys))
        async with (
            connected(self.nats.url, self.platform_credentials, name="stack", within=60) as platform,
            connected(self.nats.url, system_file, name="stack-system", within=60) as system,
        ):
            await ensure_streams(platform.jetstream())
            bucket = await platform.jetstream().key_value(subjects.INSTANCES_BUCKET)
            for tenant in self.tenants:
                organization, now = tenant.spec.organization_id, datetime.now(UTC).timestamp()
                rights = tenancy(self.keys, organization, tenant.name, now=now)
                await push_account(system, rights.account_token)
                self._fill_volumes(tenant, rights.credentials)
                settings = instance_settings(tenant, rights.account)
                await bucket.put(subjects.instance_key(organization, tenant.name), settings.encode())

    def _fill_volumes(self, tenant: Instance, credentials: str) -> None:
        folder = self._pod_folder(tenant)
        for volume in ("session", "credentials", "settings"):
            (folder / volume).mkdir(parents=True, exist_ok=True)
        (folder / "authorities").symlink_to(self._simulator_state)
        (folder / "credentials" / CREDENTIALS_FILE).write_text(credentials)
        (folder / "settings" / SETTINGS_FILE).write_bytes(tenant_settings(tenant, _record(tenant)).encode())

    async def _apply_catalog(self, tenant: Instance) -> None:
        """Apply the example catalog as soon as the workers know the instance; raises StackError, ProgramError."""
        organization, deadline = tenant.spec.organization_id, asyncio.get_running_loop().time() + READY_SECONDS
        async with await psycopg.AsyncConnection.connect(self.admin_url, autocommit=True) as connection:
            # The command takes a second of processor time, and would have to be tried again and again.
            while await (await connection.execute(_KNOWN, (organization, tenant.name))).fetchone() is None:
                if asyncio.get_running_loop().time() > deadline:
                    message = (
                        f"the workers do not know {tenant.name}. The log of one:\n{self.worker_programs[0].tail()}"
                    )
                    raise StackError(message)
                await asyncio.sleep(0.1)
        await self.admin("catalog", "apply", "--organization", organization, stdin=CATALOG_FILE.read_bytes())

    async def _link(self, tenant: Instance) -> None:
        """Type the runtime's pairing code on the simulated business phone and wait until it is connected."""
        try:
            async with (
                asyncio.timeout(READY_SECONDS),
                contextlib.aclosing(self._states(tenant)) as states,
                SimulatorClient(self.control_url) as simulator,
            ):
                await simulator.add_phone(tenant.spec.phone_number, tenant.spec.display_name)
                await _type_codes(states, simulator, tenant.spec.phone_number)
        except TimeoutError:
            log = self.runtimes[tenant.name].tail()
            message = f"{tenant.name} was not connected after {READY_SECONDS:.0f} s:\n{log}"
            raise StackError(message) from None

    async def _states(self, tenant: Instance) -> AsyncGenerator[LiveState]:
        """Yield the live states of a tenant, starting with the last one that it published."""
        async with connected(self.nats.url, self.platform_credentials, name="stack-states", within=60) as client:
            subscription = await client.jetstream().subscribe(
                subjects.state(self._account(tenant), tenant.name), stream=STATE_STREAM, ordered_consumer=True
            )
            async for message in subscription.messages:
                yield LiveState.decode(message.data)


def _record(tenant: Instance) -> EpochRecord:
    """Return the operator's record of a new instance: its first epoch, and an open pairing window."""
    return next_record(tenant, None, known_epoch=1, pod=None, live=None, now=datetime.now(UTC))


async def _type_codes(states: AsyncIterator[LiveState], simulator: SimulatorClient, phone: str) -> None:
    """Type each new pairing code on a simulated phone until the instance is connected."""
    typed: set[str] = set()
    async for state in states:
        if state.connection is ConnectionState.CONNECTED:
            return
        code = state.pairing.code if state.pairing else None
        if code and code not in typed:
            typed.add(code)
            with contextlib.suppress(RequestError):  # a code that was replaced meanwhile: another follows
                await simulator.link(phone, code=code)


@contextlib.asynccontextmanager
async def running_stack(stack: Stack) -> AsyncIterator[Stack]:
    """Run everything for the duration of the context."""
    try:
        await stack.start()
        yield stack
    finally:
        await asyncio.to_thread(stack.stop)
