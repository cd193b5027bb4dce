"""Live states count by when they arrive, whatever the pod's clock says."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.wai_operator.making import NOW, Json, live, pod, record

from oxy_core.times import utc_text
from oxy_operator.bus.live_states import LiveStates
from oxy_operator.decide.live_state import HEARTBEAT_SECONDS, MAX_CODE, current_live_state, noticeable

ACCOUNT = "A" * 56
OFFSETS = [timedelta(), timedelta(seconds=-45), timedelta(hours=-5), timedelta(hours=5), timedelta(days=-20_000)]


def said(at: datetime, **fields: Json) -> Json:
    """What a pod says whose clock shows this time."""
    code = {"method": "PhoneCode", "code": "ABCD1234", "expires_at": at + timedelta(seconds=90)}
    return live(
        heartbeat_at=at, connection="pairing", pairing=code, next_attempt_at=at + timedelta(seconds=7), **fields
    )


@pytest.mark.parametrize("offset", OFFSETS)
def test_a_state_counts_from_its_arrival_and_keeps_the_seconds_that_it_has_left(offset: timedelta) -> None:
    states = LiveStates()
    assert states.put(ACCOUNT, said(NOW + offset), NOW)
    held = states.get(ACCOUNT)
    assert held is not None
    assert held.pairing is not None
    assert (held.pairing.expires_at, held.next_attempt_at) == (NOW + timedelta(seconds=90), NOW + timedelta(seconds=7))
    soon = NOW + timedelta(seconds=HEARTBEAT_SECONDS - 1)
    assert current_live_state(held, pod(), record(), soon) == held
    assert current_live_state(held, pod(), record(), soon + timedelta(seconds=1)) is None


@pytest.mark.parametrize("offset", OFFSETS)
def test_a_heartbeat_that_took_a_little_longer_changes_nothing(offset: timedelta) -> None:
    states = LiveStates()
    first = said(NOW + offset)
    states.put(ACCOUNT, first, NOW)
    before = states.get(ACCOUNT)
    later = NOW + timedelta(seconds=15, milliseconds=900)
    again = first.model_copy(update={"heartbeat_at": NOW + offset + timedelta(seconds=15)})
    assert not states.put(ACCOUNT, again, later)
    held = states.get(ACCOUNT)
    assert held is not None
    assert before is not None
    assert (held.pairing, held.heartbeat_at) == (before.pairing, later)


def test_a_clock_that_was_put_right_moves_the_times() -> None:
    states = LiveStates()
    states.put(ACCOUNT, said(NOW - timedelta(hours=5)), NOW)
    later = NOW + timedelta(seconds=15)
    states.put(ACCOUNT, said(later), later)
    held = states.get(ACCOUNT)
    assert held is not None
    assert held.pairing is not None
    assert held.pairing.expires_at == later + timedelta(seconds=90)


@pytest.mark.parametrize(
    ("seconds", "minutes"), [(0, 0), (29, 0), (45, 1), (-45, -1), (18_000, 300), (-18_001, -300), (10**11, 0)]
)
def test_how_far_a_clock_is_ahead_is_told_in_minutes(seconds: int, minutes: int) -> None:
    states = LiveStates()
    states.put(ACCOUNT, said(NOW + timedelta(seconds=seconds)), NOW)
    assert noticeable(states.clock_ahead(ACCOUNT)) == timedelta(minutes=minutes)
    assert LiveStates().clock_ahead(ACCOUNT) == timedelta()


def test_another_pod_has_a_clock_of_its_own() -> None:
    states = LiveStates()
    states.put(ACCOUNT, said(NOW - timedelta(seconds=1)), NOW)
    states.put(ACCOUNT, said(NOW, pod_uid="another"), NOW)
    held = states.get(ACCOUNT)
    assert held is not None
    assert held.next_attempt_at == NOW + timedelta(seconds=7)


def test_what_arrived_earlier_replaces_nothing() -> None:
    states = LiveStates()
    states.put(ACCOUNT, live(attempts=2), NOW)
    assert not states.put(ACCOUNT, live(attempts=1), NOW - timedelta(seconds=1), kept=True)
    held = states.get(ACCOUNT)
    assert held is not None
    assert held.attempts == 2
    states.forget(ACCOUNT)
    assert states.get(ACCOUNT) is None


def test_a_state_that_arrives_after_our_clock_was_set_back_counts() -> None:
    states = LiveStates()
    states.put(ACCOUNT, said(NOW, attempts=2), NOW)
    before = NOW - timedelta(hours=1)
    assert states.put(ACCOUNT, said(NOW + timedelta(seconds=15), attempts=3), before)
    held = states.get(ACCOUNT)
    assert held is not None
    assert (held.attempts, held.heartbeat_at) == (3, before)


times = st.datetimes(timezones=st.timezones())


states_of_pods = st.fixed_dictionaries(
    {
        "heartbeat_at": times,
        "next_attempt_at": times,
        "last_reason": st.text(),
        "attempts": st.integers(0, 10**40),
        "pairing": st.fixed_dictionaries(
            {"method": st.just("QRCode"), "qr": st.text(max_size=3 * MAX_CODE), "expires_at": times}
        ),
    }
)


@given(states_of_pods)
def test_whatever_a_pod_says_can_be_shown(fields: dict[str, Json]) -> None:
    states = LiveStates()
    states.put(ACCOUNT, live(**fields), NOW)
    held = states.get(ACCOUNT)
    assert held is not None
    assert held.heartbeat_at == NOW
    assert held.attempts < 2**31
    for moment in (held.next_attempt_at, held.pairing and held.pairing.expires_at):
        if moment is not None:
            assert moment.tzinfo is UTC
            assert len(utc_text(moment)) == len("1970-01-01T00:00:00Z")
