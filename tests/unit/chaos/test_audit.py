"""What the audit of a chaos run finds, and what it lets pass."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from chaos.audit import Entry, Evidence, Sent, Stored, covered, judge, table
from chaos.breaking import Happened
from chaos.evidence import bugs_in, crashes_in, never_in
from chaos.people import Line, Person, Role
from chaos.plan import Kind
from chaos.system import SHOPS

PHONE = "+5511900000001"
MINE = [Entry("A", "c000-0", from_me=True, at=1.0), Entry("B", "c000-1", from_me=True, at=2.0)]
ANSWER = Entry("Z", "c000-1", from_me=False, at=5.0)
STORED = [
    Stored("A", "customer", "answered", "", turn=7),
    Stored("B", "customer", "answered", "", turn=7),
]
SENT = Sent("Z", turn=7, part=0, state="delivered", body="c000-1")


def customer(*texts: str) -> Person:
    lines = [Line(chr(ord("A") + place), text, 0.0) for place, text in enumerate(texts or ("c000-0", "c000-1"))]
    return Person(Role.CUSTOMER, PHONE, "c000", SHOPS[0], lines)


def evidence(
    inbox: Sequence[Entry] = (*MINE, ANSWER),
    stored: Sequence[Stored] = tuple(STORED),
    outbox: Sequence[Sent] = (SENT,),
    bookings: Mapping[str, int] | None = None,
) -> Evidence:
    return Evidence({PHONE: inbox}, stored, outbox, bookings or {}, received=frozenset("AB"))


def test_a_burst_answered_once_is_right() -> None:
    verdict = judge([customer()], evidence())
    assert verdict.wrong == []
    assert verdict.counts[SHOPS[0].name] == {"said": 2, "answered": 2, "answers": 1}


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (evidence(stored=STORED[:1]), "'c000-1' (B) is missing"),
        (evidence(stored=[*STORED, STORED[0]]), "'c000-0' is stored 2 times"),
        (evidence(stored=[STORED[0], replace(STORED[1], state="open")]), "'c000-1' (B) is open"),
        (evidence(stored=[STORED[0], replace(STORED[1], state="dead", reason="model")]), "'c000-1' is dead: model"),
        (evidence(stored=[STORED[0], replace(STORED[1], state="person")]), "and nobody did"),
        (evidence(inbox=MINE), "is delivered (Z) and on no phone"),
        (evidence(inbox=[*MINE, ANSWER, ANSWER]), "Z arrived 2 times"),
        (evidence(inbox=[*MINE, ANSWER, replace(ANSWER, id="Y")]), "message 1 was answered 2 times"),
        (evidence(inbox=[*MINE, ANSWER, Entry("Y", "c000-0", from_me=False, at=6.0)]), "out of order: [1, 0]"),
        (evidence(outbox=[replace(SENT, state="accepted")]), "is still accepted"),
        (evidence(outbox=[replace(SENT, state="failed")]), "is failed"),
        (evidence(outbox=[]), "the ledger knows no such text"),
        (evidence(bookings={"petc000": 2}), "2 bookings for one order"),
        (
            evidence(inbox=[*MINE, replace(ANSWER, text="c000-0")], outbox=[replace(SENT, body="c000-0")]),
            "the model saw another order",
        ),
    ],
)
def test_what_disagrees_is_named(found: Evidence, problem: str) -> None:
    assert any(problem in wrong for wrong in judge([customer()], found).wrong)


def test_a_message_lost_in_the_library_must_be_in_the_ledger() -> None:
    named = evidence(stored=[STORED[0], Stored("B", "customer", "lost", "undecryptable", None, placeholder=True)])
    unnamed = replace(evidence(stored=STORED[:1]), losses=frozenset("B"))
    assert judge([customer()], named).counts[SHOPS[0].name]["lost"] == 1
    assert "'c000-1' (B) is lost unseen" in judge([customer()], unnamed).wrong[0]


def test_an_ambiguous_text_may_have_arrived_or_not() -> None:
    ambiguous = replace(SENT, whatsapp_id="", state="ambiguous")
    for inbox in (MINE, [*MINE, ANSWER]):
        assert judge([customer()], evidence(inbox=inbox, outbox=[ambiguous])).wrong == []


def test_an_answer_long_after_a_person_answered_is_wrong() -> None:
    person = customer()
    person.answered_by_person.append(Line("P", "c000-atendente-0", 0.0))
    by_person = Entry("P", "c000-atendente-0", from_me=False, at=3.0)
    stored = [*STORED, Stored("P", "phone", "", "", None)]
    soon, late = (evidence(inbox=[*MINE, by_person, replace(ANSWER, at=at)], stored=stored) for at in (5.0, 500.0))
    assert judge([person], soon).wrong == []
    assert "message 1 was answered 497 s after a person had answered it" in judge([person], late).wrong[0]


def overtaken(*faults: Happened, number: int = 2) -> Evidence:
    """Message 0, said at 1 s, is answered after message 1, whose answer came at 31 s."""
    inbox = [*MINE, replace(ANSWER, at=31.0), Entry("Y", "c000-0", from_me=False, at=40.0)]
    stored = [replace(STORED[0], turn=8, number=number), replace(STORED[1], number=1)]
    outbox = [SENT, Sent("Y", turn=8, part=0, state="sent", body="c000-0")]
    return replace(evidence(inbox, stored, outbox), faults=faults)


@pytest.mark.parametrize(
    "fault",
    [
        Happened(Kind.PAUSE, "worker-1", 0.0, 12.0),
        Happened(Kind.FREEZE, "worker-2>nats", 0.0, 5.0),
        Happened(Kind.KILL, "postgres", 2.0, 4.0),
        Happened(Kind.VOLUME_LOST, "nats", 20.0, 22.0),
        Happened(Kind.TERMINATE, "shop-0", 1.5, 3.0),
        Happened(Kind.REFUSE, "shop-0>nats", 1.5, 3.0),
        Happened(Kind.CLOCK, "postgres", 0.5, 5.0, moved=3000),
    ],
    ids=str,
)
def test_a_message_that_a_fault_delayed_for_longer_than_its_chat_waits_may_be_late(fault: Happened) -> None:
    verdict = judge([customer()], overtaken(fault))
    assert verdict.wrong == []
    assert verdict.counts[SHOPS[0].name]["late"] == 1


@pytest.mark.parametrize(
    "faults",
    [
        [],
        [Happened(Kind.PAUSE, "operator-1", 0.0, 30.0)],
        [Happened(Kind.PAUSE, "shop-1", 0.0, 30.0)],
        [Happened(Kind.FREEZE, "worker-1>model", 0.0, 30.0)],
        [Happened(Kind.MODEL_AWAY, "model", 0.0, 30.0)],
        [Happened(Kind.CLOCK, "worker-1", 0.0, 30.0, moved=3000)],
        [Happened(Kind.CLOCK, "postgres", -60.0, -50.0, moved=3000)],
        [Happened(Kind.PAUSE, "worker-1", -40.0, -10.0)],
        [Happened(Kind.PAUSE, "worker-1", 24.0, 50.0)],
        [Happened(Kind.KILL, "nats", 32.0, 40.0)],
    ],
    ids=str,
)
def test_a_late_message_that_no_fault_explains_is_named_with_what_was_near(faults: list[Happened]) -> None:
    [wrong] = judge([customer()], overtaken(*faults)).wrong
    assert "message 0, said at 1.0, was overtaken by the answer to message 1 at 31.0, and no fault explains it" in wrong


def test_the_faults_around_a_late_message_are_shown() -> None:
    near = Happened(Kind.PAUSE, "worker-1", 24.0, 50.0)
    assert judge([customer()], overtaken(near)).wrong[0].endswith("it: SIGSTOP of worker-1, 24.0 to 50.0")


def test_a_message_that_was_stored_in_time_is_not_late_whatever_happened() -> None:
    found = overtaken(Happened(Kind.PAUSE, "worker-1", 0.0, 30.0), number=0)
    assert judge([customer()], found).wrong == ["c000: answers arrived out of order: [1, 0]"]


@pytest.mark.parametrize(
    ("windows", "seconds"),
    [
        ([], 0.0),
        ([(0.0, 5.0)], 5.0),
        ([(-5.0, 3.0), (2.0, 6.0), (4.0, 5.0)], 6.0),
        ([(1.0, 2.0), (8.0, 20.0)], 3.0),
        ([(-9.0, -1.0), (11.0, 12.0)], 0.0),
    ],
)
def test_windows_that_overlap_count_once(windows: list[tuple[float, float]], seconds: float) -> None:
    assert covered(windows, 0.0, 10.0) == seconds


@pytest.mark.parametrize(
    "line",
    ['{"event": "wakeups_recovered", "organizations": 1}', '{"level": "error", "event": "part_failed"}'],
)
def test_a_log_shows_what_nothing_explains(line: str) -> None:
    assert bugs_in('{"event": "claim_failed"}\n' + line) == [line]


@pytest.mark.parametrize(
    ("line", "crashed"),
    [
        ("LOG:  client backend (PID 6) was terminated by signal 9: Killed", True),
        ("PANIC:  could not write to file: No space left on device", True),
        ("LOG:  performing immediate shutdown because data directory lock file is invalid", True),
        ("LOG:  received fast shutdown request", False),
        ("FATAL:  terminating connection due to unexpected postmaster exit", False),
    ],
)
def test_a_log_of_the_database_shows_ends_that_no_fault_explains(line: str, *, crashed: bool) -> None:
    dated = f"2026-11-30 07:21:35.143 UTC [7] {line}"
    assert crashes_in(f"2026-11-30 07:21:34.000 UTC [7] LOG:  ready\n{dated}") == [dated] * crashed


@pytest.mark.parametrize(
    ("metric", "wrong"),
    [
        ("oxy_ai_wakeups_recovered_total 0.0", []),
        ("oxy_ai_wakeups_recovered_total 1.0", ["oxy_ai_wakeups_recovered_total 1.0"]),
        ("oxy_ledger_violations 2.0", ["oxy_ledger_violations 2.0"]),
        ("oxy_ai_turns_in_flight 2.0", []),
        ("# HELP oxy_ai_wakeups_recovered_total Organizations", []),
    ],
)
def test_metrics_show_what_must_not_happen(metric: str, wrong: list[str]) -> None:
    assert never_in(metric) == wrong


def test_a_booking_must_be_as_its_answer_says() -> None:
    confirmed = replace(ANSWER, text="c000-1 agendado")
    row = replace(SENT, body="c000-1 agendado")
    assert judge([customer()], evidence([*MINE, confirmed], outbox=[row], bookings={"petc000": 1})).wrong == []
    assert judge([customer()], evidence([*MINE, confirmed], outbox=[row])).wrong == [
        "c000: a booking was confirmed that is not there"
    ]


def test_the_table_has_a_line_for_each_shop() -> None:
    shown = table(judge([customer()], evidence()))
    assert [line.split()[0] for line in shown.splitlines()] == ["said", SHOPS[0].name]
