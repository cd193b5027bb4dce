import asyncio
import json
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from integration.tenant.scene import BUSINESS, PATIENCE, Scene, send_request, until

from oxy_core.envelopes import ConnectionState, SendOutcome
from oxy_core.instance.pairing_offer import PairingMethod
from oxy_core.instance.settings import ReconnectSettings
from oxy_core.instance.terminal_causes import ExitCode
from oxy_simulator.errors import PairingError
from oxy_simulator.faults import FaultKind
from oxy_simulator.node import node

GRACE_SECONDS = 30
"""Of the pod: `oxy_operator.decide.specs.stateful_set`."""


async def test_pairing_by_qr_code(scene: Scene) -> None:
    # As long as WhatsApp gives no code to type for the number.
    await scene.business.fault(FaultKind.RATE_LIMIT_REQUESTS, count=1)
    await scene.runtime.start()
    offer = await scene.offer()
    assert (offer.method, offer.code) == ("QRCode", None)
    first = next(state for state in scene.bus.states if state.pairing == offer)
    assert (first.connection, first.last_reason) == (ConnectionState.PAIRING, "PhoneCodeRefused")
    assert 0 < (offer.expires_at - first.heartbeat_at).total_seconds() <= 60
    # The next connection has new codes, without a new process, and is not asked for one to type if people wish to scan.
    scene.runtime.write_settings(pairing_method=PairingMethod.QR_CODE)
    await until(lambda: "settings_changed" in scene.runtime.log, what="a wish")
    await scene.simulator.fault(FaultKind.DOWN)
    await scene.simulator.fault(FaultKind.UP)
    await until(lambda: scene.bus.states[-1].pairing not in {None, offer}, what="a new code")
    with pytest.raises(PairingError, match="expired"):
        await scene.business.link(qr=offer.qr)
    assert (scene.bus.states[-1].last_reason, (await scene.offer()).method) == (None, "QRCode")
    await scene.business.link(qr=(await scene.offer()).qr)
    await scene.ready()
    assert scene.runtime.log.count("runtime_started") == 1
    assert scene.runtime.log.count("pairing_code_refused") == 1


async def test_a_code_that_is_typed_wrong_is_told_apart_and_the_right_one_still_links(scene: Scene) -> None:
    await scene.runtime.start()
    await scene.offer()
    # Before that, WhatsApp refuses the connection with a code that unlinks a device, and here there is none.
    service = scene.simulator.service
    service.network.links[service.account(BUSINESS).phone].connection.send(
        node("failure", {"reason": "401", "location": "lla"})
    )
    state = await until(
        lambda: next((found for found in scene.bus.states if found.last_reason == "LinkingRefused"), None),
        what="a refusal",
    )
    assert (state.connection, state.pairing, state.last_error) == (ConnectionState.PAIRING, None, "code 401")
    assert state.attempts >= 1
    offer = await until(lambda: scene.bus.states[-1].pairing, what="another code")
    with pytest.raises(PairingError, match="wrong"):
        await scene.business.link(code="AAAA-1111")
    state = await until(
        lambda: next((found for found in scene.bus.states if found.last_reason == "PairingDenied"), None),
        what="a denied code",
    )
    assert (state.connection, state.pairing) == (ConnectionState.PAIRING, offer)
    await scene.business.link(code=offer.code)
    await scene.ready()
    await until(lambda: scene.bus.states[-1].last_reason is None, what="nothing denied any more")


async def test_an_unpaired_runtime_is_silent_until_a_window_opens(scene: Scene) -> None:
    scene.runtime.settings = scene.runtime.settings.model_copy(update={"pairing_until": None})
    await scene.runtime.start()
    state = await scene.bus.state(ConnectionState.PAIRING)
    assert (state.pairing, state.last_reason) == (None, "PairingExpired")
    assert not scene.simulator.service.network.connections
    assert (await scene.runtime.probe("/readyz"))[0] == 503
    scene.runtime.write_settings(pairing_until=datetime.now(UTC) + timedelta(minutes=5))
    await scene.business.link(code=(await scene.offer()).code)
    await scene.ready()


async def test_a_window_that_closes_withdraws_its_code(scene: Scene) -> None:
    scene.runtime.settings = scene.runtime.settings.model_copy(update={"pairing_until": None})
    await scene.runtime.start()
    await scene.bus.state(ConnectionState.PAIRING)
    # Opened only when it runs: a start may take long on a busy machine.
    until_soon = datetime.now(UTC) + timedelta(seconds=20)
    scene.runtime.write_settings(pairing_until=until_soon)
    assert (await scene.offer()).expires_at == until_soon
    await until(lambda: scene.bus.states[-1].last_reason == "PairingExpired", what="the end of the window")
    assert scene.bus.states[-1].pairing is None
    await until(lambda: not scene.simulator.service.network.connections, what="silence")


async def test_an_ended_epoch_does_not_connect_again_but_the_next_one_does(scene: Scene) -> None:
    await scene.pair()
    await scene.business.unlink()
    assert await scene.runtime.exit_code() == ExitCode.LOGGED_OUT
    logins = len(scene.simulator.service.logins(BUSINESS))
    scene.runtime.termination_log.unlink()
    await scene.runtime.start(OXY_POD_UID="pod-2")
    assert await scene.runtime.exit_code() == ExitCode.LOGGED_OUT
    again = scene.runtime.termination()
    assert (again.reason, again.pod_uid, again.epoch) == ("LoggedOut", "pod-2", 1)
    assert len(scene.simulator.service.logins(BUSINESS)) == logins
    scene.runtime.epoch = 2
    scene.bus.forget_states()
    await scene.pair()
    chat = await scene.chat()
    request = send_request(chat, "voltamos")
    await scene.bus.request(request)
    assert (await scene.result(request)).outcome is SendOutcome.SENT


async def test_a_process_that_ends_badly_still_says_why(scene: Scene) -> None:
    await scene.pair()
    # The library panics over this code.
    await scene.business.fault(FaultKind.LOGIN_FAILURE, code=413)
    await scene.business.fault(FaultKind.ABORT)
    assert await scene.runtime.exit_code() == -signal.SIGABRT
    last = scene.runtime.termination()
    assert (last.reason, last.exit_code, last.pod_uid) == ("ConnectFailure", 128 + signal.SIGABRT, "pod-1")
    assert "code 413" in last.message
    scene.runtime.termination_log.unlink()
    scene.bus.forget_states()
    await scene.runtime.start()
    await scene.bus.state(ConnectionState.CONNECTED)

    # It is banned while its journal takes no report.
    with closing(sqlite3.connect(scene.runtime.session / "journal.db")) as journal, journal:
        journal.execute("CREATE TRIGGER full BEFORE INSERT ON reports BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    await scene.business.fault(FaultKind.BANNED)
    await scene.business.fault(FaultKind.ABORT)
    assert await scene.runtime.exit_code() == ExitCode.ACCOUNT_LOCKED
    assert "ending_not_journalled" in scene.runtime.log
    assert scene.runtime.termination().reason == "AccountBanned"
    await scene.runtime.start(OXY_POD_UID="pod-2")
    assert await scene.runtime.exit_code() == ExitCode.ACCOUNT_LOCKED


async def test_a_runtime_that_cannot_write_its_marker_stays_up_but_disconnected(scene: Scene) -> None:
    await scene.pair()
    await until((scene.runtime.session / "session.copy.db").exists, what="a note of the device, and a copy")
    marker = scene.runtime.session / "ended.json"
    marker.unlink()
    marker.mkdir()
    await scene.business.unlink()
    await until(lambda: "ended_marker_unwritable" in scene.runtime.log, what="a parked runtime")
    assert scene.runtime.process is not None
    assert scene.runtime.process.returncode is None
    await until(lambda: not scene.simulator.service.network.connections, what="disconnected")
    assert (await scene.bus.state(ConnectionState.ENDED)).last_reason == "LoggedOut"
    marker.rmdir()
    marker.touch()
    assert await scene.runtime.exit_code() == ExitCode.LOGGED_OUT
    # Had it been killed before that, the next one would know why the session has no device.
    marker.unlink()
    await scene.runtime.start()
    assert await scene.runtime.exit_code() == ExitCode.LOGGED_OUT
    assert scene.runtime.termination().reason == "LoggedOut"


async def test_a_server_that_is_down_at_the_start_is_retried_until_it_is_up(scene: Scene) -> None:
    await scene.pair()
    assert await scene.runtime.kill(signal.SIGTERM) == 0
    await scene.simulator.fault(FaultKind.DOWN)
    await scene.customer.send("tem alguém?", scene.business)
    scene.bus.forget_states()
    await scene.runtime.start()
    state = await until(
        lambda: next((state for state in scene.bus.states if state.attempts >= 2), None), what="failed attempts"
    )
    assert (state.connection, state.last_reason) == (ConnectionState.RECONNECTING, "ServerUnreachable")
    assert state.next_attempt_at is not None
    status, reason = await scene.runtime.probe("/readyz")
    assert (status, reason) == (503, "reconnecting: ServerUnreachable\n")
    await scene.simulator.fault(FaultKind.UP)
    await scene.ready()
    assert [message.text for message in await scene.texts(1)] == ["tem alguém?"]


async def test_the_connection_returns_after_a_long_outage(scene: Scene) -> None:
    await scene.pair()
    await scene.simulator.fault(FaultKind.DOWN)
    await until(lambda: scene.bus.states[-1].attempts >= 2, what="failed attempts")
    await until(lambda: _reports(scene, 2), what="a report of the outage")
    await scene.simulator.fault(FaultKind.UP)
    await scene.ready()
    await scene.chat()
    await until(lambda: _reports(scene, 3), what="a report of its end")
    changes = [change.state for change in await scene.bus.connections()]
    assert changes == [ConnectionState.CONNECTED, ConnectionState.RECONNECTING, ConnectionState.CONNECTED]
    await _all_is_counted(scene)


async def _all_is_counted(scene: Scene) -> None:
    """The metrics count each loss and each failed attempt of the log by its reason, and the library's complaints."""
    lines = [json.loads(line) for line in scene.runtime.log.splitlines() if line.startswith("{")]
    losses = Counter(line["reason"] for line in lines if line["event"] == "connection_lost")
    failed = Counter(line["reason"] for line in lines if line["event"] == "session_ended" and line["failed"])
    assert losses
    assert failed.total() >= 2
    assert await scene.runtime.metrics("oxy_tenant_connection_losses_total") == losses
    assert await scene.runtime.metrics("oxy_tenant_connection_attempts_failed_total") == failed
    assert (await scene.runtime.metrics("oxy_tenant_library_errors_total"))["connection"] >= 1


async def _reports(scene: Scene, count: int) -> bool:
    return len(await scene.bus.connections()) == count


@pytest.mark.parametrize("fault", [FaultKind.DOWN, FaultKind.BAD_USER_AGENT])
async def test_an_outage_in_the_session_that_linked_the_phone_does_not_unpair_it(
    scene: Scene, fault: FaultKind
) -> None:
    await scene.pair()
    scene.bus.forget_states()
    await (scene.simulator.fault(fault) if fault is FaultKind.DOWN else scene.business.fault(fault, count=3))
    await until(lambda: any(state.attempts >= 1 for state in scene.bus.states), what="failed attempts")
    await (scene.simulator.fault(FaultKind.UP) if fault is FaultKind.DOWN else scene.simulator.clear_faults())
    await scene.ready()
    assert ConnectionState.PAIRING not in {state.connection for state in scene.bus.states}


async def test_exhausted_attempts_end_the_process_but_not_the_epoch(scene: Scene) -> None:
    await scene.simulator.fault(FaultKind.DOWN)
    few = ReconnectSettings(base_delay_seconds=0.1, max_delay_seconds=0.1, max_attempts=3)
    scene.runtime.settings = scene.runtime.settings.model_copy(update={"reconnect": few})
    await scene.runtime.start()
    assert await scene.runtime.exit_code() == ExitCode.ATTEMPTS_EXHAUSTED
    assert scene.runtime.termination().reason == "AttemptsExhausted"
    await scene.simulator.fault(FaultKind.UP)
    await scene.pair()


RUBBISH = b"no database at all" * 1000


def damage(scene: Scene) -> None:
    session = scene.runtime.session / "session.db"
    session.with_name("session.db-wal").unlink(missing_ok=True)  # SQLite would mend it with the log
    session.write_bytes(RUBBISH)


async def test_a_damaged_session_is_set_aside_and_waits_for_a_person(scene: Scene) -> None:
    await scene.pair()
    assert await scene.runtime.kill(signal.SIGTERM) == 0
    damage(scene)
    scene.bus.states.clear()
    for _ in range(2):
        await scene.runtime.start()
        assert await scene.runtime.exit_code() == ExitCode.BAD_SESSION
        message = scene.runtime.termination()
        assert (message.reason, "oxy sessions restore" in message.message) == ("BadSession", True)
        # Had it been killed before it noted its end.
        (scene.runtime.session / "ended.json").unlink()
    assert {state.pairing for state in scene.bus.states} == {None}
    [aside] = scene.runtime.session.glob("session.bad-*.db")
    assert aside.read_bytes() == RUBBISH
    assert scene.simulator.service.account(scene.business.number).devices, "still linked, for a backup"
    scene.runtime.epoch = 2
    scene.bus.states.clear()
    await scene.pair()


async def test_a_damaged_session_without_a_phone_is_begun_anew(scene: Scene) -> None:
    await scene.runtime.start()
    await scene.offer()
    await scene.runtime.kill()
    damage(scene)
    scene.bus.states.clear()
    await scene.pair()
    assert len(list(scene.runtime.session.glob("session.bad-*.db"))) == 1


async def test_a_session_that_is_missing_is_told_and_waits_for_a_person(scene: Scene) -> None:
    await scene.pair()
    await until((scene.runtime.session / "session.copy.db").exists, what="a note of the device, and a copy")
    await scene.runtime.kill()
    session = scene.runtime.session / "session.db"
    log = session.with_name("session.db-wal").read_bytes()
    session.unlink()
    scene.bus.states.clear()
    for _ in range(2):
        await scene.runtime.start()
        assert await scene.runtime.exit_code() == ExitCode.BAD_SESSION
        message = scene.runtime.termination()
        assert (message.reason, "oxy sessions restore" in message.message) == ("SessionMissing", True)
    assert {state.pairing for state in scene.bus.states} == {None}
    [aside] = scene.runtime.session.glob("session.missing-*-wal")
    assert aside.read_bytes() == log
    assert scene.simulator.service.account(scene.business.number).devices, "still linked, for a backup"
    scene.runtime.epoch = 2
    scene.bus.states.clear()
    await scene.pair()


async def test_a_linked_session_is_copied_at_once_and_the_copy_outlives_the_device(scene: Scene) -> None:
    await scene.pair()
    await until((scene.runtime.session / "session.copy.db").exists, what="a copy")
    linked = devices(scene.runtime.session / "session.copy.db")
    assert linked[0].startswith(BUSINESS[1:])
    await scene.business.fault(FaultKind.LOCKED)
    assert await scene.runtime.exit_code() == ExitCode.ACCOUNT_LOCKED
    assert devices(scene.runtime.session / "session.db") == []
    scene.runtime.epoch, scene.runtime.settings = 2, scene.runtime.settings.model_copy(update={"pairing_until": None})
    scene.bus.forget_states()
    await scene.runtime.start()
    await scene.bus.state(ConnectionState.PAIRING)
    assert devices(scene.runtime.session / "session.copy.db") == linked


def devices(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [row[0] for row in database.execute("SELECT jid FROM whatsmeow_device")]


async def test_a_phone_of_another_business_is_unlinked_and_its_messages_stay_unread(scene: Scene) -> None:
    scene.runtime.settings = scene.runtime.settings.model_copy(update={"pairing_method": PairingMethod.QR_CODE})
    other = await scene.simulator.phone("+5511922220001", "Flor")
    await scene.runtime.start()
    await scene.customer.send("é para a Flor", other)
    await other.link(qr=(await scene.offer()).qr)
    await scene.customer.send("ainda é", other)
    assert await scene.runtime.exit_code() == ExitCode.LINKED_TO_ANOTHER_NUMBER
    message = scene.runtime.termination()
    assert (message.reason, await scene.bus.messages()) == ("LinkedToAnotherNumber", [])
    assert "…222…0001 instead of …000…0001" in message.message
    assert not scene.simulator.service.account(other.number).devices
    assert ConnectionState.CONNECTED not in {state.connection for state in scene.bus.states}
    scene.runtime.epoch = 2
    scene.bus.forget_states()
    await scene.runtime.start()
    await scene.business.link(qr=(await scene.offer()).qr)
    await scene.ready()


async def test_a_server_that_ends_each_connection_after_the_login_is_left_alone(scene: Scene) -> None:
    few = ReconnectSettings(base_delay_seconds=0.2, max_delay_seconds=0.2, max_attempts=4)
    scene.runtime.settings = scene.runtime.settings.model_copy(update={"reconnect": few})
    await scene.pair()
    cutting = asyncio.create_task(_cut_each_connection(scene))
    assert await scene.runtime.exit_code(within=60) == ExitCode.ATTEMPTS_EXHAUSTED
    cutting.cancel()
    assert scene.runtime.log.count('"connection_established"') <= few.max_attempts + 1
    assert len(await scene.bus.connections()) <= 2


async def _cut_each_connection(scene: Scene) -> None:
    established = 0
    while True:
        found = scene.runtime.log.count('"connection_established"')
        if found > established:
            established = found
            await scene.business.fault(FaultKind.ABORT)
        await asyncio.sleep(0.02)


async def test_readiness_does_not_depend_on_the_bus(scene: Scene) -> None:
    await scene.pair()
    assert await scene.runtime.kill(signal.SIGTERM) == 0
    scene.bus.server.kill()
    await scene.runtime.start()
    await scene.ready()
    await scene.customer.send("sem barramento", scene.business)
    await until(lambda: _metric(scene, 'oxy_tenant_messages_received_total{kind="text"}', 1), what="journalled")
    scene.bus.server.start()
    assert [message.text for message in await scene.texts(1, within=PATIENCE)] == ["sem barramento"]


async def _metric(scene: Scene, line: str, value: float) -> bool:
    return await scene.runtime.metric(line) == value


async def test_a_second_runtime_on_the_volume_is_refused(scene: Scene) -> None:
    await scene.pair()
    first = scene.runtime.process
    await scene.runtime.start()
    assert await scene.runtime.exit_code() == 1
    assert scene.runtime.termination().reason == "Volume"
    scene.runtime.process = first
    await scene.chat()


async def test_sigterm_quickly_finishes_the_message_in_flight(scene: Scene) -> None:
    await scene.pair()
    chat = await scene.chat()
    requests = [send_request(chat, f"parte {number}") for number in range(40)]
    for request in requests:
        await scene.bus.request(request)
    await scene.customer.expect("parte 3", within=PATIENCE)
    async with asyncio.timeout(GRACE_SECONDS):
        assert await scene.runtime.kill(signal.SIGTERM) == 0
    await scene.runtime.start()
    await scene.ready()
    for request in requests:  # the relay retries requests that were not accepted
        await scene.bus.request(request)
    await scene.customer.expect("parte 39", within=PATIENCE)
    texts = [entry.text for entry in await scene.customer.inbox() if not entry.from_me and entry.kind == "text"]
    assert texts == [request.text for request in requests]
    outcomes = {(await scene.result(request)).outcome for request in requests}
    assert outcomes == {SendOutcome.SENT}


async def test_a_journal_that_breaks_while_in_use_ends_the_process(scene: Scene) -> None:
    await scene.pair()
    for file in ("journal.db", "journal.db-wal"):
        (scene.runtime.session / file).write_bytes(b"overwritten while in use" * 4096)
    await scene.customer.send("oi", scene.business)
    assert await scene.runtime.exit_code() == 1
