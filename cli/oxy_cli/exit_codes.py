"""Exit codes of ``oxy``, for scripts.

0 is success, and 2 comes from typer: a command, option or argument that does not exist.
"""

import signal
from typing import Final

FAILURE: Final = 1
"""The command failed with an error that people can act on (`oxy_cli.errors`); standard error explains it."""


def after_signal(number: int) -> int:
    """Return the exit code of a command that a signal ended, as shells report it.

    >>> after_signal(signal.SIGTERM)
    143
    """
    return 128 + number


INTERRUPTED: Final = after_signal(signal.SIGINT)
"""Ctrl-C."""
