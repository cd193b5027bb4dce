"""The system under fire: every part a plain process, before a real API server, with a proxy on every connection.

The operators make everything that tenants and workers know; a plain kubelet runs the pods that the StatefulSet
controller makes of it. PostgreSQL has a synchronous standby. Each Python process and both PostgreSQL servers go by
clocks that can be moved.
"""

import asyncio
import base64
import contextlib
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from chaos.clocks import PATCH, Clock, leftovers, new_clocks
from chaos.kubelet import PlainKubelet
from chaos.links import Link, links_between
from chaos.plan import Cast
from integration.custom_resources import serving

from oxy_core.tasks import end_tasks
from oxy_dev.cluster.api import Api
from oxy_dev.cluster.apiserver import ApiServer
from oxy_dev.cluster.errors import ApiError
from oxy_dev.environment import TIRELESS
from oxy_dev.example import CATALOG_FILE, TRUST_CONFIG_MAP, example_resource
from oxy_dev.postgres import PostgresServer
from oxy_dev.programs import Program, ProgramError, run_module
from oxy_dev.servers import NatsServer, free_port, is_listening, program
from oxy_operator.bus.accounts import nats_configuration, platform_credentials, system_credentials
from oxy_operator.bus.nkeys import PlatformKeys
from oxy_simulator.client import SimulatorClient
from oxy_simulator.errors import RequestError
from oxy_simulator.keys import CA_FILE, NOISE_ROOT_FILE
from oxy_simulator.testing import TRUST_FOLDER

WORKERS: Final = 3
OPERATORS: Final = 3
TENANTS: Final = 4
READY_SECONDS: Final = 600.0
"""Longest wait for everything to run: several times what a busy machine takes."""
HOME: Final = "oxy"
NAMESPACE: Final = "shops"
APP_PASSWORD: Final = "plain-processes"
SCENARIO: Final = Path(__file__).with_name("chaos.yaml")
ROTATION_SECONDS: Final = 7_200
"""New bus credentials at least so often; clocks are moved by less than half of it forward."""
INSTANCES: Final = "/apis/oxy.dev/v1alpha1/namespaces/{}/whatsappinstances"
_CONTROLLERS: Final = "statefulset-controller,garbage-collector-controller"


@dataclass(frozen=True, slots=True)
class Shop:
    """A business."""

    name: str
    phone: str
    owner: str

    @property
    def organization(self) -> str:
        """Its organization's name."""
        return f"org-{self.name}"

    @property
    def spec(self) -> dict[str, object]:
        """What differs from the example's spec."""
        return {
            "organizationId": self.organization,
            "displayName": self.name,
            "phoneNumber": self.phone,
            "owners": [self.owner],
            "ai": {"debounceSeconds": 1, "debounceMaxSeconds": 4, "takeoverMinutes": 1, "handoverMinutes": 1},
            "limits": {"pacing": "None", "contactTurnsPerHour": 0},
            "reconnect": {"baseDelaySeconds": 1, "maxDelaySeconds": 5, "maxAttempts": 100},
            "network": {
                "proxySecretRef": {"name": f"proxy-{self.name}"},
                "caBundleConfigMapRef": {"name": TRUST_CONFIG_MAP},
            },
        }


SHOPS: Final = tuple(Shop(f"shop-{n}", f"+551198765000{n}", f"+551198765111{n}") for n in range(TENANTS))


@dataclass(eq=False)
class Database:
    """A PostgreSQL with a synchronous standby, which takes over in a failover."""

    folder: Path
    clock: Clock
    primary: PostgresServer = field(init=False)
    standby: PostgresServer = field(init=False)
    servers: int = 0

    def __post_init__(self) -> None:
        """Describe both servers."""
        self.primary, self.standby = self._server(), self._server()

    def start(self) -> None:
        """Start both; commits wait for the standby from then on."""
        self.primary.start()
        self.standby.follow(self.primary)

    def fail_over(self) -> None:
        """Lose the primary with its disk; the standby takes over, and later gets a standby of its own."""
        lost = self.primary
        lost.kill()
        shutil.rmtree(lost.folder, ignore_errors=True)
        self.primary, self.standby = self.standby, self._server()
        self.primary.promote()

    def stop(self) -> None:
        """Stop both."""
        for server in (self.standby, self.primary):
            server.kill()

    def _server(self) -> PostgresServer:
        self.servers += 1
        return PostgresServer(self.folder / str(self.servers), environment=self.clock.environment())


@dataclass(eq=False)
class Member:
    """A process that is to run all the time, and is started again when it ends."""

    program: Program
    clock: Clock
    port: int
    """Of its probes and metrics."""
    held: int = 0
    """How many faults keep it from running now."""
    exits: list[int] = field(default_factory=list)

    def look(self) -> None:
        """Start it again if it has ended by itself."""
        if self.held == 0 and self.program.exit_code is not None:
            self.exits.append(self.program.exit_code)
            self.program.start()


@dataclass(eq=False)
class System:
    """All parts, by name."""

    folder: Path
    server: ApiServer
    keys: PlatformKeys
    nats: NatsServer
    database: Database
    model: Program
    model_port: int
    simulator_program: Program
    control_port: int
    proxy_port: int
    links: Mapping[str, Link] = field(default_factory=dict)
    members: Mapping[str, Member] = field(default_factory=dict)
    clocks: Mapping[str, Clock] = field(default_factory=dict)
    kubelet: PlainKubelet = field(init=False)

    @property
    def api(self) -> Api:
        """The API server's client, with an administrator's rights."""
        return self.server.api

    @property
    def cast(self) -> Cast:
        """What faults can hit."""
        return cast()

    @property
    def admin_url(self) -> str:
        """URL of the database that is the primary now, with its owner's rights."""
        return self.database.primary.url("oxy")

    @property
    def control_url(self) -> str:
        """URL of the simulator's control API."""
        return f"http://127.0.0.1:{self.control_port}"

    @property
    def platform_file(self) -> Path:
        """The platform's bus credentials."""
        return self.folder / "platform.creds"

    def port_of(self, who: str, server: str) -> int:
        """Return the port at which a part reaches a server."""
        return self.links[f"{who}>{server}"].port

    def tenant(self, shop: str) -> Program | None:
        """Return the process of a shop's pod; None while it has none."""
        pod = self.kubelet.pods.get(shop)
        return None if pod is None else pod.program

    def session(self, shop: str) -> Path:
        """Return the folder of a shop's session volume."""
        return self.folder / "pods" / f"wai-{shop}-session"

    async def admin(self, *arguments: str, stdin: bytes = b"") -> None:
        """Run ``python -m oxy_ai.admin``; raises ProgramError."""
        await run_module("oxy_ai.admin", *arguments, environment=worker_environment(self, "worker-0"), stdin=stdin)

    def edit(self, shop: str, spec: Mapping[str, object]) -> None:
        """Patch a shop's custom resource."""
        path = f"{INSTANCES.format(NAMESPACE)}/{shop}"
        self.api._json("PATCH", path, {"spec": spec}, "application/merge-patch+json")  # noqa: SLF001 the client has no patch


def cast() -> Cast:
    """Return what faults can hit."""
    return Cast(
        workers=tuple(f"worker-{n}" for n in range(WORKERS)),
        operators=tuple(f"operator-{n}" for n in range(OPERATORS)),
        tenants=tuple(shop.name for shop in SHOPS),
    )


@contextlib.asynccontextmanager
async def running_system(folder: Path) -> AsyncIterator[System]:
    """Run everything, with every shop linked and in business."""
    with serving(folder / "kubernetes", controllers=_CONTROLLERS) as server:
        system = _described(folder, server)
        async with links_between(_ends(system)) as links:
            system.links = links
            system.members = {name: _member(system, name) for name in (*system.cast.workers, *system.cast.operators)}
            try:
                await _start_servers(system)
                async with _kept_running(system):
                    await _open_shops(system)
                    yield system
            finally:
                await asyncio.to_thread(_stop, system)


def _described(folder: Path, server: ApiServer) -> System:
    keys = PlatformKeys.generate()
    ports = {name: free_port() for name in ("model", "control", "proxy")}
    names = (*cast().workers, *cast().operators, *cast().tenants, "postgres")
    clocks = new_clocks(folder / "clocks", names)
    logs = folder / "logs"
    model = [sys.executable, "-m", "oxy_dev.model", "--port", str(ports["model"]), "--scenario", str(SCENARIO)]
    simulator = [program("oxy-simulator"), "serve", "--host", "127.0.0.1", "--state", str(folder / "simulator")]
    simulator += ["--proxy-port", str(ports["proxy"]), "--control-port", str(ports["control"])]
    system = System(
        folder=folder,
        server=server,
        keys=keys,
        nats=NatsServer(folder / "nats", nats_configuration(keys, folder / "nats" / "accounts")),
        database=Database(folder / "postgres", clocks["postgres"]),
        model=Program("model", model, logs),
        model_port=ports["model"],
        simulator_program=Program("simulator", simulator, logs),
        control_port=ports["control"],
        proxy_port=ports["proxy"],
        clocks=clocks,
    )
    system.kubelet = PlainKubelet(
        server.api, NAMESPACE, folder / "pods", sys.executable, lambda shop: _pod_variables(system, shop)
    )
    return system


def _ends(system: System) -> dict[str, Callable[[], int]]:
    ports: dict[str, Callable[[], int]] = {
        "nats": lambda: system.nats.port,
        "postgres": lambda: system.database.primary.port,
        "model": lambda: system.model_port,
        "whatsapp": lambda: system.proxy_port,
    }
    return {name: ports[name.partition(">")[2]] for name in cast().links}


def _member(system: System, name: str) -> Member:
    port = free_port()
    worker = name.startswith("worker")
    environment = worker_environment(system, name) if worker else _operator_environment(system, name)
    environment |= {"OXY_PROBE_HOST": "127.0.0.1", "OXY_PROBE_PORT": str(port), "PYTHONPATH": str(PATCH)}
    environment |= system.clocks[name].environment()
    command = [sys.executable, "-m", "oxy_ai" if worker else "oxy_operator"]
    return Member(Program(name, command, system.folder / "logs", environment), system.clocks[name], port)


def worker_environment(system: System, name: str) -> dict[str, str]:
    """Return the environment of a worker, and of ``oxy_ai.admin``."""
    postgres = f"postgresql://oxy_app:{APP_PASSWORD}@127.0.0.1:{system.port_of(name, 'postgres')}/oxy"
    return {
        "OXY_NATS_URL": f"nats://127.0.0.1:{system.port_of(name, 'nats')}",
        "OXY_NATS_CREDENTIALS": str(system.platform_file),
        "OXY_DATABASE_URL": postgres,
        "OXY_OPENAI_BASE_URL": f"http://127.0.0.1:{system.port_of(name, 'model')}/v1",
        "OXY_OPENAI_API_KEY": "scripted",
        "OXY_TURNS_PER_SECOND": "0",
        "OXY_TURNS_EACH": "0",
        **TIRELESS,
        "OXY_LEASE_SECONDS": "5",
    }


def _operator_environment(system: System, name: str) -> dict[str, str]:
    files = {
        "OXY_NATS_CREDENTIALS": platform_credentials(system.keys),
        "OXY_NATS_SYSTEM_CREDENTIALS": system_credentials(system.keys),
        "OXY_NATS_OPERATOR_SEED": system.keys.operator_seed,
        "OXY_ROOT_SEED": system.keys.root_seed,
    }
    for variable, content in files.items():
        (system.folder / variable.lower()).write_text(content)
    return {
        "KUBECONFIG": str(system.server.kubeconfig),
        "OXY_NAMESPACE": HOME,
        "OXY_NATS_URL": f"nats://127.0.0.1:{system.port_of(name, 'nats')}",
        "OXY_TENANT_NATS_URL": "nats://nats.example:4222",
        "OXY_TENANT_IMAGE": "plain",
        "OXY_ROTATION_SECONDS": str(ROTATION_SECONDS),
        "OXY_LEASE_SECONDS": "6",
        **{variable: str(system.folder / variable.lower()) for variable in files},
    }


def _pod_variables(system: System, shop: str) -> dict[str, str]:
    """Return where a pod finds the servers, what makes it trust the simulator, and its clock."""
    return {
        "OXY_NATS_URL": f"nats://127.0.0.1:{system.port_of(shop, 'nats')}",
        "PYTHONPATH": os.pathsep.join(map(str, (PATCH, TRUST_FOLDER))),
        **system.clocks[shop].environment(),
    }


async def _start_servers(system: System) -> None:
    await asyncio.to_thread(system.nats.start)
    await asyncio.to_thread(system.database.start)
    system.model.start()
    system.simulator_program.start()
    migration = {"OXY_DATABASE_ADMIN_URL": system.admin_url, "OXY_DATABASE_APP_PASSWORD": APP_PASSWORD}
    await run_module("oxy_ai.migrate", environment=migration)
    await system.simulator_program.wait_until(lambda: is_listening(system.control_port), READY_SECONDS)
    await system.model.wait_until(lambda: is_listening(system.model_port), READY_SECONDS)
    system.platform_file.write_text(platform_credentials(system.keys))


@contextlib.asynccontextmanager
async def _kept_running(system: System) -> AsyncIterator[None]:
    """Run operators, workers and pods, and start again what ends by itself."""
    for member in system.members.values():
        member.program.start()
    (system.folder / "pods").mkdir(exist_ok=True)
    await asyncio.to_thread(_make_namespaces, system)
    keepers = [asyncio.create_task(_keep_members(system)), asyncio.create_task(system.kubelet.run())]
    try:
        yield
    finally:
        for keeper in keepers:
            if keeper.done():
                keeper.result()
        await end_tasks(*keepers)


async def _keep_members(system: System) -> None:
    while True:
        await asyncio.sleep(1.0)
        for member in system.members.values():
            member.look()


def _make_namespaces(system: System) -> None:
    for name in (HOME, NAMESPACE):
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        system.api.create("/api/v1/namespaces", namespace)
    authorities = {name: (system.folder / "simulator" / name).read_text() for name in (CA_FILE, NOISE_ROOT_FILE)}
    trust = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": TRUST_CONFIG_MAP}, "data": authorities}
    system.api.create(f"/api/v1/namespaces/{NAMESPACE}/configmaps", trust)
    for shop in SHOPS:
        url = f"http://127.0.0.1:{system.port_of(shop.name, 'whatsapp')}"
        proxy = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": f"proxy-{shop.name}"},
            "data": {"url": base64.b64encode(url.encode()).decode()},
        }
        system.api.create(f"/api/v1/namespaces/{NAMESPACE}/secrets", proxy)


async def _open_shops(system: System) -> None:
    """Apply every instance, link its phone, and give it its catalog."""
    for shop in SHOPS:
        resource = example_resource(NAMESPACE, shop.spec)
        resource["metadata"]["name"] = shop.name
        await asyncio.to_thread(system.api.create, INSTANCES.format(NAMESPACE), resource)
    async with asyncio.timeout(READY_SECONDS), SimulatorClient(system.control_url) as simulator:
        await asyncio.gather(*(_open_shop(system, simulator, shop) for shop in SHOPS))


async def _open_shop(system: System, simulator: SimulatorClient, shop: Shop) -> None:
    await simulator.add_phone(shop.phone, shop.name)
    typed: set[str] = set()
    while await phase(system, shop) != "Connected":
        code = await asyncio.to_thread(_pairing_code, system, shop)
        if code and code not in typed:
            typed.add(code)
            with contextlib.suppress(RequestError):  # a code that was replaced meanwhile: another follows
                await simulator.link(shop.phone, code=code)
        await asyncio.sleep(0.5)
    while True:
        try:
            arguments = ("catalog", "apply", "--organization", shop.organization)
            await system.admin(*arguments, stdin=CATALOG_FILE.read_bytes())
        except ProgramError:
            await asyncio.sleep(0.5)
        else:
            return


async def phase(system: System, shop: Shop) -> str:
    """Return the phase that the operator shows."""
    path = f"{INSTANCES.format(NAMESPACE)}/{shop.name}"
    found: dict[str, Any] = await asyncio.to_thread(system.api.get, path)
    return str(found.get("status", {}).get("phase", ""))


def _pairing_code(system: System, shop: Shop) -> str | None:
    try:
        secret = system.api.get(f"/api/v1/namespaces/{NAMESPACE}/secrets/wai-{shop.name}-pairing")
    except ApiError:
        return None
    return base64.b64decode(secret["data"]["code"]).decode() if "code" in secret.get("data", {}) else None


def _stop(system: System) -> None:
    for member in system.members.values():
        member.program.kill()
    system.model.kill()
    system.simulator_program.kill()
    system.nats.kill()
    system.database.stop()
    for path in leftovers():
        path.unlink(missing_ok=True)
