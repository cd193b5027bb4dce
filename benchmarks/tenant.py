"""Measures what one tenant pod costs: memory, processor time by stage, idle time, start, two hundred reconnections.

Pods, neonize, NATS and the simulator are real and share the machine with this program, which takes the place of the
workers: it answers each message on the bus. What is measured is read from /proc, so other programs disturb it little.

    python benchmarks/tenant.py --only processor --messages 2000
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

from tenant_life import measure_idle, measure_reconnections, measure_start
from tenant_memory import measure_alone, measure_imports, measure_together
from tenant_pods import Pods, compile_as_for_the_image, running_pods
from tenant_processor import measure_processor

from oxy_core.logs import configure_logging

Measurement = Callable[[Pods, argparse.Namespace], Awaitable[None]]

ON_ONE_POD: Final[Mapping[str, Measurement]] = {
    "start": lambda pods, options: measure_start(pods, options.starts),
    "idle": lambda pods, options: measure_idle(pods, options.idle),
    "processor": lambda pods, options: measure_processor(pods, options.messages, options.rounds),
    "reconnections": lambda pods, options: measure_reconnections(pods, options.reconnections, options.apart),
    "alone": lambda pods, options: measure_alone(pods, options.memory),
}
"""In the order in which they are measured, on the same pod: memory last, because all before it counts too."""


async def main() -> None:
    """Measure everything once, or what ``--only`` names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = ["imports", *ON_ONE_POD, "together"]
    parser.add_argument("--only", choices=names, action="append", help="may be given several times (default: all)")
    parser.add_argument("--messages", type=int, default=1000, help="messages of a stage (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of all stages (default: %(default)s)")
    parser.add_argument("--memory", type=int, default=10_000, help="messages for memory (default: %(default)s)")
    parser.add_argument("--pods", type=int, default=20, help="pods on one node (default: %(default)s)")
    parser.add_argument("--idle", type=int, default=120, help="idle seconds (default: %(default)s)")
    parser.add_argument("--starts", type=int, default=7, help="starts (default: %(default)s)")
    parser.add_argument("--reconnections", type=int, default=200, help="(default: %(default)s)")
    parser.add_argument("--apart", type=float, default=0.3, help="seconds that each lasts (default: %(default)s)")
    options = parser.parse_args()
    wanted = options.only or names
    configure_logging("bench", "error")
    compile_as_for_the_image()
    if "imports" in wanted:
        measure_imports()
    alone = [measurement for name, measurement in ON_ONE_POD.items() if name in wanted]
    if alone:
        with tempfile.TemporaryDirectory(prefix="oxy-bench-") as folder:
            async with running_pods(Path(folder), 1) as pods:
                for measurement in alone:
                    await measurement(pods, options)
    if "together" in wanted:
        with tempfile.TemporaryDirectory(prefix="oxy-bench-") as folder:
            async with running_pods(Path(folder), options.pods) as pods:
                await measure_together(pods, options.memory)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
