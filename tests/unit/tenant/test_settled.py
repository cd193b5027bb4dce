"""What the journal says of messages that are published again."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from unit.tenant.messages import Clock, incoming, request
from unit.tenant.test_journal import opened

from oxy_core.envelopes import MessageSeen, Report, SendOutcome, SendResult, Settled
from oxy_tenant.journal.journal import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened_journal = opened(tmp_path / "journal.db", Clock())
    yield opened_journal
    opened_journal.close()


def states(journal: Journal) -> list[Settled]:
    """Of the messages in the journal, in order."""
    entries = journal.reports.waiting(0, 100)
    return [
        journal.reports.settled(entry)
        for entry in entries
        if isinstance(Report.decode(entry.envelope).body, MessageSeen)
    ]


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (None, Settled.ANSWERED),
        (SendOutcome.SENT, Settled.ANSWERED),
        (SendOutcome.AMBIGUOUS, Settled.ANSWERED),
        (SendOutcome.FAILED, Settled.OPEN),
        (SendOutcome.EXPIRED, Settled.OPEN),
    ],
)
def test_what_a_text_takes_into_account_is_answered_unless_it_was_not_sent(
    journal: Journal, outcome: SendOutcome | None, expected: Settled
) -> None:
    for whatsapp_id in "ABC":
        journal.inbound.receive(incoming(whatsapp_id))
    text = request(based_on=2)
    journal.sends.accept([text])
    if outcome is not None:
        journal.sends.finish(text, SendResult(request_id=text.id, outcome=outcome))
    assert states(journal) == [expected, expected, Settled.OPEN]


def test_what_a_person_wrote_settles_what_precedes_it(journal: Journal) -> None:
    journal.inbound.receive(incoming("A"))
    journal.inbound.receive(incoming("B", from_me=True))
    journal.inbound.receive(incoming("C"))
    assert states(journal) == [Settled.PERSON, Settled.OPEN, Settled.OPEN]


def test_a_text_without_basis_answers_nothing(journal: Journal) -> None:
    journal.inbound.receive(incoming("A"))
    journal.sends.accept([request(based_on=None)])
    assert states(journal) == [Settled.OPEN]


def test_a_text_that_older_code_accepted_leaves_it_unknown(journal: Journal, tmp_path: Path) -> None:
    journal.inbound.receive(incoming("A"))
    journal.sends.accept([request(based_on=None)])
    with closing(sqlite3.connect(tmp_path / "journal.db")) as database, database:
        database.execute("UPDATE sends SET based_on = -1, based_on_epoch = NULL")
    journal.inbound.receive(incoming("B"))
    assert states(journal)[0] is Settled.UNKNOWN
