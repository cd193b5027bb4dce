"""The operator's process: ``python -m oxy_operator``."""

if __name__ == "__main__":
    from oxy_core.early_signals import end_on_signals

    end_on_signals()  # before the imports, which take a second

import asyncio
import os
import sys
from typing import Final

import structlog

from oxy_core.early_signals import hold_signals_back
from oxy_core.errors import OxyError
from oxy_core.logs import configure_logging
from oxy_operator.application import Operator
from oxy_operator.errors import LeadershipLostError
from oxy_operator.kube.client import JSON_DEPTH, connected, load_configuration
from oxy_operator.settings import OperatorSettings

BEGIN_ANEW: Final = -1
"""No exit code: another operator may lead by now, and this one is to wait for its turn."""

log = structlog.get_logger()


async def main() -> int:
    """Run until SIGTERM; return the process's exit code, or `BEGIN_ANEW`."""
    try:
        settings = OperatorSettings.read()
        configure_logging("operator", settings.log_level)
        async with connected(await load_configuration(), connections=settings.api_connections) as api:
            await Operator(api, settings).run()
    except LeadershipLostError as error:
        hold_signals_back()
        log.warning("leadership_lost", error=str(error))
        return BEGIN_ANEW
    except OxyError as error:
        print(f"oxy_operator: {error}", file=sys.stderr)  # noqa: T201 before logging is configured
        return 1
    return 0


if __name__ == "__main__":
    sys.setrecursionlimit(JSON_DEPTH)
    code = asyncio.run(main())
    if code == BEGIN_ANEW:
        # In place of this process, of which nothing lives on that could act. The kubelet would let its container wait
        # for up to five minutes, and nobody would lead, just when the cluster recovers from whatever starved it.
        os.execv(sys.executable, [sys.executable, "-m", "oxy_operator"])  # noqa: S606 nothing of a user's in it
    sys.exit(code)
