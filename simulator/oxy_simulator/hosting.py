"""A simulator from its start to its end: state, network, servers, and the tasks behind them."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import structlog
from aiohttp import web

from oxy_simulator.clock import SimulatedClock
from oxy_simulator.front import Front
from oxy_simulator.keys import NOISE_ROOT_FILE, client_environment, ensure_keys, load_keys, require_keys
from oxy_simulator.load import LoadGenerator
from oxy_simulator.mediachecks import MediaChecks
from oxy_simulator.medialibrary import MediaLibrary
from oxy_simulator.mediaserver import MediaEndpoint
from oxy_simulator.network import Network
from oxy_simulator.operations import Operations
from oxy_simulator.packets import KEPT_PACKETS, PacketLog
from oxy_simulator.processes import ClientProcesses
from oxy_simulator.proxies import Proxies
from oxy_simulator.proxy_protocol import ProxyPolicy
from oxy_simulator.retention import KEPT_MESSAGES
from oxy_simulator.schedule import Schedule
from oxy_simulator.server import WebSocketEndpoint
from oxy_simulator.service import PAIRING_SECONDS, Service
from oxy_simulator.store import StateStore

log = structlog.get_logger(__name__)


@asynccontextmanager
async def run_service(  # noqa: PLR0913 - what a server can be told, all by name
    folder: Path,
    *,
    keys_folder: Path | None = None,
    host: str = "127.0.0.1",
    proxy_port: int = 0,
    pairing_seconds: float = PAIRING_SECONDS,
    clock: Callable[[], float] = time.time,
    kept_packets: int = KEPT_PACKETS,
    kept_messages: int = KEPT_MESSAGES,
    packet_sink: Callable[[str], None] | None = None,
    allow_client_control: bool = False,
) -> AsyncIterator[Service]:
    """Run a simulator on a state folder until the block ends; port 0 takes a free one.

    Keys are made in the state folder if it has none, or taken from a folder that has them all. Packets are logged
    unless none is kept and there is no sink. Of inbox entries and life lines the newest `kept_messages` are kept, over
    all phones together. `allow_client_control` lets whoever reaches the control API start
    processes. Raise SetupError if keys or folders cannot be used, RequestError if the address cannot be listened on.
    """
    if keys_folder is None:
        ensure_keys(folder)
    else:
        require_keys(keys_folder)
    keys = load_keys(keys_folder or folder, clock())
    async with AsyncExitStack() as exits:
        store = StateStore(folder)
        state = store.load()
        exits.callback(store.close)
        simulated = SimulatedClock(clock, state.advanced)
        network = Network(state, simulated, pairing_seconds, kept_messages)
        network.save_now = store.save
        if kept_packets or packet_sink is not None:
            network.packets = PacketLog(network.clock, kept_packets, packet_sink)
        network.listeners.append(store.mark_dirty)
        await exits.enter_async_context(_running(store.run(), _run_schedule(network.schedule)))
        exits.callback(network.impairments.release)
        front = Front(keys.tls, simulated)
        network.media.hosts = keys.media_hosts
        library = MediaLibrary(folder, network)
        checks = MediaChecks(network, library)
        exits.push_async_callback(checks.stop)
        network.media.arrived = checks.arrived
        endpoint = WebSocketEndpoint(network, keys.noise, front)
        endpoint.application.add_routes(MediaEndpoint(network, library).routes)
        front.runner = runner = web.AppRunner(endpoint.application, access_log=None, shutdown_timeout=1.0)
        exits.push_async_callback(runner.cleanup)
        await runner.setup()
        proxies = Proxies(front)
        exits.push_async_callback(proxies.stop)
        listener = await proxies.listen(ProxyPolicy(), host, proxy_port, option="--proxy-port")
        environment = client_environment(listener.url, keys.ca_file, keys.ca_file.with_name(NOISE_ROOT_FILE))
        clients = ClientProcesses(folder, environment, allow_client_control)
        exits.push_async_callback(clients.stop)
        operations = Operations(network, store, proxies, clients, host)
        load = LoadGenerator(network)
        exits.push_async_callback(load.stop)
        service = Service(network, simulated, keys, proxies, operations, library, load, host, listener.port)
        network.listeners.append(service.pulse)
        yield service


@asynccontextmanager
async def _running(*background: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run what never ends by itself until the block ends."""
    tasks = [asyncio.create_task(work) for work in background]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await _settle(tasks)


async def _run_schedule(schedule: Schedule) -> None:
    """Run what is due, for ever."""
    wake = asyncio.Event()
    schedule.sooner = wake.set
    while True:
        wake.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(schedule.wait()):
                await wake.wait()
        try:
            schedule.run_due()
        except Exception:
            log.exception("delayed_action_failed")


async def _settle(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Wait for cancelled tasks and report how they failed, if they did."""
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            log.error("task_failed", error=repr(result))
