"""``make chat``: talk to the running system from the terminal, as the customer or the owner.

Uses the system that ``make up`` started. Where there is no cluster, starts plain processes for the duration of the
chat; where there is a broken one, fails and says so.
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from oxy_core.errors import OxyError
from oxy_core.logs import configure_logging
from oxy_dev.cluster.errors import ClusterError
from oxy_dev.conversation import ANSWER_SECONDS, CUSTOMER, OWNER, Part
from oxy_dev.environment import BUSINESS_PHONE, NoClusterError, forwarding_simulator, require_system
from oxy_dev.stack import Stack, running_stack
from oxy_simulator.chat import chat
from oxy_simulator.errors import SimulatorError

PARTS: Final = {"customer": CUSTOMER, "owner": OWNER}


@contextlib.asynccontextmanager
async def simulator_url() -> AsyncIterator[str]:
    """Find the running system's simulator, or run everything as plain processes; yields its control API."""
    try:
        kubectl = require_system()
    except NoClusterError:
        print("There is no cluster; starting plain processes …", file=sys.stderr)  # noqa: T201 a command's output
    else:
        with forwarding_simulator(kubectl) as url:
            yield url
        return
    with tempfile.TemporaryDirectory(prefix="oxy-") as folder:
        async with running_stack(Stack(Path(folder))) as stack:
            yield stack.control_url


async def talk(part: Part) -> None:
    """Talk as one person until standard input ends; raises NoAnswerError if a piped line is not answered."""
    async with simulator_url() as url:
        await chat(url, part.phone, BUSINESS_PHONE, name=part.name, patience=ANSWER_SECONDS)


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="make chat", description=__doc__)
    parser.add_argument("--as", dest="part", choices=sorted(PARTS), default="customer", help="who you are")
    configure_logging("chat", "error")
    try:
        asyncio.run(talk(PARTS[parser.parse_args().part]))
    except (OxyError, ClusterError, SimulatorError) as error:
        print(f"chat: {error}", file=sys.stderr)  # noqa: T201 a command's output
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
