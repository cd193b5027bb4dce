import asyncio
from functools import partial

from oxy_simulator.waiting import Waiters


async def turns_of_the_loop() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_many_changes_at_once_wake_each_waiter_once() -> None:
    waiters, looks, state = Waiters(), [0] * 20, {"done": False}

    def look(number: int) -> bool:
        looks[number] += 1
        return state["done"]

    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(waiters.wait_for(partial(look, number), 60.0)) for number in range(len(looks))]
        await turns_of_the_loop()
        for _ in range(1000):
            waiters.pulse()
        await turns_of_the_loop()
        state["done"] = True
        waiters.pulse()
    assert [task.result() for task in waiting] == [True] * len(looks)
    assert looks == [3] * len(looks)


async def test_a_change_between_looking_and_waiting_is_not_missed() -> None:
    waiters, state = Waiters(), {"looks": 0}

    def look() -> bool:
        state["looks"] += 1
        if state["looks"] == 1:
            waiters.pulse()  # something changes while the condition is being looked at
        return state["looks"] == 2

    assert await waiters.wait_for(look, 60.0)


async def test_waiting_ends_in_time() -> None:
    assert not await Waiters().wait_for(lambda: False, 0.0)


async def test_without_waiters_a_change_does_nothing() -> None:
    waiters = Waiters()
    waiters.pulse()
    assert await waiters.wait_for(lambda: True, 60.0)
    waiters.pulse()
