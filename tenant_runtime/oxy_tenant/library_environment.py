"""The environment that the libraries below Python need: Go's runtime and C's allocator read it before Python runs.

The values stand here and nowhere else. One that is set from outside is kept.
"""

import os
import sys
from collections.abc import Mapping
from typing import Final

LIBRARY_ENVIRONMENT: Final = {
    # A pod is idle most of the time and there are many to a node, so memory is worth more than processor time: Go
    # collects after a quarter of its default growth, and C allocates from one arena for all threads.
    "GOGC": "25",
    "MALLOC_ARENA_MAX": "1",
    # Otherwise neonize marks messages to phone numbers as a bot's.
    "NEONIZE_BOT_TAG": "off",
}


def missing_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the process was not started with."""
    return {name: value for name, value in LIBRARY_ENVIRONMENT.items() if name not in environment}


def restart_with_environment() -> None:
    """Replace this process by one that has all variables, unless it has them.

    Setting them here would be too late, even before the library is loaded: Go reads what the process started with.
    """
    missing = missing_environment(os.environ)
    if missing:
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **missing})  # noqa: S606 itself, with a fuller environment
