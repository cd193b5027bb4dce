"""A circuit breaker for each model endpoint: while it is out, turns do not wait for its time-out one by one.

Without it, the waiting turns of one endpoint would hold every slot of a worker for `model_timeout_seconds` each, and so
delay those of all others.
"""

from typing import Final

from oxy_ai.errors import ModelOutageError, OutageCause

FAILURES: Final = 3
"""Outages in a row that open the circuit. A single one may be due to the request: a long one may time out alone."""

SHORTEST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 15.0
"""Seconds for which nobody asks while the circuit is open; doubles with each failed probe."""

_MAX_DOUBLINGS: Final = 8


class CircuitBreaker:
    """Opens after some outages in a row; then lets one request at a time probe whether the endpoint is back.

    Times are those of one monotonic clock, in seconds.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._open_until = 0.0
        self._cause = OutageCause.UNREACHABLE

    def require_closed(self, now: float, probe_seconds: float) -> None:
        """Let a request pass, or raise ModelOutageError with the pause until one may.

        The request that passes after the pause is the probe: no other does for `probe_seconds`, or until it has ended.
        """
        if self._failures < FAILURES:
            return
        if now < self._open_until:
            message = "the model's endpoint did not answer earlier requests; it is asked again later"
            raise ModelOutageError(message, self._cause, self._open_until - now)
        self._open_until = now + probe_seconds

    def failed(self, now: float, error: ModelOutageError) -> None:
        """Record that the endpoint could not answer."""
        self._failures += 1
        self._cause = error.cause
        doublings = min(max(self._failures - FAILURES, 0), _MAX_DOUBLINGS)
        pause = min(SHORTEST_PAUSE * 2**doublings, LONGEST_PAUSE)
        self._open_until = now + max(pause, min(error.retry_after_seconds, LONGEST_PAUSE))

    def answered(self) -> None:
        """Record that the endpoint answered: the circuit closes."""
        self._failures = 0
        self._open_until = 0.0
