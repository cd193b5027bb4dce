"""Counting loss, duplication and order."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxy_simulator.accounting import tally, with_answers
from oxy_simulator.replies import LineView

NAMES = st.lists(st.text("abcdefgh", min_size=1, max_size=2), unique=True)


@pytest.mark.parametrize(
    ("arrived", "said"),
    [
        ("abcd", "4 sent, 0 lost, 0 duplicated, 0 out of order, 0 unexpected"),
        ("abd", "4 sent, 1 lost (c), 0 duplicated, 0 out of order, 0 unexpected"),
        ("abccdc", "4 sent, 0 lost, 2 duplicated (c, c), 0 out of order, 0 unexpected"),
        ("acbd", "4 sent, 0 lost, 0 duplicated, 1 out of order (b), 0 unexpected"),
        ("dabc", "4 sent, 0 lost, 0 duplicated, 3 out of order (a, b, c), 0 unexpected"),
        ("abcda", "4 sent, 0 lost, 1 duplicated (a), 0 out of order, 0 unexpected"),
        ("abxcd", "4 sent, 0 lost, 0 duplicated, 0 out of order, 1 unexpected (x)"),
        ("", "4 sent, 4 lost (a, b, c, d), 0 duplicated, 0 out of order, 0 unexpected"),
    ],
)
def test_what_arrived_is_compared_with_what_was_sent(arrived: str, said: str) -> None:
    result = tally("abcd", arrived)
    assert str(result) == said
    assert result.perfect == (arrived == "abcd")


@given(NAMES, st.lists(st.text("abcdefgh", min_size=1, max_size=2)))
def test_every_arrival_is_counted_once(sent: list[str], arrived: list[str]) -> None:
    result = tally(sent, arrived)
    known = Counter(name for name in arrived if name in sent)
    surplus = [name for name in result.duplicated if name in sent]
    assert len(sent) - len(result.lost) + len(surplus) == known.total()
    assert result.perfect == (sent == arrived)


def test_what_cannot_be_told_apart_is_refused() -> None:
    with pytest.raises(ValueError, match="sent more than once: b"):
        tally("abb", "ab")


def line(number: int, direction: str, chat: str, kind: str = "text", **stages: float) -> LineView:
    outbound = direction == "outbound"
    return LineView.model_validate(
        {
            "number": number,
            "id": f"M{number}",
            "direction": direction,
            "account": "bot",
            "device": 1,
            "chat": chat,
            "sender": "bot" if outbound else chat,
            "kind": kind,
            "text": "",
            "stages": stages,
            "deliveries": 1,
            "duplicates": 0,
            "error": None,
        }
    )


def test_a_message_is_answered_by_the_next_one_in_its_chat() -> None:
    lines = [
        line(1, "inbound", "ana", sent=10),
        line(8, "outbound", "ana", "reaction", received=11),
        line(2, "outbound", "bia", received=11),
        line(3, "outbound", "ana", received=12),
        line(4, "outbound", "ana", received=13),
        line(5, "inbound", "ana", sent=14),
        line(6, "inbound", "bia", sent=15),
        line(7, "outbound", "bia", received=16),
    ]
    answered = {entry.number: entry.stages.get("answered") for entry in with_answers(lines)}
    assert answered == {1: 12, 2: None, 3: None, 4: None, 5: None, 6: 16, 7: None, 8: None}
