"""What Python, Go and C's allocator have to know before Python starts: environment variables, and the timers' slack.

They are set only here. A value already in the environment wins.

Go's HTTP client also reads which proxy to use. It takes a URL that it cannot read for none, and connects directly to
what ``NO_PROXY`` names. So these variables are taken away from it, and the library is told about the proxy instead
(`oxy_tenant.settings.RuntimeSettings.proxy`).
"""

import ctypes
import os
import sys
from collections.abc import Mapping
from typing import Final

from oxy_core.early_signals import hold_signals_back

LIBRARY_ENVIRONMENT: Final = {
    # Pods are idle most of the time and many share a node, so memory costs more than processor time: Go collects
    # garbage at a quarter of its default heap growth, and C uses one arena for all threads.
    "GOGC": "25",
    # Go would use as many processors as the node has, each with memory of its own, and wake threads for them that find
    # nothing to do. One waits for no flush to disk: after `TIMER_SLACK`, Go's other threads have it.
    "GOMAXPROCS": "1",
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
    # Code without docstrings and the columns of tracebacks, 2.4 MiB less. The image has it compiled. No code of ours
    # relies on assertions.
    "PYTHONOPTIMIZE": "2",
    "PYTHONNODEBUGRANGES": "1",
    # Otherwise zoneinfo looks for this among all that Python was built with, 0.3 MiB.
    "PYTHONTZPATH": "/usr/share/zoneinfo",
    # Otherwise neonize marks messages to phone numbers as coming from a bot.
    "NEONIZE_BOT_TAG": "off",
}

TIMER_SLACK: Final = 2_000_000
"""Nanoseconds by which timers may be late; Linux's default is 50,000.

While Go works, a thread of its runtime (sysmon in its proc.go) looks after the others every 20 microseconds: some sixty
times for a message, each of them a switch of context. Nothing here needs timers that precise.
"""

_SET_TIMER_SLACK: Final = 29
"""Source: linux/prctl.h, PR_SET_TIMERSLACK."""

_PROXY: Final = "HTTPS_PROXY"
"""Set by the operator from the Secret that the instance names; an empty value is a proxy that cannot be used."""

_PROXIES: Final = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})
"""In capitals too. Source: Go, golang.org/x/net/http/httpproxy."""


def library_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return `environment` with the variables that it lacks, and with the proxy where only we look for it."""
    kept = {name: value for name, value in environment.items() if name.lower() not in _PROXIES}
    proxy = environment.get(_PROXY, environment.get(_PROXY.lower()) or None)
    return {**LIBRARY_ENVIRONMENT, **({} if proxy is None else {"OXY_PROXY": proxy}), **kept}


def restart_with_environment() -> None:
    """Restart this process in place with the library's environment, if that is another.

    Setting `os.environ` would be too late, even before the library is loaded: Go reads the environment that the
    process was started with.
    """
    wanted = library_environment(os.environ)
    if wanted != dict(os.environ):
        hold_signals_back()
        os.execve(sys.executable, sys.orig_argv, wanted)  # noqa: S606 this same program


def relax_timers() -> None:
    """Let the timers of this thread, and of all that start after this, be late by `TIMER_SLACK`."""
    ctypes.CDLL(None).prctl(_SET_TIMER_SLACK, ctypes.c_ulong(TIMER_SLACK), 0, 0, 0)
