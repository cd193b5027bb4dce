"""When a session has delivered everything that it had received."""

import pytest

from oxy_tenant.links.neonize.callbacks import QUIET_SECONDS, SLOWNESS, Callbacks


class Clock:
    """Time as a test tells it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_silence_ends_it(clock: Clock) -> None:
    callbacks = Callbacks(clock)
    assert not callbacks.over
    clock.now += QUIET_SECONDS
    assert callbacks.over


def test_a_callback_that_runs_is_no_silence_however_long_it_takes(clock: Clock) -> None:
    callbacks = Callbacks(clock)
    with callbacks.running():
        clock.now += 100 * QUIET_SECONDS
        assert not callbacks.over


def test_of_several_callbacks_the_last_counts(clock: Clock) -> None:
    callbacks = Callbacks(clock)
    with callbacks.running():
        with callbacks.running():
            pass
        clock.now += QUIET_SECONDS
        assert not callbacks.over


@pytest.mark.parametrize("quick", [0, 1])
def test_after_a_slow_callback_the_silence_is_longer_also_if_a_quick_one_follows(clock: Clock, quick: int) -> None:
    callbacks = Callbacks(clock)
    with callbacks.running():
        clock.now += 1.0
    for _ in range(quick):
        with callbacks.running():
            pass
    silence = SLOWNESS / 2**quick
    clock.now += silence - 0.01
    assert not callbacks.over
    clock.now += 0.01 + 1e-9
    assert callbacks.over


def test_a_callback_that_fails_has_ended(clock: Clock) -> None:
    callbacks = Callbacks(clock)
    with pytest.raises(ZeroDivisionError), callbacks.running():
        _ = 1 / 0
    clock.now += QUIET_SECONDS
    assert callbacks.over
