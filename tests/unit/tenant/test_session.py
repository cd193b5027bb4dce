import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from unit.tenant.messages import LID, NOW, incoming, request
from unit.tenant.sessions import add_secret, audit_of, make_session

from oxy_core.envelopes import MessageSeen, Report
from oxy_core.identity import Jid
from oxy_core.message_kinds import MessageKind
from oxy_tenant.errors import SessionError, UnlinkedError, VolumeError
from oxy_tenant.journal.journal import Journal
from oxy_tenant.links.neonize.loss_audit import HISTORY_SECONDS, MOST_LOST
from oxy_tenant.links.neonize.reader_process import run_reader
from oxy_tenant.links.neonize.session_reader import WAIT_SECONDS
from oxy_tenant.links.neonize.session_store import NewestSecret, SessionStore, StoredSecret

T = TypeVar("T")


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    return SessionStore(tmp_path)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.open(tmp_path / "journal.db", organization="acme", instance="shop")
    yield journal
    journal.close()


def reported(journal: Journal) -> list[MessageSeen]:
    bodies = [Report.decode(entry.envelope).body for entry in journal.reports.waiting(0, 100)]
    return [body for body in bodies if isinstance(body, MessageSeen)]


def eventually(condition: Callable[[], T], within: float = 60) -> T:
    deadline = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return value


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def test_a_session_that_does_not_exist_is_empty(store: SessionStore) -> None:
    assert store.examine() is None
    assert (store.newest_secret(), store.size, store.version) == (NewestSecret(0, linked=False), 0, 0)
    assert store.secrets_after(0).messages == ()
    with pytest.raises(UnlinkedError):
        store.id_of([b"x"])


def address_of(store: SessionStore) -> Jid | None:
    device = store.examine()
    assert device is not None
    return device.address


def test_a_session_names_its_linked_device(store: SessionStore) -> None:
    make_session(store.path)
    assert address_of(store) == Jid.parse("5511900000001:1@s.whatsapp.net")


def test_a_session_whose_address_cannot_be_read_is_linked_all_the_same(store: SessionStore) -> None:
    make_session(store.path)
    with closing(sqlite3.connect(store.path)) as database, database:
        database.execute("UPDATE whatsmeow_device SET jid = 'nonsense'")
    assert address_of(store) is None


def devices(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [row[0] for row in database.execute("SELECT jid FROM whatsmeow_device")]


def test_the_last_copy_of_a_linked_session_outlives_the_device(store: SessionStore, tmp_path: Path) -> None:
    copy = tmp_path / "session.copy.db"
    make_session(store.path, paired=False)
    store.copy()
    assert not copy.exists()
    store.path.unlink()
    make_session(store.path)
    store.copy()
    linked = devices(copy)
    with closing(sqlite3.connect(store.path)) as database, database:
        database.execute("DELETE FROM whatsmeow_device")  # as the library does when the server locks the account
    assert store.examine() is None
    store.copy()
    assert devices(copy) == linked == ["5511900000001:1@s.whatsapp.net"]
    assert list(tmp_path.glob("*.new")) == []


def test_copies_that_were_abandoned_are_removed(store: SessionStore, tmp_path: Path) -> None:
    make_session(store.path)
    (tmp_path / "session.copy.db.123.new").write_bytes(b"half a copy")
    store.copy()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["session.copy.db", "session.db"]


def test_a_reader_that_makes_progress_is_waited_for(tmp_path: Path) -> None:
    program = tmp_path / "slow.py"
    program.write_text("import sys, time\nfor _ in range(30): open(__file__).read(); time.sleep(0.1)\nprint('{}')")
    assert run_reader("[]", stalled_seconds=2, program=str(program)) == "{}\n"


def test_a_reader_that_hangs_is_given_up(tmp_path: Path) -> None:
    program = tmp_path / "hung.py"
    program.write_text("import time\ntime.sleep(60)")
    with pytest.raises(subprocess.TimeoutExpired):
        run_reader("[]", stalled_seconds=1, program=str(program))


def test_a_reader_ends_with_the_runtime_that_asked(store: SessionStore) -> None:
    make_session(store.path)
    asking = "import sys; from oxy_tenant.links.neonize.reader_process import run_reader; run_reader(sys.argv[1])"
    with closing(sqlite3.connect(store.path)) as library:
        library.execute("BEGIN EXCLUSIVE")  # so that the reader waits
        runtime = subprocess.Popen([sys.executable, "-c", asking, json.dumps([str(store.path), "examine"])])
        children = Path(f"/proc/{runtime.pid}/task/{runtime.pid}/children")
        [reader] = eventually(lambda: children.read_text().split())
        eventually(lambda: store.path in open_files(reader))
        runtime.kill()
        runtime.wait()
        eventually(lambda: not is_alive(int(reader)), within=WAIT_SECONDS / 2)


def open_files(process: str) -> set[Path]:
    """Return what a process has open; it closes some files while we look."""
    found = set()
    for file in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(file.resolve())
    return found


def test_a_session_in_use_is_read(store: SessionStore) -> None:
    make_session(store.path)
    with closing(sqlite3.connect(store.path)) as library:
        library.execute("PRAGMA journal_mode = WAL")
        library.execute("BEGIN IMMEDIATE")
        library.execute("INSERT INTO whatsmeow_message_secrets VALUES ('a', '111@lid', '111@lid', 'A', x'01')")
        assert store.examine()
        assert store.newest_secret().row == 0
        library.execute("COMMIT")
        assert store.newest_secret() == NewestSecret(1, linked=True)
        assert store.version > 0


def test_the_copy_of_a_damaged_session_is_kept(store: SessionStore, tmp_path: Path) -> None:
    make_session(store.path)
    store.copy()
    store.path.write_bytes(b"garbage" * 1000)
    with pytest.raises(SessionError, match="is damaged"):
        store.examine()
    assert (tmp_path / "session.copy.db").exists()


def test_an_unreadable_session_is_not_called_damaged(store: SessionStore) -> None:
    store.path.mkdir()
    with pytest.raises(VolumeError, match="check the volume"):
        store.examine()


@pytest.mark.parametrize("name", ["session.db", "session.db-wal", "session.db-shm"])
def test_a_session_that_cannot_be_written_is_not_used(
    store: SessionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    make_session(store.path)
    (tmp_path / name).touch()
    # Whoever is root may write every file.
    monkeypatch.setattr("os.access", lambda file, _: file != tmp_path / name)
    with pytest.raises(VolumeError, match=f"/{name} cannot be written; check the volume"):
        store.examine()


def test_each_session_that_is_set_aside_is_kept_with_its_log(store: SessionStore, tmp_path: Path) -> None:
    for number in range(2):
        store.path.write_bytes(b"broken %d" % number)
        (tmp_path / "session.db-wal").write_bytes(b"log %d" % number)
        store.set_aside(NOW + timedelta(hours=number))
        assert not store.path.exists()
    assert [path.read_bytes() for path in sorted(tmp_path.glob("session.bad-*.db"))] == [b"broken 0", b"broken 1"]
    assert [path.read_bytes() for path in sorted(tmp_path.glob("session.bad-*.db-wal"))] == [b"log 0", b"log 1"]


def test_secrets_of_direct_chats_are_found_by_row(store: SessionStore) -> None:
    make_session(store.path)
    for name, chat in (("A", "111@lid"), ("B", "120363@g.us"), ("C", "status@broadcast"), ("D", "5511@s.whatsapp.net")):
        add_secret(store.path, name, name.encode(), chat)
    found = store.secrets_after(1)
    assert [message.whatsapp_id for message in found.messages] == ["D"]
    assert found.newest_row == 4
    assert store.secrets_after(0).messages[0] == StoredSecret(LID, LID, from_me=False, whatsapp_id="A", secret=b"A")


@pytest.mark.parametrize(
    ("sender", "from_me"),
    [
        ("999@lid", True),
        ("999:7@lid", True),
        ("5511900000001@s.whatsapp.net", True),
        ("111@lid", False),
        ("5511911111111@s.whatsapp.net", False),
    ],
)
def test_the_linked_account_is_recognised_by_each_of_its_addresses(
    store: SessionStore, sender: str, *, from_me: bool
) -> None:
    make_session(store.path)
    add_secret(store.path, "A", b"a", sender=sender)
    [found] = store.secrets_after(0).messages
    assert found.from_me is from_me


def test_an_attempt_is_found_by_its_secret(store: SessionStore) -> None:
    make_session(store.path)
    add_secret(store.path, "FIRST", b"one")
    add_secret(store.path, "SECOND", b"two")
    assert store.id_of([b"one", b"two", b"three"]) == "SECOND"
    assert store.id_of([b"one"]) == "FIRST"
    assert store.id_of([b"three"]) is None


def test_the_audit_reports_messages_that_never_reached_the_journal(store: SessionStore, journal: Journal) -> None:
    make_session(store.path)
    journal.inbound.receive(incoming("JOURNALLED"))
    ask = request()
    journal.sends.accept([ask])
    add_secret(store.path, "JOURNALLED", b"a" * 32)
    add_secret(store.path, "SENT", journal.sends.begin_attempt(ask.id), sender="999@lid")
    add_secret(store.path, "LOST", b"b" * 32)
    add_secret(store.path, "LOST-OWN", b"c" * 32, sender="999@lid")
    add_secret(store.path, "GROUP", b"d" * 32, chat="120363@g.us")
    audit = audit_of(journal, store)
    assert audit.audit_store() == 2
    assert [(m.whatsapp_id, m.kind, m.from_me) for m in reported(journal)[1:]] == [
        ("LOST", MessageKind.UNDECRYPTABLE, False),
        ("LOST-OWN", MessageKind.UNDECRYPTABLE, True),
    ]
    assert reported(journal)[2].sender == Jid.parse("999@lid")
    assert audit.audit_store() == 0
    add_secret(store.path, "LATER", b"e" * 32)
    assert audit.audit_store() == 1


def test_the_history_that_a_phone_shares_is_not_taken_for_losses(store: SessionStore, journal: Journal) -> None:
    make_session(store.path, paired=False)
    assert audit_of(journal, store).audit_store() == 0
    store.path.unlink()
    make_session(store.path)
    for number in range(200):
        add_secret(store.path, f"HISTORY-{number}", b"h" * 32)
    for _ in range(2):
        assert audit_of(journal, store).audit_store() == 0
    assert reported(journal) == []


@pytest.mark.parametrize(("unknown", "lost"), [(102, 102), (103, 0)], ids=["what a process can lose", "more"])
def test_while_history_may_arrive_no_more_are_losses_than_a_process_can_lose(
    store: SessionStore, journal: Journal, unknown: int, lost: int
) -> None:
    """neonize keeps 100 events, one is with us, and one waits in its handler."""
    make_session(store.path)
    for number in range(unknown):
        add_secret(store.path, f"UNKNOWN-{number}", b"u" * 32)
    assert audit_of(journal, store).audit_store() == lost


def test_history_ends_some_time_after_linking_and_then_everything_unknown_is_a_loss(
    store: SessionStore, journal: Journal
) -> None:
    make_session(store.path)
    audit = audit_of(journal, store)
    audit.audit_store()
    linked = NewestSecret(3, linked=True)
    assert audit.history_arrives(NewestSecret(0, linked=False), 0)
    assert audit.history_arrives(linked, 500)
    assert audit.history_arrives(linked, 500 + HISTORY_SECONDS - 1)
    assert not audit.history_arrives(linked, 500 + HISTORY_SECONDS)
    journal.inbound.mark_audited(0)
    for number in range(MOST_LOST + 1):
        add_secret(store.path, f"LOST-{number}", b"l" * 32)
    assert audit_of(journal, store).audit_store() == MOST_LOST + 1


def test_the_audit_starts_over_in_a_new_session(store: SessionStore, journal: Journal) -> None:
    journal.inbound.mark_audited(500)
    make_session(store.path)
    add_secret(store.path, "OLD", b"a" * 32)
    audit = audit_of(journal, store)
    assert audit.audit_store() == 0
    add_secret(store.path, "LOST", b"b" * 32)
    assert audit.audit_store() == 1
