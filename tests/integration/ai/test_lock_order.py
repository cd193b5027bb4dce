"""Steps that meet in the database wait for each other in one order, so that none has to be broken off."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from integration.ai.engine_database import EPOCH, INSTANCE, ORGANIZATION, RELAY, Database, Row, item, lasting
from integration.ai.test_release_rules import PACING
from psycopg.types.json import Jsonb

TEXT = {"id": ORGANIZATION, "part": 0, "text": "Olá", "keep_seconds": 60}
QUEUE_TEXT = "queue_text((select c from conversations c where id = %s), (select t from turns t where id = %s), %s, 1)"
STEP = "select relay_step(%s, %s, %s, '4 seconds', %s::uuid[], %s::uuid[], false, 20, '1 second', '10 seconds')"
CLOSE = "select close_instance(%s, %s, %s, 2, 2, 1000000)"


def of_pod(sequence: int, **body: object) -> Row:
    """A report that is no message."""
    report = item(sequence)
    return report | {"report": report["report"] | {"body": body}}


NAMED = """
with owner as (
    update conversations set self_chat = true returning organization_id, instance_id, id
), sent as (
    update outbox set state = 'sent', closed_at = now()
), erased as (
    insert into erasures (organization_id, id, instance_id, contacts, conversations, digests, person, asked_by)
    values (%(organization)s, %(request)s, %(instance)s, '{}', '{}', '{}', '{"addresses": []}', 'test')
)
insert into proposals (organization_id, instance_id, conversation_id, turn_id, tool, arguments, intent, state)
select o.organization_id, o.instance_id, o.id, t.id, 'fechar_dia', '{}', 'Olá', 'open'
from owner o join turns t on t.conversation_id = o.id
"""
"""Somebody named Olá is being forgotten, of whom an owner has a text and an open question."""
RELEASING = (ORGANIZATION, INSTANCE, RELAY, [], [])
SENT = of_pod(1, type="send_result", request_id=ORGANIZATION, outcome="sent", whatsapp_id="W")
CONNECTED = of_pod(2, type="connection", state="connected")


@pytest.fixture
def url(engine_url: str) -> str:
    """A database with a text that waits for the pod."""
    with psycopg.connect(engine_url, autocommit=True) as connection:
        connection.execute("update instances set closed_at = null")
        connection.execute(
            "update relay_queue set closed = false, holder = null, held_until = '-infinity', connection_place = null"
        )
        connection.execute("truncate outbox, turns, messages, conversations cascade")
        database = Database(connection)
        database.value(QUEUE_TEXT, *database.claimed(), Jsonb(TEXT))
    return engine_url


def accepts(connection: psycopg.Connection[Any]) -> None:
    connection.execute(STEP, [ORGANIZATION, INSTANCE, RELAY, [ORGANIZATION], [EPOCH]])


def expires(connection: psycopg.Connection[Any]) -> None:
    connection.execute(STEP, [ORGANIZATION, INSTANCE, RELAY, [], []])


def closes(connection: psycopg.Connection[Any]) -> None:
    connection.execute(CLOSE, [ORGANIZATION, INSTANCE, datetime.now(UTC)])


@pytest.mark.parametrize("other", [accepts, expires, closes])
def test_a_pod_that_reports_a_result_and_its_connection_meets_whoever_serves_it(
    url: str, other: Callable[[psycopg.Connection[Any]], None]
) -> None:
    failures: list[psycopg.Error] = []

    def serve() -> None:
        try:
            with psycopg.connect(url) as serving:
                other(serving)
        except psycopg.Error as error:
            failures.append(error)

    with psycopg.connect(url) as connection:
        connection.execute("update outbox set expires_at = clock_timestamp() - interval '1 second'")
    serves = threading.Thread(target=serve)
    with psycopg.connect(url) as storing:
        storing.execute("select ingest(%s, %s)", [Jsonb([SENT]), lasting(8)])
        serves.start()
        serves.join(timeout=0.5)
        storing.execute("select ingest(%s, %s)", [Jsonb([CONNECTED]), lasting(8)])
    serves.join()
    assert failures == []
    with psycopg.connect(url) as connection:
        assert connection.execute("select state from outbox").fetchall() == [("sent",)]


def test_whoever_acts_for_an_owner_meets_whoever_forgets_a_person(url: str) -> None:
    """Who acts holds the proposal, then changes texts; who forgets changes all of these that name the person."""
    failures: list[psycopg.Error] = []
    key = (ORGANIZATION, str(UUID(int=7)))

    def forget() -> None:
        try:
            with psycopg.connect(url, autocommit=True) as forgetting:
                [(steps,)] = forgetting.execute("select steps_of_told()").fetchall()
                for step in steps:
                    forgetting.execute("select forget_told(%s, %s, %s, 'Olá')", [*key, step])
        except psycopg.Error as error:
            failures.append(error)

    with psycopg.connect(url) as connection:
        connection.execute("select enter_org(%s)", [ORGANIZATION])
        connection.execute(NAMED, {"organization": key[0], "request": key[1], "instance": INSTANCE})
    forgets = threading.Thread(target=forget)
    with psycopg.connect(url) as acting:
        acting.execute("select from proposals for no key update")
        forgets.start()
        forgets.join(timeout=0.5)
        acting.execute("update outbox set error = 'Olá'")
        acting.execute("update messages set reason = reason")
    forgets.join()
    assert failures == []
    with psycopg.connect(url) as connection:
        assert connection.execute(
            "select body from outbox union select body from messages where author = 'assistant'"
        ).fetchall() == [("[apagado a pedido do titular]",)]
        assert connection.execute("select state, intent from proposals").fetchall() == [
            ("undone", "[apagado a pedido do titular]")
        ]
        connection.execute("delete from erasures")


def test_a_message_that_brings_a_new_name_meets_a_tool_that_changes_what_is_known_of_the_contact(url: str) -> None:
    failures: list[psycopg.Error] = []

    def learn() -> None:
        try:
            with psycopg.connect(url) as storing:
                storing.execute("select ingest(%s, %s)", [Jsonb([item(9, push_name="Ana Maria")]), lasting(0)])
        except psycopg.Error as error:
            failures.append(error)

    learns = threading.Thread(target=learn)
    with psycopg.connect(url) as acting:
        acting.execute("select from conversations for no key update")
        learns.start()
        learns.join(timeout=0.5)
        acting.execute(
            "insert into pets (organization_id, contact_id, name) "
            "select organization_id, contact_id, 'Rex' from conversations"
        )
    learns.join()
    assert failures == []
    with psycopg.connect(url) as connection:
        assert connection.execute(
            "select name, facts_version from contacts where id = (select contact_id from conversations)"
        ).fetchall() == [("Ana Maria", 1)]


def test_a_number_looks_at_held_texts_while_their_chats_are_merged(url: str) -> None:
    """Whoever merges holds the texts, and then takes the relay's row, which the relay holds."""
    failures: list[psycopg.Error] = []

    def look() -> None:
        try:
            with psycopg.connect(url) as looking:
                looking.execute(STEP.replace("'10 seconds')", "'10 seconds', %s)"), [*RELEASING, Jsonb(PACING)])
        except psycopg.Error as error:
            failures.append(error)

    with psycopg.connect(url) as connection:
        connection.execute("update outbox set state = 'held', purpose = 'booking', held_until = now()")
        connection.execute("update relay_queue set proactive_at = now()")
    looks = threading.Thread(target=look)
    with psycopg.connect(url) as merging:
        merging.execute("select enter_org(%s)", [ORGANIZATION])
        merging.execute("update outbox set conversation_id = conversation_id")
        looks.start()
        looks.join(timeout=0.5)
        merging.execute("select ingest(%s, %s)", [Jsonb([CONNECTED]), lasting(8)])
    looks.join()
    assert failures == []
