"""When a model's endpoint is asked while it is out."""

import pytest

from oxy_ai.errors import ModelOutageError, OutageCause
from oxy_ai.model.breaker import FAILURES, LONGEST_PAUSE, SHORTEST_PAUSE, CircuitBreaker

OUT = ModelOutageError("down", OutageCause.BUSY)
PROBE = 30.0


def opened(at: float = 0.0) -> CircuitBreaker:
    breaker = CircuitBreaker()
    for _ in range(FAILURES):
        breaker.require_closed(at, PROBE)
        breaker.failed(at, OUT)
    return breaker


def pause(breaker: CircuitBreaker, now: float) -> float:
    """How long the next request must wait; 0: it may pass."""
    try:
        breaker.require_closed(now, PROBE)
    except ModelOutageError as error:
        return error.retry_after_seconds
    return 0.0


def test_it_opens_after_outages_in_a_row_only() -> None:
    breaker = CircuitBreaker()
    for _ in range(FAILURES):
        assert pause(breaker, 0) == 0
        breaker.failed(0, OUT)
        breaker.answered()
    assert pause(breaker, 0) == 0
    assert pause(opened(), 0.25) == SHORTEST_PAUSE - 0.25


def test_one_request_probes_and_the_others_wait_for_it() -> None:
    breaker = opened()
    assert pause(breaker, SHORTEST_PAUSE) == 0
    assert pause(breaker, SHORTEST_PAUSE) == PROBE
    breaker.answered()
    assert pause(breaker, SHORTEST_PAUSE) == 0


def test_the_cause_is_that_of_the_last_outage() -> None:
    with pytest.raises(ModelOutageError) as raised:
        opened().require_closed(0, PROBE)
    assert raised.value.cause is OutageCause.BUSY


def test_a_probe_that_never_ends_is_followed_by_another() -> None:
    breaker = opened()
    assert pause(breaker, SHORTEST_PAUSE) == 0
    assert pause(breaker, SHORTEST_PAUSE + PROBE) == 0


@pytest.mark.parametrize(("probes", "seconds"), [(1, 2), (2, 4), (20, LONGEST_PAUSE)])
def test_the_pause_doubles_with_each_failed_probe(probes: int, seconds: float) -> None:
    breaker = opened()
    for _ in range(probes):
        breaker.failed(0, OUT)
    assert pause(breaker, 0) == seconds


def test_a_pause_that_the_endpoint_asks_for_counts_up_to_the_limit() -> None:
    breaker = opened()
    breaker.failed(0, ModelOutageError("busy", OutageCause.BUSY, 5))
    assert pause(breaker, 0) == 5
    breaker.failed(0, ModelOutageError("busy", OutageCause.BUSY, 3600))
    assert pause(breaker, 0) == LONGEST_PAUSE
