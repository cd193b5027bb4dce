"""``make chat``: talk to the running system from the terminal, as the customer or the owner.

Talks to what ``make up`` left running; where no cluster was ever begun, brings up plain processes for as long as the
chat lasts. A cluster that is broken is named, and not passed over.
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
from oxy_dev.conversation import CUSTOMER, OWNER, Part, ask, follow, read_line, show
from oxy_dev.environment import BUSINESS_PHONE, NoClusterError, forwarding_simulator, require_system
from oxy_dev.stack import Stack, running_stack
from oxy_simulator.client import SimulatorClient

PARTS: Final = {"customer": CUSTOMER, "owner": OWNER}


@contextlib.asynccontextmanager
async def simulator_url() -> AsyncIterator[str]:
    """Find the running system's simulator, or run everything as plain processes; yields its control API."""
    try:
        kubectl = require_system()
    except NoClusterError:
        print("No cluster is here; starting plain processes …", file=sys.stderr)  # noqa: T201 a command's output
    else:
        with forwarding_simulator(kubectl) as url:
            yield url
        return
    with tempfile.TemporaryDirectory(prefix="oxy-") as folder:
        async with running_stack(Stack(Path(folder))) as stack:
            yield stack.control_url


async def chat(part: Part) -> None:
    """Let one person talk until standard input ends."""
    async with simulator_url() as url, SimulatorClient(url) as simulator:
        await simulator.add_phone(part.phone, part.name)
        if sys.stdin.isatty():
            await _talk(simulator, part)
        else:
            await _recite(simulator, part)


async def _talk(simulator: SimulatorClient, part: Part) -> None:
    """Send each line as it is typed, print each answer as it comes."""
    sys.stdout.write(f"You are {part.name}, writing to {BUSINESS_PHONE}. Ctrl-D ends.\n> ")
    sys.stdout.flush()
    follower = asyncio.create_task(follow(simulator, part.phone, sys.stdout))
    try:
        while line := await read_line(sys.stdin):
            if line.strip():
                await simulator.send(part.phone, BUSINESS_PHONE, line.strip())
    finally:
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)


async def _recite(simulator: SimulatorClient, part: Part) -> None:
    """Say each line of a file or pipe after the answer to the last."""
    while line := await read_line(sys.stdin):
        if line.strip():
            show(part, [await ask(simulator, part.phone, BUSINESS_PHONE, line.strip())], sys.stdout)


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="make chat", description=__doc__)
    parser.add_argument("--as", dest="part", choices=sorted(PARTS), default="customer", help="who you are")
    configure_logging("chat", "error")
    try:
        asyncio.run(chat(PARTS[parser.parse_args().part]))
    except (OxyError, ClusterError) as error:
        print(f"chat: {error}", file=sys.stderr)  # noqa: T201 a command's output
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
