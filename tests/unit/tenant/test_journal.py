import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.tenant.messages import LID, PHONE, Clock, incoming, request

from oxy_core.envelopes import ConnectionChanged, ConnectionState, MessageSeen, Report, SendOutcome, SendResult
from oxy_core.identity import Jid
from oxy_core.message_kinds import MessageKind
from oxy_tenant.content.received import IgnoredMessage
from oxy_tenant.errors import JournalError, JournalFullError
from oxy_tenant.journal.database import ADDITIONS, FORMAT, upgrade
from oxy_tenant.journal.journal import Journal
from oxy_tenant.journal.retention import IDENTITIES_KEPT, REPORTS_KEPT
from oxy_tenant.links.neonize.chain_watch import owed_at_start
from oxy_tenant.links.neonize.sending_chains import MOST_OWED, OWN

Open = Callable[[], Journal]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path, clock: Clock) -> Iterator[Journal]:
    journal = opened(path, clock)
    yield journal
    journal.close()


def opened(path: Path, clock: Clock, instance: str = "shop", volume: str | None = None) -> Journal:
    return Journal.open(path, organization="acme", instance=instance, volume=volume, clock=clock)


def reports(journal: Journal) -> list[Report]:
    return [Report.decode(entry.envelope) for entry in journal.reports.waiting(0, 10_000)]


def owed(journal: Journal) -> dict[str, int]:
    return owed_at_start(journal.fillers.noted(), journal.fillers.last_sends())


def seen(report: Report | None) -> MessageSeen:
    assert report is not None
    assert isinstance(report.body, MessageSeen)
    return report.body


def test_a_message_becomes_a_report_with_sequences(journal: Journal) -> None:
    first = journal.inbound.receive(incoming("A", chat_alias=PHONE, push_name="Ana"))
    journal.inbound.receive(incoming("B", Jid.parse("222@lid")))
    journal.inbound.receive(incoming("C"))
    assert first is not None
    assert (first.journal_epoch, first.journal_sequence) == (journal.database.epoch, 1)
    assert [entry.number for entry in journal.reports.waiting(0, 10)] == [1, 2, 3]
    assert [seen(report).chat_sequence for report in reports(journal)] == [1, 1, 2]
    assert (seen(first).chat, seen(first).chat_alias, seen(first).push_name) == (LID, PHONE, "Ana")


def test_the_same_identity_is_journalled_once(journal: Journal) -> None:
    assert journal.inbound.receive(incoming("A")) is not None
    assert journal.inbound.receive(incoming("A")) is None
    assert journal.inbound.receive(incoming("A", Jid.parse("222@lid"))) is not None
    assert journal.inbound.receive(incoming("A", from_me=True)) is not None


def test_the_journal_outlives_the_process(path: Path, clock: Clock) -> None:
    first = opened(path, clock)
    first.inbound.receive(incoming("A"))
    first.sends.accept([request("mais tarde")])
    epoch = first.database.epoch
    first.close()
    again = opened(path, clock)
    assert again.database.epoch == epoch
    assert [seen(report).whatsapp_id for report in reports(again)] == ["A"]
    assert [(send.request.text, send.recovered) for send in again.sends.unfinished()] == [("mais tarde", True)]
    assert seen(again.inbound.receive(incoming("B"))).chat_sequence == 2
    again.close()


def test_an_undecryptable_message_never_claims_its_id(journal: Journal) -> None:
    placeholder = incoming("A", kind=MessageKind.UNDECRYPTABLE, text=None)
    assert seen(journal.inbound.receive(placeholder)).chat_sequence == 1
    assert seen(journal.inbound.receive(incoming("A"))).chat_sequence == 2
    assert journal.inbound.receive(placeholder) is None


def test_an_ignored_message_is_known_and_not_reported(journal: Journal) -> None:
    assert journal.inbound.receive(IgnoredMessage("A", LID, from_me=False)) is None
    assert journal.inbound.knows("A")
    assert reports(journal) == []


def test_a_chat_first_seen_by_phone_continues_under_its_lid(journal: Journal) -> None:
    assert seen(journal.inbound.receive(incoming("A", PHONE))).chat == PHONE
    assert seen(journal.inbound.receive(incoming("B", chat_alias=PHONE))).chat_sequence == 2
    by_phone = seen(journal.inbound.receive(incoming("C", PHONE)))
    assert (by_phone.chat, by_phone.sender, by_phone.chat_sequence) == (LID, LID, 3)
    assert journal.inbound.receive(incoming("A", LID)) is None


def test_two_chats_that_prove_to_be_one_continue_from_the_higher_number(journal: Journal) -> None:
    for whatsapp_id in "AB":
        journal.inbound.receive(incoming(whatsapp_id, PHONE))
    journal.inbound.receive(incoming("C", LID))
    assert seen(journal.inbound.receive(incoming("D", LID, chat_alias=PHONE))).chat_sequence == 3


def test_a_message_from_the_phone_counts_as_own_and_ours_does_not(journal: Journal) -> None:
    ask = request()
    journal.sends.accept([ask])
    secret = journal.sends.begin_attempt(ask.id)
    assert journal.inbound.receive(incoming("ECHO", from_me=True, secret=secret)) is None
    journal.sends.finish(ask, SendResult(request_id=ask.id, outcome=SendOutcome.SENT, whatsapp_id="SENT"))
    assert journal.inbound.receive(incoming("SENT", from_me=True)) is None
    assert journal.chats.own_sequence(LID) == 0
    assert journal.inbound.receive(incoming("PHONE", from_me=True)) is not None
    assert journal.chats.own_sequence(LID) == 1
    assert journal.inbound.receive(incoming("BOT", from_me=True, text="#bot")) is not None
    assert journal.chats.own_sequence(LID) == 1  # an instruction to the assistant


def test_the_message_yourself_chat_has_no_own_messages(journal: Journal) -> None:
    journal.inbound.receive(incoming("A", from_me=True, self_chat=True))
    assert journal.chats.own_sequence(LID) == 0


def test_a_request_is_journalled_once_and_accepted_each_time(journal: Journal) -> None:
    ask = request()
    [(accepted, work)] = journal.sends.accept([ask])
    assert (accepted.request_id, accepted.journal_epoch) == (ask.id, journal.database.epoch)
    assert work is not None
    assert journal.sends.accept([ask]) == [(accepted, None)]
    journal.sends.finish(ask, SendResult(request_id=ask.id, outcome=SendOutcome.SENT, whatsapp_id="X"))
    assert journal.sends.accept([ask]) == [(accepted, None)]
    assert journal.sends.unfinished() == []


def test_a_request_to_a_phone_number_goes_to_its_lid(journal: Journal) -> None:
    journal.inbound.receive(incoming("A", chat_alias=PHONE))
    [(_, work)] = journal.sends.accept([request(chat=PHONE)])
    assert work is not None
    assert work.chat == LID


def test_a_request_has_one_result(journal: Journal) -> None:
    ask = request()
    journal.sends.accept([ask])
    first = SendResult(request_id=ask.id, outcome=SendOutcome.AMBIGUOUS, whatsapp_id="X")
    assert journal.sends.finish(ask, first) is not None
    assert journal.sends.finish(ask, first.model_copy(update={"outcome": SendOutcome.SENT})) is None
    [report] = reports(journal)
    assert report.trace.split("-")[1] == ask.trace.split("-")[1]


def test_the_text_of_an_ended_request_is_deleted(journal: Journal, path: Path) -> None:
    ask = request("palavra secreta")
    journal.sends.accept([ask])
    journal.sends.finish(ask, SendResult(request_id=ask.id, outcome=SendOutcome.SENT, whatsapp_id="X"))
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT request FROM sends").fetchall() == [(None,)]


def test_each_attempt_has_its_own_secret_which_is_recognised(journal: Journal, path: Path, clock: Clock) -> None:
    ask = request()
    journal.sends.accept([ask])
    secrets = [journal.sends.begin_attempt(ask.id) for _ in range(3)]
    assert len({*secrets}) == 3
    assert secrets == [journal.sends.attempt_secret(ask.id, attempt) for attempt in (1, 2, 3)]
    assert {len(secret) for secret in secrets} == {32}
    assert all(journal.sends.is_own_secret(secret) for secret in secrets)
    other = opened(path.with_name("other.db"), clock)
    assert other.sends.attempt_secret(ask.id, 1) != secrets[0]
    other.close()


def test_a_loss_is_reported_once_and_never_for_a_known_message(journal: Journal) -> None:
    lost = incoming("LOST", kind=MessageKind.UNDECRYPTABLE, text=None)
    assert seen(journal.inbound.report_loss(lost, "store")).kind is MessageKind.UNDECRYPTABLE
    assert journal.inbound.report_loss(lost, "refused_copy") is None
    journal.inbound.receive(incoming("HERE"))
    assert journal.inbound.report_loss(incoming("HERE", kind=MessageKind.UNDECRYPTABLE, text=None), "store") is None


def kept(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as database:
        return [row[0] for row in database.execute("SELECT number FROM reports ORDER BY number")]


def test_only_old_and_acknowledged_reports_are_pruned_and_sequences_continue(
    journal: Journal, path: Path, clock: Clock
) -> None:
    for whatsapp_id in "ABC":
        journal.inbound.receive(incoming(whatsapp_id))
    journal.reports.mark_published([1, 2], 2)
    clock.advance(seconds=REPORTS_KEPT.total_seconds() + 1)
    journal.prune()
    assert kept(path) == [3]
    assert journal.inbound.receive(incoming("A")) is None
    journal.reports.mark_published([3], 3)
    clock.advance(seconds=IDENTITIES_KEPT.total_seconds())
    journal.prune()
    assert kept(path) == []
    change = journal.reports.report_connection(ConnectionChanged(state=ConnectionState.CONNECTED))
    assert change.journal_sequence == 4
    assert journal.inbound.receive(incoming("A")) is not None


def test_a_failed_write_changes_nothing(journal: Journal, path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TRIGGER full BEFORE INSERT ON reports BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        with pytest.raises(JournalError, match="disk full"):
            journal.inbound.receive(incoming("A"))
        other.execute("DROP TRIGGER full")
    assert not journal.inbound.knows("A")
    assert seen(journal.inbound.receive(incoming("A"))).chat_sequence == 1


def test_a_disk_that_is_full_within_a_write_is_told_from_other_failures(journal: Journal) -> None:
    def write() -> None:
        with journal.database.transaction() as database:
            database.execute("INSERT INTO numbers VALUES (hex(zeroblob(100000)), 0)")

    with journal.database.transaction() as database:
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count = {pages}")
    # SQLite itself has ended the transaction then.
    with pytest.raises(JournalFullError):
        write()
    with journal.database.transaction() as database:
        database.execute(f"PRAGMA max_page_count = {2 * pages + 1000}")
    write()


def test_the_publisher_is_woken_only_after_the_report_is_durable(path: Path) -> None:
    found: list[int] = []

    def count() -> None:
        with closing(sqlite3.connect(path)) as reader:
            found.append(reader.execute("SELECT count(*) FROM reports").fetchone()[0])

    journal = Journal.open(path, organization="acme", instance="shop", on_report=count)
    journal.inbound.receive(incoming("A"))
    assert found == [1]
    asked = request("Olá!")
    journal.sends.accept([asked])
    assert found == [1], "there is nothing to publish"
    journal.sends.finish(asked, SendResult(request_id=asked.id, outcome=SendOutcome.SENT))
    assert found == [1, 2]
    journal.close()


def test_a_journal_of_another_instance_is_refused(path: Path, clock: Clock) -> None:
    opened(path, clock).close()
    with pytest.raises(JournalError, match=r"belongs to acme/shop, not to acme/other"):
        opened(path, clock, "other")


def test_a_foreign_database_is_refused_and_left_alone(path: Path, clock: Clock) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE holiday (name)")
    with pytest.raises(JournalError, match="not a journal of format 3"):
        opened(path, clock)


@pytest.mark.parametrize("content", [b"not a database, by far" * 100, b"SQLite format 3\0" + b"\xff" * 4080])
def test_a_damaged_file_is_refused(path: Path, clock: Clock, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(JournalError, match="Restore the volume"):
        opened(path, clock)
    assert path.read_bytes() == content


def test_an_overwritten_page_is_detected(path: Path, clock: Clock) -> None:
    journal = opened(path, clock)
    for number in range(300):
        journal.inbound.receive(incoming(f"M{number}", text="x" * 500))
    journal.close()
    with path.open("r+b") as file:
        file.seek(4096 * 12)
        file.write(b"\xa5" * 4096 * 4)
    with pytest.raises(JournalError, match=r"damaged|malformed"):
        opened(path, clock)


CHATS = st.sampled_from([LID, PHONE, Jid.parse("222@lid")])
STEPS = st.lists(
    st.tuples(st.sampled_from(["text", "ignored", "undecryptable", "own", "reopen"]), CHATS, st.integers(0, 6)),
    max_size=40,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(steps=STEPS)
def test_sequences_have_no_gaps_and_no_text_is_journalled_twice(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, Jid, int]]
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.db"
    clock = Clock()
    journal = opened(path, clock)
    for kind, chat, number in steps:
        alias = PHONE if chat == LID and number % 2 else None
        if kind == "reopen":
            journal.close()
            journal = opened(path, clock)
        elif kind == "ignored":
            journal.inbound.receive(IgnoredMessage(f"M{number}", chat, from_me=False))
        else:
            content = MessageKind.UNDECRYPTABLE if kind == "undecryptable" else MessageKind.TEXT
            journal.inbound.receive(
                incoming(f"M{number}", chat, chat_alias=alias, from_me=kind == "own", kind=content, text="oi")
            )
    written = reports(journal)
    journal.close()
    assert [report.journal_sequence for report in written] == list(range(1, len(written) + 1))
    bodies = [seen(report) for report in written]
    texts = [(body.chat, body.from_me, body.whatsapp_id) for body in bodies if body.kind is MessageKind.TEXT]
    assert len(texts) == len(set(texts))
    per_chat: dict[Jid, list[int]] = defaultdict(list)
    for body in bodies:
        per_chat[body.chat].append(body.chat_sequence)
    for sequences in per_chat.values():
        assert sequences == sorted(set(sequences))


def test_the_newest_message_certainly_sent_is_found_by_each_address(journal: Journal) -> None:
    assert journal.sends.newest_sent(LID) is None
    for whatsapp_id, outcome in (("W1", SendOutcome.SENT), ("W2", SendOutcome.SENT), ("W3", SendOutcome.AMBIGUOUS)):
        ask = request(chat=PHONE)
        journal.sends.accept([ask])
        journal.sends.finish(ask, SendResult(request_id=ask.id, outcome=outcome, whatsapp_id=whatsapp_id))
    assert journal.sends.newest_sent(PHONE) == "W2"
    journal.inbound.receive(incoming("A", chat_alias=PHONE))
    assert (journal.sends.newest_sent(PHONE), journal.sends.newest_sent(LID)) == ("W2", "W2")
    assert journal.sends.newest_sent(Jid.parse("222@lid")) is None


def test_owed_fillers_outlive_the_process(path: Path, clock: Clock) -> None:
    first = opened(path, clock)
    first.fillers.note({str(LID): 2, OWN: 1})
    first.fillers.note({OWN: 0})
    first.close()
    again = opened(path, clock)
    assert owed(again) == {str(LID): 2}
    again.close()


def test_contacts_sent_to_just_before_a_run_ended_are_owed_fillers(journal: Journal, clock: Clock) -> None:
    assert owed(journal) == {}
    chats = [Jid.parse(f"{user}@lid") for user in ("1", "2", "3", "4")]
    asks = [request(chat=chat) for chat in chats]
    journal.sends.accept(asks)
    for ask, seconds in zip(asks[:2], (60.0, 1.0), strict=True):
        journal.sends.begin_attempt(ask.id)
        journal.sends.finish(ask, SendResult(request_id=ask.id, outcome=SendOutcome.SENT, whatsapp_id=f"W{seconds}"))
        clock.advance(seconds=seconds)
    journal.sends.begin_attempt(asks[2].id)
    assert owed(journal) == {"2@lid": 1, "3@lid": 1, OWN: 1}
    clock.advance(seconds=60)
    for _ in range(9):
        again = request(chat=chats[3])
        journal.sends.accept([again])
        journal.sends.finish(again, SendResult(request_id=again.id, outcome=SendOutcome.SENT, whatsapp_id="W"))
    assert owed(journal) == {"3@lid": 1, "4@lid": MOST_OWED, OWN: MOST_OWED}


def test_on_another_volume_a_new_journal_begins_and_no_sequence_is_used_twice(path: Path, clock: Clock) -> None:
    first = opened(path, clock, volume="claim-1")
    old = [first.inbound.receive(incoming(whatsapp_id)) for whatsapp_id in "AB"]
    first.inbound.receive(incoming("OWN", from_me=True))
    first.close()
    same = opened(path, clock, volume="claim-1")
    assert same.database.epoch == first.database.epoch
    same.close()
    clock.advance(hours=-3)
    restored = opened(path, clock, volume="claim-2")
    assert restored.database.epoch != first.database.epoch
    assert restored.database.started_at > first.database.started_at
    new = restored.inbound.receive(incoming("C"))
    assert new is not None
    assert (new.journal_sequence, seen(new).chat_sequence, restored.chats.own_sequence(LID)) == (1, 1, 0)
    assert {report.message_id for report in old if report is not None}.isdisjoint({new.message_id})
    assert (new.journal_epoch, new.journal_started_at) == (restored.database.epoch, restored.database.started_at)
    assert restored.inbound.receive(incoming("A")) is None
    restored.close()


def test_a_journal_that_learns_the_name_of_its_volume_goes_on(path: Path, clock: Clock) -> None:
    first = opened(path, clock)
    first.close()
    for volume in ("claim-1", None, "claim-1"):
        again = opened(path, clock, volume=volume)
        assert again.database.epoch == first.database.epoch
        again.close()


def test_what_an_earlier_journal_left_open_ends_as_ambiguous(path: Path, clock: Clock) -> None:
    first = opened(path, clock, volume="claim-1")
    asks = [request(), request()]
    [(accepted, _), _] = first.sends.accept(asks)
    first.sends.begin_attempt(asks[1].id)
    first.close()
    restored = opened(path, clock, volume="claim-2")
    assert restored.sends.unfinished() == []
    results = [report for report in reports(restored) if report.journal_epoch == restored.database.epoch]
    outcomes = [
        (report.body.request_id, report.body.outcome) for report in results if report.body.type == "send_result"
    ]
    assert outcomes == [(ask.id, SendOutcome.AMBIGUOUS) for ask in asks]
    assert [report.journal_sequence for report in results] == [1, 2]
    assert restored.sends.accept([asks[0]]) == [(accepted, None)]
    restored.close()


def test_the_validity_of_a_request_counts_from_its_acceptance_by_our_clock(journal: Journal, clock: Clock) -> None:
    wrong = clock.now - timedelta(hours=5)
    ask = request(valid_seconds=60, expires_at=wrong)
    [(_, fresh)] = journal.sends.accept([ask])
    clock.advance(seconds=30)
    journal.sends.accept([ask])
    assert fresh is not None
    assert fresh.expires_at == clock.now + timedelta(seconds=30)
    assert [send.expires_at for send in journal.sends.unfinished()] == [fresh.expires_at]
    [(_, by_platform), (_, never), (_, always)] = journal.sends.accept(
        [request(expires_at=wrong), request(), request(valid_seconds=1e300)]
    )
    assert (by_platform and by_platform.expires_at, never and never.expires_at) == (wrong, None)
    assert always is not None


def test_a_request_of_a_newer_version_waits_in_the_journal(journal: Journal, path: Path) -> None:
    newer, known = request(), request()
    journal.sends.accept([newer, known])
    with closing(sqlite3.connect(path)) as database, database:
        envelope = newer.encode().replace(b'"version":1', b'"version":4').replace(b'"text"', b'"texts"')
        database.execute("UPDATE sends SET request = ? WHERE request_id = ?", (envelope, str(newer.id)))
    assert [send.request.id for send in journal.sends.unfinished()] == [known.id]
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM sends WHERE ended_at IS NULL").fetchone() == (2,)


def test_a_journal_with_additions_of_a_newer_version_is_used(path: Path, clock: Clock) -> None:
    opened(path, clock).close()
    with closing(sqlite3.connect(path)) as database:
        for table in ("identity", "reports", "chats", "messages", "sends", "secrets", "losses", "owed_fillers"):
            database.execute(f"ALTER TABLE {table} ADD COLUMN mood TEXT DEFAULT 'good'")
        database.execute(f"PRAGMA user_version = {FORMAT * 1_000 + len(ADDITIONS) + 1}")
    journal = opened(path, clock)
    assert seen(journal.inbound.receive(incoming("A", chat_alias=PHONE))).chat_sequence == 1
    journal.inbound.receive(incoming("B", PHONE))
    ask = request()
    journal.sends.accept([ask])
    journal.sends.begin_attempt(ask.id)
    journal.inbound.report_loss(incoming("L", kind=MessageKind.UNDECRYPTABLE, text=None), "store")
    journal.fillers.note({OWN: 1})
    journal.close()


def test_an_older_journal_gets_the_additions_one_by_one(path: Path, clock: Clock) -> None:
    opened(path, clock).close()
    additions = (*ADDITIONS, "ALTER TABLE chats ADD COLUMN mood TEXT", "ALTER TABLE chats ADD COLUMN colour TEXT")
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        upgrade(database, additions[:-1])
        upgrade(database, additions)
        upgrade(database, additions)
        assert database.execute("PRAGMA user_version").fetchone() == (FORMAT * 1_000 + len(additions),)
        assert database.execute("SELECT mood, colour FROM chats").fetchall() == []


def test_a_journal_of_another_format_is_refused(path: Path, clock: Clock) -> None:
    opened(path, clock).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {(FORMAT + 1) * 1_000}")
    with pytest.raises(JournalError, match="run the version that wrote it"):
        opened(path, clock)


def test_a_recycled_number_is_another_person(journal: Journal) -> None:
    second = Jid.parse("222@lid")
    journal.inbound.receive(incoming("A", PHONE))
    journal.inbound.receive(incoming("B", LID, chat_alias=PHONE))
    journal.inbound.receive(incoming("OWN", LID, from_me=True))
    recycled = seen(journal.inbound.receive(incoming("C", second, chat_alias=PHONE)))
    assert (recycled.chat, recycled.chat_sequence) == (second, 1)
    assert (journal.chats.own_sequence(LID), journal.chats.own_sequence(second)) == (3, 0)
    assert seen(journal.inbound.receive(incoming("D", LID))).chat_sequence == 4
    assert seen(journal.inbound.receive(incoming("E", PHONE))).chat == second
    assert journal.inbound.receive(incoming("A", LID)) is None


@pytest.mark.parametrize("ahead", [timedelta(hours=5), timedelta(hours=-5), timedelta(0)])
def test_a_wrong_clock_does_not_make_messages_old(path: Path, clock: Clock, ahead: timedelta) -> None:
    clock.now += ahead
    journal = opened(path, clock)
    for number in range(3):
        live = incoming(f"L{number}", sent_at=clock.now - ahead, live=True)
        assert seen(journal.inbound.receive(live)).delay_seconds == 0
    journal.close()
    clock.advance(hours=1)
    again = opened(path, clock)
    queued = incoming("Q", sent_at=clock.now - ahead - timedelta(minutes=20))
    assert seen(again.inbound.receive(queued)).delay_seconds == 1_200
    lost = incoming("X", kind=MessageKind.UNDECRYPTABLE, text=None, sent_at=None)
    placeholder = seen(again.inbound.report_loss(lost, "store"))
    assert (placeholder.sent_at, placeholder.delay_seconds) == (clock.now - ahead, 0)
    again.close()


def test_a_message_that_whatsapp_delivers_late_says_nothing_about_the_clock(journal: Journal, clock: Clock) -> None:
    for number in range(3):
        journal.inbound.receive(incoming(f"L{number}", sent_at=clock.now, live=True))
    resent = incoming("R", sent_at=clock.now - timedelta(minutes=5), live=True)
    assert seen(journal.inbound.receive(resent)).delay_seconds == 300
    assert seen(journal.inbound.receive(incoming("L4", sent_at=clock.now, live=True))).delay_seconds == 0


def test_everything_that_is_kept_is_published_again_when_the_bus_lost_it(journal: Journal) -> None:
    for whatsapp_id in "ABC":
        journal.inbound.receive(incoming(whatsapp_id))
    journal.reports.mark_published([1, 2], 70)
    assert (journal.reports.stream_sequence, journal.reports.pending()) == (70, 1)
    assert journal.reports.publish_all_again() == 2
    assert [entry.number for entry in journal.reports.waiting(0, 9)] == [1, 2, 3]
    assert journal.reports.stream_sequence == 0


def test_an_older_copy_on_the_same_volume_repeats_no_message_id(path: Path, clock: Clock) -> None:
    journal = opened(path, clock, volume="claim-1")
    journal.inbound.receive(incoming("A"))
    journal.close()
    snapshot = path.read_bytes()
    ids = []
    for whatsapp_id in "BC":
        path.write_bytes(snapshot)
        journal = opened(path, clock, volume="claim-1")
        journal.inbound.receive(incoming(whatsapp_id))
        ids += [entry.message_id for entry in journal.reports.waiting(1, 9)]
        journal.close()
    assert len(set(ids)) == 2


def test_a_journal_is_trimmed_of_the_oldest_that_the_bus_has_and_of_nothing_else(journal: Journal) -> None:
    for number in range(12):
        journal.inbound.receive(incoming(f"A{number}", text="x" * 1000))
    waiting = journal.reports.waiting(0, 100)
    journal.reports.mark_published([entry.number for entry in waiting[2:9]], 9)
    assert journal.trim(1) == 7  # a batch is the least
    assert [entry.number for entry in journal.reports.waiting(0, 100)] == [
        entry.number for entry in (*waiting[:2], *waiting[9:])
    ]
    assert journal.trim(1 << 20) == 0
    assert journal.reports.publish_all_again() == 0


def test_room_that_a_trimmed_journal_has_is_used_before_its_file_grows(journal: Journal, path: Path) -> None:
    def fill(first: int) -> None:
        for number in range(first, first + 100):
            journal.inbound.receive(incoming(f"B{number}", text="x" * 20_000))
        journal.reports.mark_published([entry.number for entry in journal.reports.waiting(0, 1000)], first)

    fill(0)
    full = journal.used_bytes()
    assert full > 2_000_000
    journal.trim(full)
    assert journal.used_bytes() < full / 10
    fill(100)
    assert journal.used_bytes() < full * 1.1
