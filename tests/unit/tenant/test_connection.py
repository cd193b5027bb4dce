import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from unit.tenant.links import ScriptedLink, environment_in
from unit.tenant.sessions import make_session

from oxy_core.envelopes import ConnectionState
from oxy_core.instance.settings import ReconnectSettings
from oxy_core.instance.terminal_causes import ExitCode
from oxy_tenant.connection.ending import EndedError
from oxy_tenant.connection.life_cycle import Connection, ConnectionTiming
from oxy_tenant.connection.live_state import StateBoard
from oxy_tenant.journal.journal import Journal
from oxy_tenant.links.errors import LinkBrokenError
from oxy_tenant.links.events import (
    CONNECT_FAILURE,
    Connected,
    Disconnected,
    LinkEvent,
    LinkStopped,
    LoggedOut,
    PairingStopped,
    QrOffered,
)
from oxy_tenant.links.neonize.session_store import SessionStore
from oxy_tenant.links.protocol import EventSink
from oxy_tenant.settings_file import SettingsFile

QUICK = ReconnectSettings(base_delay_seconds=0.05, multiplier=1, max_delay_seconds=0.05, max_attempts=4)


@dataclass
class Stage:
    link: ScriptedLink
    board: StateBoard
    connection: Connection
    journal: Journal

    async def session(self, number: int) -> EventSink:
        """Wait for session `number`, counted from 1, and return its event sink."""
        await reached(lambda: len(self.link.sessions) >= number)
        return self.link.sessions[number - 1]

    async def deliver(self, number: int, *events: LinkEvent) -> None:
        sink = await self.session(number)
        for event in events:
            sink(event)


async def reached(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 the state under test has no event
            await asyncio.sleep(0.005)


@asynccontextmanager
async def staged(
    folder: Path, *, paired: bool, timing: ConnectionTiming | None = None, **settings: object
) -> AsyncIterator[Stage]:
    window = {"pairing_until": datetime.now(UTC) + timedelta(minutes=5), "reconnect": QUICK}
    environment = environment_in(folder, **(window | settings))
    store = SessionStore(folder)
    if paired:
        make_session(store.path)
    journal = Journal.open(folder / "journal.db", organization="acme", instance="shop")
    board = StateBoard(environment, lambda: store.size)
    link = ScriptedLink()
    connection = Connection(
        instance="shop",
        link=link,
        session=store,
        reports=journal.reports,
        settings=SettingsFile(environment),
        board=board,
        on_message=lambda _: None,
        on_receipt=None,
        timing=timing,
    )
    yield Stage(link, board, connection, journal)
    journal.close()


@asynccontextmanager
async def running(stage: Stage) -> AsyncIterator[None]:
    task = asyncio.create_task(stage.connection.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_an_expired_code_is_followed_by_a_new_one(tmp_path: Path) -> None:
    timing = ConnectionTiming(shortest_pairing=0)
    async with staged(tmp_path, paired=False, timing=timing) as stage, running(stage):
        stage.link.codes = ["AAAA1111", "BBBB2222"]
        await stage.deliver(1, QrOffered("qr 1"), QrOffered("qr 2"))
        await reached(lambda: stage.board.state.pairing is not None)
        assert stage.board.state.pairing is not None
        assert (stage.board.state.pairing.code, stage.board.state.connection) == ("AAAA1111", ConnectionState.PAIRING)
        await stage.deliver(1, PairingStopped(succeeded=False))
        await stage.deliver(2, QrOffered("qr 3"))
        await reached(lambda: stage.board.state.pairing is not None and stage.board.state.pairing.code == "BBBB2222")
        assert stage.board.state.attempts == 0


async def test_the_qr_code_is_offered_if_a_phone_code_is_refused(tmp_path: Path) -> None:
    async with staged(tmp_path, paired=False) as stage, running(stage):
        await stage.deliver(1, QrOffered("qr 1"))
        await reached(lambda: stage.board.state.pairing is not None)
        assert stage.board.state.pairing is not None
        assert (stage.board.state.pairing.method, stage.board.state.pairing.qr) == ("QRCode", "qr 1")


async def test_pairing_ends_in_a_connection(tmp_path: Path) -> None:
    async with staged(tmp_path, paired=False) as stage, running(stage):
        await stage.deliver(1, QrOffered("qr 1"), PairingStopped(succeeded=True), Connected())
        await stage.connection.up.wait()
        assert (stage.board.state.connection, stage.board.state.pairing) == (ConnectionState.CONNECTED, None)
        assert stage.link.online == [True]


@pytest.mark.parametrize("linked", [(PairingStopped(succeeded=True),), (PairingStopped(succeeded=True), Connected())])
async def test_a_failure_in_the_session_that_linked_the_phone_does_not_unpair_it(
    tmp_path: Path, linked: tuple[LinkEvent, ...]
) -> None:
    slow = ReconnectSettings(base_delay_seconds=30, max_delay_seconds=30)
    async with staged(tmp_path, paired=False, reconnect=slow) as stage, running(stage):
        await stage.deliver(1, QrOffered("qr 1"), *linked, Disconnected(CONNECT_FAILURE))
        await reached(lambda: stage.board.state.attempts == 1)
        assert stage.board.state.connection is ConnectionState.RECONNECTING


async def test_a_connection_that_recovers_in_time_keeps_its_session(tmp_path: Path) -> None:
    async with (
        staged(tmp_path, paired=True, reconnect=ReconnectSettings(base_delay_seconds=30)) as stage,
        running(stage),
    ):
        await stage.deliver(1, Connected())
        await stage.connection.up.wait()
        await stage.deliver(1, Disconnected("ConnectionLost"))
        await reached(lambda: not stage.connection.up.is_set())
        assert stage.board.state.last_reason == "ConnectionLost"
        await stage.deliver(1, Connected())
        await stage.connection.up.wait()
        assert len(stage.link.sessions) == 1


@pytest.mark.parametrize("reason", ["ConnectionLost", "KeepAliveTimeout", CONNECT_FAILURE])
async def test_a_connection_that_does_not_recover_gets_a_new_session(tmp_path: Path, reason: str) -> None:
    async with staged(tmp_path, paired=True) as stage, running(stage):
        await stage.deliver(1, Connected(), Disconnected(reason))
        await stage.session(2)
        assert (stage.board.state.attempts, stage.board.state.last_reason) == (1, reason)
        await stage.deliver(2, Connected())
        await reached(lambda: stage.board.state.attempts == 0)


async def test_too_many_failures_end_the_process(tmp_path: Path) -> None:
    async with staged(tmp_path, paired=True) as stage:
        task = asyncio.create_task(stage.connection.run())
        for number in range(1, QUICK.max_attempts + 1):
            await stage.deliver(number, LinkStopped("no route", opened=False))
        with pytest.raises(EndedError) as ended:
            await task
        assert ended.value.ending.code is ExitCode.ATTEMPTS_EXHAUSTED
        assert "ServerUnreachable" in ended.value.ending.message


async def test_a_session_that_may_not_have_ended_is_not_followed_by_another(tmp_path: Path) -> None:
    async with staged(tmp_path, paired=True) as stage:
        stage.link.closes_cleanly = False
        task = asyncio.create_task(stage.connection.run())
        await stage.deliver(1, Disconnected("ConnectionLost"))
        with pytest.raises(LinkBrokenError, match="did not end its session"):
            await task
        assert len(stage.link.sessions) == 1


async def test_a_library_that_stops_delivering_is_fatal(tmp_path: Path) -> None:
    async with staged(tmp_path, paired=True) as stage:
        task = asyncio.create_task(stage.connection.run())
        await stage.deliver(1, Connected(), LinkStopped("required field not set", opened=True))
        with pytest.raises(LinkBrokenError, match="required field not set"):
            await task


async def test_a_terminal_cause_is_reported_even_if_the_session_hangs(tmp_path: Path) -> None:
    async with staged(tmp_path, paired=True) as stage:
        stage.link.closes_cleanly = False
        task = asyncio.create_task(stage.connection.run())
        await stage.deliver(1, LoggedOut())
        with pytest.raises(EndedError) as ended:
            await task
        assert ended.value.ending.code is ExitCode.LOGGED_OUT


async def test_a_server_that_offers_no_code_is_reported_as_unreachable(
    tmp_path: Path,
) -> None:
    async with staged(tmp_path, paired=False, timing=ConnectionTiming(login=0.05)) as stage, running(stage):
        await stage.session(2)
        state = stage.board.state
        assert (state.connection, state.last_reason) == (ConnectionState.PAIRING, "ServerUnreachable")
        assert (state.attempts >= 1, state.pairing) == (True, None)


async def test_an_offered_code_stays_until_the_window_closes(
    tmp_path: Path,
) -> None:
    closing = datetime.now(UTC) + timedelta(seconds=1)
    async with (
        staged(tmp_path, paired=False, timing=ConnectionTiming(login=0.2), pairing_until=closing) as stage,
        running(stage),
    ):
        await stage.deliver(1, QrOffered("qr 1"))
        await reached(lambda: stage.board.state.last_reason == "PairingExpired")
        assert datetime.now(UTC) >= closing
        assert (len(stage.link.sessions), stage.board.state.attempts) == (1, 0)
