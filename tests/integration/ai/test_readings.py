"""What waits for a file to be read, and for how long: the SQL functions of `readings.sql`."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from integration.ai.engine_database import INSTANCE, LIMITS, ORGANIZATION, Database, lasting
from psycopg.types.json import Jsonb

OTHER = "12121212-1212-4121-8121-121212121212"
DUE = "extract(epoch from (reschedule(recount(c), ai_settings(c))).due_at - clock_timestamp()) from conversations c"


def waiting(database: Database, *messages: tuple[float, float | None], **columns: object) -> int:
    """A conversation with messages that arrived so many seconds ago and are awaited for so many more."""
    conversation = database.conversation(**columns)
    now = datetime.now(UTC)
    for number, (ago, left) in enumerate(messages, 1):
        database.received(conversation, number, arrived_at=now - lasting(ago))
        awaited = None if left is None else now + lasting(left)
        database.rows("update messages set awaited_until = %s where whatsapp_id = %s", awaited, f"W{number}")
    database.rows(
        "update conversations c set media_until = (recount(c)).media_until, pending_since = now(), "
        "place = (select m.place from messages m order by m.place desc limit 1)"
    )
    return conversation


def reading(database: Database, whatsapp_id: str) -> str:
    """A voice note that a worker has claimed; returns its media id."""
    media = str(uuid4())
    database.rows(
        "insert into media (organization_id, instance_id, id, direction, state, location) "
        "values (%s, %s, %s, 'in', 'stored', 'database')",
        ORGANIZATION,
        INSTANCE,
        media,
    )
    database.rows(
        "insert into readings (organization_id, instance_id, media_id, message_id, way) "
        "select %s, %s, %s, id, 'heard' from messages where whatsapp_id = %s",
        ORGANIZATION,
        INSTANCE,
        media,
        whatsapp_id,
    )
    database.value("queue_reading(%s, %s, %s)", ORGANIZATION, INSTANCE, media)
    return media


def settle(database: Database, media: str, **result: object) -> bool:
    [(held, message)] = database.rows(
        "select c.held_until, r.message_id from claim_readings(9, '1 minute', 9) c "
        "join readings r on r.media_id = c.file"
    )
    settled: bool = database.value(
        "settle_reading(%s, %s, %s, %s, %s, %s)", ORGANIZATION, INSTANCE, media, held, message, Jsonb(result)
    )
    return settled


@pytest.mark.parametrize(
    ("messages", "due"),
    [
        ([(1, None)], 2),
        ([(1, 100)], 100),
        ([(1, 100), (0, None)], 15),
        ([(10, None), (0, 100)], 5),
        ([(20, None), (0, 100)], -5),
        ([(30, 100), (2, None)], 13),
        ([(5, -1), (1, None)], 2),
        ([(5, -1)], -2),
        ([(5, 50), (3, 80)], 50),
    ],
    ids=str,
)
def test_when_a_conversation_with_files_is_due(
    engine: Database, messages: list[tuple[float, float | None]], due: float
) -> None:
    waiting(engine, *messages)
    assert float(engine.value(DUE)) == pytest.approx(due, abs=0.5)


def test_an_emergency_waits_for_no_file_and_a_takeover_for_all(engine: Database) -> None:
    conversation = waiting(engine, (1, 100), (0, None))
    engine.rows("update conversations c set urgent = c.place where id = %s", conversation)
    assert float(engine.value(DUE)) < 4
    engine.rows("update conversations set urgent = null, human_until = now() + interval '9 minutes'")
    assert float(engine.value(DUE)) == pytest.approx(540, abs=5)


def test_a_turn_leaves_what_is_awaited_and_takes_it_when_it_is_given_up(engine: Database) -> None:
    conversation = waiting(engine, (1, 100), (0, None))
    turn = engine.turn(conversation)
    assert engine.rows("select whatsapp_id from messages where turn_id = %s", turn) == [("W2",)]
    late = "has_late(c) from conversations c"
    assert engine.value(late) is False
    engine.rows("update messages set awaited_until = now() - interval '1 second' where whatsapp_id = 'W1'")
    assert engine.value(late) is True
    engine.value("take_more(c, t) from conversations c, turns t")
    assert engine.value("count(*) from messages where turn_id = %s", turn) == 2


def test_nothing_opens_while_all_is_awaited(engine: Database) -> None:
    conversation = waiting(engine, (1, 100), fence=7, lease_until=datetime.now(UTC) + lasting(60))
    assert engine.value("open_turn(%s, %s, 7, %s)", ORGANIZATION, conversation, LIMITS) is None
    row = engine.row("conversations", conversation)
    assert (row["turn_id"], row["lease_until"], row["due_at"] is None) == (None, None, False)


def test_an_emergency_that_is_heard_during_a_turn_is_not_forgotten_at_its_end(engine: Database) -> None:
    conversation = waiting(engine, (1, 100), (0, None), fence=7, lease_until=datetime.now(UTC) + lasting(60))
    engine.turn(conversation)
    media = reading(engine, "W1")
    assert settle(engine, media, text="Socorro!", urgent=True) is True
    kept = "is_unaware(c, t), (without_turn(c, t)).urgent is not null from conversations c, turns t"
    assert engine.rows(f"select {kept}") == [(True, True)]
    engine.rows("update messages set turn_id = (select id from turns) where whatsapp_id = 'W1'")
    assert engine.rows(f"select {kept}") == [(False, False)]


def test_an_emergency_that_is_heard_while_its_message_is_answered_unheard_is_answered_next(engine: Database) -> None:
    conversation = waiting(engine, (1, -1), (0, 100), fence=7, lease_until=datetime.now(UTC) + lasting(60))
    engine.turn(conversation)
    assert engine.value("count(*) from messages where turn_id is not null") == 1
    assert settle(engine, reading(engine, "W1"), text="Socorro!", urgent=True) is True
    engine.rows("update messages set state = 'answered' where turn_id is not null")
    assert engine.rows("select (without_turn(c, t)).urgent is not null from conversations c, turns t") == [(True,)]
    assert engine.rows("select state, turn_id from messages where whatsapp_id = 'W1'") == [("open", None)]


def test_what_was_claimed_again_is_not_settled_twice(engine: Database) -> None:
    waiting(engine, (1, 100))
    media = reading(engine, "W1")
    [(held, message)] = engine.rows(
        "select c.held_until, r.message_id from claim_readings(9, '0', 9) c join readings r on r.media_id = c.file"
    )
    assert settle(engine, media, text="Oi") is True
    again = "settle_reading(%s, %s, %s, %s, %s, %s)"
    assert engine.value(again, ORGANIZATION, INSTANCE, media, held, message, Jsonb({"text": "Não"})) is False
    assert engine.rows("select text, awaited_until from readings join messages on id = message_id") == [("Oi", None)]


def test_a_file_that_comes_after_it_was_lost_is_read_and_one_that_was_read_is_not_again(engine: Database) -> None:
    waiting(engine, (1, 100))
    media = reading(engine, "W1")
    settle(engine, media, failure="lost")
    for text, queued in (("Oi", 1), ("Não", 0)):
        engine.value("look_at_reading(%s, %s, %s)", ORGANIZATION, INSTANCE, media)
        assert engine.value("count(*) from reading_queue") == queued
        if queued:
            settle(engine, media, text=text)
    assert engine.value("text from readings") == "Oi"


def test_many_files_of_one_organization_delay_nobody_else(engine: Database) -> None:
    engine.rows("insert into organizations (id, name) values (%s, 'clinic')", OTHER)
    for organization in (*[ORGANIZATION] * 5, OTHER):
        engine.value("queue_reading(%s, %s, %s)", organization, INSTANCE, str(uuid4()))
    claimed = [str(engine.value("organization from claim_readings(1, '1 minute', 2)")) for _ in range(3)]
    assert claimed == [ORGANIZATION, OTHER, ORGANIZATION]
    assert engine.rows("select file from claim_readings(9, '1 minute', 2)") == []
    assert len(engine.rows("select file from claim_readings(9, '1 minute', 4)")) == 2


def test_what_was_read_lately_of_a_conversation_is_counted(engine: Database) -> None:
    waiting(engine, (1, 100), (1, 100))
    settle(engine, reading(engine, "W1"), text="Oi")
    media = reading(engine, "W2")
    task = engine.value("reading_task(%s, %s, %s)", ORGANIZATION, INSTANCE, media)
    assert (task["lately"], task["message_state"], task["file_state"], task["way"]) == (1, "open", "stored", "heard")
    engine.rows("update readings set settled_at = now() - interval '2 hours' where text is not null")
    assert engine.value("reading_task(%s, %s, %s) ->> 'lately'", ORGANIZATION, INSTANCE, media) == "0"
