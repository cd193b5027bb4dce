import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxy_tenant.publishing.publisher import refusal_of
from oxy_tenant.publishing.window import Window


def test_a_window_advances_over_acknowledgements_without_a_gap() -> None:
    window = Window(10)
    for sequence in (11, 12, 13):
        window.publish(sequence)
    assert window.acknowledge(12) == 0
    assert window.acknowledge(11) == 2
    assert (window.base, window.waiting) == (12, True)
    assert window.acknowledge(11) == 0
    assert window.acknowledge(13) == 1
    assert not window.waiting


def test_a_window_that_went_back_starts_with_one_and_grows() -> None:
    window = Window(0, limit=4)
    for sequence in (1, 2, 3, 4):
        window.publish(sequence)
    assert window.room == 0
    window.acknowledge(2)
    window.go_back()
    assert (window.sent, window.room) == (0, 1)
    window.publish(1)
    assert window.acknowledge(1) == 1
    assert window.room == 2


@given(st.lists(st.tuples(st.sampled_from(["publish", "acknowledge", "back"]), st.integers(1, 12)), max_size=80))
def test_a_window_never_advances_past_a_missing_acknowledgement(steps: list[tuple[str, int]]) -> None:
    window = Window(0, limit=5)
    acknowledged: set[int] = set()
    for step, sequence in steps:
        if step == "publish" and window.room:
            window.publish(window.sent + 1)
        elif step == "acknowledge" and sequence <= window.sent:
            window.acknowledge(sequence)
            acknowledged.add(sequence)
        elif step == "back":
            window.go_back()
        assert window.base <= window.sent <= window.base + window.limit
        assert set(range(1, window.base + 1)) <= acknowledged


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        (b'{"stream":"OXY_INBOUND","seq":3}', None),
        (b'{"stream":"OXY_INBOUND","seq":3,"duplicate":true}', None),
        (b'{"error":{"code":503,"description":"maximum messages exceeded"}}', "maximum messages exceeded"),
        (b"", "no stream matches this subject"),
    ],
)
def test_how_answers_of_the_stream_are_read(answer: bytes, refusal: str | None) -> None:
    assert refusal_of(answer) == refusal
