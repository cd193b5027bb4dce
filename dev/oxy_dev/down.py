"""``make down``: leaves the machine as it was before ``make up``, except for installed packages and the cache."""

import argparse
import sys
from pathlib import Path

from oxy_dev import images
from oxy_dev.cluster import binary, layout, processes
from oxy_dev.cluster.errors import ClusterError
from oxy_dev.cluster.layout import Layout
from oxy_dev.cluster.progress import Reporter
from oxy_dev.cluster.up import down


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="make down", description=__doc__)
    parser.add_argument("--all", action="store_true", help="also the clusters of other checkouts")
    options = parser.parse_args()
    own = layout.default()
    others = {Layout(Path(process.cluster)) for process in processes.scan()} if options.all else set()
    try:
        for each in [own, *sorted(others - {own}, key=str)]:
            down(each, Reporter())
        binary.clean()
        images.Builder().clean()
    except ClusterError as error:
        sys.stderr.write(f"make down: {error}\n")
        return 1
    return 0
