"""The `oxy-simulator` command."""

import sys
from argparse import REMAINDER, ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Final

import aiohttp
from pydantic import ValidationError

from oxy_simulator import __version__, commands, serving
from oxy_simulator.chat import NoAnswerError
from oxy_simulator.errors import SimulatorError
from oxy_simulator.logs import configure_logging
from oxy_simulator.reasons import reason
from oxy_simulator.wording import FINITE, worded

FAILED: Final = 1
USAGE_ERROR: Final = 2
INTERRUPTED: Final = 130
_CODES: Final = (
    "exit codes: 0 done, all came true; 1 it ran and did not come true (an expectation is broken, a client ended or "
    "broke the protocol, a line got no answer); 2 it cannot run (wrong input, no server at the URL); 130 and 143 ended "
    "by SIGINT and SIGTERM"
)

CONTROL_URL: Final = "http://127.0.0.1:9101"

_WHICH_URL: Final = "give the URL of the control port, which `oxy-simulator serve` prints as 'control'"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code, see `_CODES`."""
    options = _parser().parse_args(arguments)
    # People are told by the commands themselves; only the server's own process logs (it sets this again).
    configure_logging("critical")
    try:
        status: int = options.act(options)
    except (SimulatorError, ValidationError, aiohttp.ClientError, OSError) as error:
        sys.stderr.write(f"oxy-simulator: {_explanation(error, getattr(options, 'url', None))}\n")
        return FAILED if isinstance(error, NoAnswerError) else USAGE_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _explanation(error: Exception, url: str | None) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, item['loc']))}: {worded(item)}" for item in error.errors())
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"{error}; start it with: oxy-simulator serve"
    if isinstance(error, aiohttp.ClientError):
        return f"{url} is no control API, or went away ({error!r}); {_WHICH_URL}"
    if isinstance(error, OSError):
        return f"{error.filename}: {reason(error)}" if error.filename else reason(error)
    return str(error)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="oxy-simulator", description="A WhatsApp Web server and phones for tests.", epilog=_CODES
    )
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(required=True)
    _add_serving(verbs.add_parser("serve", help="run the server until SIGTERM"))
    keys = verbs.add_parser("keys", help="make ca.crt, noise-root.hex and their private parts, then exit")
    keys.set_defaults(act=serving.keys)
    _add_state(keys)
    _add_run(verbs.add_parser("run", help="run scenario files and tell whether they come true", epilog=_CODES))
    schema = verbs.add_parser("schema", help="print the JSON schema of scenario files, for editors")
    schema.set_defaults(act=commands.schema)
    _add_link(verbs.add_parser("link", help="type a client's code on a simulated phone, or scan its QR code"))
    _add_phone(
        verbs.add_parser("phone", help="chat as a simulated phone in the terminal, or from a pipe", epilog=_CODES)
    )
    _add_trust(verbs.add_parser("trust", help="start a client that reaches and trusts a running server"))
    return parser


def _add_serving(serve: ArgumentParser) -> None:
    serve.set_defaults(act=serving.serve)
    serve.add_argument("--host", help="address to listen on (127.0.0.1)")
    serve.add_argument("--proxy-port", help="port of the CONNECT proxy for clients (9100)")
    serve.add_argument("--control-port", help="port of the control API (9101)")
    serve.add_argument("--pairing-seconds", help="how long linking codes are valid (160)")
    serve.add_argument("--packets", type=Path, help="file to append every stanza to, one line each")
    serve.add_argument("--kept-packets", help="packets kept in memory for GET /packets (5000)")
    serve.add_argument("--kept-messages", help="inbox entries and life lines kept, over all phones together (100000)")
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
    _add_state(serve)


def _add_state(parser: ArgumentParser) -> None:
    parser.add_argument("--state", type=Path, help="folder of state, and of keys (simulator-state)")
    parser.add_argument("--keys", type=Path, help="folder that has the keys, if not the state's; may be read-only")
    parser.add_argument("--log-level", choices=["debug", "info", "warning", "error"], help="(info)")


def _add_run(run: ArgumentParser) -> None:
    run.set_defaults(act=commands.run)
    run.add_argument("scenarios", nargs="+", type=Path, metavar="SCENARIO.yaml")
    run.add_argument("--url", help="control API of a running server (default: a server of its own)")
    run.add_argument("--evidence", type=Path, help="folder for a transcript and a packet log of each scenario")
    run.add_argument("--client-output", action="store_true", help="show what clients print")


def _add_link(link: ArgumentParser) -> None:
    link.set_defaults(act=commands.link)
    link.add_argument("number", help="whose phone, like +5511900000001; added if it does not exist")
    link.add_argument("code", help="the client's phone code, or the text of its QR code")
    _add_url(link)


def _add_phone(phone: ArgumentParser) -> None:
    phone.set_defaults(act=commands.phone)
    phone.add_argument("number", help="who writes, like +5511911111111; added if it does not exist")
    phone.add_argument("--to", help="whom to write to (default: the phone with a linked client)")
    phone.add_argument("--name", default="", help="the name that contacts see")
    phone.add_argument(
        "--within", type=_seconds, default=60.0, help="from a pipe: seconds to wait for each answer (60)"
    )
    _add_url(phone)


def _add_trust(trust: ArgumentParser) -> None:
    trust.set_defaults(act=commands.trust)
    trust.add_argument(
        "--folder", type=Path, default=Path("simulator-trust"), help="where to keep ca.crt and noise-root.hex"
    )
    _add_url(trust)
    trust.add_argument("program", nargs=REMAINDER, metavar="-- PROGRAM", help="without one, the environment is printed")


def _seconds(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ArgumentTypeError(FINITE)
    return number


def _add_url(parser: ArgumentParser) -> None:
    parser.add_argument("--url", default=CONTROL_URL, help=f"control API of the server ({CONTROL_URL})")


if __name__ == "__main__":
    sys.exit(main())
