"""The SQL functions of jobs and of the limits of queues."""

import threading
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from integration.ai.engine_database import INSTANCE, NOON, ORGANIZATION, Database, Row, lasting
from psycopg.types.json import Jsonb

OTHER_INSTANCE = "77777777-7777-4777-8777-777777777777"
SECOND = "88888888-8888-4888-8888-888888888888"
"""Another organization, and the id of its instance."""
CLAIM = "claim_jobs(%s, %s, '10 seconds', '5 milliseconds')"
FAIL = "select failed, dead from fail_job(%s, %s, %s, 'broken', %s, %s, '2 seconds', '5 seconds')"


class Jobs:
    """The jobs of a database in a transaction whose triggers do not wait for its end."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.value = database.value
        database.rows("set constraints all immediate")
        self.queued = 0

    def settings(self, instance: str = INSTANCE, organization: str = ORGANIZATION, **queues: Row) -> None:
        """Apply an instance's settings anew."""
        self.queued += 1
        document = {"organization": organization, "instance": instance, "account": instance, "ai": {}}
        self.value(
            "apply_instance(%s, %s, %s, '{}', %s, %s, %s, 0)",
            organization,
            instance,
            Jsonb(document | {"queues": queues}),
            NOON,
            self.queued + 1,
            self.queued + 1,
        )

    def queue(
        self,
        *keys: str,
        lane: str = "automation",
        due: float | None = -1,
        organization: str = ORGANIZATION,
        **of: object,
    ) -> list[int | None]:
        """Queue jobs that are due in so many seconds."""
        at = None if due is None else str(datetime.now(UTC) + lasting(due))
        instance = {ORGANIZATION: INSTANCE, SECOND: SECOND}[organization]
        self.value("enter_org(%s)", organization)
        job = {"kind": "note", "lane": lane, "due_at": at} | of
        return [self.value("queue_job(%s, %s, %s)", organization, instance, Jsonb(job | {"key": key})) for key in keys]

    def claim(self, automation: int = 9, campaign: int = 9) -> list[Row]:
        """Claim jobs, with the keys."""
        found = self.value(CLAIM, automation, campaign)["claimed"]
        return [row["claim"] | row["job"] for row in found]

    def keys(self, automation: int = 9, campaign: int = 9) -> list[str]:
        return [claim["key"] for claim in self.claim(automation, campaign)]

    def end(self, claim: Row, **ending: object) -> bool:
        self.value("enter_org(%s)", claim["organization"])
        held = claim["organization"], claim["job"], claim["fence"]
        ended: bool = self.value("end_job(%s, %s, %s, %s)", *held, Jsonb({"state": "done"} | ending))
        return ended

    def fail(self, claim: Row, most: int = 3, *, hopeless: bool = False) -> list[tuple[int, bool]]:
        held = claim["organization"], claim["job"], claim["fence"]
        return self.database.rows(FAIL, *held, most, hopeless)

    def row(self, key: str) -> Row:
        found: Row = self.value("to_jsonb(j) from jobs j where key = %s", key)
        return found

    def late(self) -> None:
        """Let all leases be over."""
        self.database.rows("update jobs set lease_until = now(), due_at = now() where lease_until is not null")
        self.database.rows("update job_queue set ready_at = now()")


@pytest.fixture
def jobs(engine: Database) -> Jobs:
    return Jobs(engine)


def test_what_is_more_urgent_goes_before(jobs: Jobs) -> None:
    jobs.queue("campaign", lane="campaign", due=-90)
    jobs.queue("first", "second", due=-9)
    assert jobs.keys(automation=1) == ["first"]
    assert jobs.keys(automation=0) == []
    jobs.database.rows("update org_queue set ready_at = now()")
    assert jobs.keys() == []
    assert jobs.value(CLAIM, 1, 1)["wait"] <= 0
    jobs.database.rows("update org_queue set ready_at = now() + interval '1 hour'")
    assert jobs.keys() == ["second", "campaign"]


def test_a_job_is_queued_once_and_in_its_place(jobs: Jobs) -> None:
    assert jobs.queue("a", due=3600) == [jobs.row("a")["id"]]
    assert jobs.queue("a", due=None) == [None]
    assert jobs.keys() == []
    jobs.queue("third", due=None)
    jobs.queue("second", "first", due=-5)
    assert jobs.value("move_job(%s, %s, 'note', 'first', now() - interval '1 hour')", ORGANIZATION, INSTANCE)
    assert jobs.keys() == ["first", "second", "third"]


def test_organizations_take_turns(jobs: Jobs) -> None:
    jobs.settings(SECOND, SECOND)
    jobs.queue(*(f"a{number}" for number in range(6)), due=-60)
    jobs.queue("b0", "b1", organization=SECOND, due=-5)
    assert jobs.keys() == ["a0", "b0", "a1", "b1", "a2", "a3", "a4", "a5"]


def test_the_strictest_open_instance_limits_its_organization(jobs: Jobs) -> None:
    strict = {"automation": {"concurrency": 2}, "message": {"concurrency": 4, "per_second": 0.5}}
    jobs.settings(message={"concurrency": 7, "per_second": 10})
    jobs.settings(OTHER_INSTANCE, **strict)
    limits = "concurrency || ' ' || per_second from org_queue where organization_id = %s"
    assert jobs.value(limits, ORGANIZATION) == "4 0.5"
    jobs.queue("a", "b", "c")
    first = jobs.claim()
    assert [claim["key"] for claim in first] == ["a", "b"]
    assert jobs.keys() == []
    assert jobs.end(first[0])
    assert jobs.keys() == ["c"]
    jobs.queue("d")
    assert jobs.keys() == []
    jobs.late()
    assert len(jobs.keys()) == 2  # those of dead workers count no more
    jobs.value("close_instance(%s, %s, %s, 9, 9, 1000000)", ORGANIZATION, OTHER_INSTANCE, NOON)
    assert jobs.value(limits, ORGANIZATION) == "7 10"
    assert jobs.value("count(*) from job_queue where concurrency is null") == 2


def test_settings_that_say_nothing_of_a_queue_or_nonsense_limit_nothing(jobs: Jobs) -> None:
    jobs.settings(automation={"concurrency": "x"}, message={"per_second": None})
    assert jobs.value("count(*) from job_queue where concurrency is null") == 2
    assert jobs.value("per_second from org_queue") is None


@pytest.mark.parametrize("most", [None, 1], ids=["of its instances", "of the platform"])
def test_an_organization_has_so_many_turns_at_a_time(jobs: Jobs, most: int | None) -> None:
    claim = "claim_conversations(5, '10 seconds', 0, 1, '5 milliseconds', %s, '50 milliseconds')"
    jobs.settings(message={"concurrency": 1})
    database = jobs.database
    now = datetime.now(UTC) - lasting(9)
    first, second = (database.conversation(chat=f"{number}@lid", due_at=now + lasting(number)) for number in (1, 2))
    jobs.value("wake_org(%s, now())", ORGANIZATION)
    assert [held["conversation"] for held in jobs.value(claim, most)["claimed"]] == [first]
    assert jobs.value(claim, most)["claimed"] == []
    assert jobs.value("ready_at > now() from org_queue")
    database.change("conversations", first, lease_until=None, due_at=None)
    database.rows("update org_queue set ready_at = now()")
    assert [held["conversation"] for held in jobs.value(claim, most)["claimed"]] == [second]


def test_who_has_lost_a_job_can_neither_end_nor_fail_it(jobs: Jobs) -> None:
    jobs.queue("taken", "moved", "cancelled")
    held = jobs.claim()
    jobs.late()
    taken = {claim["key"]: claim for claim in held}
    again = {claim["key"]: claim for claim in jobs.claim()}
    jobs.value("move_job(%s, %s, 'note', 'moved', now() + interval '1 day')", ORGANIZATION, INSTANCE)
    assert jobs.value("cancel_jobs(%s, %s, 'note', 'canc', 'gone')", ORGANIZATION, INSTANCE) == 1
    for claim in (taken["taken"], again["moved"], again["cancelled"]):
        assert not jobs.value("holds_job(%s, %s, %s)", ORGANIZATION, claim["job"], claim["fence"])
        assert not jobs.end(claim)
        assert jobs.fail(claim) == []
    assert jobs.end(again["taken"])
    assert [jobs.row(key)["state"] for key in ("taken", "moved", "cancelled")] == ["done", "waiting", "cancelled"]
    assert not jobs.end(again["taken"])
    assert not jobs.value("cancel_job(%s, %s, 'note', 'taken', 'late')", ORGANIZATION, INSTANCE)
    assert jobs.keys() == []


def test_only_the_lease_of_whoever_holds_a_job_is_renewed(jobs: Jobs) -> None:
    jobs.queue("a")
    [claim] = jobs.claim()
    renew = "renew_job_leases(array[%s]::uuid[], array[%s], array[%s], '1 hour')"
    jobs.value(renew, ORGANIZATION, claim["job"], claim["fence"] + 1)
    assert jobs.value("lease_until < now() + interval '1 minute' from jobs")
    jobs.value(renew, ORGANIZATION, claim["job"], claim["fence"])
    assert jobs.value("lease_until = due_at and due_at > now() + interval '1 minute' from jobs")


def test_a_job_that_fails_is_tried_again_and_dies(jobs: Jobs) -> None:
    [number] = jobs.queue("a", due=-60)
    pauses = []
    for attempt in (1, 2, 3):
        [claim] = jobs.claim()
        assert (claim["attempts"], claim["claims"]) == (attempt - 1, 1)
        assert jobs.fail(claim, most=4) == [(attempt, False)]
        pauses.append(round(jobs.value("extract(epoch from due_at - delayed_at) from jobs")))
        jobs.database.rows("update jobs set due_at = now()")
    assert pauses == [2, 4, 5]
    [claim] = jobs.claim()
    assert jobs.fail(claim, most=4) == [(4, True)]
    assert jobs.keys() == []
    assert jobs.value("kind || ' ' || split_part(reference, ':', 2) from owner_notices") == "job_dead note"
    before = jobs.row("a")["planned_at"]
    jobs.queue("b", due=-30)
    assert jobs.value("replay_job(%s, %s, 'admin')", ORGANIZATION, number)
    assert jobs.row("a")["planned_at"] == before
    assert not jobs.value("replay_job(%s, %s, 'admin')", ORGANIZATION, number)
    first, second = jobs.claim()
    assert [claim["key"] for claim in (first, second)] == ["a", "b"]
    assert jobs.fail(first, hopeless=True) == [(1, True)]
    assert jobs.value("drop_job(%s, %s, 'admin')", ORGANIZATION, number)
    assert not jobs.value("drop_job(%s, %s, 'admin')", ORGANIZATION, number)
    assert jobs.value("string_agg(action || ' ' || detail, ', ' order by id) from audit_log") == (
        f"job_replayed job:{number}, job_dropped job:{number}"
    )


def test_what_waits_for_something_that_is_out_keeps_its_attempts_and_its_place(jobs: Jobs) -> None:
    jobs.queue("a")
    for waits in (1, 2):
        [claim] = jobs.claim()
        assert jobs.end(claim, state="waiting", why="out", after_seconds=5, out=True)
        row = jobs.row("a")
        assert (row["waits"], row["attempts"], row["claims"], row["reason"]) == (waits, 0, 0, "out")
        assert row["due_at"] > row["planned_at"]
        jobs.database.rows("update jobs set due_at = now()")
    [claim] = jobs.claim()
    tomorrow = str(datetime.now(UTC) + lasting(86400))
    assert jobs.end(claim, state="waiting", why="moved", until=tomorrow, after_seconds=1)
    row = jobs.row("a")
    assert (row["waits"], row["due_at"] == row["planned_at"], row["delayed_at"]) == (0, True, None)
    jobs.database.rows("update jobs set due_at = now()")
    [claim] = jobs.claim()
    assert jobs.end(claim, state="waiting", why="over", until=str(NOON), after_seconds=1)
    assert jobs.value("due_at > now() and planned_at < due_at and delayed_at is not null from jobs")


def test_a_contacts_job_that_dies_names_the_contact_and_follows_a_merge(jobs: Jobs) -> None:
    database = jobs.database
    kept, gone = (database.conversation(chat=f"{number}@lid") for number in (1, 2))
    contacts = [database.row("conversations", number)["contact_id"] for number in (kept, gone)]
    jobs.queue("a", contact=contacts[1])
    [claim] = jobs.claim()
    jobs.fail(claim, most=1)
    jobs.value("merge_conversations(%s, %s, %s)", ORGANIZATION, kept, gone)
    assert jobs.row("a")["contact_id"] == contacts[0]
    reference = jobs.value("reference from owner_notices where kind = 'contact_job_dead'")
    assert jobs.value("conversation_about(%s, %s)", ORGANIZATION, reference) == kept


def test_jobs_of_an_instance_that_is_away_are_held(jobs: Jobs) -> None:
    jobs.queue("a", "b", "c")
    [claim] = jobs.claim(automation=1)
    assert not jobs.value("hold_jobs(%s, %s)", ORGANIZATION, INSTANCE)
    jobs.database.rows("update instances set settings = settings || '{\"suspended\": true}'")
    assert claim["away"] is False
    assert jobs.value("hold_jobs(%s, %s)", ORGANIZATION, INSTANCE)
    assert jobs.keys() == []
    assert jobs.value("array_agg(key::text) from jobs where held") == ["b", "c"]
    assert jobs.value("return_jobs(null)") == 0
    assert jobs.value("cancel_job(%s, %s, 'note', 'b', 'gone')", ORGANIZATION, INSTANCE)
    jobs.database.rows("update instances set settings = settings || '{\"suspended\": false}'")
    assert jobs.value("return_jobs(array[%s]::uuid[])", ORGANIZATION) == 1
    assert jobs.keys() == ["c"]


def test_a_clock_that_is_put_back_keeps_no_pause_and_no_lease_but_times_of_day(jobs: Jobs) -> None:
    jobs.queue("leased", "retried", "now", due=None)
    jobs.queue("planned", due=7200)
    [leased, retried] = jobs.claim(automation=2)
    jobs.fail(retried)
    jobs.database.rows(
        "update jobs set delayed_at = delayed_at + interval '5 hours', lease_until = lease_until + interval '5 hours', "
        "due_at = due_at + interval '5 hours' where key <> 'planned'"
    )
    assert jobs.value("bring_jobs_forward(%s, '10 seconds')", ORGANIZATION) == 3
    jobs.database.rows("update job_queue set ready_at = now() + interval '5 hours'")
    assert jobs.value("bring_job_queue_forward(%s, '10 seconds')", ORGANIZATION) == 1
    soon = "due_at <= clock_timestamp() + interval '10 seconds' from jobs where key = %s"
    assert [jobs.value(soon, key) for key in ("leased", "retried", "now", "planned")] == [True, True, True, False]
    assert jobs.keys() == ["now"]
    assert jobs.end(leased)
    assert jobs.value("bring_jobs_forward(%s, '10 seconds')", ORGANIZATION) == 0
    assert jobs.value("bring_job_queue_forward(%s, '10 seconds')", ORGANIZATION) == 0


def test_nobody_claims_in_another_database_than_he_knows(jobs: Jobs) -> None:
    jobs.queue("a")
    state: dict[str, Any] = jobs.value("to_jsonb(mark_database())")
    claim = "claim_jobs(1, 1, '10 seconds', '5 milliseconds', %s, %s)"
    assert jobs.value(claim, state["id"], state["mark"] + 1)["claimed"] == []
    assert len(jobs.value(claim, state["id"], state["mark"])["claimed"]) == 1


def test_two_transactions_that_queue_in_both_lanes_do_not_wait_in_a_circle(engine_url: str) -> None:
    lanes = ("automation", "campaign")
    job = {"kind": "note", "payload": {}}
    with psycopg.connect(engine_url) as first, psycopg.connect(engine_url) as second:
        database = Database(first)
        first.commit()
        for transaction, order in ((first, lanes), (second, lanes[::-1])):
            transaction.execute("select enter_org(%s)", [ORGANIZATION])
            for lane in order:
                one = job | {"lane": lane, "key": f"{id(transaction)}{lane}"}
                transaction.execute("select queue_job(%s, %s, %s)", [ORGANIZATION, INSTANCE, Jsonb(one)])
        second.commit()
        first.commit()
        assert len(Jobs(database).keys()) == 4
        first.execute("truncate jobs")
        first.commit()


def test_who_cancels_a_job_while_it_writes_to_the_same_customer_waits_for_nobody(engine_url: str) -> None:
    failures: list[psycopg.Error] = []
    ended: list[bool] = []
    locked = "select from conversations for no key update"

    with psycopg.connect(engine_url) as acting:
        database = Database(acting)
        database.conversation()
        Jobs(database).queue("reminder")
        acting.commit()
        [claim] = Jobs(database).claim()
        acting.commit()

    def write() -> None:
        try:
            with psycopg.connect(engine_url) as writing:
                writing.execute("select enter_org(%s)", [ORGANIZATION])
                held = [ORGANIZATION, claim["job"], claim["fence"]]
                assert writing.execute("select holds_job(%s, %s, %s)", held).fetchone() == (True,)
                writing.execute(locked)
                end = "select end_job(%s, %s, %s, %s)"
                ended.extend(writing.execute(end, [*held, Jsonb({"state": "done"})]).fetchone() or ())
        except psycopg.Error as error:
            failures.append(error)

    writes = threading.Thread(target=write)
    with psycopg.connect(engine_url) as acting:
        acting.execute("select enter_org(%s)", [ORGANIZATION])
        acting.execute(locked)
        writes.start()
        writes.join(timeout=0.3)
        acting.execute("select cancel_job(%s, %s, 'note', 'reminder', 'gone')", [ORGANIZATION, INSTANCE])
    writes.join()
    assert (failures, ended) == ([], [False])
    with psycopg.connect(engine_url) as connection:
        assert connection.execute("select state from jobs").fetchall() == [("cancelled",)]
        connection.execute("truncate jobs, conversations cascade")
