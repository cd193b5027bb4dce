"""The commands `serve` and `keys`: the server as a process."""

import asyncio
import gc
import json
import resource
import signal
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog

from oxy_simulator.control import serving_control
from oxy_simulator.hosting import run_service
from oxy_simulator.keys import ensure_keys, load_keys
from oxy_simulator.logs import configure_logging
from oxy_simulator.reasons import explaining
from oxy_simulator.settings import Settings, read_settings

# Messages leave no reference cycles behind, yet keep many objects: at Python's own threshold (700) a quarter of the
# time of a message went into looking for cycles. What does leave some (connections, failures) is still collected.
_COLLECT_AFTER: Final = 50_000  # objects that came and stayed

log = structlog.get_logger(__name__)


def serve(options: Namespace) -> int:
    """Run the server until SIGTERM. Raise SetupError if a setting is wrong."""
    settings = _settings(options)
    asyncio.run(_serve(settings))
    return 0


def keys(options: Namespace) -> int:
    """Make the server's keys, or check those that there are, and print their folder."""
    settings = _settings(options)
    folder = settings.keys or settings.state
    ensure_keys(folder, option="--keys" if settings.keys else "--state")
    load_keys(folder, time.time())
    sys.stdout.write(f"{folder}\n")
    return 0


def _settings(options: Namespace) -> Settings:
    settings = read_settings(vars(options))
    configure_logging(settings.log_level)
    return settings


async def _serve(settings: Settings) -> None:
    _raise_file_limit()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stopping.set)
    with _appending(settings.packets) as packet_sink:
        async with (
            run_service(
                settings.state,
                keys_folder=settings.keys,
                host=settings.host,
                proxy_port=settings.proxy_port,
                pairing_seconds=settings.pairing_seconds,
                kept_packets=settings.kept_packets,
                kept_messages=settings.kept_messages,
                packet_sink=packet_sink,
                allow_client_control=settings.allow_client_control,
            ) as service,
            serving_control(service, settings.control_port) as control_port,
        ):
            more = [(await service.operations.listen(url)).url for url in settings.listen]
            ports = {"proxy": service.proxy_port, "control": control_port}
            sys.stdout.write(json.dumps({**ports, "listen": more} if more else ports) + "\n")
            sys.stdout.flush()
            log.info("simulator_started", **ports)
            _collect_rarely()
            await stopping.wait()
            log.info("simulator_stopping")


def _collect_rarely() -> None:
    """Look for reference cycles less often, and never again among what was loaded until now."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)


def _raise_file_limit() -> None:
    """Allow as many connections as the system does."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextmanager
def _appending(path: Path | None) -> Iterator[Callable[[str], None] | None]:
    """Open a file for appending lines, each written at once; None for no file."""
    if path is None:
        yield None
        return
    with explaining("the packet log", path, "name a file in a folder that exists with --packets"):
        file = path.open("a", buffering=1, encoding="utf-8")
    with file:
        yield lambda line: print(line, file=file)
