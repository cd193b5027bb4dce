import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from unit.tenant.links import ScriptedLink, environment_in
from unit.tenant.sessions import make_session

from oxy_core.envelopes import ConnectionChanged, ConnectionState, Report
from oxy_core.identity import Jid
from oxy_core.instance.session_states import LeaveState, LeaveStep
from oxy_core.instance.settings import ReconnectSettings
from oxy_core.instance.terminal_causes import ExitCode
from oxy_tenant.connection import reporting
from oxy_tenant.connection.ending import EndedError, terminal_ending
from oxy_tenant.connection.hold import ConnectionHold
from oxy_tenant.connection.life_cycle import Connection
from oxy_tenant.connection.live_state import StateBoard, Stored
from oxy_tenant.connection.reporting import ConnectionReports
from oxy_tenant.connection.session_progress import ConnectionTiming
from oxy_tenant.journal.journal import Journal
from oxy_tenant.links.errors import LinkBrokenError
from oxy_tenant.links.events import (
    CONNECT_FAILURE,
    AccountLocked,
    Connected,
    DeviceRefused,
    Disconnected,
    LinkedToAnother,
    LinkEvent,
    LinkStopped,
    LoggedOut,
    LoginRefused,
    PairingStopped,
    QrOffered,
    TroubleNoticed,
)
from oxy_tenant.links.neonize.session_store import SessionStore
from oxy_tenant.links.protocol import EventSink
from oxy_tenant.own_account import OwnAccount
from oxy_tenant.settings_file import SettingsFile

QUICK = ReconnectSettings(base_delay_seconds=0.05, multiplier=1, max_delay_seconds=0.05, max_attempts=4)


@dataclass
class Stage:
    link: ScriptedLink
    board: StateBoard
    connection: Connection
    journal: Journal
    store: SessionStore
    hold: ConnectionHold

    async def session(self, number: int) -> EventSink:
        """Wait for session `number`, counted from 1, and return its event sink."""
        await reached(lambda: len(self.link.sessions) >= number)
        return self.link.sessions[number - 1]

    async def session_exists(self) -> None:
        """Store what linking a phone stores."""
        await self.session(1)
        make_session(self.store.path)

    async def deliver(self, number: int, *events: LinkEvent) -> None:
        sink = await self.session(number)
        for event in events:
            sink(event)


async def reached(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
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
    board = StateBoard(environment, Stored)
    link, settings_file, hold = ScriptedLink(), SettingsFile(environment), ConnectionHold()
    connection = Connection(
        instance="shop",
        link=link,
        session=store,
        settings=settings_file,
        account=OwnAccount(expected=lambda: settings_file.current.phone_number),
        board=board,
        on_message=lambda _: None,
        on_contact_event=lambda _: None,
        hold=hold,
        timing=timing,
    )
    yield Stage(link, board, connection, journal, store, hold)
    journal.close()


@asynccontextmanager
async def running(stage: Stage) -> AsyncIterator[None]:
    task = asyncio.create_task(stage.connection.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_stop_does_not_cut_short_a_session_that_is_just_being_closed(tmp_path: Path) -> None:
    async with staged(tmp_path, paired=True) as stage:
        closing, delivered = asyncio.Event(), asyncio.Event()

        async def close() -> bool:
            closing.set()
            await delivered.wait()
            return True

        stage.link.close = close  # type: ignore[method-assign]
        running_connection = asyncio.create_task(stage.connection.run())
        await stage.deliver(1, LoginRefused())
        await closing.wait()
        running_connection.cancel()
        await asyncio.sleep(0.05)
        assert not running_connection.done()
        delivered.set()
        await asyncio.wait({running_connection})
        assert running_connection.cancelled()


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


async def test_the_first_qr_code_of_a_connection_lives_longer(tmp_path: Path) -> None:
    async with staged(tmp_path, paired=False, timing=ConnectionTiming(shortest_pairing=0)) as stage, running(stage):
        lifetimes = []
        for session, qr in [(1, "qr 1"), (1, "qr 2"), (2, "qr 3"), (2, "qr 4")]:
            await stage.deliver(session, QrOffered(qr))
            await reached(lambda qr=qr: stage.board.state.pairing is not None and stage.board.state.pairing.qr == qr)
            assert stage.board.state.pairing is not None
            lifetimes.append((stage.board.state.pairing.expires_at - datetime.now(UTC)).total_seconds())
            if qr == "qr 2":
                await stage.deliver(1, PairingStopped(succeeded=False))
        assert [round(lifetime / 10) * 10 for lifetime in lifetimes] == [60, 20, 60, 20]


async def test_pairing_ends_in_a_connection(tmp_path: Path) -> None:
    async with staged(tmp_path, paired=False) as stage, running(stage):
        await stage.deliver(1, QrOffered("qr 1"), PairingStopped(succeeded=True), Connected())
        await stage.connection.up.wait()
        assert (stage.board.state.connection, stage.board.state.pairing) == (ConnectionState.CONNECTED, None)
        assert stage.link.online == [False]


@pytest.mark.parametrize("linked", [(PairingStopped(succeeded=True),), (PairingStopped(succeeded=True), Connected())])
async def test_a_failure_in_the_session_that_linked_the_phone_does_not_unpair_it(
    tmp_path: Path, linked: tuple[LinkEvent, ...]
) -> None:
    slow = ReconnectSettings(base_delay_seconds=30, max_delay_seconds=30)
    async with staged(tmp_path, paired=False, reconnect=slow) as stage, running(stage):
        await stage.deliver(1, QrOffered("qr 1"), *linked, LoginRefused())
        await reached(lambda: stage.board.state.attempts == 1)
        assert stage.board.state.connection is ConnectionState.RECONNECTING


@pytest.mark.parametrize("lost", [Disconnected("ConnectionLost"), LinkStopped("no route", opened=False)])
async def test_whether_a_phone_is_linked_is_read_from_the_store(tmp_path: Path, lost: LinkEvent) -> None:
    slow = ReconnectSettings(base_delay_seconds=30, max_delay_seconds=30)
    async with staged(tmp_path, paired=False, reconnect=slow) as stage, running(stage):
        await stage.session_exists()  # the library has stored the device; its report of that was lost with the link
        await stage.deliver(1, QrOffered("qr 1"), lost)
        await reached(lambda: stage.board.state.connection is ConnectionState.RECONNECTING)


async def test_a_terminal_cause_that_comes_while_the_session_is_closed_is_heeded(tmp_path: Path) -> None:
    async with staged(tmp_path, paired=True) as stage:
        task = asyncio.create_task(stage.connection.run())
        await stage.deliver(1, LoginRefused("LoginUnavailable", "code 503"), LoggedOut())
        with pytest.raises(EndedError) as ended:
            await task
        assert ended.value.ending.code is ExitCode.LOGGED_OUT
        assert len(stage.link.sessions) == 1


async def test_a_device_that_is_none_cannot_be_removed(tmp_path: Path) -> None:
    async with staged(tmp_path, paired=False) as stage, running(stage):
        # The library reports what the codes 401, 403 and 406 mean for a device, also without one.
        await stage.deliver(1, DeviceRefused("AccountLocked", "code 403"), AccountLocked())
        await reached(lambda: stage.board.state.attempts == 1)
        state = stage.board.state
        assert (state.connection, state.last_reason) == (ConnectionState.PAIRING, "LinkingRefused")
        assert state.last_error == "code 403"
        await stage.session(2)


async def test_a_terminal_cause_that_comes_with_a_stop_is_heeded(tmp_path: Path) -> None:
    async with staged(tmp_path, paired=True) as stage:
        task = asyncio.create_task(stage.connection.run())
        await stage.deliver(1, Connected())
        await reached(stage.connection.up.is_set)

        async def close() -> bool:
            stage.link.sessions[-1](LoggedOut())
            return True

        stage.link.close = close  # type: ignore[method-assign]
        task.cancel()
        with pytest.raises(EndedError, match="removed on the phone"):
            await task


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (LeaveStep.BACKING_UP, "removed on the phone"),
        (LeaveStep.UNLINKING, "Oxy has unlinked the device"),
        (LeaveStep.FAILED, "Oxy has unlinked the device"),
    ],
)
async def test_the_phone_is_not_blamed_for_what_the_deletion_of_the_instance_has_done(
    tmp_path: Path, step: LeaveStep, said: str
) -> None:
    async with staged(tmp_path, paired=True) as stage:
        stage.board.update(leaving=LeaveState(wish="0b52", step=step, at=datetime.now(UTC)))
        task = asyncio.create_task(stage.connection.run())
        await stage.deliver(1, Connected(), LoggedOut())
        with pytest.raises(EndedError, match=said) as ended:
            await task
        assert (ended.value.ending.code, ended.value.ending.reason) == (ExitCode.LOGGED_OUT, "LoggedOut")


async def test_a_session_that_falls_silent_is_followed_by_another_and_then_by_a_new_process(tmp_path: Path) -> None:
    deaf = QUICK.model_copy(
        update={"silent_after_seconds": 0.2, "renew_after_seconds": 0.4, "max_silent_sessions": 2, "max_attempts": 9}
    )
    async with staged(tmp_path, paired=True, reconnect=deaf) as stage:
        task = asyncio.create_task(stage.connection.run())
        for number in (1, 2):
            await stage.deliver(number, Connected())
            await reached(lambda: stage.board.state.receiving is False)
            assert not stage.connection.up.is_set()
            assert stage.board.not_ready() == "reconnecting: NothingReceived"
        with pytest.raises(EndedError) as ended:
            await task
        assert ended.value.ending.code is ExitCode.ATTEMPTS_EXHAUSTED
        assert "NothingReceived: The connection is open" in ended.value.ending.message


async def test_a_process_that_has_had_many_sessions_gives_way_to_a_new_one(tmp_path: Path) -> None:
    timing = ConnectionTiming(lasting=0.0, most_sessions=3)
    async with staged(tmp_path, paired=True, timing=timing, reconnect=QUICK) as stage:
        task = asyncio.create_task(stage.connection.run())
        for number in (1, 2, 3):
            await stage.deliver(number, Connected())
            # It has lasted, so that no count of failures ends the process.
            await reached(lambda: stage.board.state.attempts == 0 and stage.connection.up.is_set())
            await asyncio.sleep(0.02)
            await stage.deliver(number, LoginRefused("LoginUnavailable", "code 503"))
        with pytest.raises(EndedError) as ended:
            await task
        assert ended.value.ending.code is ExitCode.ATTEMPTS_EXHAUSTED
        assert len(stage.link.sessions) == 3


async def test_what_is_wrong_is_shown_with_the_underlying_error_until_it_is_over(tmp_path: Path) -> None:
    slow = ReconnectSettings(base_delay_seconds=30)
    async with staged(tmp_path, paired=True, reconnect=slow) as stage, running(stage):
        refused = TroubleNoticed("ServerUnreachable", "connection refused")
        await stage.deliver(1, Connected(), Disconnected("ConnectionLost", "EOF"), refused)
        await reached(lambda: stage.board.state.last_reason == "ServerUnreachable")
        assert stage.board.state.last_error == "connection refused"
        await stage.deliver(1, Connected())
        await reached(lambda: stage.board.state.connection is ConnectionState.CONNECTED)
        assert (stage.board.state.last_reason, stage.board.state.last_error) == (None, None)


async def test_what_was_only_noted_is_gone_with_its_error_once_the_connection_has_lasted(tmp_path: Path) -> None:
    async with staged(tmp_path, paired=True, timing=ConnectionTiming(lasting=0.3)) as stage, running(stage):
        await stage.deliver(1, Connected(), TroubleNoticed("RequestsRateLimited", "code 429"))
        await reached(lambda: stage.board.state.last_reason == "RequestsRateLimited")
        assert stage.board.state.last_error == "code 429"
        await reached(lambda: stage.board.state.last_reason is None)
        assert stage.board.state.last_error is None


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


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (Disconnected("ConnectionLost"), "ConnectionLost"),
        (Disconnected("SlowAcknowledgement"), "SlowAcknowledgement"),
        (LoginRefused(), CONNECT_FAILURE),
    ],
)
async def test_a_connection_that_does_not_recover_gets_a_new_session(
    tmp_path: Path, event: LinkEvent, reason: str
) -> None:
    timing = ConnectionTiming(lasting=0.3)
    async with staged(tmp_path, paired=True, timing=timing) as stage, running(stage):
        await stage.deliver(1, Connected(), event)
        await stage.session(2)
        assert (stage.board.state.attempts, stage.board.state.last_reason) == (1, reason)
        await stage.deliver(2, Connected())
        await stage.connection.up.wait()
        assert stage.board.state.attempts == 1
        await reached(lambda: stage.board.state.attempts == 0)


ENDINGS_AFTER_LOGIN = {
    "lost": (Connected(), Disconnected("ConnectionLost"), Connected(), Disconnected("ConnectionLost")),
    "replaced without a word": (Connected(), Connected(), Connected()),
}


@pytest.mark.parametrize("events", ENDINGS_AFTER_LOGIN.values(), ids=ENDINGS_AFTER_LOGIN.keys())
async def test_a_server_that_ends_each_connection_after_the_login_meets_back_off(
    tmp_path: Path, events: tuple[LinkEvent, ...]
) -> None:
    async with staged(tmp_path, paired=True) as stage:
        task = asyncio.create_task(stage.connection.run())
        await stage.deliver(1, *events)
        for number in range(2, QUICK.max_attempts + 1):
            await stage.deliver(number, *events[-2:])
        with pytest.raises(EndedError) as ended:
            await task
        assert ended.value.ending.code is ExitCode.ATTEMPTS_EXHAUSTED
        assert len(stage.link.sessions) == QUICK.max_attempts


async def test_the_library_may_replace_a_connection_that_lasted(tmp_path: Path) -> None:
    lost = (Disconnected("ConnectionLost"), Connected())
    slow = ReconnectSettings(base_delay_seconds=30)
    timing = ConnectionTiming(lasting=0.05)
    async with staged(tmp_path, paired=True, reconnect=slow, timing=timing) as stage, running(stage):
        await stage.deliver(1, Connected())
        for _ in range(3):
            await stage.connection.up.wait()
            await asyncio.sleep(0.1)  # it lasts
            await stage.deliver(1, *lost)
            await reached(lambda: stage.board.state.connection is ConnectionState.CONNECTED)
        assert (len(stage.link.sessions), stage.board.state.attempts) == (1, 0)


async def test_a_wait_for_a_pairing_window_ends_as_soon_as_the_connection_is_closed(tmp_path: Path) -> None:
    async with staged(tmp_path, paired=False, pairing_until=None) as stage:
        connecting = asyncio.create_task(stage.connection.run())
        await reached(lambda: stage.board.state.last_reason == "PairingExpired")
        stage.hold.set("VolumeFull")
        await reached(lambda: stage.board.state.last_reason == "VolumeFull")
        stage.hold.set(None)
        await reached(lambda: stage.board.state.last_reason == "PairingExpired")
        ending = terminal_ending("LoggedOut", "shop")
        stage.hold.end(ending.reason, EndedError(ending))
        with pytest.raises(EndedError):
            await asyncio.wait_for(connecting, 20)


async def test_a_connection_that_is_held_ends_as_soon_as_it_is_closed_for_good(tmp_path: Path) -> None:
    async with staged(tmp_path, paired=True) as stage:
        stage.hold.set("VolumeFull")
        connecting = asyncio.create_task(stage.connection.run())
        await reached(lambda: stage.board.state.last_reason == "VolumeFull")
        ending = terminal_ending("LoggedOut", "shop")
        stage.hold.end(ending.reason, EndedError(ending))
        with pytest.raises(EndedError):
            await asyncio.wait_for(connecting, 20)


async def test_a_hold_that_begins_while_a_session_is_prepared_keeps_it_closed(tmp_path: Path) -> None:
    async with staged(tmp_path, paired=True) as stage, running(stage):
        await asyncio.sleep(0)  # the stored session is examined now, by another process
        stage.hold.set("VolumeFull")
        await reached(lambda: stage.board.state.last_reason == "VolumeFull")
        assert stage.link.sessions == []
        stage.hold.set(None)
        await stage.session(1)


async def test_a_session_is_copied_as_soon_as_the_phone_is_linked(tmp_path: Path) -> None:
    async with staged(tmp_path, paired=False) as stage, running(stage):
        await stage.session_exists()
        await stage.deliver(1, QrOffered("qr 1"), PairingStopped(succeeded=True), Connected())
        await reached((tmp_path / "session.copy.db").exists)


class ScriptedBus:
    """Counts what is published."""

    is_connected = True

    def __init__(self) -> None:
        self.published = 0

    async def publish(self, *_: object) -> None:
        self.published += 1


async def test_what_is_stored_is_told_once_more_when_a_phone_was_linked(tmp_path: Path) -> None:
    async with staged(tmp_path, paired=False) as stage:
        bus = ScriptedBus()
        telling = asyncio.create_task(stage.board.run(bus))  # type: ignore[arg-type]
        await reached(lambda: bus.published == 1)
        stage.board.stored_changed()
        await reached(lambda: bus.published == 2)
        telling.cancel()
        told: list[bool] = []
        stage.board.stored_changed = lambda: told.append((tmp_path / "session.copy.db").exists())  # type: ignore[method-assign]
        async with running(stage):
            await stage.session_exists()
            await stage.deliver(1, QrOffered("qr 1"), PairingStopped(succeeded=True), Connected())
            await reached(lambda: told == [True])


OTHER = "+5521922220001"


def foreign(folder: Path) -> list[Path]:
    return list(folder.glob("session.foreign-*.db"))


async def refused(stage: Stage, *events: LinkEvent) -> EndedError:
    task = asyncio.create_task(stage.connection.run())
    if events:
        await stage.session_exists()
        await stage.deliver(1, *events)
    with pytest.raises(EndedError) as ended:
        await task
    assert ended.value.ending.code is ExitCode.LINKED_TO_ANOTHER_NUMBER
    assert not stage.connection.up.is_set()
    return ended.value


async def test_a_phone_with_another_number_is_unlinked_and_not_served(tmp_path: Path) -> None:
    async with staged(tmp_path, paired=False) as stage:
        linked = (QrOffered("qr 1"), PairingStopped(succeeded=True), LinkedToAnother(OTHER), Connected())
        error = await refused(stage, *linked)
        assert stage.link.logouts == 1
        message = error.ending.message
        assert ("…219…0001 instead of …119…0001" in message, "remove the device" in message) == (True, False)
        assert OTHER not in message


async def test_a_device_that_could_not_be_unlinked_is_set_aside_and_named(tmp_path: Path) -> None:
    async with staged(tmp_path, paired=False) as stage:
        stage.link.refuses_logout = True
        linked = (QrOffered("qr 1"), PairingStopped(succeeded=True), LinkedToAnother(OTHER), Connected())
        error = await refused(stage, *linked)
        assert "on that phone, remove the device" in error.ending.message
        assert not stage.store.path.exists()
        assert len(foreign(tmp_path)) == 1


async def test_the_stored_session_of_another_number_does_not_even_connect(tmp_path: Path) -> None:
    async with staged(tmp_path, paired=True, phone_number=OTHER) as stage:
        (tmp_path / "session.copy.db").write_bytes(b"the right one")
        await refused(stage)
        assert (stage.link.sessions, stage.link.logouts) == ([], 0)
        assert len(foreign(tmp_path)) == 1
        assert (tmp_path / "session.copy.db").read_bytes() == b"the right one"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("551187651111:3@s.whatsapp.net", True),  # without the ninth digit
        ("5511987651111@s.whatsapp.net", True),
        ("5511987651112@s.whatsapp.net", False),
        ("5521987651111@s.whatsapp.net", False),
        ("999@lid", True),  # hides its number
    ],
)
def test_which_account_an_instance_serves(address: str, *, expected: bool) -> None:
    assert OwnAccount(expected=lambda: "+5511987651111").expects(Jid.parse(address)) is expected


async def test_only_what_lasts_is_reported(tmp_path: Path) -> None:
    async with staged(tmp_path, paired=True) as stage:
        reports = ConnectionReports(stage.journal.reports, stage.board, lasting_seconds=1)
        task = asyncio.create_task(reports.run())
        for state in [ConnectionState.CONNECTED, ConnectionState.RECONNECTING] * 10:
            stage.board.update(connection=state)
            await asyncio.sleep(0)
        await reached(lambda: len(reported(stage.journal)) == 2)
        stage.board.update(connection=ConnectionState.CONNECTED)
        await reached(lambda: len(reported(stage.journal)) == 3)
        task.cancel()
        assert reported(stage.journal) == ["connected", "reconnecting", "connected"]


async def test_a_state_that_cannot_be_journalled_is_reported_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "RETRY_SECONDS", 0.01)
    async with staged(tmp_path, paired=True) as stage:
        reports = ConnectionReports(stage.journal.reports, stage.board)
        with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as other:
            other.execute("ALTER TABLE reports RENAME TO aside")
            task = asyncio.create_task(reports.run())
            stage.board.update(connection=ConnectionState.CONNECTED)
            await asyncio.sleep(0.1)
            assert not task.done()
            other.execute("ALTER TABLE aside RENAME TO reports")
        await reached(lambda: reported(stage.journal) == ["connected"])
        task.cancel()
        await asyncio.wait({task})


def reported(journal: Journal) -> list[str]:
    bodies = [Report.decode(entry.envelope).body for entry in journal.reports.waiting(0, 100)]
    return [body.state.value for body in bodies if isinstance(body, ConnectionChanged)]


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
    async with staged(tmp_path, paired=True, timing=ConnectionTiming(login=0.05)) as stage:
        stage.link.closes_cleanly = False
        task = asyncio.create_task(stage.connection.run())
        await stage.deliver(1, Disconnected("ConnectionLost"))
        with pytest.raises(EndedError, match="ConnectionLost: The network connection to WhatsApp was cut") as ended:
            await task
        assert ended.value.ending.code is ExitCode.ATTEMPTS_EXHAUSTED
        assert len(stage.link.sessions) == 1


async def test_a_session_that_was_to_end_and_may_not_have_ended_is_fatal(tmp_path: Path) -> None:
    async with staged(tmp_path, paired=True) as stage:
        stage.link.closes_cleanly = False
        task = asyncio.create_task(stage.connection.run())
        await stage.deliver(1, Connected())
        stage.hold.set("VolumeFull")
        with pytest.raises(LinkBrokenError, match="did not end its session"):
            await task


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
    closing = datetime.now(UTC) + timedelta(seconds=4)
    async with (
        staged(tmp_path, paired=False, timing=ConnectionTiming(login=0.2), pairing_until=closing) as stage,
        running(stage),
    ):
        await stage.deliver(1, QrOffered("qr 1"))
        await reached(lambda: stage.board.state.last_reason == "PairingExpired")
        assert datetime.now(UTC) >= closing
        assert (len(stage.link.sessions), stage.board.state.attempts) == (1, 0)
