"""One tenant under fire: its runtime before a simulated WhatsApp and a NATS server with accounts as in production.

The operator's own functions make account, credentials, settings and environment. Every connection of the tenant passes
a link that can be cut, its volume is small enough to be filled, and its Python goes by a clock that can be moved.
"""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from chaos.clocks import PATCH, Clock, leftovers, new_clocks
from chaos.links import Link, links_between
from chaos.tenant.plan import TENANT, TO_NATS, TO_WHATSAPP
from chaos.tenant.platform import Platform
from chaos.tenant.pod import Pod, first_epoch
from integration.tenant.small_volumes import SmallVolume, small_volume

from oxy_core.bus import connected
from oxy_core.jetstream import ensure_streams
from oxy_core.subjects import SubjectSender
from oxy_core.tasks import end_tasks
from oxy_core.tenant import CREDENTIALS_FILE, SETTINGS_FILE
from oxy_dev.example import PROXY_SECRET
from oxy_dev.plain_pod import TERMINATION_LOG, pod_environment
from oxy_dev.programs import Program
from oxy_dev.servers import NatsServer, free_port, is_listening, program
from oxy_dev.stack import petshop
from oxy_operator.bus.accounts import nats_configuration, platform_credentials, system_credentials, tenancy
from oxy_operator.bus.directory import push_account
from oxy_operator.bus.nkeys import PlatformKeys
from oxy_operator.decide.epoch_record import EpochRecord
from oxy_operator.decide.instance import Instance
from oxy_operator.decide.specs.config_map import tenant_settings
from oxy_operator.decide.specs.stateful_set import runtime_stateful_set
from oxy_operator.tenancy import Tenancy
from oxy_simulator.client import SimulatorClient
from oxy_simulator.errors import RequestError
from oxy_simulator.keys import NOISE_ROOT_FILE
from oxy_simulator.replies import DeviceView
from oxy_simulator.testing import TRUST_FOLDER

BUSINESS: Final = "+5511987650000"
READY_SECONDS: Final = 120.0
VOLUME_BYTES: Final = 64 << 20
RECEIPT_WAIT_SECONDS: Final = 10.0
"""How long a send that was interrupted waits for a receipt; shorter than in production, because runs are short."""
_SPEC: Final = {
    "phoneNumber": BUSINESS,
    "limits": {"pacing": "None", "inboundPerSecond": 0},
    "reconnect": {
        "baseDelaySeconds": 0.5,
        "multiplier": 1.5,
        "maxDelaySeconds": 3,
        "maxAttempts": 30,
        # Shorter than the sign of life for which the library asks: somebody writes all the time.
        "silentAfterSeconds": 20,
        "renewAfterSeconds": 25,
    },
}


@dataclass(eq=False)
class System:
    """All parts of a run."""

    folder: Path
    keys: PlatformKeys
    nats: NatsServer
    simulator_program: Program
    control_port: int
    instance: Instance
    rights: Tenancy
    clock: Clock
    links: Mapping[str, Link] = field(default_factory=dict)
    volume: SmallVolume = field(init=False)
    pod: Pod = field(init=False)
    platform: Platform = field(init=False)

    @property
    def control_url(self) -> str:
        """URL of the simulator's control API."""
        return f"http://127.0.0.1:{self.control_port}"

    @property
    def pod_folder(self) -> Path:
        """The folder of the pod's volumes."""
        return self.folder / "pod"


@contextlib.asynccontextmanager
async def running_system(folder: Path) -> AsyncIterator[System]:
    """Run everything, with the phone linked and the tenant receiving."""
    ports = {TO_NATS: free_port(), TO_WHATSAPP: free_port()}
    system = _described(folder, ports[TO_WHATSAPP])
    async with AsyncExitStack() as exits:
        ends = {TO_NATS: lambda: system.nats.port, TO_WHATSAPP: lambda: ports[TO_WHATSAPP]}
        system.links = await exits.enter_async_context(links_between(ends))
        system.volume = exits.enter_context(small_volume(system.pod_folder / "session", VOLUME_BYTES))
        exits.enter_context(_processes(system))
        system.nats.start()
        system.simulator_program.start()
        await _provide_bus(system)
        await system.simulator_program.wait_until(lambda: is_listening(system.control_port), READY_SECONDS)
        simulator = await exits.enter_async_context(SimulatorClient(system.control_url))
        await simulator.add_phone(BUSINESS, "Pet Shop")
        keepers = [system.platform.run(), system.pod.run(), _keep_linked(system, simulator)]
        tasks = [asyncio.create_task(keeper) for keeper in keepers]
        exits.push_async_callback(_end, tasks)
        await _connected(system, simulator, tasks)
        yield system


def _described(folder: Path, whatsapp_port: int) -> System:
    keys, control_port = PlatformKeys.generate(), free_port()
    command = [program("oxy-simulator"), "serve", "--host", "127.0.0.1", "--state", str(folder / "simulator")]
    command += ["--proxy-port", str(whatsapp_port), "--control-port", str(control_port)]
    instance = petshop(**_SPEC)
    rights = tenancy(keys, instance.spec.organization_id, instance.name, now=time.time())
    system = System(
        folder=folder,
        keys=keys,
        nats=NatsServer(folder / "nats", nats_configuration(keys, folder / "nats" / "accounts")),
        simulator_program=Program("simulator", command, folder / "logs"),
        control_port=control_port,
        instance=instance,
        rights=rights,
        clock=new_clocks(folder / "clocks", (TENANT,))[TENANT],
    )
    runtime = Program(TENANT, [sys.executable, "-m", "oxy_tenant"], folder / "logs")
    system.pod = Pod(
        program=runtime,
        record=first_epoch(instance.uid),
        port=free_port(),
        provide=lambda record: _provided(system, record),
        termination_log=system.pod_folder / TERMINATION_LOG,
    )
    sender = SubjectSender(rights.account, instance.name)
    system.platform = Platform(system.nats.url, folder / "platform.creds", sender, instance.spec.organization_id)
    return system


def _provided(system: System, record: EpochRecord) -> dict[str, str]:
    """Write the settings of an epoch, and return the environment of its process."""
    settings = tenant_settings(system.instance, record)
    fresh = system.pod_folder / "settings" / f".{SETTINGS_FILE}"
    fresh.write_bytes(settings.encode())
    fresh.replace(fresh.with_name(SETTINGS_FILE))
    stateful_set = runtime_stateful_set(
        system.instance,
        record,
        account=system.rights.account,
        image="",
        nats_url=f"nats://127.0.0.1:{system.links[TO_NATS].port}",
        volume=system.instance.uid,
        proxy=None,
        replicas=1,
    )
    proxy = f"http://127.0.0.1:{system.links[TO_WHATSAPP].port}"
    environment = pod_environment(
        stateful_set["spec"]["template"],
        system.pod_folder,
        uid=f"pod-{record.epoch}",
        secrets={PROXY_SECRET: {"url": proxy}},
    )
    return environment | {
        "OXY_PROBE_HOST": "127.0.0.1",
        "OXY_PROBE_PORT": str(system.pod.port),
        "OXY_RECEIPT_WAIT": str(RECEIPT_WAIT_SECONDS),
        "OXY_NOISE_ROOT_FILE": str(system.folder / "simulator" / NOISE_ROOT_FILE),
        "PYTHONPATH": os.pathsep.join(map(str, (PATCH, TRUST_FOLDER))),
        **system.clock.environment(),
    }


async def _provide_bus(system: System) -> None:
    """Create the streams, push the tenant's account, and fill the pod's other volumes."""
    system_file = system.folder / "system.creds"
    system_file.write_text(system_credentials(system.keys))
    system.platform.credentials.write_text(platform_credentials(system.keys))
    async with (
        connected(system.nats.url, system.platform.credentials, name="streams", within=READY_SECONDS) as platform,
        connected(system.nats.url, system_file, name="accounts", within=READY_SECONDS) as accounts,
    ):
        await ensure_streams(platform.jetstream())
        await push_account(accounts, system.rights.account_token)
    for name in ("credentials", "settings"):
        (system.pod_folder / name).mkdir(parents=True, exist_ok=True)
    (system.pod_folder / "authorities").symlink_to(system.folder / "simulator")
    (system.pod_folder / "credentials" / CREDENTIALS_FILE).write_text(system.rights.credentials)


async def _keep_linked(system: System, simulator: SimulatorClient) -> None:
    """Type every code that the tenant shows on the business's phone, and remove there what was linked before."""
    typed: set[str] = set()
    while True:
        state = system.platform.state
        code = state.pairing.code if state is not None and state.pairing is not None else None
        if code and code not in typed:
            typed.add(code)
            with contextlib.suppress(RequestError):  # a code that ran out meanwhile: another follows
                linked = await simulator.link(BUSINESS, code=code)
                for older in await devices(simulator):
                    if older.id != linked.id:
                        await simulator.unlink(BUSINESS, older.id)
        await asyncio.sleep(0.1)


async def _connected(system: System, simulator: SimulatorClient, keepers: Sequence[asyncio.Task[None]]) -> None:
    async with asyncio.timeout(READY_SECONDS):
        while not any(device.online for device in await devices(simulator)):
            for keeper in keepers:
                if keeper.done():
                    keeper.result()  # raises what it died of
            await asyncio.sleep(0.1)


async def devices(simulator: SimulatorClient) -> list[DeviceView]:
    """Return the devices that are linked with the business's phone."""
    phones = {phone.phone: phone for phone in await simulator.phones()}
    return phones[BUSINESS.removeprefix("+")].devices


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    """End the tasks that keep everything running; raises what one of them died of."""
    dead = [task for task in tasks if task.done()]
    await end_tasks(*tasks)
    for task in dead:
        task.result()


@contextlib.contextmanager
def _processes(system: System) -> Iterator[None]:
    try:
        yield
    finally:
        system.pod.program.kill()
        system.simulator_program.kill()
        system.nats.kill()
        for path in leftovers():
            path.unlink(missing_ok=True)
