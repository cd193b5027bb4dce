"""Running, waiting for and ending asyncio tasks."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

_Result = TypeVar("_Result")

CANCEL_AGAIN_SECONDS: Final = 0.5
"""How long `end_tasks` waits before it cancels a task again."""

RESTART_SECONDS: Final = 0.5
"""Pause before `supervised` restarts a part."""


async def end_tasks(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until they have ended.

    Tasks that do not end are cancelled again: in Python 3.11 `asyncio.wait_for`, which nats-py uses, swallows a
    cancellation that coincides with its result (https://github.com/python/cpython/issues/86296). If this call is
    cancelled, it cancels them again and ends after them: nobody else would know of a task that is left running.
    """
    pending, cancelled = {task for task in tasks if not task.done()}, False
    while pending:
        for task in pending:
            task.cancel()
        try:
            await asyncio.wait(pending, timeout=CANCEL_AGAIN_SECONDS)
        except asyncio.CancelledError:
            cancelled = True
        pending = {task for task in pending if not task.done()}
    if cancelled:
        raise asyncio.CancelledError


async def cancel_tasks(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks once and wait until they have ended, however long they take to clean up.

    Use `end_tasks` for tasks that may swallow a cancellation; it would interrupt a long clean-up.
    """
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def to_the_end(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Return the result of `work`, which a cancellation does not interrupt; it takes effect afterwards."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    finally:
        if not task.done():
            await asyncio.wait({task})


async def supervised(
    name: str,
    run: Callable[[], Coroutine[Any, Any, None]],
    report: Callable[[str, Exception], None],
    *,
    pause_seconds: float = RESTART_SECONDS,
) -> None:
    """Run a part of a process until cancelled; restart it whenever it ends.

    Exceptions of `run` go to `report`, with the part's name. The restart follows after `pause_seconds`, also if `run`
    returned. A cancellation ends it even if the part swallows it, or raises another error while it cleans up.
    """
    while True:
        # A task of its own for each run: the task group of Python 3.11 leaves its task marked as cancelled if one of
        # its tasks fails while it waits for them (`Task.cancelling`), and nobody could tell that from a cancellation.
        part = asyncio.create_task(run())
        try:
            await asyncio.wait({part})
        finally:
            await end_tasks(part)
            _report_end(name, part, report)
        await asyncio.sleep(pause_seconds)


def _report_end(name: str, part: asyncio.Task[None], report: Callable[[str, Exception], None]) -> None:
    """Report what a part that has ended died of; raises what is no `Exception`."""
    error = None if part.cancelled() else part.exception()
    if isinstance(error, Exception):
        report(name, error)
    elif error is not None:
        raise error


async def wait_for(event: asyncio.Event, seconds: float | None) -> bool:
    """Wait until `event` is set, for at most `seconds` (None: for ever); returns whether it is."""
    try:
        async with asyncio.timeout(None if seconds is None else max(seconds, 0)):
            await event.wait()
    except TimeoutError:
        return False
    return True
