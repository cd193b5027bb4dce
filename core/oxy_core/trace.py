"""W3C trace context of reports and send requests, bound to log lines: one grep follows a message everywhere."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final

import structlog
from pydantic import StringConstraints

_FORM: Final = r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"

TraceParent = Annotated[str, StringConstraints(pattern=_FORM)]
"""A ``traceparent`` header (https://www.w3.org/TR/trace-context/#traceparent-header)."""


def new_trace() -> TraceParent:
    """Return the root of a new, sampled trace."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def child_of(parent: TraceParent | None) -> TraceParent:
    """Return a new span in the trace of `parent`, or a new trace if there is none."""
    if parent is None or re.fullmatch(_FORM, parent) is None:
        return new_trace()
    version, trace_id, _, flags = parent.split("-")
    return f"{version}-{trace_id}-{secrets.token_hex(8)}-{flags}"


def trace_id(parent: TraceParent) -> str:
    """Return the 32 hexadecimal digits that all spans of the trace share."""
    return parent.split("-")[1]


@contextmanager
def trace_bound(parent: TraceParent | None) -> Iterator[None]:
    """Bind ``trace_id`` to every log line inside; None binds nothing."""
    if parent is None:
        yield
        return
    with structlog.contextvars.bound_contextvars(trace_id=trace_id(parent)):
        yield
