"""Measures what the customers' assistant costs on a database as it is after half a year (`python -m oxy_dev seed`).

Prints the tables of docs/benchmarks.md: how long the context of a turn takes to read, and the processor time and the
memory of a worker that answers turns without tools, also with a budget, and to voice notes. With `--guard` it fails
if a turn without budget takes the worker longer.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Final

from assistants_context import measure_context
from assistants_town import Town
from assistants_turns import AT_ONCE, KINDS, measure_turns
from engine_platform import Platform, running_platform

from oxy_core.instance.settings import LimitsSettings
from oxy_core.logs import configure_logging
from oxy_dev.seed.command import seed
from oxy_dev.seed.plan import Numbers, customers, seeded_settings

UNLIMITED: Final = LimitsSettings(contact_turns_per_hour=0)


async def settle(platform: Platform, numbers: Numbers) -> Town:
    """Fill the database and start the pods of its instances."""
    print(await seed(platform.postgres.url("oxy"), numbers), file=sys.stderr)
    settings = [
        seeded_settings(number).model_copy(update={"ai": AT_ONCE, "limits": UNLIMITED})
        for number in range(numbers.organizations)
    ]
    people = [customer for shop in customers(numbers) for customer in shop]
    return Town(await platform.add_pods(settings), people)


async def main() -> int:
    """Measure everything, or what is asked for; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measures", nargs="*", help="worker, budget, voice, context (default: all)")
    parser.add_argument("--organizations", type=int, default=50, help="of the database (default: %(default)s)")
    parser.add_argument("--messages", type=int, default=1_000_000, help="of the database (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=2_000, help="to answer, and to read (default: %(default)s)")
    parser.add_argument("--guard", type=float, help="most milliseconds of processor time of a worker's turn")
    options = parser.parse_args()
    configure_logging("bench", "error")
    wanted = options.measures or [*KINDS, "context"]
    with tempfile.TemporaryDirectory(prefix="oxy-bench-") as folder:
        async with running_platform(Path(folder)) as platform:
            town = await settle(platform, Numbers(options.organizations, options.messages))
            turns = {
                name: await measure_turns(platform, town, options.turns, kind)
                for name, kind in KINDS.items()
                if name in wanted
            }
            if "context" in wanted:
                await measure_context(platform, town, options.turns)
    if options.guard and "worker" in turns and turns["worker"].worker > options.guard:
        print(f"a turn took the worker {turns['worker'].worker:.2f} ms, more than {options.guard:.2f}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
