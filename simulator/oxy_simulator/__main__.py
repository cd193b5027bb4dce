"""The `oxy-simulator` command: `serve` runs it, `keys` only makes its keys."""

import argparse
import asyncio
import json
import logging
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog
from pydantic import ValidationError

from oxy_simulator import __version__
from oxy_simulator.control import serving_control
from oxy_simulator.errors import SimulatorError
from oxy_simulator.keys import ensure_keys
from oxy_simulator.service import run_service
from oxy_simulator.settings import Settings

USAGE_ERROR: Final = 2

log = structlog.get_logger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = vars(_parser().parse_args(arguments))
    command = options.pop("command")
    given = {name: value for name, value in options.items() if value is not None}
    try:
        settings = Settings(**given)
        _configure_logging(settings.log_level)
        if command == "keys":
            return _make_keys(settings.keys or settings.state)
        asyncio.run(_serve(settings))
    except ValidationError as error:
        return _fail(f"settings are wrong: {error}")
    except (SimulatorError, OSError) as error:
        return _fail(str(error))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="oxy-simulator", description="A WhatsApp Web server and phones for tests.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="run the server until SIGTERM")
    serve.add_argument("--host", help="address to listen on (127.0.0.1)")
    serve.add_argument("--proxy-port", type=int, help="port of the CONNECT proxy for clients (9100)")
    serve.add_argument("--control-port", type=int, help="port of the control API (9101)")
    serve.add_argument("--pairing-seconds", type=float, help="how long linking codes are valid (160)")
    serve.add_argument("--packets", type=Path, help="file to append every stanza to, one line each")
    serve.add_argument("--kept-packets", type=int, help="packets kept in memory for GET /packets (5000)")
    serve.add_argument(
        "--listen",
        action="append",
        metavar="URL",
        help="another proxy for clients, like socks5://user:password@127.0.0.1:0",
    )
    serve.add_argument(
        "--allow-client-control",
        action="store_true",
        default=None,
        help="let the control API start and kill processes here (never on an open network)",
    )
    keys = commands.add_parser("keys", help="make ca.crt, noise-root.hex and their private parts, then exit")
    for command in (serve, keys):
        command.add_argument("--state", type=Path, help="folder of state, and of keys (simulator-state)")
        command.add_argument("--keys", type=Path, help="folder of keys, if not the state's; may be read-only")
        command.add_argument("--log-level", choices=["debug", "info", "warning", "error"], help="(info)")
    return parser


async def _serve(settings: Settings) -> None:
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
            await stopping.wait()
            log.info("simulator_stopping")


@contextmanager
def _appending(path: Path | None) -> Iterator[Callable[[str], None] | None]:
    """Open a file for appending lines, each written at once; None for no file."""
    if path is None:
        yield None
        return
    with path.open("a", buffering=1, encoding="utf-8") as file:
        yield lambda line: print(line, file=file)


def _make_keys(folder: Path) -> int:
    ensure_keys(folder)
    sys.stdout.write(f"{folder}\n")
    return 0


def _configure_logging(level: str) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _fail(text: str) -> int:
    sys.stderr.write(f"oxy-simulator: {text}\n")
    return USAGE_ERROR


if __name__ == "__main__":
    sys.exit(main())
