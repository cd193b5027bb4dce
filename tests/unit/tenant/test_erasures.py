"""The journal and the library's store forget a person, whatever is under way, and nobody else."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from unit.tenant.messages import LID, PHONE, Clock, incoming, request
from unit.tenant.sessions import TABLES

from oxy_core.content import Poll
from oxy_core.envelopes import EraseRequest, MessageSeen, Report, SendOutcome, SendRequest, SendResult
from oxy_core.identity import Jid, new_id, person_digest
from oxy_core.message_kinds import MessageKind
from oxy_core.report_bodies import ContactErased, ReceiptKind, ReceiptsSeen
from oxy_core.trace import new_trace
from oxy_tenant.errors import VolumeError
from oxy_tenant.forgetting import Forgetter
from oxy_tenant.journal.journal import Journal
from oxy_tenant.journal.receipts import Receipt
from oxy_tenant.links.neonize.session_store import SessionStore

SALT = uuid4()
BIA = Jid.parse("222@lid")
OLD_SPELLING = Jid.parse("551181111111@s.whatsapp.net")
"""Of a number whose digits after the area begin with 9."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    journal = opened(tmp_path, clock)
    yield journal
    journal.close()


def opened(folder: Path, clock: Clock) -> Journal:
    return Journal.open(folder / "journal.db", organization="acme", instance="shop", clock=clock)


def erase_request(*addresses: Jid, seconds_ago: float = 0) -> EraseRequest:
    digests = tuple(person_digest(SALT, address) for address in addresses)
    return EraseRequest(
        id=new_id(),
        organization="acme",
        instance="shop",
        salt=SALT,
        digests=digests,
        seconds_ago=seconds_ago,
        trace=new_trace(),
    )


def bodies(journal: Journal) -> list[object]:
    return [Report.decode(entry.envelope).body for entry in journal.reports.waiting(0, 1_000)]


def deliver(journal: Journal, sent: SendRequest, whatsapp_id: str) -> None:
    journal.sends.accept([sent])
    journal.sends.finish(sent, SendResult(request_id=sent.id, outcome=SendOutcome.SENT, whatsapp_id=whatsapp_id))


def on_disk(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()) if file.is_file())


def test_spellings_of_a_number_have_one_digest_and_different_people_have_not() -> None:
    one, other = Jid.parse("5511981111111@s.whatsapp.net"), OLD_SPELLING
    assert person_digest(SALT, one) == person_digest(SALT, other)
    assert len({person_digest(SALT, jid) for jid in (one, LID, BIA, PHONE)}) == 4
    assert person_digest(SALT, one) != person_digest(uuid4(), one)


def test_everything_of_a_person_goes_and_everything_of_others_stays(
    journal: Journal, clock: Clock, tmp_path: Path
) -> None:
    journal.inbound.receive(incoming("A", chat_alias=PHONE, push_name="Ana", text="o portão azul"))
    poll = Poll(options=("azul", "verde"), total=2, selectable=1)
    journal.inbound.receive(incoming("P", kind=MessageKind.POLL, details=poll, secret=b"s" * 32))
    journal.inbound.receive(incoming("B", BIA, text="eu fico"))
    sent, waiting, other = request("o azul"), request("ainda azul"), request("para a Bia", BIA)
    deliver(journal, sent, "OUT")
    journal.sends.accept([waiting, other])
    journal.receipts.report([Receipt(ReceiptKind.READ, "OUT", clock())])
    journal.numbers.note(PHONE, LID)
    journal.fillers.note({str(LID): 2})
    journal.reports.mark_published([entry.number for entry in journal.reports.waiting(0, 1_000)], 9)
    clock.advance(seconds=10)
    erasure = erase_request(PHONE)  # the hidden address, only the journal knows
    assert journal.erasures.accept(erasure).request_id == erasure.id
    [open_erasure] = journal.erasures.unfinished()
    wider = journal.erasures.forget(open_erasure)
    assert wider.is_about(LID)
    journal.erasures.finish(wider, ("session.bad-1.db",))
    assert journal.erasures.unfinished() == []
    assert not any(needle in on_disk(tmp_path) for needle in (b"azul", b"111@lid", b"5511911111111", b"Ana"))
    assert journal.sends.is_withdrawn(waiting.id)
    assert not journal.sends.is_withdrawn(other.id)
    assert [send.request.id for send in journal.sends.unfinished()] == [other.id]
    assert bodies(journal)[-1] == ContactErased(request_id=erasure.id, left=("session.bad-1.db",))
    # A receipt that comes late is nobody's; Bia's chat goes on; Ana's begins anew.
    assert journal.receipts.report([Receipt(ReceiptKind.PLAYED, "OUT", clock())]) != []
    seen = [journal.inbound.receive(incoming(name, chat)) for name, chat in (("C", BIA), ("D", LID))]
    assert [report.body.chat_sequence for report in seen if report and isinstance(report.body, MessageSeen)] == [2, 1]
    # A repeat of the request is only reported again.
    journal.erasures.accept(erasure)
    assert bodies(journal)[-1] == ContactErased(request_id=erasure.id, left=("session.bad-1.db",))
    assert journal.chats.is_known(LID)


def test_who_has_written_since_is_a_new_contact_of_whom_everything_stays(journal: Journal, clock: Clock) -> None:
    journal.inbound.receive(incoming("A", chat_alias=PHONE, text="antes"))
    clock.advance(hours=2)
    journal.inbound.receive(incoming("B", chat_alias=PHONE, text="depois"))
    answer = request("resposta")
    journal.sends.accept([answer])
    journal.erasures.accept(erase_request(PHONE, LID, seconds_ago=3_600))
    journal.erasures.forget(*journal.erasures.unfinished())
    assert [body.text for body in bodies(journal) if isinstance(body, MessageSeen)] == ["depois"]
    assert [send.request.id for send in journal.sends.unfinished()] == [answer.id]
    report = journal.inbound.receive(incoming("C", text="e mais"))
    assert report is not None
    assert isinstance(report.body, MessageSeen)
    assert report.body.chat_sequence == 3
    assert PHONE in journal.chats.addresses(LID)


def test_a_receipt_goes_with_the_message_that_it_is_about(journal: Journal, clock: Clock, tmp_path: Path) -> None:
    journal.inbound.receive(incoming("A", chat_alias=PHONE))
    deliver(journal, request("oi"), "OUT")
    deliver(journal, request("oi, Bia", BIA), "TO-BIA")
    journal.receipts.report([Receipt(ReceiptKind.DELIVERED, name, clock()) for name in ("OUT", "TO-BIA")])
    clock.advance(seconds=10)
    journal.erasures.accept(erase_request(PHONE))
    clock.advance(seconds=10)
    journal.receipts.report([Receipt(ReceiptKind.READ, "OUT", clock())])
    journal.erasures.forget(*journal.erasures.unfinished())
    assert [body.chat for body in bodies(journal) if isinstance(body, ReceiptsSeen)] == [BIA]
    assert b"111@lid" not in on_disk(tmp_path)
    # One about a message that is newer than the erasure stays.
    clock.advance(seconds=10)
    deliver(journal, request("de novo"), "NEW")
    journal.receipts.report([Receipt(ReceiptKind.READ, "NEW", clock())])
    journal.erasures.accept(erase_request(LID, seconds_ago=5))
    journal.erasures.forget(journal.erasures.unfinished()[-1])
    assert [body.chat for body in bodies(journal) if isinstance(body, ReceiptsSeen)] == [BIA, LID]


def test_a_receipt_that_arrives_while_its_recipient_is_forgotten_is_not_kept(
    journal: Journal, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.inbound.receive(incoming("A", chat_alias=PHONE))
    deliver(journal, request("oi"), "OUT")
    clock.advance(seconds=10)
    journal.erasures.accept(erase_request(PHONE))
    [erasure] = journal.erasures.unfinished()
    read = journal.database.read

    def forgotten_meanwhile(query: str, *values: object) -> list[tuple[Any, ...]]:
        found = read(query, *values)
        assert found
        journal.erasures.forget(erasure)
        return found

    monkeypatch.setattr(journal.database, "read", forgotten_meanwhile)
    receipts = [Receipt(ReceiptKind.READ, "OUT", clock())]
    assert journal.receipts.report(receipts) == []
    monkeypatch.undo()
    assert not any(isinstance(body, ReceiptsSeen) for body in bodies(journal))
    assert b"111@lid" not in on_disk(tmp_path)


def test_a_file_that_is_ready_after_its_recipient_is_forgotten_is_not_kept(
    journal: Journal, clock: Clock, tmp_path: Path
) -> None:
    journal.inbound.receive(incoming("A", chat_alias=PHONE))
    waiting = request("oi")
    journal.sends.accept([waiting])
    clock.advance(seconds=10)
    journal.erasures.accept(erase_request(PHONE))
    journal.erasures.forget(*journal.erasures.unfinished())
    journal.sends.keep_prepared(waiting.id, b"o portao azul")
    assert b"azul" not in on_disk(tmp_path)


def test_what_is_to_be_forgotten_is_so_after_a_crash_at_any_step(tmp_path: Path, clock: Clock) -> None:
    for step in ("accepted", "forgotten here", "forgotten in the session"):
        folder = tmp_path / step
        folder.mkdir()
        journal, store = opened(folder, clock), SessionStore(folder)
        journal.inbound.receive(incoming("A", chat_alias=PHONE, text="o portão azul"))
        library(store.path)
        clock.advance(seconds=1)
        erasure = erase_request(PHONE)
        journal.erasures.accept(erasure)
        [unfinished] = journal.erasures.unfinished()
        if step != "accepted":
            wider = journal.erasures.forget(unfinished)
            if step != "forgotten here":
                store.forget(wider.is_about)
        journal.close()
        journal = opened(folder, clock)
        [again] = journal.erasures.unfinished()
        with pytest.raises(VolumeError, match=r"takes \d{4,} bytes of the volume for a while, and it has less"):
            Forgetter(journal.erasures, store, has_room=lambda _: False).forget(again)
        Forgetter(journal.erasures, store, has_room=lambda _: True).forget(again)
        assert bodies(journal) == [ContactErased(request_id=erasure.id)]
        journal.close()
        assert not any(needle in on_disk(folder) for needle in (b"azul", b"111@lid", b"5511911111111", b"Ana")), step


def library(path: Path) -> None:
    """A session of the library that knows two people."""
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(TABLES)
        database.executescript(
            """
            CREATE TABLE whatsmeow_contacts (their_jid TEXT PRIMARY KEY, full_name TEXT);
            CREATE TABLE whatsmeow_sessions (their_id TEXT PRIMARY KEY, session BLOB);
            CREATE TABLE whatsmeow_lid_map (lid TEXT PRIMARY KEY, pn TEXT UNIQUE NOT NULL);
            INSERT INTO whatsmeow_device VALUES ('5511900000001:1@s.whatsapp.net', '999:1@lid');
            INSERT INTO whatsmeow_contacts VALUES ('111@lid', 'Ana'), ('222@lid', 'Bia');
            INSERT INTO whatsmeow_sessions VALUES ('111_1:0', 'x'), ('5511911111111:2', 'x'), ('222_1:0', 'x');
            INSERT INTO whatsmeow_lid_map VALUES ('111', '5511911111111'), ('222', '5511922222222');
            INSERT INTO whatsmeow_message_secrets VALUES
                ('o', '222@lid', '222@lid', 'B', 'k'), ('o', '111@lid', '111@lid', 'A', 'k');
            """
        )


def test_the_librarys_store_its_copy_and_those_set_aside_forget_a_person(tmp_path: Path) -> None:
    store = SessionStore(tmp_path)
    library(store.path)
    store.copy()
    shutil.copy(store.path, tmp_path / "session.foreign-20260301T120000Z.db")
    damaged = tmp_path / "session.bad-20260301T120000Z.db"
    damaged.write_bytes(store.path.read_bytes()[:4_096] + b"111@lid" * 2_000)
    log = tmp_path / "session.missing-20260302T120000Z.db-wal"  # all that was left
    log.write_bytes(b"111@lid" * 2_000)
    before = store.newest_secret()
    theirs = {person_digest(SALT, PHONE)}
    assert store.forget(lambda jid: person_digest(SALT, jid) in theirs) == (damaged.name, log.name)
    damaged.unlink()
    log.unlink()
    assert not any(needle in on_disk(tmp_path) for needle in (b"111", b"5511911111111", b"Ana"))
    assert b"222@lid" in on_disk(tmp_path)
    assert store.newest_secret() == before  # whoever audits the secrets goes by their rows
    with closing(sqlite3.connect(store.path)) as database:
        assert database.execute("SELECT their_id FROM whatsmeow_sessions").fetchall() == [("222_1:0",)]
        assert database.execute("SELECT jid FROM whatsmeow_device").fetchall() == [("5511900000001:1@s.whatsapp.net",)]


VACUUM = """
import os, pathlib, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("PRAGMA cache_size = 10")
database.execute("CREATE TABLE messages (text)")
database.executemany("INSERT INTO messages VALUES (?)", [("x" * 1_000,)] * 2_000)
database.commit()
seen = set()
def look():
    for number in os.listdir("/proc/self/fd"):
        try:
            seen.add(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:
            pass
database.set_progress_handler(look, 1_000)
database.execute("VACUUM")
print(*(pathlib.Path(path).parent for path in seen if "etilqs" in path))
"""


def test_what_a_file_that_is_written_anew_takes_for_a_while_is_where_the_operator_says(tmp_path: Path) -> None:
    """On its volume, and not in /tmp, which is small: a pod that outgrows it is evicted, and would do so again."""
    command = [sys.executable, "-c", VACUUM, str(tmp_path / "journal.db")]
    environment = {**os.environ, "SQLITE_TMPDIR": str(tmp_path)}
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert set(found.stdout.split()) == {str(tmp_path)}
    assert [path.name for path in tmp_path.iterdir()] == ["journal.db"]
