"""What happens to an instance is told once, also across restarts, and an idle phone is not taken for an absent one."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from unit.tenant.messages import request

from oxy_core.envelopes import Report, SendOutcome, SendResult
from oxy_core.identity import Jid
from oxy_core.report_bodies import InstanceEvent
from oxy_tenant.journal.instance_events import AccountLock
from oxy_tenant.journal.journal import Journal

START = datetime(2031, 3, 3, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Time:
    """A clock that a test moves."""

    now = START

    def __call__(self) -> datetime:
        return self.now


@contextmanager
def opened(folder: Path, clock: Time) -> Iterator[Journal]:
    journal = Journal.open(folder / "journal.db", organization="acme", instance="shop", clock=clock)
    try:
        yield journal
    finally:
        journal.close()


def told(journal: Journal) -> list[tuple[str, dict[str, object]]]:
    bodies = [Report.decode(entry.envelope).body for entry in journal.reports.waiting(0, 100)]
    return [(body.name, dict(body.facts)) for body in bodies if isinstance(body, InstanceEvent)]


def send(journal: Journal) -> None:
    asked = request("Oi")
    journal.sends.accept([asked])
    journal.sends.finish(asked, SendResult(request_id=asked.id, outcome=SendOutcome.SENT, whatsapp_id=str(asked.id)))


def test_the_lock_is_told_when_it_begins_and_when_it_ends_whatever_restarts_in_between(tmp_path: Path) -> None:
    clock = Time()
    with opened(tmp_path, clock) as journal:
        journal.events.note_reach_out(None)
        journal.events.note_reach_out(AccountLock(START))
    since = {"since": "2031-03-03T12:00:00Z"}
    with opened(tmp_path, clock) as journal:
        assert journal.events.reach_out_lock == AccountLock(START)
        journal.events.note_reach_out(AccountLock(START))
        assert told(journal) == [("whatsapp:reachout_locked", since)]
        again = AccountLock(START + DAY, resumption=7)
        journal.events.note_reach_out(again)
        journal.events.note_reach_out(again)
        journal.events.note_reach_out(None)
        journal.events.note_reach_out(None)
        later = {"since": "2031-03-04T12:00:00Z"}
        assert told(journal)[1:] == [
            ("whatsapp:reachout_locked", {**later, "resumption": 7}),
            ("whatsapp:reachout_unlocked", later),
        ]


def test_an_absent_phone_is_told_once_for_each_number_of_days_and_absence(tmp_path: Path) -> None:
    clock = Time()
    with opened(tmp_path, clock) as journal:
        journal.events.watch_phone(settled=True)
        clock.now = START + DAY
        send(journal)
    for days, expected in ((9.9, []), (10, [10]), (11, [10]), (12, [10, 12]), (13, [10, 12])):
        clock.now = START + days * DAY
        with opened(tmp_path, clock) as journal:
            journal.events.watch_phone(settled=True)
            journal.events.watch_phone(settled=True)
            assert [facts["days"] for _, facts in told(journal)] == expected
            assert all(facts["last_seen"] == "2031-03-03T12:00:00Z" for _, facts in told(journal))
    with opened(tmp_path, clock) as journal:
        journal.events.phone_seen(clock.now)
        journal.events.watch_phone(settled=True)
        clock.now += timedelta(hours=2)
        send(journal)
        clock.now += 12 * DAY  # nobody looked at ten
        journal.events.watch_phone(settled=True)
        journal.events.watch_phone(settled=True)
        assert [facts["days"] for _, facts in told(journal)] == [10, 12, 12]


def test_neither_an_idle_phone_nor_a_connection_that_has_just_come_back_is_an_absence(tmp_path: Path) -> None:
    clock = Time()
    with opened(tmp_path, clock) as journal:
        journal.events.watch_phone(settled=True)
        clock.now = START + 11 * DAY
        journal.events.watch_phone(settled=True)  # nothing was sent
        send(journal)
        clock.now += DAY / 2
        journal.events.watch_phone(settled=True)  # it was sent only now
        clock.now += DAY
        journal.events.watch_phone(settled=False)
        assert told(journal) == []
        journal.events.watch_phone(settled=True)
        assert len(told(journal)) == 1


def test_the_last_sign_before_a_quiet_time_outlives_the_process(tmp_path: Path) -> None:
    clock = Time()
    with opened(tmp_path, clock) as journal:
        journal.events.watch_phone(settled=True)
        clock.now += timedelta(minutes=20)
        send(journal)
        clock.now += timedelta(minutes=20)
        journal.events.phone_seen(clock.now)  # it confirms the message, within an hour of the sign before
        clock.now += timedelta(hours=1)
        journal.events.watch_phone(settled=True)
    clock.now += 11 * DAY
    with opened(tmp_path, clock) as journal:
        journal.events.watch_phone(settled=True)
        assert told(journal) == []


def test_a_sign_from_the_future_is_of_now(tmp_path: Path) -> None:
    clock = Time()
    with opened(tmp_path, clock) as journal:
        journal.events.phone_seen(START + 400 * DAY)
        journal.events.watch_phone(settled=True)
        clock.now = START + timedelta(hours=2)
        send(journal)
        clock.now = START + 10 * DAY
        journal.events.watch_phone(settled=True)
        assert len(told(journal)) == 1


def test_a_sign_that_a_clock_noted_while_it_was_ahead_is_of_the_next_start(tmp_path: Path) -> None:
    clock = Time()
    clock.now = START + 400 * DAY
    with opened(tmp_path, clock) as journal:
        journal.events.watch_phone(settled=True)
    for clock.now in (START, START + timedelta(hours=2)):
        with opened(tmp_path, clock) as journal:
            journal.events.watch_phone(settled=True)
    with opened(tmp_path, clock) as journal:
        send(journal)
        clock.now = START + 10 * DAY
        journal.events.watch_phone(settled=True)
        assert len(told(journal)) == 1


def test_a_device_that_threads_notice_at_once_is_told_once(tmp_path: Path) -> None:
    device, most = Jid.parse("5511900000001:7@s.whatsapp.net"), 8
    together = threading.Barrier(most)

    def notice(_: int) -> None:
        together.wait(60)
        journal.inbound.linked(device)

    with opened(tmp_path, Time()) as journal, ThreadPoolExecutor(most) as threads:
        list(threads.map(notice, range(most)))
        assert len(told(journal)) == 1


def test_each_linked_device_is_told_once_without_its_number(tmp_path: Path) -> None:
    clock = Time()
    first, second = Jid.parse("5511900000001:7@s.whatsapp.net"), Jid.parse("5511900000001:8@s.whatsapp.net")
    for device in (first, first, second, second):
        with opened(tmp_path, clock) as journal:
            journal.inbound.linked(device)
            journal.inbound.linked(device)
    with opened(tmp_path, clock) as journal:
        assert told(journal) == [
            ("whatsapp:credentials_saved", {"device": 7}),
            ("whatsapp:credentials_saved", {"device": 8}),
        ]
