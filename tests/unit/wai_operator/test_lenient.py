"""What anybody may have written is read bounded, and never raises."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.wai_operator.making import NOW, POD_UID, Json, pod, pod_object

from oxy_core.instance.terminal_causes import ExitCode
from oxy_operator.decide.epoch_record import EpochRecord
from oxy_operator.decide.pod import Pod
from oxy_operator.lenient import plain_text, reason, utc_moment, whole_number

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner), max_leaves=5
)


@pytest.mark.parametrize(
    ("value", "number"),
    [("7", 7), (7, 7), ("0", 0), ("9" * 18, 10**18 - 1)],
)
def test_numbers(value: Json, number: int) -> None:
    assert whole_number(value) == number


@pytest.mark.parametrize("value", ["9" * 19, "²", "٣", "-1", "", "x", " 1", "1\n", None, True, 1.5, []])
def test_what_is_no_number(value: Json) -> None:
    assert whole_number(value) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [("plain", "plain"), ("a\x1b[2J\nb", "a [2J b"), ("\ud800x", "x"), ("x" * 11, "x" * 9 + "…"), (None, ""), (1, "")],
)
def test_texts(value: Json, text: str) -> None:
    assert plain_text(value, 10) == text


@pytest.mark.parametrize(
    ("value", "found"), [("OOMKilled", "OOMKilled"), ("A", "A"), ("no spaces", "?"), ("", "?"), ("A" * 200, "?")]
)
def test_reasons(value: str, found: str) -> None:
    assert reason(value, "?") == found


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-11-22T12:00:00Z", NOW),
        ("2026-11-22T14:00:00+02:00", NOW),
        ("2026-11-22T12:00:00", None),
        ("0001-01-01T00:00:00+23:00", None),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("tomorrow", None),
        (7, None),
    ],
)
def test_times(value: Json, moment: datetime | None) -> None:
    assert utc_moment(value) == moment


@given(JSON)
def test_every_value_is_read(value: Json) -> None:
    for read in (whole_number, plain_text, utc_moment):
        read(value)
    assert len(reason(value, "")) <= 128


@given(st.text(), st.text(), st.text(), st.text(), st.integers(-(2**31), 2**31 - 1))
def test_every_pod_is_read(annotation: str, message: str, why: str, said: str, exit_code: int) -> None:
    state = {"terminated": {"exitCode": exit_code, "reason": why, "finishedAt": message, "message": said}}
    made = pod_object(state=state, last={"waiting": {"reason": why, "message": said}}, reason=why, conditions=[{}])
    made["metadata"]["annotations"] = {"oxy.dev/epoch": annotation}
    Pod.of(made)


@given(st.dictionaries(st.sampled_from(["epoch", "pairing-until", "ended", "number", "paired"]), st.text()))
def test_every_record_is_read(annotations: dict[str, str]) -> None:
    EpochRecord.of({f"oxy.dev/{name}": value for name, value in annotations.items()} | {"oxy.dev/epoch": "1"})


def left(message: str, exit_code: int = ExitCode.LOGGED_OUT) -> Pod:
    terminated = {"exitCode": exit_code, "reason": "Error", "finishedAt": "2026-11-22T12:00:00Z", "message": message}
    return pod(state={"terminated": terminated})


def test_of_a_newer_runtimes_message_the_exit_code_counts() -> None:
    ended = left('{"version": 9, "what": "only a newer operator knows"}').ended(2)
    assert ended is not None
    assert (ended.exit_code, ended.message) == (ExitCode.LOGGED_OUT, None)


@pytest.mark.parametrize("message", ["", "Traceback", '{"version": 1}', '{"version": 9', '{"version": 1' + " " * 5_000])
def test_what_is_no_message_of_a_runtime_ends_no_epoch(message: str) -> None:
    assert left(message).ended(2) is None


def test_what_a_pod_says_of_itself_is_bounded() -> None:
    words = "é\x07" * 9_000
    made = pod(state={"waiting": {"reason": "no reason", "message": words}}, reason=words)
    assert made.uid == POD_UID
    assert made.waiting is not None
    assert made.waiting.reason == ""
    assert len(made.waiting.message) <= 1_024
    assert made.failure == "Failed"
