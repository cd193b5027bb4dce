"""Backups: when one is due, whether it may be restored, how it is sealed, and what ``metadata.json`` keeps."""

import asyncio
import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from unit.tenant.links import environment_in
from unit.tenant.sessions import make_session
from unit.tenant.test_sender import reached

from oxy_core.envelopes import Report
from oxy_core.identity import new_id, number_digest
from oxy_core.instance.session_states import BackupOutcome, BackupState, RestoreOutcome
from oxy_core.report_bodies import InstanceEvent
from oxy_core.session_backups import BackupManifest, BackupPlan, RestoreWish, key_id, keys_text
from oxy_core.tasks import cancel_tasks
from oxy_tenant.backups.decisions import (
    FULL_RETRY_SECONDS,
    LONGEST_RETRY_SECONDS,
    RefusedRestore,
    due,
    refused_restore,
    retry_pause,
)
from oxy_tenant.backups.maker import BackupMaker, BackupRules
from oxy_tenant.backups.restorer import Restorer
from oxy_tenant.backups.sealing import Seal, key_of_backup, read_keys
from oxy_tenant.errors import BackupDamagedError, BackupKeyError, SessionError, VolumeError
from oxy_tenant.journal.epochs import Restored
from oxy_tenant.journal.journal import Journal
from oxy_tenant.links.neonize.session_archive import NeonizeArchive
from oxy_tenant.links.neonize.session_store import SessionStore, device_of
from oxy_tenant.session_metadata import (
    METADATA_FILE,
    GivenUp,
    LastBackup,
    MetadataFile,
    RestoreRecord,
    SessionMetadata,
)
from oxy_tenant.session_record import SessionRecord
from oxy_tenant.settings import RuntimeSettings

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PHONE = "+5511900000001"
DEVICE = "a" * 64
LINKED = SessionMetadata(organization="acme", instance="shop", device_digest=DEVICE, linked_at=NOW - 48 * HOUR)
DAILY = BackupPlan(enabled=True, every_hours=24)


def last(age: timedelta, device: str = DEVICE) -> LastBackup:
    return LastBackup(id=new_id(), made_at=NOW - age, device=device, bytes=1)


@pytest.mark.parametrize(
    ("plan", "changes", "is_due"),
    [
        (BackupPlan(enabled=False), {}, False),
        (BackupPlan(enabled=False, request="now"), {}, True),
        (BackupPlan(enabled=False, request="now"), {"answered_request": "now"}, False),
        (BackupPlan(enabled=False, request="now"), {"answered_request": "before"}, True),
        (DAILY, {}, True),
        (DAILY, {"linked_at": NOW - timedelta(minutes=9)}, False),
        (DAILY, {"linked_at": None}, True),
        (DAILY, {"linked_at": NOW + HOUR}, True),
        (DAILY, {"device_digest": None}, False),
        (DAILY, {"last_backup": last(23 * HOUR)}, False),
        (DAILY, {"last_backup": last(24 * HOUR)}, True),
        (DAILY, {"last_backup": last(HOUR, "b" * 64)}, True),
        (DAILY, {"last_backup": last(-HOUR)}, True),
    ],
)
def test_a_backup_is_due_by_time_of_the_linked_device_or_once_for_each_request(
    plan: BackupPlan, changes: dict[str, object], *, is_due: bool
) -> None:
    assert due(plan, LINKED.model_copy(update=changes), NOW) is is_due


def test_attempts_that_fail_become_rarer_but_do_not_stop() -> None:
    pauses = [retry_pause(failed) for failed in (0, 1, 2, 3, 100)]
    assert pauses == [60, 60, 120, 240, LONGEST_RETRY_SECONDS]
    assert [retry_pause(failed, full=True) for failed in (1, 3, 100)] == [60, 240, FULL_RETRY_SECONDS]
    assert retry_pause(100, room_is_back=True) == 60


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open(tmp_path / "journal.db", organization="acme", instance="shop")
    yield opened
    opened.close()


LONGEST_PLACE = f"{'a' * 40} -n {'b' * 63}"
"""The longest names of an instance and its namespace, as commands take them."""


def keyed_environment(folder: Path) -> RuntimeSettings:
    """An environment with a key for backups."""
    key = b"k" * 32
    (folder / "backup.key").write_text(keys_text({key_id(key): key}))
    return environment_in(folder).model_copy(update={"backup_key": folder / "backup.key"})


async def test_an_attempt_follows_soon_after_there_is_room_again(
    archive: NeonizeArchive, tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = MetadataFile(tmp_path, "acme", "shop")
    metadata.keep(LINKED)
    told: list[BackupState] = []
    room: list[bool] = []
    monkeypatch.setattr("oxy_tenant.backups.maker.LOOK_SECONDS", 0.01)
    monkeypatch.setattr("oxy_tenant.backups.decisions.FIRST_RETRY_SECONDS", 0.05)
    rules = BackupRules(lambda: DAILY, lambda _: bool(room), told.append)
    maker = BackupMaker(keyed_environment(tmp_path), archive, metadata, journal, rules)
    maker._failed = 20  # noqa: SLF001 of a day without room
    making = asyncio.create_task(maker.run())
    await reached(lambda: BackupOutcome.FAILED in {state.outcome for state in told})
    await asyncio.sleep(0.1)
    assert [state.outcome for state in told] == [BackupOutcome.RUNNING, BackupOutcome.FAILED]
    room.append(True)
    await reached(lambda: BackupOutcome.REFUSED in {state.outcome for state in told})
    assert told[-1].reason == "SessionMissing"
    await cancel_tasks(making)


def told_of_backups(journal: Journal) -> list[dict[str, object]]:
    bodies = [Report.decode(entry.envelope).body for entry in journal.reports.waiting(0, 100)]
    return [dict(body.facts) for body in bodies if isinstance(body, InstanceEvent)]


async def test_a_backup_is_reported_once_whatever_ended_the_process_before(
    archive: NeonizeArchive, tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oxy_tenant.backups.maker.LOOK_SECONDS", 0.01)
    monkeypatch.setattr("oxy_tenant.backups.maker.TELL_AGAIN_SECONDS", 0.01)
    metadata, rules = MetadataFile(tmp_path, "acme", "shop"), BackupRules(plan_of_none, lambda _: True, lambda _: None)

    async def live(*, until: Callable[[], bool] | None = None) -> None:
        """Run for as long as a process may."""
        maker = BackupMaker(environment_in(tmp_path), archive, metadata, journal, rules)
        making = asyncio.create_task(maker.run())
        await (asyncio.sleep(0.1) if until is None else reached(until))
        assert not making.done(), "a report is not worth the process"
        await cancel_tasks(making)

    metadata.note(last_backup=last(HOUR))
    await live()
    assert told_of_backups(journal) == [], "an older version made it, and reported it"
    made = last(HOUR).model_copy(update={"chunks": 3})
    metadata.note(last_backup=made)
    with journal.database.transaction() as database:
        database.execute("CREATE TRIGGER full BEFORE INSERT ON reports BEGIN SELECT RAISE(ABORT, 'no room'); END")
    await live()
    with journal.database.transaction() as database:
        database.execute("DROP TRIGGER full")
    await live(until=lambda: bool(told_of_backups(journal)))
    await live()
    assert told_of_backups(journal) == [{"backup": str(made.id), "bytes": 1, "chunks": 3}]


def plan_of_none() -> BackupPlan:
    return BackupPlan(enabled=False)


def wish(*, force: bool = False, phone: str = PHONE) -> RestoreWish:
    manifest = BackupManifest(
        id=new_id(),
        organization="acme",
        instance="shop",
        number=number_digest(phone),
        device=DEVICE,
        epoch=1,
        made_at=NOW,
        database_bytes=1,
        compressed_bytes=1,
        sha256="c" * 64,
        chunks=1,
        key_id="d" * 16,
        library="neonize",
    )
    return RestoreWish(id="w", manifest=manifest, force=force)


@pytest.mark.parametrize(
    ("asked", "linked", "changed_after", "lost", "refused"),
    [
        (wish(), False, HOUR, False, None),
        (wish(), True, -HOUR, False, None),
        (wish(), True, HOUR, False, RefusedRestore.SESSION_NEWER),
        (wish(force=True), True, HOUR, False, None),
        (wish(force=True), True, HOUR, True, RefusedRestore.METADATA_LOST),
        (wish(force=True), False, HOUR, True, None),
        (wish(force=True, phone="+5511900000002"), False, HOUR, False, RefusedRestore.OTHER_NUMBER),
    ],
)
def test_a_backup_replaces_no_newer_session_without_force_and_none_of_another_number(
    asked: RestoreWish, *, linked: bool, changed_after: timedelta, lost: bool, refused: RefusedRestore | None
) -> None:
    changed_at, now = NOW + changed_after, NOW + 2 * HOUR
    found = refused_restore(asked, PHONE, linked=linked, last_change=changed_at, metadata_lost=lost, now=now)
    assert found is refused
    assert found is None or len(found.explain(LONGEST_PLACE)) <= 300


async def test_a_refusal_names_the_command_that_forces_the_restore(archive: NeonizeArchive, tmp_path: Path) -> None:
    make_session(tmp_path / "session.db")
    environment = environment_in(tmp_path).model_copy(update={"namespace": "shops"})
    restorer = Restorer(environment, archive, SessionStore(tmp_path), MetadataFile(tmp_path, "acme", "shop"))
    record = await restorer.carry_out(wish(), PHONE)
    assert (record.outcome, record.reason) == (RestoreOutcome.REFUSED, "SessionNewer")
    assert "force it: oxy sessions restore shop -n shops --force, or" in record.detail


@pytest.mark.parametrize(
    ("changed_at", "refused"),
    [
        (NOW - 2 * HOUR, RefusedRestore.SESSION_NEWER),
        (NOW, None),  # of the backup itself: a restore of it was interrupted
    ],
)
def test_a_backup_of_a_clock_that_was_ahead_replaces_no_session_that_was_used_since_without_force(
    changed_at: datetime, refused: RefusedRestore | None
) -> None:
    now = NOW - HOUR
    found = refused_restore(wish(), PHONE, linked=True, last_change=changed_at, metadata_lost=False, now=now)
    assert found is refused


def seal(key: bytes = b"k" * 32, *, instance: str = "shop", chunks: int = 2) -> Seal:
    return Seal(key, "acme", instance, wish().manifest.id, chunks)


def test_a_part_opens_only_whole_in_its_place_and_with_its_key() -> None:
    closing_seal = seal()
    chunk = closing_seal.close(1, b"part")
    assert closing_seal.open(1, chunk) == b"part"
    others = (
        (closing_seal, 0, chunk),
        (closing_seal, 1, chunk[:-1]),
        (closing_seal, 1, b""),
        (closing_seal, 1, bytes([chunk[0] ^ 1]) + chunk[1:]),
        (Seal(b"x" * 32, "acme", "shop", closing_seal.backup, 2), 1, chunk),
        (Seal(closing_seal.key, "acme", "other", closing_seal.backup, 2), 1, chunk),
        (Seal(closing_seal.key, "acme", "shop", closing_seal.backup, 3), 1, chunk),
        (seal(), 1, chunk),
    )
    for other, number, content in others:
        with pytest.raises(BackupDamagedError):
            other.open(number, content)


def test_keys_are_found_by_their_ids_and_what_is_wrong_with_them_is_said_without_them(tmp_path: Path) -> None:
    file, key = tmp_path / "backup.key", b"k" * 32
    with pytest.raises(BackupKeyError, match="older version"):
        read_keys(None)
    with pytest.raises(BackupKeyError, match="cannot be read"):
        read_keys(file)
    for text in ("", "nonsense", f"id {key.hex()[:-2]}", "\xff"):
        file.write_bytes(text.encode("latin-1"))
        with pytest.raises(BackupKeyError) as error:
            read_keys(file)
        assert key.hex()[:8] not in str(error.value)
    file.write_text(keys_text({key_id(key): key}))
    keys = read_keys(file)
    assert len(key_of_backup(keys, key_id(key), new_id())) == 32
    with pytest.raises(BackupKeyError, match="does not have"):
        key_of_backup(keys, "0" * 16, new_id())


@pytest.fixture
def archive(tmp_path: Path) -> NeonizeArchive:
    return NeonizeArchive(tmp_path)


def test_a_packed_session_comes_back_as_it_was(archive: NeonizeArchive, tmp_path: Path) -> None:
    assert archive.pack() is None
    make_session(tmp_path / "session.db")
    packed = archive.pack()
    assert packed is not None
    assert (packed.device.phone, packed.compressed_bytes) == (PHONE, packed.file.stat().st_size)
    assert packed.sha256 == hashlib.sha256(packed.file.read_bytes()).hexdigest()
    unpacked = archive.unpack(packed.file, limit=packed.database_bytes)
    assert unpacked.device == packed.device
    assert unpacked.file.stat().st_size == packed.database_bytes == (tmp_path / "session.db").stat().st_size
    archive.discard()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["session.db"]


def test_a_session_without_a_device_is_not_packed_and_a_damaged_one_neither(
    archive: NeonizeArchive, tmp_path: Path
) -> None:
    make_session(tmp_path / "session.db", paired=False)
    assert archive.pack() is None
    (tmp_path / "session.db").write_bytes(b"no database" * 1000)
    with pytest.raises(SessionError, match="damaged"):
        archive.pack()


@pytest.mark.parametrize("change", ["cut", "longer", "changed", "too large", "no device"])
def test_what_was_not_packed_whole_is_not_unpacked(archive: NeonizeArchive, tmp_path: Path, change: str) -> None:
    make_session(tmp_path / "session.db")
    packed = archive.pack()
    assert packed is not None
    content, limit = packed.file.read_bytes(), packed.database_bytes
    match change:
        case "cut":
            content = content[:-1]
        case "longer":
            content += b"x"
        case "changed":
            content = content[:50] + bytes([content[50] ^ 255]) + content[51:]
        case "too large":
            limit -= 1
        case _:
            make_session(tmp_path / "other.db", paired=False)
            content, limit = compressed((tmp_path / "other.db").read_bytes()), 1 << 20
    packed.file.write_bytes(content)
    with pytest.raises(SessionError):
        archive.unpack(packed.file, limit=limit)
    with closing(sqlite3.connect(tmp_path / "session.db")) as database:
        assert len(database.execute("SELECT jid FROM whatsmeow_device").fetchall()) == 1


def compressed(content: bytes) -> bytes:
    import zlib  # noqa: PLC0415 only here

    return zlib.compress(content)


def test_a_session_is_adopted_whatever_interrupts_it_and_the_old_one_is_kept(
    archive: NeonizeArchive, tmp_path: Path
) -> None:
    make_session(tmp_path / "session.db")
    packed = archive.pack()
    assert packed is not None
    unpacked = archive.unpack(packed.file, limit=packed.database_bytes)
    archive.adopt(unpacked, NOW, NOW - HOUR)
    aside = tmp_path / "session.before-restore-20261129T120000Z.db"
    assert aside.exists()
    # Whoever is killed before the restore is noted, carries it out again: the session is no newer than its backup.
    assert archive.last_change() == NOW - HOUR
    assert archive.pack() is not None
    assert archive.last_change() == NOW - HOUR

    # As a process leaves it that was killed between the two renames.
    (tmp_path / "session.db").rename(tmp_path / "session.adopted.db")
    (tmp_path / "session.db-wal").write_bytes(b"of the old one")
    NeonizeArchive(tmp_path).finish_adopting()
    assert not (tmp_path / "session.db-wal").exists()
    assert aside.with_name(f"{aside.name}-wal").read_bytes() == b"of the old one"
    assert archive.pack() is not None
    assert not (tmp_path / "session.adopted.db").exists()


def remains(folder: Path) -> list[str]:
    """Return what packing and unpacking has left behind."""
    return [file.name for file in folder.glob("session.[piu]*")]


async def test_a_backup_whose_damage_shows_only_when_it_is_used_is_refused_and_changes_nothing(
    archive: NeonizeArchive, tmp_path: Path
) -> None:
    make_session(tmp_path / "session.db")
    packed = archive.pack()
    assert packed is not None
    unpacked = archive.unpack(packed.file, limit=packed.database_bytes)
    with closing(sqlite3.connect(unpacked.file)) as database:
        database.executescript(
            "CREATE TABLE whatsmeow_sessions (their_id TEXT); INSERT INTO whatsmeow_sessions VALUES ('111');"
            "CREATE TRIGGER t BEFORE DELETE ON whatsmeow_sessions BEGIN SELECT RAISE(ABORT, 'malformed'); END"
        )
    metadata = MetadataFile(tmp_path, "acme", "shop")
    restorer = Restorer(environment_in(tmp_path), archive, SessionStore(tmp_path), metadata)
    asked = wish()
    before = (tmp_path / "session.db").read_bytes()
    record = await restorer.put_in_place(asked, unpacked)
    assert (record.outcome, record.reason) == (RestoreOutcome.REFUSED, "BackupDamaged")
    assert "malformed" in record.detail
    assert MetadataFile(tmp_path, "acme", "shop").current.settled(asked.id) == record
    assert (tmp_path / "session.db").read_bytes() == before  # nothing was set aside
    assert remains(tmp_path) == []


async def test_a_backup_that_has_no_room_is_not_even_fetched(archive: NeonizeArchive, tmp_path: Path) -> None:
    metadata, asked = MetadataFile(tmp_path, "acme", "shop"), wish()
    restorer = Restorer(environment_in(tmp_path), archive, SessionStore(tmp_path), metadata)
    archive.incoming.write_bytes(b"of the last attempt")
    make_session(tmp_path / "session.adopted.db")  # an earlier one failed when it had set the present session aside
    large = asked.manifest.model_copy(update={"database_bytes": 1 << 60})
    with pytest.raises(VolumeError, match=r"30 days ago \(oxy sessions prune\)"):
        await restorer.carry_out(asked.model_copy(update={"manifest": large}), PHONE)
    assert remains(tmp_path) == []
    assert SessionStore(tmp_path).examine() is not None


def test_metadata_is_written_whole_and_keeps_what_a_newer_version_wrote(tmp_path: Path) -> None:
    file = MetadataFile(tmp_path, "acme", "shop")
    file.note(linked_at=NOW)
    content = json.loads((tmp_path / METADATA_FILE).read_text())
    assert content["linked_at"] == "2026-11-29T12:00:00Z"
    (tmp_path / METADATA_FILE).write_text(json.dumps(content | {"version": 9, "mood": "good"}))
    again = MetadataFile(tmp_path, "acme", "shop")
    again.note(device=3)
    kept = json.loads((tmp_path / METADATA_FILE).read_text())
    assert (kept["mood"], kept["version"], kept["device"], kept["linked_at"]) == ("good", 9, 3, content["linked_at"])
    assert not again.lost


def test_metadata_keeps_what_threads_note_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = SessionMetadata.model_copy

    def slow_copy(self: SessionMetadata, **changes: Any) -> SessionMetadata:  # noqa: ANN401 as pydantic's own
        time.sleep(0.05)  # long enough for the other thread
        return copy(self, **changes)

    monkeypatch.setattr(SessionMetadata, "model_copy", slow_copy)
    file = MetadataFile(tmp_path, "acme", "shop")
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda change: file.note(**change), [{"device": 3}, {"library": "neonize 1"}]))
    assert (file.current.device, file.current.library) == (3, "neonize 1")


def test_what_the_volume_did_not_take_is_written_with_the_next_note(tmp_path: Path) -> None:
    file = MetadataFile(tmp_path, "acme", "shop")
    blocked = tmp_path / "metadata.new"
    blocked.mkdir()
    file.note(device=3)
    assert file.current.device == 3
    blocked.rmdir()
    file.note(device=3)
    assert MetadataFile(tmp_path, "acme", "shop").current.device == 3


@pytest.mark.parametrize("content", ["", "{", "[]", '{"organization": "acme"}', "\x00" * 100])
def test_unreadable_metadata_is_told_apart_from_none(tmp_path: Path, content: str) -> None:
    assert not MetadataFile(tmp_path, "acme", "shop").lost
    (tmp_path / METADATA_FILE).write_text(content)
    found = MetadataFile(tmp_path, "acme", "shop")
    assert found.lost
    assert found.current == SessionMetadata(organization="acme", instance="shop")


def test_the_record_knows_since_when_a_device_is_linked(tmp_path: Path) -> None:
    metadata = MetadataFile(tmp_path, "acme", "shop")
    journal = Journal.open(tmp_path / "journal.db", organization="acme", instance="shop")
    record = SessionRecord(metadata, journal, list, epoch=1)
    first, second = device_of("5511900000001:1@s.whatsapp.net", 5), device_of("5511900000001:2@s.whatsapp.net")
    record.examined(first, fresh=False)
    assert (record.facts().linked_at, record.facts().device, record.facts().peers) == (None, 1, 5)
    record.examined(first, fresh=True)
    since = record.facts().linked_at
    assert since is not None
    record.examined(first, fresh=False)
    assert record.facts().linked_at == since
    # A process that died before it could tell that a phone was linked: the next one finds another device.
    record.examined(second, fresh=False)
    again = record.facts().linked_at
    assert again is not None
    assert (again > since, record.facts().device) == (True, 2)
    record.examined(None, fresh=False)
    assert (record.facts().device, metadata.current.number) == (None, number_digest(PHONE))
    journal.close()


def deleted(session: Path) -> None:
    session.unlink()


def emptied(session: Path) -> None:
    session.write_bytes(b"")


def damaged(session: Path) -> None:
    session.write_bytes(b"no database" * 1000)


def torn(session: Path) -> None:
    pages = bytearray(session.read_bytes())
    pages[4096:] = b"\xff" * (len(pages) - 4096)
    session.write_bytes(pages)


def unlinked(session: Path) -> None:
    session.unlink()
    metadata = MetadataFile(session.parent, "acme", "shop")
    metadata.keep(metadata.current.model_copy(update={"given_up": GivenUp(reason="LoggedOut", epoch=1, at=NOW)}))


@pytest.mark.parametrize(
    ("lose", "reason", "advice"),
    [
        (deleted, "SessionMissing", "is gone or empty. No pod can connect with it again. Restore"),
        (emptied, "SessionMissing", "which needs no phone: oxy sessions restore shop -n shops. Without one"),
        (damaged, "SessionDamaged", "No pod can connect with it again. Restore"),
        (torn, "SessionDamaged", "Without one, remove the device on the phone, then run: oxy pair shop -n shops"),
        (unlinked, "NotLinked", "first run: oxy pair shop -n shops"),
    ],
)
async def test_a_backup_of_a_session_that_is_lost_under_the_pod_tells_so_and_is_not_tried_again_and_again(  # noqa: PLR0913 fixtures
    archive: NeonizeArchive,
    tmp_path: Path,
    journal: Journal,
    monkeypatch: pytest.MonkeyPatch,
    *,
    lose: Callable[[Path], None],
    reason: str,
    advice: str,
) -> None:
    environment = keyed_environment(tmp_path).model_copy(update={"namespace": "shops"})
    MetadataFile(tmp_path, "acme", "shop").keep(LINKED)
    make_session(tmp_path / "session.db")
    lose(tmp_path / "session.db")
    metadata = MetadataFile(tmp_path, "acme", "shop")
    told: list[BackupState] = []
    asked = DAILY.model_copy(update={"request": "now"})
    rules = BackupRules(lambda: asked, lambda _: True, told.append)
    monkeypatch.setattr("oxy_tenant.backups.maker.LOOK_SECONDS", 0.01)
    maker = BackupMaker(environment, archive, metadata, journal, rules)
    making = asyncio.create_task(maker.run())
    await reached(lambda: BackupOutcome.REFUSED in {state.outcome for state in told})
    await asyncio.sleep(0.1)
    await cancel_tasks(making)
    assert [state.outcome for state in told] == [BackupOutcome.RUNNING, BackupOutcome.REFUSED]
    assert (told[-1].reason, told[-1].request) == (reason, "now")
    assert advice in told[-1].detail
    # A backup that nobody asked for in the plan, as the last one before a session is given up, answers no request.
    assert (await maker.make("leaving")).request == "leaving"
    assert metadata.current.answered_request == "now"


@pytest.mark.parametrize(("lose", "told"), [(emptied, "the session on the volume is gone"), (damaged, "the session")])
async def test_names_of_any_length_leave_room_for_what_happened_and_whole_commands(
    archive: NeonizeArchive, tmp_path: Path, journal: Journal, lose: Callable[[Path], None], told: str
) -> None:
    instance, namespace = LONGEST_PLACE.split(" -n ")
    environment = keyed_environment(tmp_path).model_copy(update={"instance": instance, "namespace": namespace})
    metadata = MetadataFile(tmp_path, "acme", "shop")
    metadata.keep(LINKED)
    make_session(tmp_path / "session.db")
    lose(tmp_path / "session.db")
    rules = BackupRules(lambda: DAILY, lambda _: True, lambda _: None)
    detail = (await BackupMaker(environment, archive, metadata, journal, rules).make()).detail
    assert detail.startswith(told)
    assert f"oxy sessions restore {instance}. Without" in detail
    assert detail.endswith(f"oxy pair {instance}")


def test_a_restore_begins_a_journal_once(tmp_path: Path) -> None:
    def epoch(restored: Restored | None) -> tuple[object, int | None]:
        path = tmp_path / "journal.db"
        journal = Journal.open(path, organization="acme", instance="shop", volume="v", restored=restored)
        try:
            return journal.database.epoch, journal.inbound.audited_secret
        finally:
            journal.close()

    first, _ = epoch(None)
    second, audited = epoch(Restored("w1", 7))
    assert (second != first, audited) == (True, 7)
    assert epoch(Restored("w1", 7))[0] == second
    assert epoch(None)[0] == second
    assert epoch(Restored("w2", 9))[0] != second


def test_only_carried_out_restores_count_as_one() -> None:
    def record(outcome: RestoreOutcome, wish_id: str) -> RestoreRecord:
        return RestoreRecord(wish=wish_id, backup=new_id(), outcome=outcome, at=NOW)

    known = LINKED.with_restore(record(RestoreOutcome.RESTORED, "w1"))
    known = known.with_restore(record(RestoreOutcome.REFUSED, "w2"))
    assert known.restored is not None
    assert known.restored.wish == "w1"
    assert known.settled("w2") is not None
    assert known.settled("w3") is None


def test_an_epoch_is_noted_once() -> None:
    known = LINKED
    for epoch in (1, 1, 2):
        known = known.with_epoch(epoch, NOW, new_id())
    assert [begun.epoch for begun in known.epochs] == [1, 2]
