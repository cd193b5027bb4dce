import asyncio

import pytest

from oxy_operator.workqueue import LAST_RETRY_SECONDS, Key, WorkQueue

ONE, TWO = Key("a", "one"), Key("a", "two")


@pytest.fixture
async def queue() -> WorkQueue:
    return WorkQueue()


async def test_a_key_waits_once_however_often_it_is_added(queue: WorkQueue) -> None:
    for key in (ONE, ONE, TWO, ONE):
        queue.add(key)
    assert len(queue) == 2
    assert [await queue.take(), await queue.take()] == [ONE, TWO]
    assert len(queue) == 0


async def test_a_key_added_while_it_is_reconciled_is_queued_again_only_afterwards(queue: WorkQueue) -> None:
    queue.add(ONE)
    await queue.take()
    queue.add(ONE)
    queue.add(TWO)
    assert await queue.take() == TWO
    queue.done(ONE)
    assert await queue.take() == ONE


async def test_a_key_that_is_done_is_not_queued_again(queue: WorkQueue) -> None:
    queue.add(ONE)
    queue.done(await queue.take())
    assert len(queue) == 0


async def test_of_several_times_the_earliest_wins(queue: WorkQueue) -> None:
    queue.add_after(ONE, 60)
    queue.add_after(ONE, 0.01)
    queue.add_after(ONE, 30)
    assert await asyncio.wait_for(queue.take(), 60) == ONE


async def test_back_off_grows_with_each_failure_up_to_a_bound(queue: WorkQueue) -> None:
    waits = [queue.failed(ONE) for _ in range(20)]
    assert waits[0] <= 0.5
    assert waits[3] > waits[0]
    assert max(waits) <= LAST_RETRY_SECONDS
    queue.succeeded(ONE)
    assert queue.failed(ONE) <= 0.5
    queue.forget(ONE)
