"""``python -m oxy_dev.model``: the scripted model server."""

import argparse
from pathlib import Path
from typing import Final

from aiohttp import web

from oxy_dev.model.scenario import Scenario
from oxy_dev.model.server import ModelServer

PETSHOP: Final = Path(__file__).parent / "petshop.yaml"


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m oxy_dev.model", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8081, help="port to listen on (default: %(default)s)")
    parser.add_argument("--scenario", type=Path, default=PETSHOP, help="scenario file (default: the pet shop's)")
    parser.add_argument("--echo", action="store_true", help="answer at once with the last user text (benchmarks)")
    options = parser.parse_args()
    server = ModelServer(None if options.echo else Scenario.read(options.scenario))
    web.run_app(server.application(), host=options.host, port=options.port, print=None, access_log=None)


if __name__ == "__main__":
    main()
