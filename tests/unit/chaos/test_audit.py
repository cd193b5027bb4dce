"""What the audit of a chaos run finds, and what it lets pass."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from chaos.audit import Entry, Evidence, Sent, Stored, judge, table
from chaos.people import Line, Person, Role
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


def test_a_message_stored_after_the_turn_of_a_later_one_was_opened_is_late_and_counted() -> None:
    inbox = [*MINE, ANSWER, Entry("Y", "c000-0", from_me=False, at=6.0)]
    outbox = [replace(SENT, opened=5.0), Sent("Y", turn=8, part=0, state="sent", body="c000-0", opened=9.0)]
    late, early = ([replace(STORED[0], turn=8, at=at), STORED[1]] for at in (7.0, 3.0))
    assert judge([customer()], evidence(inbox, late, outbox)).wrong == []
    assert judge([customer()], evidence(inbox, early, outbox)).wrong == ["c000: answers arrived out of order: [1, 0]"]


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
