import asyncio
import contextlib

import pytest

from oxy_core.tasks import CANCEL_AGAIN_SECONDS, cancel_tasks, end_tasks, supervised, wait_for


async def test_a_supervised_part_is_reported_and_restarted_until_cancelled() -> None:
    reports: list[tuple[str, str]] = []
    starts = 0
    third = asyncio.Event()

    async def part() -> None:
        nonlocal starts
        starts += 1
        if starts == 1:
            message = "gone"
            raise OSError(message)
        if starts == 3:
            third.set()
            await asyncio.Event().wait()

    def report(name: str, error: Exception) -> None:
        reports.append((name, str(error)))

    task = asyncio.create_task(supervised("relay", part, report, pause_seconds=0))
    async with asyncio.timeout(60):
        await third.wait()
        await end_tasks(task)
    assert reports == [("relay", "gone")]
    assert task.cancelled()


async def test_a_part_whose_task_group_fails_is_restarted() -> None:
    """Python 3.11's task group leaves its task marked as cancelled then."""
    reported: list[str] = []
    starts = 0
    again = asyncio.Event()

    async def fail() -> None:
        message = "the bus is away"
        raise OSError(message)

    async def part() -> None:
        nonlocal starts
        starts += 1
        if starts == 3:
            again.set()
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.Event().wait())
            group.create_task(fail() if starts < 3 else asyncio.Event().wait())

    def report(_: str, error: Exception) -> None:
        assert isinstance(error, ExceptionGroup)
        reported.extend(map(str, error.exceptions))

    task = asyncio.create_task(supervised("bus", part, report, pause_seconds=0))
    async with asyncio.timeout(60):
        await again.wait()
        await end_tasks(task)
    assert reported == ["the bus is away"] * 2
    assert task.cancelled()


async def test_a_part_that_is_cancelled_from_within_is_restarted() -> None:
    starts = 0
    again = asyncio.Event()

    async def part() -> None:
        nonlocal starts
        starts += 1
        if starts == 1:
            raise asyncio.CancelledError
        again.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(supervised("bus", part, lambda *_: None, pause_seconds=0))
    async with asyncio.timeout(60):
        await again.wait()
        await end_tasks(task)
    assert task.cancelled()


@pytest.mark.parametrize("seconds", [0.01, 0, -1])
async def test_waiting_ends_in_time(seconds: float) -> None:
    async with asyncio.timeout(60):
        assert await wait_for(asyncio.Event(), seconds) is False


async def test_waiting_ends_with_the_event() -> None:
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    assert await wait_for(event, 60) is True


async def test_ending_tasks_cancels_again_what_swallows_a_cancellation() -> None:
    swallowed: list[int] = []

    async def stubborn() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if swallowed:
                    raise
                swallowed.append(1)

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await end_tasks(task)
    assert task.cancelled()
    assert swallowed


async def test_whoever_is_cancelled_again_while_ending_a_stubborn_part_leaves_nothing_running() -> None:
    """A task group and the library that it waits for cancel the same task, each once, within a moment."""
    parts: list[asyncio.Task[None] | None] = []
    started = asyncio.Event()

    async def stubborn() -> None:
        parts.append(asyncio.current_task())
        started.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    task = asyncio.create_task(supervised("bus", stubborn, lambda *_: None))
    await started.wait()
    task.cancel()
    await asyncio.sleep(CANCEL_AGAIN_SECONDS / 5)
    task.cancel()
    await asyncio.wait([task], timeout=60)
    assert task.cancelled()
    [part] = parts
    assert part is not None
    assert part.done()


async def test_cancelled_tasks_may_take_their_time_to_clean_up() -> None:
    cleaned = asyncio.Event()

    async def careful() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1.5 * CANCEL_AGAIN_SECONDS)
            cleaned.set()

    task = asyncio.create_task(careful())
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await cancel_tasks(task)
    assert cleaned.is_set()
    assert task.cancelled()


async def test_a_supervised_part_that_fails_while_it_is_cancelled_is_not_started_again() -> None:
    runs: list[int] = []
    reported: list[str] = []

    async def part() -> None:
        runs.append(1)
        try:
            await asyncio.Event().wait()
        finally:
            message = "the connection is closed"
            raise ValueError(message)

    task = asyncio.create_task(supervised("part", part, lambda _, error: reported.append(str(error)), pause_seconds=0))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=60)
    assert task.cancelled()
    assert (runs, reported) == ([1], ["the connection is closed"])
