"""Running, waiting for and ending asyncio tasks."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

CANCEL_AGAIN_SECONDS: Final = 0.5
"""How long `end_tasks` waits before it cancels a task again."""

RESTART_SECONDS: Final = 0.5
"""Pause before `supervised` restarts a part."""


async def end_tasks(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until they have ended.

    Tasks that do not end are cancelled again: in Python 3.11 `asyncio.wait_for`, which nats-py uses, swallows a
    cancellation that coincides with its result (https://github.com/python/cpython/issues/86296).
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_SECONDS)


async def cancel_tasks(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks once and wait until they have ended, however long they take to clean up.

    Use `end_tasks` for tasks that may swallow a cancellation; it would interrupt a long clean-up.
    """
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def supervised(
    name: str,
    run: Callable[[], Awaitable[None]],
    report: Callable[[str, Exception], None],
    *,
    pause_seconds: float = RESTART_SECONDS,
) -> None:
    """Run a part of a process until cancelled; restart it whenever it ends.

    Exceptions of `run` go to `report`, with the part's name. The restart follows after `pause_seconds`, also if `run`
    returned. A cancellation ends it even if the part swallows it, or raises another error while it cleans up.
    """
    task = asyncio.current_task()
    while True:
        try:
            await run()
        except Exception as error:  # noqa: BLE001 the edge of a task: reported, and the part starts again
            report(name, error)
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
        await asyncio.sleep(pause_seconds)


async def wait_for(event: asyncio.Event, seconds: float) -> bool:
    """Wait until `event` is set, for at most `seconds`; returns whether it is."""
    try:
        async with asyncio.timeout(max(seconds, 0)):
            await event.wait()
    except TimeoutError:
        return False
    return True
