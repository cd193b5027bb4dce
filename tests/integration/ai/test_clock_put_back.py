"""PostgreSQL's clock was 5 hours ahead, and is put right: nothing that was to be waited for takes those 5 hours."""

from datetime import UTC, datetime, timedelta

import pytest
from integration.ai.engine_database import EPOCH, INSTANCE, ORGANIZATION, OTHER_EPOCH, Database
from integration.ai.journals import WrittenJournal, apply, ingest
from integration.ai.scene import CUSTOMER, OWNER, FakePod, Scene, settings_of, until
from psycopg.types.json import Jsonb
from unit.repository.test_times_of_the_database import WAITED_FOR

from oxy_ai.database import connected_pool
from oxy_ai.engine.store import Engine
from oxy_core.identity import Jid

AHEAD = timedelta(hours=5)
SOON = timedelta(minutes=1)
"""No lease, back-off or wait for missing messages is longer."""
TAKEOVER = timedelta(minutes=30)
VALID = timedelta(hours=24)
COLUMNS = [(table, column) for table, columns in WAITED_FOR.items() for column in sorted(columns)]
MOVE = "update {0} set {1} = {1} + interval '5 hours' where {1} > '-infinity' and {1} < 'infinity'"
PACING = Jsonb({"jitter": 0, "valid": "1 minute", "look_again": "1 minute", "look_at_held_again": "1 minute"})
BRINGING = """
select pid, query_start from pg_stat_activity
where wait_event_type = 'Lock' and datname = current_database() and query like 'select bring_conversation_forward%'
"""
"""Of a watch that waits for a conversation."""
CLAIM = "select claim_conversations(1, '2 seconds', 0, 1, '5 milliseconds')"


# -- a worker that goes on after the clock was put right


async def was_ahead(scene: Scene) -> None:
    """Let everything be as a server wrote it whose clock was ahead."""
    for table, column in [*COLUMNS, ("database_clock", "latest")]:
        await scene.query(MOVE.format(table, column))


async def stored(scene: Scene, *numbers: int) -> FakePod:
    """A customer's messages with these numbers in the chat, which nobody has answered yet."""
    settings = settings_of("petshop")
    journal = WrittenJournal(settings)
    written = [journal.write(Jid.of_phone(CUSTOMER), "Oi") for _ in range(max(numbers))]
    async with connected_pool(scene.database_url, connections=2) as pool:
        await apply(Engine(pool), settings)
        await ingest(Engine(pool), settings.account, [written[number - 1] for number in numbers])
    return await scene.pod(settings)


@pytest.mark.parametrize("numbers", [(1,), (1, 3)], ids=["complete", "with a gap"])
async def test_what_was_stored_is_answered(scene: Scene, numbers: tuple[int, ...]) -> None:
    pod = await stored(scene, *numbers)
    await was_ahead(scene)
    async with scene.worker(gap_wait_seconds=0.5):
        await until(lambda: pod.answers_to(CUSTOMER))
        await until(lambda: scene.query("select where clock_lag() = interval '0'"))


async def test_the_claim_of_a_dead_worker_ends(scene: Scene) -> None:
    pod = await stored(scene, 1)
    await scene.query(CLAIM)
    assert await scene.query("select from conversations where lease_until > now()")
    await was_ahead(scene)
    async with scene.worker(lease_seconds=2):
        await until(lambda: pod.answers_to(CUSTOMER))


async def test_a_turn_that_waited_for_the_model_is_answered(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    await scene.model.fault(kind="status", status=503, times=None)
    async with scene.worker(retry_max_seconds=1):
        pod.receive("Oi")
        await until(lambda: scene.query("select from turns where waits > 0"))
    await was_ahead(scene)
    await scene.model.clear()
    async with scene.worker(retry_max_seconds=1):
        await until(lambda: pod.answers_to(CUSTOMER))


async def test_a_text_whose_pod_was_away_is_sent_and_valid_for_as_long_as_before(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    pod.accepting = False
    async with scene.worker(accepted_timeout_seconds=0.1):
        pod.receive("Oi")
        await until(lambda: scene.query("select from relay_queue where failures > 0"))
    await was_ahead(scene)
    pod.accepting = True
    before = await scene.value("select expires_at from outbox")
    async with scene.worker(accepted_timeout_seconds=0.1):
        await until(lambda: pod.answers_to(CUSTOMER))
    assert before - await scene.value("select expires_at from outbox") > AHEAD - SOON


async def test_the_owner_is_told(scene: Scene) -> None:
    settings = settings_of("petshop")
    pod = await scene.pod(settings)
    async with scene.worker(notice_grouping_seconds=3600):
        await pod.answer_to("Oi")
    await scene.query(
        "select note_for_owner(organization_id, instance_id, 'lost', 'conversation:' || id) from conversations"
    )
    await was_ahead(scene)
    async with scene.worker():
        await until(lambda: pod.answers_to(OWNER))


async def test_what_is_far_ahead_for_a_reason_stays(scene: Scene) -> None:
    pod = await scene.pod(settings_of("petshop"))
    async with scene.worker():
        await pod.answer_to("Oi")
        pod.person_writes("Eu mesma respondo")
        await until(lambda: scene.query("select from conversations where human_until > now()"))
        pod.receive("Obrigado")
        await until(lambda: scene.query("select from conversations where due_at = human_until"))
        before = await scene.value("select human_until from conversations")
        await scene.query("update database_clock set latest = latest + interval '5 hours'")
        await until(lambda: scene.query("select where clock_lag() = interval '0'"))
        assert await scene.value("select due_at from conversations") == before


async def test_the_clock_is_read_also_while_everything_is_brought_forward(scene: Scene) -> None:
    """That may take long, and the clock may be put ahead and back again meanwhile."""
    pod = await stored(scene, 1)
    await was_ahead(scene)

    async def is_read_meanwhile() -> bool:
        await scene.query("update database_clock set latest = now() + interval '5 hours'")
        before = await until(lambda: scene.query(BRINGING))
        await scene.query("update database_clock set latest = now() - interval '1 hour'")
        await until(lambda: scene.query("select from database_clock where latest > now() - interval '1 minute'"))
        return before == await scene.query(BRINGING)  # not by a watch that was begun anew

    async with scene.admin_pool.acquire() as connection, scene.worker(lease_seconds=2):
        async with connection.transaction():
            await connection.execute("select from conversations for update")
            await until(is_read_meanwhile)
        await scene.query("update database_clock set latest = now() + interval '5 hours'")
        await until(lambda: pod.answers_to(CUSTOMER))
        await until(lambda: scene.query("select where clock_lag() = interval '0'"))


# -- column by column


class Forward:
    """Brings forward what a test's transaction holds."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def __call__(self) -> int:
        """Return how much was too far ahead."""
        value = self.database.value
        ahead = self.database.rows("select * from conversations_ahead(%s)", ORGANIZATION)
        changed = sum(
            value("bring_conversation_forward(%s, %s, '10 seconds', '1 minute', '8 seconds', '9 seconds')", *one)
            for one in ((ORGANIZATION, number) for (number,) in ahead)
        )
        changed += value("bring_texts_forward(%s)", ORGANIZATION)
        changed += value("bring_proactive_forward(%s, %s)", ORGANIZATION, PACING)
        changed += value("bring_relays_forward(%s, '4 seconds', '10 seconds')", ORGANIZATION)
        changed += value("bring_queue_forward(%s, '0.1 seconds', 10, '5 milliseconds')", ORGANIZATION)
        changed += value("bring_jobs_forward(%s, '10 seconds')", ORGANIZATION)
        changed += value("bring_job_queue_forward(%s, '10 seconds')", ORGANIZATION)
        changed += value("bring_files_forward('1 minute', '1 minute')")
        changed += value("bring_readings_forward('1 minute')")
        return int(changed + value("bring_notices_forward()") + value("bring_hold_forward('1 minute')"))


@pytest.fixture
def waiting(engine: Database) -> Database:
    """A conversation in a turn that waits for the model, with a text, an outage and a notice; a job in hand."""
    conversation, turn = engine.claimed(human_until=datetime.now(UTC) + TAKEOVER)
    text = {"id": ORGANIZATION, "part": 0, "text": "Olá", "keep_seconds": VALID.total_seconds()}
    engine.value(
        "queue_text((select c from conversations c where id = %s), (select t from turns t where id = %s), %s, 1)",
        conversation,
        turn,
        Jsonb(text),
    )
    queue_unasked(engine, conversation)
    engine.rows("update turns set waiting_since = now()")
    engine.rows("update conversations set lease_until = now() + interval '9 seconds'")
    engine.rows("update conversations set due_at = lease_until")
    engine.rows("update messages set arrived_at = now()")
    engine.rows("update conversations set pending_since = now(), last_inbound_at = now(), human_since = now()")
    engine.rows("insert into model_outages (organization_id, instance_id) values (%s, %s)", ORGANIZATION, INSTANCE)
    engine.value("note_for_owner(%s, %s, 'stale', 'message:1')", ORGANIZATION, INSTANCE)
    engine.rows("update org_queue set ready_at = now(), arrival_at = now(), open_at = now()")
    engine.rows("update relay_queue set ready_at = now(), held_until = now(), proactive_at = now()")
    engine.value("queue_file(%s, %s, %s, 'A')", ORGANIZATION, INSTANCE, INSTANCE)
    engine.value("queue_reading(%s, %s, %s)", ORGANIZATION, INSTANCE, INSTANCE)
    job = {"kind": "note", "key": "1", "lane": "automation"}
    engine.value("queue_job(%s, %s, %s)", ORGANIZATION, INSTANCE, Jsonb(job))
    engine.rows("update jobs set lease_until = now() + interval '9 seconds'")
    engine.rows("update jobs set due_at = lease_until")
    engine.rows("update job_queue set ready_at = now() where lane = 'automation'")
    engine.rows("update messages set awaited_until = now() where state = 'open'")
    engine.rows("update conversations set media_until = now()")
    engine.rows("insert into database_state (held_until) values (now())")
    engine.rows(
        "insert into chat_journals (organization_id, conversation_id, epoch, seen, gap_until)"
        " values (%s, %s, %s, '{[2,3)}', now() + interval '7 seconds')",
        ORGANIZATION,
        conversation,
        INSTANCE,
    )
    return engine


def queue_unasked(engine: Database, conversation: int) -> None:
    """Queue two texts that nobody asked for, one of which is released."""
    contact = engine.value("contact_id from conversations where id = %s", conversation)
    for number in (EPOCH, OTHER_EPOCH):
        text = {"id": number, "text": "Olá", "purpose": "promotion", "reference": "campaign:1", "lane": "campaign"}
        text["keep_seconds"] = VALID.total_seconds()  # type: ignore[assignment]  # a document
        engine.value("queue_proactive(%s, %s, %s, %s)", ORGANIZATION, INSTANCE, contact, Jsonb(text))
    engine.rows("update outbox set held_until = now() where id = %s", EPOCH)
    engine.rows(
        "update outbox set state = 'pending', released_at = now(), released_until = now() where id = %s", OTHER_EPOCH
    )
    engine.rows(
        "insert into reputation (organization_id, instance_id, next_at) values (%s, %s, now())", ORGANIZATION, INSTANCE
    )


def newest(database: Database, table: str, column: str) -> timedelta | None:
    """How far the latest of these times lies ahead of now; None: there is none."""
    rows = "messages where state = 'open'" if table == "messages" else f"{table} where {column} < 'infinity'"
    found: timedelta | None = database.value(f"max({column}) - clock_timestamp() from {rows}")
    return found


def test_nothing_is_brought_forward_while_the_clock_goes_on(waiting: Database) -> None:
    assert Forward(waiting)() == 0


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_a_time_is_brought_forward_alone(waiting: Database, table: str, column: str) -> None:
    forward = Forward(waiting)
    assert newest(waiting, table, column) is not None
    if (table, column) == ("conversations", "due_at"):  # of the open turn
        waiting.rows("update conversations set lease_until = null")
    elif column == "expires_at":  # tells nothing alone: it is as far ahead as its text was to be valid
        waiting.rows(MOVE.format(table, "created_at"))
    waiting.rows(MOVE.format(table, column))
    longest = {"human_until": TAKEOVER + SOON, "expires_at": VALID + SOON}.get(column, SOON)
    assert newest(waiting, table, column) > longest
    assert forward() > 0
    assert newest(waiting, table, column) <= longest
    assert forward() == 0


def test_everything_is_brought_forward_together(waiting: Database) -> None:
    for table, column in COLUMNS:
        waiting.rows(MOVE.format(table, column))
    forward = Forward(waiting)
    assert forward() > 0
    assert forward() == 0
    for table, column in COLUMNS:
        longest = {"human_until": TAKEOVER + SOON, "expires_at": VALID + SOON}.get(column, SOON)
        assert newest(waiting, table, column) <= longest, (table, column)
