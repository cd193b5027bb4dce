"""Environment variables for Go's runtime and C's allocator, which read them before Python starts.

They are set only here. A value already in the environment wins.
"""

import os
import sys
from collections.abc import Mapping
from typing import Final

LIBRARY_ENVIRONMENT: Final = {
    # Pods are idle most of the time and many share a node, so memory costs more than processor time: Go collects
    # garbage at a quarter of its default heap growth, and C uses one arena for all threads.
    "GOGC": "25",
    "MALLOC_ARENA_MAX": "1",
    # glibc's default, which it would raise as soon as a file is freed: the next one would come from the heap, where its
    # 16 MiB stay.
    "MALLOC_MMAP_THRESHOLD_": "131072",
    # Otherwise every message moves the end of the heap up and down again, four system calls each.
    "MALLOC_TOP_PAD_": "524288",
    "MALLOC_TRIM_THRESHOLD_": "2097152",
    # After a file, Go would keep what it needed for it, 25 MiB or more, for minutes. This limit is soft: as long as
    # more is needed, Go only collects more often.
    "GOMEMLIMIT": "32MiB",
    # Otherwise neonize marks messages to phone numbers as coming from a bot.
    "NEONIZE_BOT_TAG": "off",
}


def missing_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that `environment` lacks."""
    return {name: value for name, value in LIBRARY_ENVIRONMENT.items() if name not in environment}


def restart_with_environment() -> None:
    """Restart this process in place with all variables, if any is missing.

    Setting `os.environ` would be too late, even before the library is loaded: Go reads the environment that the
    process was started with.
    """
    missing = missing_environment(os.environ)
    if missing:
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **missing})  # noqa: S606 this same program
