"""Fixtures that every layer of tests may use: real servers, never stand-ins."""

import gc
import logging
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from oxy_dev.servers import NatsServer, running_nats

# Time is measured in benchmarks: on a loaded machine an example takes as long as it takes.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# A shell starts what it puts into the background without SIGINT, and children inherit that: here they are interrupted.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Rich tracebacks take seconds, in which the event loop that logs them stands still.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector from walking, again and again, through what is loaded now and kept until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests that take longest begin first: they mostly wait, and the others fill the time."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Stop if the groups of tests that share a server mean nothing to pytest-xdist, which would start many servers."""
    grouped = (item for item in session.items if item.get_closest_marker("xdist_group"))
    if session.config.getoption("loadgroup", default=False) and any("@" not in item.nodeid for item in grouped):
        message = "pytest-xdist does not group tests with this version of pytest; see pyproject.toml"
        raise pytest.UsageError(message)


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A NATS server of this test's own, without accounts."""
    with running_nats(tmp_path / "nats") as server:
        yield server


@pytest.fixture
def logs_as_before() -> Iterator[None]:
    """A command that runs here sets the logs of its process, in which other tests read theirs afterwards."""
    loggers, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.configure(**loggers)
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    root.setLevel(level)
