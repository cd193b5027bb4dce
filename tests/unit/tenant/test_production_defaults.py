"""The values that a pod runs with, as literals: other tests give shorter ones, and would not notice a change."""

from oxy_core.instance.settings import ReconnectSettings
from oxy_core.jetstream import INBOUND_STREAM, STREAMS
from oxy_tenant.connection.reporting import LASTING_SECONDS
from oxy_tenant.connection.session_progress import ConnectionTiming
from oxy_tenant.journal.instance_events import OFFLINE_DAYS
from oxy_tenant.stop_signals import STOP_SECONDS


def test_attempts_are_counted_until_a_connection_has_lasted_a_minute() -> None:
    assert ConnectionTiming() == ConnectionTiming(login=45, shortest_pairing=30, lasting=60, most_sessions=100)
    assert LASTING_SECONDS == 5


def test_a_silent_connection_is_told_within_40_seconds_and_replaced_within_60() -> None:
    assert ReconnectSettings().model_dump() == {
        "base_delay_seconds": 5,
        "multiplier": 1.5,
        "max_delay_seconds": 60,
        "max_attempts": 10,
        "silent_after_seconds": 40,
        "renew_after_seconds": 60,
        "max_silent_sessions": 2,
    }


def test_a_stop_is_cut_short_before_the_kubelet_kills_the_pod() -> None:
    assert STOP_SECONDS == 27


def test_a_phone_that_is_offline_is_told_of_after_10_and_12_days() -> None:
    assert OFFLINE_DAYS == (10, 12)


def test_the_stream_of_reports_knows_an_id_again_for_two_minutes() -> None:
    (inbound,) = (stream for stream in STREAMS if stream.name == INBOUND_STREAM)
    assert inbound.duplicate_window == 120
