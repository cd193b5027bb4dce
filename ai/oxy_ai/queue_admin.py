"""``python -m oxy_ai.admin queues test``: probes through the live system, a station a line as it is reached."""

import argparse
from typing import Final

from nats.aio.client import Client

from oxy_ai.engine.lane_probes import find_target, probe
from oxy_ai.engine.store import Engine
from oxy_ai.printing import Printed, print_document
from oxy_core.envelopes import Lane

WITHIN_SECONDS: Final = 15.0
"""Longest wait for one station: several sweeps of a worker, and a back-off of a pod that was away."""

LANES: Final = {"message": Lane.REPLY, "automation": Lane.AUTOMATION, "campaign": Lane.CAMPAIGN}


def add_queues_parser(parser: argparse.ArgumentParser) -> None:
    """Add the verbs of ``queues``."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    tested = verbs.add_parser("test", help="send a probe through the live system; it reaches no customer")
    tested.add_argument("lane", nargs="?", choices=LANES, help="which queue; without it, all")
    tested.add_argument("--organization", help="through an instance of this organization")
    tested.add_argument("--instance", help="through the instance of this name; without it, the first that is open")
    tested.add_argument(
        "--within", type=float, default=WITHIN_SECONDS, help="seconds to wait for each station (%(default)s)"
    )


async def carry_out_queues(client: Client, engine: Engine, options: argparse.Namespace) -> Printed:
    """Probe and print each station; fine if all were reached. Raises AdministrationError."""
    target = await find_target(engine, options.organization, options.instance)
    reached = True
    for lane in [options.lane] if options.lane else LANES:
        async for station in probe(client, engine, LANES[lane], target, options.within):
            print_document(station)
            reached &= station.reached
    return Printed(reached)
