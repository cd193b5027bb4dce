"""``make status`` and ``make logs``: the ``oxy`` command for the system that ``make up`` started."""

import os
import sys

from oxy_dev.cluster.errors import ClusterError
from oxy_dev.environment import require_system
from oxy_dev.servers import program


def main() -> int:
    """Replace this process by ``oxy`` with the same arguments; return 1 where the system is not running."""
    try:
        require_system()
    except ClusterError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return os.execv(program("oxy"), ["oxy", *sys.argv[1:]])  # noqa: S606 there is no shell in between
