import io

import pytest

from oxy_dev.cluster.progress import LOG_INTERVAL, Reporter, duration


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (59.9, "59.9 s"), (60.0, "1 min 00 s"), (245, "4 min 05 s")]
)
def test_durations_are_written_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_step_prints_its_name_and_seconds_and_remembers_them() -> None:
    clock, stream = Clock(), io.StringIO()
    reporter = Reporter(stream, clock)
    with reporter.step("node"):
        clock.now = 2.0
    assert stream.getvalue() == "  ✓ node  2.0 s\n"
    assert reporter.seconds == {"node": 2.0}


def test_a_failed_step_is_marked() -> None:
    stream = io.StringIO()
    with pytest.raises(RuntimeError), Reporter(stream, Clock()).step("node"):
        raise RuntimeError
    assert "✗ node" in stream.getvalue()


def test_a_log_gets_few_updates() -> None:
    clock, stream = Clock(), io.StringIO()
    with Reporter(stream, clock).step("build") as step:
        for _ in range(100):
            clock.now += LOG_INTERVAL / 50
            step.update("compiling")
    assert stream.getvalue().count("compiling") == 1 + 100 // 50 - 1
