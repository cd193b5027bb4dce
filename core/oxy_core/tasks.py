"""Ending tasks for certain."""

import asyncio
from typing import Any, Final

_PATIENCE_SECONDS: Final = 0.5


async def end_tasks(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until they have ended.

    Cancels again what does not end: in Python 3.11 `asyncio.wait_for`, which nats-py uses, swallows a cancellation
    that meets its result (https://github.com/python/cpython/issues/86296).
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_PATIENCE_SECONDS)
