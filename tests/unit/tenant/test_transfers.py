from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from unit.tenant.messages import Clock

from oxy_core.envelopes import Report
from oxy_core.files import FileArrived, FileFailed, FileFailure
from oxy_core.identity import Jid
from oxy_core.trace import new_trace
from oxy_tenant.content.media import MediaPointer, MediaType
from oxy_tenant.journal.journal import Journal
from oxy_tenant.journal.transfers import MOST_CRASHES, MOST_WAITING, is_readable, media_id_of

POINTER = MediaPointer(MediaType.IMAGE, "/v/t62/x?ccb=1", b"k" * 32, b"f" * 32, b"e" * 32, 10)
ARRIVED = {"chunks": 1, "size": 10, "sha256": "0" * 64}


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


def add(journal: Journal, *pointers: MediaPointer | None) -> list[UUID]:
    files = [uuid4() for _ in pointers]
    with journal.database.transaction() as database:
        for file, pointer in zip(files, pointers, strict=True):
            journal.transfers.add(database, file, pointer, new_trace())
    return files


def outcomes(journal: Journal) -> list[object]:
    return [Report.decode(entry.envelope).body for entry in journal.reports.waiting(0, 100)]


def test_files_are_fetched_in_the_order_of_their_messages(journal: Journal) -> None:
    files = add(journal, POINTER, replace(POINTER, size=2**64 - 1), POINTER)
    for file in files:
        transfer = journal.transfers.due()
        assert transfer is not None
        assert (transfer.media_id, transfer.attempts) == (file, 0)
        assert replace(transfer.pointer, size=10) == POINTER
        journal.transfers.finish(transfer, FileArrived(media_id=file, **ARRIVED))
    assert journal.transfers.due() is None
    assert outcomes(journal) == [FileArrived(media_id=file, **ARRIVED) for file in files]


def test_a_file_that_cannot_be_had_now_lets_the_others_pass_and_comes_back(journal: Journal, clock: Clock) -> None:
    first, second = add(journal, POINTER, POINTER)
    postponed = journal.transfers.due()
    assert postponed is not None
    journal.transfers.postpone(postponed, timedelta(seconds=5))
    other = journal.transfers.due()
    assert other is not None
    assert other.media_id == second
    clock.advance(seconds=10)
    journal.transfers.finish(other, FileFailed(media_id=second, reason=FileFailure.EXPIRED))
    again = journal.transfers.due()
    assert again is not None
    assert (again.media_id, again.attempts, again.waited) == (first, 1, timedelta(seconds=10))


@pytest.mark.parametrize(("ahead", "waits"), [(5 * 60, True), (3_600, False)])
def test_a_clock_that_was_put_back_keeps_no_file_waiting(journal: Journal, ahead: int, waits: bool) -> None:  # noqa: FBT001 a table's column
    add(journal, POINTER)
    with journal.database.transaction() as database:
        database.execute("UPDATE transfers SET retry_at = retry_at + ?", (ahead,))
    assert (journal.transfers.due() is None) is waits


def test_a_process_whose_clock_was_ahead_postpones_nothing_for_the_next(
    journal: Journal, tmp_path: Path, clock: Clock
) -> None:
    clock.advance(minutes=7)
    first, second = add(journal, POINTER, POINTER)
    postponed = journal.transfers.due()
    assert postponed is not None
    journal.transfers.postpone(postponed, timedelta(minutes=1))
    journal.close()
    clock.advance(minutes=-7)
    journal = opened(tmp_path, clock)
    for file in second, first:
        transfer = journal.transfers.due()
        assert transfer is not None
        assert transfer.media_id == file
        journal.transfers.finish(transfer, FileArrived(media_id=file, **ARRIVED))
    journal.close()


def test_a_file_that_ends_the_process_again_and_again_is_left_alone(
    journal: Journal, tmp_path: Path, clock: Clock
) -> None:
    add(journal, POINTER)
    begun = []
    for _ in range(MOST_CRASHES + 1):
        journal.close()
        journal = opened(tmp_path, clock)
        transfer = journal.transfers.due()
        assert transfer is not None
        begun.append(journal.transfers.begin(transfer))
    assert begun == [True] * MOST_CRASHES + [False]
    journal.transfers.leave(transfer)
    assert journal.transfers.begin(transfer)
    journal.close()


def test_files_survive_the_process_and_are_dropped_with_their_report(
    journal: Journal, tmp_path: Path, clock: Clock
) -> None:
    (file,) = add(journal, POINTER)
    journal.close()
    journal = opened(tmp_path, clock)
    transfer = journal.transfers.due()
    assert transfer is not None
    journal.transfers.finish(transfer, FileFailed(media_id=file, reason=FileFailure.EXPIRED))
    journal.close()
    journal = opened(tmp_path, clock)
    assert journal.transfers.due() is None
    assert outcomes(journal) == [FileFailed(media_id=file, reason=FileFailure.EXPIRED)]
    journal.close()


def test_what_cannot_be_found_is_reported_at_once(journal: Journal) -> None:
    files = add(journal, None, replace(POINTER, direct_path="https://elsewhere"), replace(POINTER, media_key=b""))
    assert journal.transfers.due() is None
    assert outcomes(journal) == [FileFailed(media_id=file, reason=FileFailure.UNREADABLE) for file in files]


def test_no_more_files_wait_than_there_is_room_for(journal: Journal) -> None:
    files = add(journal, *[POINTER] * (MOST_WAITING + 1))
    assert journal.transfers.waiting() == MOST_WAITING
    assert outcomes(journal) == [FileFailed(media_id=files[-1], reason=FileFailure.UNAVAILABLE)]


def test_files_that_nobody_can_fetch_keep_no_other_away(journal: Journal, clock: Clock) -> None:
    hopeless = add(journal, *[POINTER] * MOST_WAITING)
    for _ in hopeless:
        transfer = journal.transfers.due()
        assert transfer is not None
        journal.transfers.postpone(transfer, timedelta(seconds=1))
    clock.advance(seconds=5)
    (file,) = add(journal, POINTER)
    next_one = journal.transfers.due()
    assert next_one is not None
    assert next_one.media_id == file
    assert journal.transfers.waiting() == MOST_WAITING
    assert outcomes(journal) == [FileFailed(media_id=hopeless[0], reason=FileFailure.UNAVAILABLE)]


@pytest.mark.parametrize(
    "change",
    [
        {"direct_path": ""},
        {"direct_path": "/\ud800"},
        {"direct_path": "/a\nb"},
        {"direct_path": "/a b"},
        {"direct_path": "/a?oh=1#"},
        {"direct_path": "/a%zz"},
        {"direct_path": "/" + "x" * 5_000},
        {"media_key": b"k" * 31},
        {"file_sha256": b""},
        {"encrypted_sha256": b"e" * 64},
    ],
)
def test_a_pointer_that_leads_nowhere_is_recognised(change: dict[str, object]) -> None:
    assert is_readable(replace(POINTER, direct_path="/v/t62/x%2B?ccb=11-4&oh=01_Q5~&_nc_sid=5e03e0"))
    assert not is_readable(replace(POINTER, **change))  # type: ignore[arg-type]  # one field of several types


def test_the_id_of_a_file_is_that_of_its_message_in_one_journal() -> None:
    epoch, chat = uuid4(), Jid.parse("1@lid")
    first = media_id_of(epoch, chat, from_me=False, whatsapp_id="A")
    assert first == media_id_of(epoch, chat, from_me=False, whatsapp_id="A")
    others = {
        media_id_of(uuid4(), chat, from_me=False, whatsapp_id="A"),
        media_id_of(epoch, chat, from_me=True, whatsapp_id="A"),
        media_id_of(epoch, chat, from_me=False, whatsapp_id="B"),
    }
    assert len(others | {first}) == 4


def test_whoever_fetches_files_is_told_of_those_on_disk_and_until_when_none_is_due(
    journal: Journal, clock: Clock
) -> None:
    told: list[float] = []
    journal.transfers.follow(lambda: told.append(journal.transfers.waiting()))
    assert journal.transfers.seconds_until_due() is None
    with suppress(RuntimeError), journal.database.transaction() as database:
        journal.transfers.add(database, uuid4(), POINTER, new_trace())
        raise RuntimeError
    add(journal, POINTER)
    assert told == [1.0]
    transfer = journal.transfers.due()
    assert transfer is not None
    journal.transfers.postpone(transfer, timedelta(seconds=30))
    clock.now += timedelta(seconds=10)
    assert journal.transfers.seconds_until_due() == pytest.approx(20)
    clock.now += timedelta(seconds=60)
    assert journal.transfers.seconds_until_due() == 0
