"""The pytest plugin: fixtures that are used only if asked for, and a judgement of every test that opens a server.

A test fails if a client broke the protocol in it, and a failed test leaves a transcript and a packet log. Nothing
heavy is imported before a test asks for it. The fixtures are synchronous and the server has a thread and an event loop
of its own, so they work with pytest-asyncio, anyio and plain tests with `asyncio.run`, whatever loops those use.
"""

import asyncio
import os
import re
import secrets
import tempfile
import threading
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from oxy_simulator import live
from oxy_simulator.errors import UnreachableError

if TYPE_CHECKING:
    from oxy_simulator.testing import Phone, WhatsApp

MARK: Final = "whatsapp_violations"
SECTION: Final = "WhatsApp evidence"

_SCOPES: Final = ("function", "class", "module", "package", "session")
_START_SECONDS: Final = 60.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("whatsapp", "WhatsApp simulator")
    group.addoption("--whatsapp-url", help="control API of a running simulator, instead of servers of the tests' own")
    group.addoption("--whatsapp-evidence", type=Path, help="folder of transcripts and packet logs of failed tests")
    parser.addini(
        "whatsapp_scope", "how long a server of the fixture 'whatsapp' lives: " + ", ".join(_SCOPES), default="function"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark and check the scope."""
    config.addinivalue_line("markers", f"{MARK}(*rules): allow a client to break these rules of the protocol")
    scope = config.getini("whatsapp_scope")
    if scope not in _SCOPES:
        msg = f"whatsapp_scope is {scope!r}; write one of {', '.join(_SCOPES)}"
        raise pytest.UsageError(msg)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Allow what the test's mark allows, while it runs."""
    live.ended.clear()
    live.allowed_rules.clear()
    live.allowed_rules.update(rule for mark in item.iter_markers(MARK) for rule in mark.args)
    try:
        return (yield)
    finally:
        live.allowed_rules.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Fail a test that passed although a client broke the protocol."""
    outcome = yield
    for source in list(live.open_sources):
        source.judge_now()
    return outcome


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write what happened at each server of a failed test, and say where."""
    report = yield
    if report.failed:
        evidence = [*live.ended, *map(_evidence, live.open_sources)]
        live.ended.clear()
        written = [_written(found, _folder(item, number)) for number, found in enumerate(evidence)]
        if written:
            report.sections.append((SECTION, "\n".join(written)))
    return report


def _written(evidence: live.Evidence, folder: Path) -> str:
    try:
        return "\n".join(map(str, evidence.write(folder)))
    except OSError as error:
        return f"could not be written: {error}; name another folder with --whatsapp-evidence"


def _evidence(source: live.Source) -> live.Evidence:
    try:
        return source.evidence()
    except OSError as error:
        return live.Evidence(f"the server tells nothing any more: {error!r}\n", "")


def _folder(item: pytest.Item, number: int) -> Path:
    chosen: Path | None = item.config.getoption("--whatsapp-evidence")
    if chosen is None:
        cache = getattr(item.config, "cache", None)  # absent with -p no:cacheprovider
        chosen = cache.mkdir("whatsapp") if cache else Path(tempfile.gettempdir()) / "whatsapp-evidence"
    name = re.sub(r"[^\w.-]+", "-", item.nodeid).strip("-")
    return chosen.resolve() / (name if number == 0 else f"{name}-{number + 1}")


def _scope(fixture_name: str, config: pytest.Config) -> Any:  # noqa: ANN401, ARG001 - as pytest calls it
    return config.getini("whatsapp_scope")


@pytest.fixture(scope=_scope)
def whatsapp_server(pytestconfig: pytest.Config) -> "Iterator[WhatsApp]":
    """Open a WhatsApp server, or the one of --whatsapp-url; `whatsapp_scope` says for how long."""
    try:
        with running(pytestconfig.getoption("--whatsapp-url")) as server:
            yield server
    except UnreachableError as error:
        pytest.fail(f"--whatsapp-url: {error}", pytrace=False)


@pytest.fixture
def whatsapp(whatsapp_server: "WhatsApp") -> "Iterator[WhatsApp]":
    """Give a test its WhatsApp server; await its methods in any event loop."""
    yield whatsapp_server
    whatsapp_server.judge_now()


@pytest.fixture
def whatsapp_phone(whatsapp: "WhatsApp") -> "Callable[..., Coroutine[Any, Any, Phone]]":
    """Give a test a maker of phones with numbers of their own, to be awaited with a name."""

    def make(name: str = "", **settings: Any) -> "Coroutine[Any, Any, Phone]":  # noqa: ANN401 - as WhatsApp.phone
        return whatsapp.phone(f"+55119{secrets.randbelow(10**8):08}", name, **settings)

    return make


@pytest.fixture
def whatsapp_environment(whatsapp: "WhatsApp") -> dict[str, str]:
    """Give a test the environment in which to start a client: this process's, and how to reach and trust the server."""
    return {**os.environ, **whatsapp.client_environment}


@contextmanager
def running(url: str | None) -> "Iterator[WhatsApp]":
    """Open a server (or find the one at a URL) in a thread with an event loop of its own, until the block ends."""
    from oxy_simulator.testing import WhatsApp  # noqa: PLC0415 - only now is it sure that a test needs it

    server, opened, enough = WhatsApp(url), threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    problems: list[BaseException] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        async with server:
            opened.set()
            await enough.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread of the tests
            problems.append(error)
        finally:
            opened.set()

    thread = threading.Thread(target=run, name="whatsapp")
    thread.start()
    opened.wait(_START_SECONDS)
    try:
        if not problems:
            yield server
    finally:
        if thread.is_alive() and loops:
            loops[0].call_soon_threadsafe(enough.set)
        thread.join()
        if problems:
            raise problems[0]
