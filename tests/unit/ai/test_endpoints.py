"""Endpoints that nobody uses are closed, and what was learned of models that nobody asks is forgotten."""

import pytest

from oxy_ai.errors import ModelOutageError, OutageCause
from oxy_ai.model.breaker import FAILURES
from oxy_ai.model.endpoints import IDLE_SECONDS, Endpoints, ModelState
from oxy_ai.model.problems import Parameter
from oxy_core.model_endpoints import AllowedEndpoints

URL = "https://model.example/v1"


async def test_an_endpoint_is_closed_after_a_while_without_use_and_never_during_a_request() -> None:
    now = 0.0
    endpoints = Endpoints("https://platform.example/v1", AllowedEndpoints(), lambda: now)
    with endpoints.using(URL) as first, endpoints.using(f"{URL}/") as same, endpoints.using(None) as platform:
        assert first is same
        now += 10 * IDLE_SECONDS
        await endpoints.sweep()
        platform.model("m").refused |= {Parameter.TEMPERATURE}
    now += IDLE_SECONDS - 1
    await endpoints.sweep()
    with endpoints.using(URL) as still:
        assert still is first
    now += IDLE_SECONDS + 1
    await endpoints.sweep()
    with endpoints.using(URL) as later, endpoints.using(None) as stays:
        assert later is not first
        assert stays is platform
        assert stays.model("m").refused == frozenset()
    with pytest.raises(RuntimeError, match="closed"):
        await first.send(first.json_request("x", "key", b"{}"), "m", 1)
    await endpoints.close()


def test_a_breaker_is_kept_only_while_it_counts_something() -> None:
    state = ModelState()
    for _ in range(FAILURES):
        state.breaker("clinic").failed(0, ModelOutageError("out", OutageCause.BUSY))
    state.breaker(None)
    with pytest.raises(ModelOutageError):
        state.breaker("clinic").require_closed(0.5, 1)
    for sharing in ("clinic", "clinic", None):
        state.answered(sharing)
    assert state.breakers == {}
    state.breaker("clinic").require_closed(0.5, 1)
