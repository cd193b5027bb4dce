"""``make status`` and ``make logs``: the ``oxy`` command on the system of ``make up``, if that is there."""

import os
import sys

from oxy_dev.cluster.errors import ClusterError
from oxy_dev.environment import require_system
from oxy_dev.servers import program


def main() -> int:
    """Become ``oxy`` with this process's arguments; return 1 where there is no system to ask."""
    try:
        require_system()
    except ClusterError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return os.execv(program("oxy"), ["oxy", *sys.argv[1:]])  # noqa: S606 there is no shell in between
