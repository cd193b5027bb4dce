import asyncio

import pytest

from oxy_core.tasks import end_tasks, supervised, wait_for


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
    async with asyncio.timeout(5):
        await third.wait()
        await end_tasks(task)
    assert reports == [("relay", "gone")]
    assert task.cancelled()


@pytest.mark.parametrize("seconds", [0.01, 0, -1])
async def test_waiting_ends_in_time(seconds: float) -> None:
    async with asyncio.timeout(5):
        assert await wait_for(asyncio.Event(), seconds) is False


async def test_waiting_ends_with_the_event() -> None:
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    assert await wait_for(event, 60) is True


async def test_ending_tasks_cancels_again_what_swallows_a_cancellation() -> None:
    started = asyncio.Event()

    async def stubborn() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    task = asyncio.create_task(stubborn())
    await started.wait()
    async with asyncio.timeout(5):
        await end_tasks(task)
    assert task.done()
