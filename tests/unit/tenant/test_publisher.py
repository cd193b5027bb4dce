from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.tenant.messages import LID, Clock, incoming

from oxy_core.envelopes import ConnectionChanged, ConnectionState
from oxy_core.identity import Jid
from oxy_tenant.journal.journal import Journal
from oxy_tenant.publishing.answers import Refusal, Stored, StreamPosition, read_answer
from oxy_tenant.publishing.backlog import Backlog
from oxy_tenant.publishing.publisher import waited_seconds
from oxy_tenant.publishing.rates import BURST_SECONDS, ChatRates
from oxy_tenant.publishing.window import Window

OTHER = Jid.parse("222@lid")
THIRD = Jid.parse("333@lid")
FLOOD = 400


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.open(tmp_path / "journal.db", organization="acme", instance="shop", clock=Clock())
    yield journal
    journal.close()


def test_a_window_forgets_what_is_acknowledged_in_any_order() -> None:
    window = Window()
    for number in (11, 12, 13):
        window.publish(number)
    assert (window.acknowledge(12), window.oldest) == (True, 11)
    assert (window.acknowledge(11), window.oldest) == (True, 13)
    assert not window.acknowledge(11)
    assert window.acknowledge(13)
    assert window.oldest is None


def test_a_window_that_went_back_starts_with_one_and_grows() -> None:
    window = Window(limit=4)
    for number in (1, 2, 3, 4):
        window.publish(number)
    assert window.room == 0
    window.acknowledge(2)
    window.go_back()
    assert (window.again, window.room) == ([1, 3, 4], 1)
    window.publish(1)
    assert (window.again, window.room) == ([3, 4], 0)
    window.acknowledge(1)
    assert window.room == 2


def test_a_late_acknowledgement_after_going_back_counts() -> None:
    window = Window()
    window.publish(1)
    window.go_back()
    assert window.acknowledge(1)
    assert window.again == []


@given(st.lists(st.tuples(st.sampled_from(["publish", "acknowledge", "back"]), st.integers(1, 12)), max_size=80))
def test_a_window_keeps_every_report_until_its_acknowledgement(steps: list[tuple[str, int]]) -> None:
    window = Window(limit=5)
    published: set[int] = set()
    acknowledged: set[int] = set()
    for step, number in steps:
        if step == "publish" and window.room and number not in acknowledged:
            window.publish(number)
            published.add(number)
        elif step == "acknowledge" and window.acknowledge(number):
            acknowledged.add(number)
        elif step == "back":
            window.go_back()
        assert {*window.in_flight, *window.again} == published - acknowledged
        assert len(window.in_flight) <= 5
        assert window.again == sorted(window.again)


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (b'{"stream":"OXY_INBOUND","seq":3}', Stored(3)),
        (b'{"stream":"OXY_INBOUND","seq":3,"duplicate":true}', Stored(3, repeated=True)),
        (b'{"error":{"code":503,"description":"maximum messages exceeded"}}', Refusal("maximum messages exceeded")),
        (b"", Refusal("no stream matches this subject")),
    ],
)
def test_how_answers_of_the_stream_are_read(answer: bytes, meaning: object) -> None:
    assert read_answer(answer) == meaning


@pytest.mark.parametrize(
    ("answers", "anew"),
    [
        ([Stored(8), Stored(9)], False),
        ([Stored(8), Stored(3, repeated=True)], False),
        ([Stored(0)], False),
        ([Stored(6)], True),
        ([Stored(1), Stored(9)], True),
    ],
)
def test_a_stream_that_gives_an_earlier_place_began_anew(answers: list[Stored], *, anew: bool) -> None:
    position = StreamPosition(7)
    for answer in answers:
        position.note(answer)
    assert position.began_anew is anew


@pytest.mark.parametrize(("per_second", "in_ten_seconds"), [(10, 110), (2.5, 27), (0.5, 5), (0, 1000)])
def test_a_chat_publishes_no_faster_than_its_rate(per_second: float, in_ten_seconds: int) -> None:
    rates = ChatRates(lambda: per_second)
    taken = sum(rates.take("a", tick / 100) for tick in range(1000))
    assert abs(taken - in_ten_seconds) <= 1
    assert rates.take("b", 10)


def flooded(journal: Journal) -> None:
    """Let one customer write a lot and another one in between."""
    for number in range(FLOOD):
        journal.inbound.receive(incoming(f"F{number}"))
        if number % 40 == 0:
            journal.inbound.receive(incoming(f"O{number}", OTHER))
    journal.reports.report_connection(ConnectionChanged(state=ConnectionState.CONNECTED))


def test_a_flood_waits_in_the_journal_and_delays_nobody_else(journal: Journal) -> None:
    flooded(journal)
    backlog = Backlog(journal.reports, ChatRates(lambda: 10))
    first = backlog.take(256, now=0)
    assert [entry.chat for entry in first].count(str(OTHER)) == 10
    assert [entry.chat for entry in first].count(str(LID)) == 10
    assert first[-1].chat is None
    assert (backlog.take(256, now=0.05), backlog.has_due(0.05)) == ([], False)
    journal.inbound.receive(incoming("LATE", THIRD))
    assert [entry.chat for entry in backlog.take(256, now=0.06)] == [str(THIRD)]
    assert backlog.has_due(0.11)
    assert len(backlog.take(256, now=1)) in {9, 10}


def test_a_flood_is_published_whole_and_in_order(journal: Journal) -> None:
    flooded(journal)
    backlog, numbers = Backlog(journal.reports, ChatRates(lambda: 10)), defaultdict(list)
    for tick in range(60 * 5):
        for entry in backlog.take(50, now=tick / 5):
            numbers[entry.chat].append(entry.number)
    assert [len(numbers[chat]) for chat in (str(LID), str(OTHER), None)] == [FLOOD, 10, 1]
    assert all(found == sorted(set(found)) for found in numbers.values())
    assert not backlog.has_due(1_000)


@settings(deadline=None, max_examples=50)
@given(
    chats=st.lists(st.integers(0, 3), max_size=60),
    limits=st.lists(st.integers(1, 7), min_size=1, max_size=5),
    per_second=st.sampled_from([0.0, 1.0, 3.0]),
)
def test_each_report_is_taken_once_and_per_chat_in_order(
    tmp_path_factory: pytest.TempPathFactory, chats: list[int], limits: list[int], per_second: float
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.db"
    journal = Journal.open(path, organization="acme", instance="shop", clock=Clock())
    backlog, taken = Backlog(journal.reports, ChatRates(lambda: per_second)), defaultdict(list)
    for tick in range(len(chats) + 80):
        if tick < len(chats):
            journal.inbound.receive(incoming(f"M{tick}", Jid.parse(f"{chats[tick] + 1}@lid")))
        for entry in backlog.take(limits[tick % len(limits)], now=float(tick)):
            taken[entry.chat].append(entry.number)
    journal.close()
    assert sorted(number for numbers in taken.values() for number in numbers) == list(range(1, len(chats) + 1))
    assert all(numbers == sorted(numbers) for numbers in taken.values())


def test_a_restarted_backlog_begins_with_the_oldest_report_that_is_not_acknowledged(journal: Journal) -> None:
    for number in range(3):
        journal.inbound.receive(incoming(f"A{number}"))
    backlog = Backlog(journal.reports, ChatRates(lambda: 0))
    assert [entry.number for entry in backlog.take(9, now=0)] == [1, 2, 3]
    journal.reports.mark_published([2], 1)
    backlog.restart()
    assert [entry.number for entry in backlog.take(9, now=0)] == [1, 3]


@pytest.mark.parametrize(("age", "seconds"), [(10.0, 10.0), (-10.0, 0.0), (1e12, timedelta(days=365).total_seconds())])
def test_the_time_in_the_journal_is_never_negative_and_bounded(age: float, seconds: float) -> None:
    assert waited_seconds(age) == seconds


def test_a_burst_is_no_longer_than_its_second() -> None:
    rates = ChatRates(lambda: 10)
    assert sum(rates.take("a", 0.0) for _ in range(100)) == 10 * BURST_SECONDS
