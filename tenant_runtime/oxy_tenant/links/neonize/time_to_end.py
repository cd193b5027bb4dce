"""How long a session may take to deliver what it has received, and to end."""

import asyncio
from collections.abc import Coroutine
from typing import Final

from oxy_core.tasks import end_tasks

STOP_SECONDS: Final = 16.0
"""Time limit once the process is to stop: with the other limits of a shutdown, this is what the pod's termination grace
period leaves."""

REPLACE_SECONDS: Final = 45.0
"""Time limit while the process goes on. On a busy machine it takes a session long to end, and giving it up costs more:
what it has not delivered is lost, and only a new process can connect again."""


async def done_in_time(
    work: Coroutine[object, object, None],
    stopping: asyncio.Event,
    *,
    stop_seconds: float = STOP_SECONDS,
    replace_seconds: float = REPLACE_SECONDS,
) -> bool:
    """Do `work`, which ends a session, and return whether it was done before its time limit; cancel it otherwise.

    The limit is `replace_seconds`, but never more than `stop_seconds` after `stopping` was set.
    """
    task, stopped = asyncio.create_task(work), asyncio.create_task(stopping.wait())
    try:
        rest = max(0.0, replace_seconds - stop_seconds)
        await asyncio.wait({task, stopped}, timeout=rest, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({task}, timeout=stop_seconds)
        done = task.done()
    finally:
        await end_tasks(task, stopped)
    if done:
        task.result()
    return done
