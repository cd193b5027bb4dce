"""A session without a device, or a damaged one: for which a person is waited for, and which was lost as was told.

Each start has new objects, which know no more than the volume; a process that is killed does not reach the next line.
"""

import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from unit.tenant.links import environment_in
from unit.tenant.sessions import make_session
from unit.tenant.test_backups import wish

from oxy_core.identity import Jid
from oxy_core.session_backups import LeaveWish, RestoreWish
from oxy_core.tenant import TerminationMessage
from oxy_tenant.backups.restorer import Restorer
from oxy_tenant.connection.ended_marker import EndedMarker
from oxy_tenant.connection.ending import EndedError
from oxy_tenant.connection.session_keeper import SessionKeeper
from oxy_tenant.errors import SessionError
from oxy_tenant.journal.journal import Journal
from oxy_tenant.links.neonize.session_archive import NeonizeArchive
from oxy_tenant.links.neonize.session_store import SessionStore
from oxy_tenant.own_account import OwnAccount
from oxy_tenant.session_metadata import METADATA_FILE, MetadataFile
from oxy_tenant.session_record import SessionRecord
from oxy_tenant.set_aside import listed
from oxy_tenant.settings_file import SettingsFile

BAN, LOGOUT = (66, "TemporaryBan"), (64, "LoggedOut")


class KilledError(Exception):
    """The process is killed here."""


class Volume:
    """The volume of one instance."""

    def __init__(self, folder: Path, journal: Journal) -> None:
        self.folder = folder
        self.journal = journal
        self.session = folder / "session.db"
        self.phone = "+5511900000001"
        self.leave: LeaveWish | None = None

    def record(self, epoch: int) -> SessionRecord:
        """Return the record of a process that has just been started."""
        marker = EndedMarker(self.folder)
        marker.allocate()
        metadata = MetadataFile(self.folder, "acme", "shop")
        kept_aside = SessionStore(self.folder).kept_aside
        return SessionRecord(metadata, self.journal, kept_aside, epoch=epoch, ended=marker.read())

    async def start(self, epoch: int = 1) -> str:
        """Start a process; return "paired", "pairs", or the reason for which it ends."""
        archive, record = NeonizeArchive(self.folder), self.record(epoch)
        archive.finish_adopting()
        archive.discard()
        record.begun()
        settings = SettingsFile(environment_in(self.folder, phone_number=self.phone, leave=self.leave))
        account = OwnAccount(expected=lambda: self.phone)
        store = SessionStore(self.folder)
        keeper = SessionKeeper(store, account, settings, "shop", watcher=record, may_copy=lambda _: False)
        try:
            return "paired" if await keeper.prepare() else "pairs"
        except EndedError as error:
            return error.ending.reason

    def ends(self, epoch: int, exit_code: int, reason: str) -> None:
        """Write how an epoch ended."""
        message = TerminationMessage(
            epoch=epoch, pod_uid="p", exit_code=exit_code, reason=reason, message="", ended_at=datetime.now(UTC)
        )
        EndedMarker(self.folder).write(message)

    def unlink(self) -> None:
        """Do what the library does when WhatsApp has removed its device."""
        with closing(sqlite3.connect(self.session)) as database, database:
            database.execute("DELETE FROM whatsmeow_device")

    def missing(self) -> list[str]:
        return sorted(path.name.partition("Z.")[2] for path in self.folder.glob("session.missing-*"))

    def damaged(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted(self.folder.glob("session.bad-*"))]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.open(tmp_path / "journal.db", organization="acme", instance="shop")
    yield journal
    journal.close()


@pytest.fixture
async def volume(tmp_path: Path, journal: Journal) -> Volume:
    """A volume whose session is linked, as a process has seen."""
    made = Volume(tmp_path, journal)
    make_session(made.session)
    assert await made.start() == "paired"
    return made


def damage(volume: Volume) -> None:
    volume.session.write_bytes(RUBBISH)


def delete(volume: Volume) -> None:
    volume.session.unlink()


def empty(volume: Volume) -> None:
    volume.session.write_bytes(b"")


def replace(volume: Volume) -> None:
    volume.session.unlink()
    make_session(volume.session, paired=False)


@pytest.mark.parametrize(
    ("lose", "left"), [(delete, ["db-wal"]), (empty, ["db", "db-wal"]), (replace, ["db", "db-wal"])]
)
async def test_a_session_that_nobody_gave_up_is_missed_until_a_person_acts(
    volume: Volume, lose: Callable[[Volume], None], left: list[str]
) -> None:
    lose(volume)
    log = b"" if lose is replace else b"what was written last"
    volume.session.with_name("session.db-wal").write_bytes(log)
    assert await volume.start() == "SessionMissing"
    assert (volume.missing(), volume.session.exists()) == (left, False)
    [kept] = volume.folder.glob("session.missing-*-wal")
    assert kept.read_bytes() == log
    size = sum(path.stat().st_size for path in volume.folder.glob("session.missing-*"))
    assert volume.record(2).facts().set_aside_bytes == sum(item["bytes"] for item in listed(volume.folder)) == size
    assert await volume.start() == "SessionMissing", "it was killed before it noted its end"
    volume.ends(1, 68, "SessionMissing")
    assert await volume.start(2) == "pairs"
    assert await volume.start(2) == "pairs"
    make_session(volume.session)
    assert await volume.start(2) == "paired"
    delete(volume)
    assert await volume.start(2) == "SessionMissing"


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize(
    ("lose", "reason"),
    [
        (None, ""),
        (delete, "SessionMissing"),
        (empty, "SessionMissing"),
        (replace, "SessionMissing"),
        (damage, "BadSession"),
    ],
)
async def test_a_backup_of_the_same_device_leaves_none_of_another_aside(
    volume: Volume, lose: Callable[[Volume], None] | None, reason: str, *, same: bool
) -> None:
    archive, store = NeonizeArchive(volume.folder), SessionStore(volume.folder)
    device, packed = store.examine(), archive.pack()
    assert device is not None
    assert packed is not None
    kept = packed.file.rename(volume.folder / "backup")
    if lose is not None:
        lose(volume)
        volume.session.with_name("session.db-wal").write_bytes(b"log" if lose is not replace else b"")
        assert await volume.start() == reason
        volume.ends(1, 68, reason)
    digest, since = device.digest if same else "e" * 64, datetime.now(UTC) - timedelta(days=1)
    manifest = wish().manifest.model_copy(update={"device": digest, "linked_at": since})
    metadata = MetadataFile(volume.folder, "acme", "shop")
    restorer = Restorer(environment_in(volume.folder), archive, store, metadata)
    unpacked = archive.unpack(kept, limit=packed.database_bytes)
    await restorer.put_in_place(RestoreWish(id="w", manifest=manifest), unpacked)
    facts = volume.record(2).facts()
    assert facts.set_aside_bytes
    assert facts.regained_by == ("w" if same else None)
    assert facts.others_aside is (lose in {None, damage} and not same)
    assert await volume.start(2) == "paired"
    later = datetime.now(UTC) + timedelta(minutes=1)
    volume.session.rename(volume.session.with_name(f"session.bad-{later:%Y%m%dT%H%M%SZ}.db"))
    assert volume.record(2).facts().others_aside is True


async def never_linked(volume: Volume) -> None:
    for file in volume.folder.iterdir():
        if file.name == METADATA_FILE or file == volume.session:
            file.unlink()
    make_session(volume.session, paired=False)
    assert await volume.start() == "pairs"


async def logged_out(volume: Volume) -> None:
    volume.record(1).gives_up("LoggedOut")
    volume.unlink()


async def lost(volume: Volume) -> None:
    replace(volume)


async def lost_but_its_log(volume: Volume) -> None:
    volume.record(1).gives_up("LoggedOut")
    empty(volume)
    volume.session.with_name("session.db-wal").write_bytes(b"what was written last")


async def damaged(volume: Volume) -> None:
    await never_linked(volume)
    damage(volume)


@pytest.mark.parametrize(
    ("begin", "others"),
    [(never_linked, False), (logged_out, False), (lost, True), (lost_but_its_log, True), (damaged, True)],
)
async def test_a_session_without_a_device_that_a_backup_replaces_is_none_of_another_device(
    volume: Volume, begin: Callable[[Volume], Awaitable[None]], *, others: bool
) -> None:
    archive, store = NeonizeArchive(volume.folder), SessionStore(volume.folder)
    packed = archive.pack()
    assert packed is not None
    kept = packed.file.rename(volume.folder / "backup")
    await begin(volume)
    restorer = Restorer(environment_in(volume.folder), archive, store, MetadataFile(volume.folder, "acme", "shop"))
    await restorer.put_in_place(wish(), archive.unpack(kept, limit=packed.database_bytes))
    facts = volume.record(2).facts()
    assert facts.set_aside_bytes
    assert facts.others_aside is others


@pytest.mark.parametrize("ending", [None, BAN])
async def test_it_is_missed_in_a_later_epoch_too_unless_the_one_before_lost_it(
    volume: Volume, ending: tuple[int, str] | None
) -> None:
    if ending is not None:
        volume.ends(1, *ending)
    delete(volume)
    assert await volume.start(2) == "SessionMissing"


async def test_an_end_of_before_does_not_explain_the_loss_of_a_device_that_was_linked_since(volume: Volume) -> None:
    volume.unlink()
    volume.ends(1, *LOGOUT)
    assert await volume.start(2) == "pairs"
    make_session_anew(volume)
    assert await volume.start(2) == "paired"
    delete(volume)
    assert await volume.start(2) == "SessionMissing"


def make_session_anew(volume: Volume) -> None:
    volume.session.unlink()
    make_session(volume.session)


@pytest.mark.parametrize("reason", ["LoggedOut", "AccountBanned"])
async def test_a_process_that_is_killed_while_the_device_is_removed_is_followed_by_one_that_tells_so(
    volume: Volume, reason: str
) -> None:
    volume.record(1).gives_up(reason)
    assert await volume.start() == "paired", "killed before the library deleted the device: WhatsApp will say it again"
    volume.record(1).gives_up(reason)
    volume.unlink()
    assert await volume.start() == reason
    assert await volume.start() == reason
    assert await volume.start(2) == "pairs"
    assert await volume.start(2) == "pairs"


def set_aside_as_damaged(volume: Volume) -> None:
    volume.session.rename(volume.session.with_name("session.bad-20261129T120000Z.db"))


@pytest.mark.parametrize(
    ("lose", "marked", "outcome"),
    [
        (Volume.unlink, True, "pairs"),
        (Volume.unlink, False, "pairs"),  # it was killed, or stopped, before it noted its end
        (set_aside_as_damaged, False, "pairs"),
        (delete, True, "pairs"),
        (delete, False, "SessionMissing"),
    ],
)
async def test_what_an_older_version_may_have_ended_is_not_missed(
    volume: Volume, lose: Callable[[Volume], None], *, marked: bool, outcome: str
) -> None:
    file = volume.folder / METADATA_FILE
    file.write_text("\n".join(line for line in file.read_text().splitlines() if "device_epoch" not in line))
    lose(volume)
    if marked:
        volume.ends(1, *LOGOUT)
    assert await volume.start(2) == outcome


async def test_a_phone_that_was_never_linked_is_not_missed(tmp_path: Path, journal: Journal) -> None:
    volume = Volume(tmp_path, journal)
    assert await volume.start() == "pairs"
    volume.record(1).gives_up("LoggedOut")  # a server that refuses whoever has no device
    empty(volume)
    assert await volume.start() == "pairs"
    delete(volume)
    # Killed after the library has stored a device, and deleted it again because the phone did not hear of it.
    make_session(volume.session)
    volume.unlink()
    assert await volume.start() == "pairs"
    make_session_anew(volume)
    assert await volume.start() == "paired"


def killed_at(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Kill the process at a renaming of files, counted from 0."""
    rename, left = Path.rename, iter(range(number))

    def renamed(self: Path, target: Path) -> Path:
        if next(left, None) is None:
            raise KilledError
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", renamed)


RUBBISH = b"no database at all" * 100


async def test_a_damaged_session_waits_until_a_person_acts(volume: Volume) -> None:
    damage(volume)
    assert await volume.start() == "BadSession"
    assert (volume.damaged(), volume.session.exists()) == ([RUBBISH], False)
    volume.ends(1, 68, "BadSession")
    assert await volume.start(2) == "pairs"
    assert await volume.start(2) == "pairs"
    make_session(volume.session)
    assert await volume.start(2) == "paired"
    delete(volume)
    assert await volume.start(2) == "SessionMissing"


@pytest.mark.parametrize("leaving", [False, True])
@pytest.mark.parametrize("number", [0, 1, 2])
async def test_a_damaged_session_waits_whenever_the_process_is_killed(
    volume: Volume, monkeypatch: pytest.MonkeyPatch, number: int, *, leaving: bool
) -> None:
    def kill(_: SessionStore) -> None:
        raise KilledError

    def examine(_: SessionStore) -> None:
        volume.session.with_name("session.db-wal").write_bytes(b"log")  # SQLite has deleted it by then, or not
        raise SessionError

    damage(volume)
    volume.leave = LeaveWish(id="0b52") if leaving else None
    with monkeypatch.context() as patch, suppress(KilledError):
        killed_at(patch, number)
        patch.setattr(SessionStore, "examine", examine)
        patch.setattr(SessionStore, "flush_folder", kill)
        await volume.start()
    assert volume.session.exists() is (number == 0)
    for _ in range(2):
        assert await volume.start() == "BadSession"
        assert set(volume.damaged()) >= ({RUBBISH} if number == 0 else {RUBBISH, b"log"})
        assert not volume.session.with_name("session.db-wal").exists()
    volume.leave = None
    assert await volume.start(2) == "pairs"


async def test_a_damaged_session_without_a_note_that_could_be_written_is_missing(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(volume)
    with monkeypatch.context() as patch:
        patch.setattr(MetadataFile, "note", lambda *_, **__: None)
        assert await volume.start() == "BadSession"
    assert await volume.start() == "SessionMissing", "it was killed before it noted its end"


@pytest.mark.parametrize("content", [None, "{"])
async def test_the_journal_knows_the_device_of_a_damaged_session(volume: Volume, content: str | None) -> None:
    volume.journal.inbound.linked(Jid.parse("5511900000001:1@s.whatsapp.net"))
    (volume.folder / METADATA_FILE).unlink()
    if content is not None:
        (volume.folder / METADATA_FILE).write_text(content)
    damage(volume)
    assert await volume.start() == "BadSession"
    assert await volume.start() == "BadSession"
    assert await volume.start(2) == "pairs"


async def test_a_damaged_session_that_never_had_a_device_is_set_aside_and_begun_anew(
    tmp_path: Path, journal: Journal
) -> None:
    volume = Volume(tmp_path, journal)
    assert await volume.start() == "pairs"
    damage(volume)
    assert await volume.start() == "pairs"
    assert (volume.damaged(), volume.session.exists()) == ([RUBBISH], False)
    make_session(volume.session)
    assert await volume.start() == "paired"


async def test_a_damaged_session_that_is_mended_before_the_next_start_is_used(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    intact = volume.session.read_bytes()
    damage(volume)
    with monkeypatch.context() as patch, suppress(KilledError):
        killed_at(patch, 0)
        await volume.start()
    volume.session.write_bytes(intact)
    assert await volume.start() == "paired"
    delete(volume)
    assert await volume.start() == "SessionMissing"


@pytest.mark.parametrize(("linked", "outcome"), [(True, "BadSession"), (False, "pairs")])
async def test_a_process_of_before_that_was_killed_while_it_set_the_session_aside(
    tmp_path: Path, journal: Journal, *, linked: bool, outcome: str
) -> None:
    volume = Volume(tmp_path, journal)
    make_session(volume.session, paired=linked)
    await volume.start()
    volume.record(1).gives_up("SessionDamaged")
    set_aside_as_damaged(volume)
    assert await volume.start() == outcome
    assert await volume.start() == outcome
    assert await volume.start(2) == "pairs"


@pytest.mark.parametrize("number", [0, 1])
async def test_a_session_of_another_number_that_is_set_aside_is_not_missed(
    volume: Volume, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    volume.phone = "+5521922220001"
    volume.session.with_name("session.db-wal").write_bytes(b"")
    with monkeypatch.context() as patch, suppress(KilledError):
        killed_at(patch, number)
        assert await volume.start() == "LinkedToAnotherNumber"
    assert await volume.start() == "LinkedToAnotherNumber"
    assert await volume.start(2) == "pairs"


@pytest.mark.parametrize("number", [0, 1])
async def test_a_missing_session_of_which_the_rest_is_not_all_set_aside_is_still_missing(
    volume: Volume, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    empty(volume)
    volume.session.with_name("session.db-wal").write_bytes(b"log")
    with monkeypatch.context() as patch, suppress(KilledError):
        killed_at(patch, number)
        await volume.start()
    assert await volume.start() == "SessionMissing"
    assert volume.missing() == ["db", "db-wal"]


@pytest.mark.parametrize("number", [1, 2])
async def test_a_restore_that_is_interrupted_leaves_a_session(
    volume: Volume, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    archive, packed = NeonizeArchive(volume.folder), volume.folder / "session.incoming"
    made = archive.pack()
    assert made is not None
    shutil.copy(made.file, packed)
    volume.session.with_name("session.db-wal").write_bytes(b"")
    unpacked = archive.unpack(packed, limit=10**9)
    with monkeypatch.context() as patch, suppress(KilledError):
        killed_at(patch, number)
        archive.adopt(unpacked, datetime.now(UTC), datetime.now(UTC))
    assert await volume.start(2) == "paired"


async def test_a_backup_takes_the_place_of_a_damaged_session(volume: Volume) -> None:
    archive, packed = NeonizeArchive(volume.folder), volume.folder / "backup"
    made = archive.pack()
    assert made is not None
    made.file.rename(packed)
    damage(volume)
    assert await volume.start() == "BadSession"
    volume.ends(1, 68, "BadSession")
    archive.adopt(archive.unpack(packed, limit=10**9), datetime.now(UTC), datetime.now(UTC))
    assert await volume.start(2) == "paired"


@pytest.mark.parametrize(
    ("content", "ending", "outcome"),
    [(None, None, "SessionMissing"), ("{", BAN, "SessionMissing"), ("{", LOGOUT, "pairs")],
)
async def test_the_journal_misses_a_session_of_which_the_metadata_is_lost(
    volume: Volume, content: str | None, ending: tuple[int, str] | None, outcome: str
) -> None:
    volume.journal.inbound.linked(Jid.parse("5511900000001:1@s.whatsapp.net"))
    delete(volume)
    (volume.folder / METADATA_FILE).unlink()
    if content is not None:
        (volume.folder / METADATA_FILE).write_text(content)
    if ending is not None:
        volume.ends(1, *ending)
    assert await volume.start(2) == outcome
    assert await volume.start(3) == "pairs"


async def test_an_instance_that_is_being_deleted_tells_itself_what_became_of_its_device(volume: Volume) -> None:
    volume.leave = LeaveWish(id="0b52")
    volume.unlink()
    assert await volume.start() == "pairs"
