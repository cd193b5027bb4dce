"""One row for each cause: what a session does about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxy_core.instance.settings import ReconnectSettings
from oxy_tenant.connection.diagnosis import Trouble
from oxy_tenant.connection.session_progress import (
    ConnectionTiming,
    Lasted,
    Noted,
    SessionEnd,
    SessionProgress,
    Step,
    WentDown,
    WentUp,
)
from oxy_tenant.connection.silence import Signs, Silence
from oxy_tenant.connection.steadiness import Steadiness
from oxy_tenant.links.events import (
    Connected,
    DeviceRefused,
    Disconnected,
    LinkEvent,
    LinkStopped,
    LoginRefused,
    PairingStopped,
    QrOffered,
    TroubleNoticed,
)

POLICY = ReconnectSettings(base_delay_seconds=5, silent_after_seconds=40, renew_after_seconds=60)
TIMING = ConnectionTiming(login=45, shortest_pairing=30, lasting=60)
WINDOW = 900.0
LOST = Disconnected("ConnectionLost")


class Session:
    """A session with a clock of its own, which receives a frame with each event."""

    def __init__(self, steadiness: Steadiness | None = None, *, linked: bool = True, at: float = 1000.0) -> None:
        self.steadiness = steadiness or Steadiness()
        self.now = at
        self.progress = SessionProgress(self.steadiness, POLICY, TIMING, linked=linked, now=at)
        self.last_frame: float | None = None

    def take(self, *events: LinkEvent) -> Step | None:
        step = None
        for event in events:
            self.last_frame = self.now
            step = self.progress.take(event, self.now, window_seconds=WINDOW)
        return step

    def until_step(self, *, heard: bool = False) -> Step:
        """Wake the session whenever it wants, until something follows; `heard`: whether frames come meanwhile."""
        for _ in range(10_000):
            at = self.progress.wakes_at
            assert at is not None
            self.now = max(self.now, at)
            if heard:
                self.last_frame = self.now
            step = self.progress.wake(self.now, self.last_frame)
            if step is not None:
                return step
        message = "nothing follows"
        raise AssertionError(message)


def lost(reason: str, detail: str = "") -> tuple[LinkEvent, ...]:
    return (TroubleNoticed(reason, detail), TroubleNoticed("ConnectionClosed"), LOST)


@pytest.mark.parametrize(
    ("events", "trouble"),
    [
        (lost("ServerRestarting"), Trouble("ServerRestarting")),
        (lost("StreamError", "code 500"), Trouble("StreamError", "code 500")),
        (lost("StreamEnded"), Trouble("StreamEnded")),
        (lost("FrameTooLarge"), Trouble("FrameTooLarge")),
        ((TroubleNoticed("ConnectionLost", "EOF"), LOST), Trouble("ConnectionLost", "EOF")),
        ((TroubleNoticed("ConnectionClosed"), LOST), Trouble("ConnectionClosed")),
        ((LOST,), Trouble("ConnectionLost")),
    ],
)
def test_a_lost_connection_has_its_cause_and_a_chance_to_come_back(
    events: tuple[LinkEvent, ...], trouble: Trouble
) -> None:
    session = Session()
    assert session.take(Connected()) == WentUp()
    assert session.take(*events) == WentDown(trouble)
    assert session.take(Connected()) == WentUp()
    assert session.take(*events) == SessionEnd(trouble)  # the second that did not last


def test_a_connection_that_does_not_come_back_is_given_up_after_the_first_delay() -> None:
    session = Session()
    session.take(Connected(), *lost("ServerRestarting"))
    refused = TroubleNoticed("ServerUnreachable", "connection refused")
    assert session.take(refused) == WentDown(Trouble("ServerUnreachable", "connection refused"))
    assert session.until_step() == SessionEnd(Trouble("ServerUnreachable", "connection refused"))
    assert session.now == 1005


@pytest.mark.parametrize(
    "event",
    [
        LoginRefused("LoginUnavailable", "code 503"),
        LoginRefused("LoginNotFound", "code 415"),
        LinkStopped("x509: unknown authority", opened=False, reason="CertificateUntrusted"),
    ],
)
def test_a_refused_login_ends_the_session_at_once(event: LoginRefused | LinkStopped) -> None:
    end = Session().take(event)
    detail = event.error if isinstance(event, LinkStopped) else event.detail
    assert end == SessionEnd(Trouble(event.reason, detail))


def test_a_login_that_is_cut_short_is_not_waited_for_as_long_as_one_without_an_answer() -> None:
    silent, cut = Session(), Session()
    assert silent.until_step() == SessionEnd(Trouble("LoginTimedOut"))
    cut.take(LOST)
    assert cut.until_step() == SessionEnd(Trouble("ConnectionLost"))
    assert (silent.now, cut.now) == (1045, 1005)


def test_a_server_that_ends_each_connection_meets_back_off_but_may_be_tried_again() -> None:
    steadiness = Steadiness()
    session = Session(steadiness)
    assert session.take(Connected(), LOST) == WentDown(Trouble("ConnectionLost"))
    assert session.take(Connected(), LOST) == SessionEnd(Trouble("ConnectionLost"))
    for _ in range(3):  # a session that we began after a pause is not ended by its login alone
        session = Session(steadiness, at=session.now + 5)
        assert session.take(Connected()) == WentUp()
        assert session.take(LOST) == SessionEnd(Trouble("ConnectionLost"))
    session = Session(steadiness, at=2000)
    session.take(Connected())
    assert (session.until_step(heard=True), session.now) == (Lasted(), 2060)
    assert (steadiness.failed, steadiness.losses) == (0, 0)


def test_a_server_that_asks_for_one_reconnect_after_the_other_meets_back_off() -> None:
    session, restart = Session(), TroubleNoticed("RestartRequired")
    assert session.take(restart) is None  # when a phone was linked, before the login
    assert session.take(Connected(), restart) == WentDown(Trouble("RestartRequired"))
    assert session.take(Connected()) == WentUp()
    assert session.take(restart) == SessionEnd(Trouble("RestartRequired"))
    assert Session(Steadiness(losses=1)).take(Connected(), Connected()) == SessionEnd(Trouble("ConnectionUnsteady"))


def test_attempts_count_until_a_connection_has_lasted_a_minute() -> None:
    steadiness = Steadiness(failed=7)
    session = Session(steadiness)
    session.take(Connected())
    session.now += 59
    session.take(LOST)
    assert steadiness.failed == 7


def test_silence_degrades_then_renews_then_asks_for_a_new_process() -> None:
    steadiness = Steadiness()
    for new_process in (False, True):
        session = Session(steadiness)
        session.take(Connected())
        assert session.until_step() == WentDown(Trouble("NothingReceived", "nothing for 40 seconds"))
        trouble = Trouble("NothingReceived", "nothing for 60 seconds")
        assert session.until_step() == SessionEnd(trouble, new_process=new_process)
        steadiness.lost()


def test_what_is_heard_again_counts_as_a_connection_again() -> None:
    session = Session()
    session.take(Connected())
    assert isinstance(session.until_step(), WentDown)
    assert session.until_step(heard=True) == WentUp()
    assert session.until_step(heard=True) == Lasted()
    assert session.now >= 1100  # a minute after it was heard again
    assert session.steadiness.losses == 0


@given(st.floats(1.5, 10_000), st.floats(1, 39))
def test_a_process_that_was_stopped_is_not_taken_for_a_silent_server(stopped: float, heard_at: float) -> None:
    silence = Silence(POLICY, since=0.0)
    assert silence.look(40.0 + stopped, heard_at) is Signs.HEARS
    later = silence.look_at
    assert silence.look(later, later - 1) is Signs.HEARS


def test_a_server_that_is_silent_after_a_stop_is_still_found() -> None:
    silence = Silence(POLICY, since=0.0)
    now, found = 500.0, []
    while Signs.LOST not in found:
        found.append(silence.look(now, 0.0))
        now = silence.look_at
    assert found[-1] is Signs.LOST
    assert now < 570


UNREADABLE = TroubleNoticed("FrameUnreadable", "zlib: invalid header")
RENEWED = SessionEnd(Trouble(UNREADABLE.reason, UNREADABLE.detail))


def test_a_frame_that_can_never_be_read_is_fetched_again_ever_more_seldom() -> None:
    steadiness, now, pauses = Steadiness(), 1000.0, []
    for _ in range(13):
        session = Session(steadiness, at=now)
        step = session.take(Connected(), UNREADABLE)
        while step != RENEWED:
            assert isinstance(step, Noted | Lasted)
            step = session.until_step(heard=True)
        pauses.append(session.now - now)
        steadiness.lost()
        now = session.now
    assert pauses == [0, 5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]


def test_an_unreadable_frame_after_a_readable_hour_is_fetched_again_at_once() -> None:
    steadiness = Steadiness()
    assert Session(steadiness).take(Connected(), UNREADABLE) == RENEWED
    steadiness.lost()
    assert Session(steadiness, at=1000 + 3600).take(Connected(), UNREADABLE) == RENEWED


def test_a_connection_that_is_lost_anyway_fetches_again_what_could_not_be_read() -> None:
    steadiness = Steadiness()
    steadiness.renewed(1000)
    session = Session(steadiness)
    assert session.take(Connected(), UNREADABLE) == Noted(RENEWED.trouble)
    session.take(LOST, Connected())
    assert isinstance(session.until_step(heard=True), Lasted)


def test_what_leaves_the_connection_alone_is_only_noted() -> None:
    session = Session()
    session.take(Connected())
    assert session.take(TroubleNoticed("RequestsRateLimited")) == Noted(Trouble("RequestsRateLimited"))
    assert session.take(LOST) == WentDown(Trouble("ConnectionLost"))


def test_a_connection_lasts_whatever_is_noted_of_it_meanwhile() -> None:
    steadiness = Steadiness(failed=3)
    session = Session(steadiness)
    session.take(Connected())
    session.now += 50
    session.take(TroubleNoticed("RequestsRateLimited"))
    assert isinstance(session.until_step(heard=True), Lasted)
    assert (session.now, steadiness.failed) == (1060, 0)


def test_a_code_that_is_typed_wrong_is_noted() -> None:
    session = Session(linked=False)
    session.take(QrOffered("qr"))
    assert session.take(TroubleNoticed("PairingDenied")) == Noted(Trouble("PairingDenied"))
    assert session.progress.wakes_at == 1000 + WINDOW
    # The refusal of a code to type is told as such.
    assert session.take(TroubleNoticed("RequestsRateLimited")) is None


def test_while_codes_are_offered_a_lost_connection_is_the_libraries_business() -> None:
    session = Session(linked=False)
    session.take(QrOffered("qr"))
    assert session.take(LOST) is None
    assert session.until_step() == SessionEnd(Trouble("PairingExpired"), failed=False)
    assert session.now == 1000 + WINDOW


@pytest.mark.parametrize("over", [PairingStopped(succeeded=False), TroubleNoticed("RestartRequired")])
@pytest.mark.parametrize(("after", "failed"), [(1.0, True), (31.0, False)])
def test_codes_that_ran_out_are_no_failure(over: LinkEvent, after: float, *, failed: bool) -> None:
    session = Session(linked=False)
    session.take(QrOffered("qr"))
    session.now += after
    assert session.take(over) == SessionEnd(Trouble("PairingInterrupted"), failed=failed)


def test_a_server_that_refuses_whoever_has_no_device_is_told_with_its_code() -> None:
    session = Session(linked=False)
    session.now += 31
    refused = DeviceRefused("LoggedOut", "code 401")
    assert session.take(refused) == SessionEnd(Trouble("LinkingRefused", "code 401"), failed=True)
    assert Session(linked=True).take(refused) is None, "what follows says more"


def test_a_phone_that_was_linked_meanwhile_is_not_asked_for_again() -> None:
    session = Session(linked=False)
    session.take(QrOffered("qr"))
    session.progress.linked = True  # read from the store
    assert session.take(LOST) == WentDown(Trouble("ConnectionLost"))
    assert session.until_step() == SessionEnd(Trouble("ConnectionLost"))
    assert session.now == 1005


def test_a_code_that_the_phone_refuses_ends_nothing_and_is_noted_while_a_code_is_shown() -> None:
    session = Session(linked=False)
    session.take(QrOffered("qr"))
    denied = TroubleNoticed("PairingDenied", "status 400")
    assert session.take(denied) == Noted(Trouble("PairingDenied", "status 400"))
    session.take(PairingStopped(succeeded=True))
    assert session.take(denied) is None
