import asyncio

import pytest

from oxy_core.errors import OxyError
from oxy_operator.decide.specs.stateful_set import GRACE_SECONDS
from oxy_tenant.links.neonize.time_to_end import REPLACE_SECONDS, STOP_SECONDS, done_in_time
from oxy_tenant.runtime import PUBLISH_GRACE, SEND_GRACE

LONG = 60.0
SHORT = 0.2


async def seconds_of(work: asyncio.Task[bool]) -> tuple[bool, float]:
    began = asyncio.get_running_loop().time()
    done = await work
    return done, asyncio.get_running_loop().time() - began


def test_a_stop_leaves_the_rest_of_a_shutdown_its_time() -> None:
    assert SEND_GRACE + STOP_SECONDS + PUBLISH_GRACE < GRACE_SECONDS - 3
    assert REPLACE_SECONDS > 2 * STOP_SECONDS


async def test_work_that_is_done_needs_no_limit() -> None:
    done, seconds = await seconds_of(asyncio.create_task(done_in_time(asyncio.sleep(0), asyncio.Event())))
    assert done
    assert seconds < LONG / 2


async def test_a_session_that_is_replaced_may_take_longer_than_one_that_is_stopped() -> None:
    released = asyncio.Event()

    async def end() -> None:
        await released.wait()

    ending = asyncio.create_task(done_in_time(end(), asyncio.Event(), stop_seconds=SHORT, replace_seconds=LONG))
    assert not (await asyncio.wait({ending}, timeout=5 * SHORT))[0]
    released.set()
    assert await ending


@pytest.mark.parametrize("before", [True, False], ids=["stopped before", "stopped meanwhile"])
async def test_a_stop_shortens_the_time(*, before: bool) -> None:
    stopping, cancelled = asyncio.Event(), asyncio.Event()
    if before:
        stopping.set()

    async def end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    ending = asyncio.create_task(done_in_time(end(), stopping, stop_seconds=SHORT, replace_seconds=LONG))
    if not before:
        assert not (await asyncio.wait({ending}, timeout=2 * SHORT))[0]
        stopping.set()
    done, seconds = await seconds_of(ending)
    assert not done
    assert seconds < LONG / 2
    assert cancelled.is_set()


async def test_a_stop_still_leaves_the_time_to_deliver() -> None:
    stopping, released = asyncio.Event(), asyncio.Event()
    stopping.set()

    async def end() -> None:
        await released.wait()

    ending = asyncio.create_task(done_in_time(end(), stopping, stop_seconds=LONG, replace_seconds=2 * LONG))
    assert not (await asyncio.wait({ending}, timeout=SHORT))[0]
    released.set()
    assert await ending


async def test_a_session_that_never_ends_is_given_up() -> None:
    ending = done_in_time(asyncio.Event().wait(), asyncio.Event(), stop_seconds=SHORT, replace_seconds=2 * SHORT)
    done, seconds = await seconds_of(asyncio.create_task(ending))
    assert not done
    assert 1.5 * SHORT < seconds < LONG / 2


async def test_errors_are_passed_on() -> None:
    async def fail() -> None:
        message = "not that way"
        raise OxyError(message)

    with pytest.raises(OxyError, match="not that way"):
        await done_in_time(fail(), asyncio.Event())
