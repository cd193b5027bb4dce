"""The operator's process: ``python -m oxy_operator``."""

if __name__ == "__main__":
    from oxy_core.early_signals import end_on_signals

    end_on_signals()  # before the imports, which take a second

import asyncio
import sys

from oxy_core.errors import OxyError
from oxy_core.logs import configure_logging
from oxy_operator.application import Operator
from oxy_operator.kube.client import JSON_DEPTH, connected, load_configuration
from oxy_operator.settings import OperatorSettings


async def main() -> int:
    """Run until SIGTERM; return the process's exit code."""
    try:
        settings = OperatorSettings.read()
        configure_logging("operator", settings.log_level)
        async with connected(await load_configuration(), connections=settings.api_connections) as api:
            await Operator(api, settings).run()
    except OxyError as error:
        print(f"oxy_operator: {error}", file=sys.stderr)  # noqa: T201 before logging is configured
        return 1
    return 0


if __name__ == "__main__":
    sys.setrecursionlimit(JSON_DEPTH)
    sys.exit(asyncio.run(main()))
