"""Tables for the SQL functions that forget people."""

import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from integration.ai.engine_database import INSTANCE, ORGANIZATION, Database, Row, ingest, item, lasting
from integration.ai.test_changed_numbers import NEW, OLD, changed, phone, said
from psycopg.types.json import Jsonb

from oxy_core.identity import Jid, person_digest, phone_key

PHONE = "+5511987654321"
LID = "7700123456789@lid"
PERSON = {"chat": f"{PHONE[1:]}@s.whatsapp.net", "phone": PHONE, "phone_key": phone_key(PHONE)}
UNNAMED = {
    "conversations.contact_id": "what is left of the person",
}
"""Columns that name a contact or a conversation, and are no foreign key to be followed, with the reason."""


@pytest.fixture
def database(engine: Database) -> Database:
    return engine


@pytest.mark.parametrize(
    "address",
    [LID, f"{PHONE[1:]}@s.whatsapp.net", "551187654321@s.whatsapp.net", "5511912340001@s.whatsapp.net", "49151:3@lid"],
)
def test_a_digest_is_the_same_in_python_and_sql(database: Database, address: str) -> None:
    assert database.value("person_digest(%s, %s)", INSTANCE, address) == person_digest(
        UUID(INSTANCE), Jid.parse(address)
    )


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("+5511987654321", "0"),
        ("liga (11) 98765-4321, hoje", "liga (0, hoje"),
        ("011 98765 4321", "0"),
        ("11 8765.4321", "0"),
        ("5511987654321@s.whatsapp.net", "0@s.whatsapp.net"),
        ("de 7700123456789@lid", "de 0@lid"),
        ('{"phone": 5511987654321}', '{"phone": 0}'),
        ("119876543210", "119876543210"),
        ("77001234567890", "77001234567890"),
        ("R$ 1.198,76 às 11:43", "R$ 1.198,76 às 11:43"),
    ],
)
def test_numbers_are_found_however_they_are_written(database: Database, text: str, left: str) -> None:
    person = Jsonb({"addresses": [PERSON["chat"], LID]})
    assert database.value("regexp_replace(%s, pattern_of_numbers(%s), '0', 'g')", text, person) == left


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("Ana Souza", "a ana souza veio", True),
        ("Ana", "na semana", False),
        ("Jo", "o Jo veio", False),
        ("Bia (mãe) ❤", "Bia (mãe) ❤: sim", True),
        ("a.b", "aXb", False),
    ],
)
def test_names_are_found_as_whole_words(database: Database, name: str, text: str, found: bool) -> None:  # noqa: FBT001 a column of the table
    assert bool(database.value("%s ~* pattern_of_names(%s, 3)", text, Jsonb({"names": [name]}))) is found


def test_a_word_that_is_not_this_persons_alone_is_no_name(database: Database) -> None:
    ingest(database, item(1, chat="8@lid", sender="8@lid", push_name="Ana Souza", text="Deixe o recado"))
    database.rows(
        "insert into services (organization_id, key, name, price_cents, duration_minutes, buffer_minutes) "
        "values (%s, 'bath', 'Banho e tosa', 1, 1, 0)", ORGANIZATION,
    )  # fmt: skip
    for number, chat, text in ((2, "91234@lid", "Bom dia, a Zoe Reis veio?"), (3, "91235@lid", "bom dia!")):
        ingest(database, item(number, chat=chat, sender=chat, text=text))
    begun(database)
    names = ["Ana", "Banho", "recado", "que", "Zuleide", "Ana Souza", "Bom Dia", "Zoe Reis"]
    database.rows("update erasures set person = person || %s", Jsonb({"names": names}))
    database.rows("update contacts set created_at = clock_timestamp() where phone is null and name is null")
    owners = "array(select id from conversations where chat = '8@lid')"
    assert database.value(f"telling_names(e, {owners}, 3) from erasures e") == [
        "que",
        "Zuleide",
        "Ana Souza",
        "Zoe Reis",
    ]


def test_every_table_that_names_a_person_takes_part(database: Database) -> None:
    """Whatever has a column for a contact or a conversation refers to it, so that its rows are found and exported."""
    named = {
        f"{table}.{column}"
        for table, column in database.rows(
            "select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 "
            "where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace "
            "and a.attname in ('contact_id', 'conversation_id')"
        )
    }
    columns = database.rows("select referring::text, key::text from person_columns()")
    followed = {f"{table}.{key}" for table, key in columns}
    assert named - followed == set(UNNAMED)
    kept = {name for (name,) in database.rows("select proname from pg_proc where proname like 'forget_in_%%'")}
    assert kept == {"forget_in_bookings", "forget_in_ai_interactions"}


def begun(database: Database) -> tuple[int, str]:
    """A person who was forgotten just now; the conversation, and the erasure."""
    conversation = database.value(
        "conversation_of(%s, %s, %s, %s, %s, %s, 'Ana', false, null)",
        ORGANIZATION, INSTANCE, LID, PERSON["chat"], PHONE, PERSON["phone_key"],
    )  # fmt: skip
    request = str(uuid4())
    answer = database.value("erase_contact(%s, %s, %s, %s, 'test')", ORGANIZATION, INSTANCE, Jsonb(PERSON), request)
    assert answer == {"erasure": request}
    return conversation, request


def test_whoever_comes_after_the_worker_that_cleared_it_deletes_nothing_of_others(database: Database) -> None:
    """A lease that ran out, or `oxy contact erase` beside a worker: both carry the same erasure on."""
    ingest(database, item(1, chat="8@lid", sender="8@lid", text="Pedir mais ração"))
    database.rows("update conversations set self_chat = true")
    _, request = begun(database)
    database.rows("select note_cleared(%s, %s)", ORGANIZATION, request)
    assert not database.value("forget_told(%s, %s, 3)", ORGANIZATION, request)
    assert database.rows("select body from messages") == [("Pedir mais ração",)]


def test_a_number_that_somebody_else_has_by_now_is_not_forgotten(database: Database) -> None:
    ingest(database, said(1, OLD), changed(2), said(3, OLD), said(4, NEW))
    person = {"chat": NEW, "phone": phone(NEW), "phone_key": phone_key(phone(NEW))}
    database.value("erase_contact(%s, %s, %s, %s, 'test')", ORGANIZATION, INSTANCE, Jsonb(person), str(uuid4()))
    assert database.rows("select person ->> 'addresses', digests from erasures") == [
        (json.dumps([NEW]), [person_digest(UUID(INSTANCE), Jid.parse(NEW))])
    ]


def test_a_job_that_knew_somebody_who_is_forgotten_by_now_queues_no_text(database: Database) -> None:
    conversation, _ = begun(database)
    [(contact,)] = database.rows("select contact_id from conversations where id = %s", conversation)
    text = {"id": str(uuid4()), "text": "Oi, Ana!", "purpose": "booking", "reference": "automation:1"}
    text |= {"lane": "automation", "keep_seconds": 60}
    assert database.value("queue_proactive(%s, %s, %s, %s)", ORGANIZATION, INSTANCE, contact, Jsonb(text)) is None
    assert database.value("count(*) from outbox") == 0


def of_person(age_seconds: float | None, **changes: object) -> Row:
    values = {"chat": LID, "sender": LID, "whatsapp_id": uuid4().hex, "sent_at": datetime.now(UTC).isoformat()}
    return item(1, **(values | changes)) | ({} if age_seconds is None else {"age_seconds": age_seconds})


def test_what_was_written_before_brings_nobody_back_and_what_comes_after_does(database: Database) -> None:
    _, request = begun(database)
    old = (datetime.now(UTC) - lasting(60)).isoformat()
    plain = str(PERSON["chat"])
    before = [
        of_person(600),
        of_person(600, chat=plain, sender=plain),
        of_person(600, chat="551187654321@s.whatsapp.net"),
        of_person(0, sent_at=old),  # published again by a person
        of_person(600, chat="1@g.us"),
        of_person(600, chat=plain, from_me=True, sender="5511900000001@s.whatsapp.net"),
    ]
    assert ingest(database, *before) == ["erased"] * len(before)
    assert ingest(database, of_person(600, chat="8@lid", sender="8@lid")) == ["stored"]
    assert database.value("count(*) from contacts where phone is not null or name is not null") == 0
    database.rows("update erased_addresses set erased_at = erased_at - interval '1 hour'")
    assert ingest(database, of_person(600)) == ["stored"]
    by_address = Jsonb({"chat": LID})
    again = database.value("erase_contact(%s, %s, %s, %s, 'test')", ORGANIZATION, INSTANCE, by_address, str(uuid4()))
    assert "erasure" in again
    # The addresses are the newer erasure's now, but those that nobody used since.
    database.rows("select forget_addresses(%s, %s)", ORGANIZATION, request)
    assert database.value("count(*) from erased_addresses") == 1


def test_a_done_erasure_rests_until_its_addresses_are_forgotten(database: Database) -> None:
    _, request = begun(database)
    assert database.rows("select erasure::text from claim_due_erasures(9, '2 min')") == [(request,)]
    assert database.rows("select erasure from claim_due_erasures(9, '2 min')") == []
    # A clock that was put back by a day does not keep it waiting, unless it rests.
    for rest, claimed in ((False, 1), (True, 0)):
        database.rows("select postpone_erasure(%s, '1 day', %s)", request, rest)
        assert len(database.rows("select erasure from claim_due_erasures(9, '2 min')")) == claimed
    # A journal that begins, perhaps on an older copy of the volume, wakes it.
    database.rows("select recall_erasures(%s, %s)", ORGANIZATION, INSTANCE)
    # Nor is that undone by a worker that has looked before.
    database.rows("select postpone_erasure(%s, '60 days', true)", request)
    assert len(database.rows("select erasure from claim_due_erasures(9, '2 min')")) == 1


def test_a_pod_is_done_for_the_newest_journal_only(database: Database) -> None:
    _, request = begun(database)
    report = item(7) | {"age_seconds": 0}
    report["report"] = report["report"] | {"body": {"type": "contact_erased", "request_id": request, "left": ["a.db"]}}
    assert ingest(database, report) == ["stored"]
    [status] = database.value("erasures_of(%s, %s, false)", ORGANIZATION, INSTANCE)
    assert (status["waits_for"], status["left"]) == ("platform", ["a.db"])
    database.rows("select note_cleared(%s, %s)", ORGANIZATION, request)
    [status] = database.value("erasures_of(%s, %s, false)", ORGANIZATION, INSTANCE)
    assert status["waits_for"] is None
    newer = item(1, chat="8@lid", sender="8@lid")
    newer["report"] = newer["report"] | {
        "journal_epoch": str(uuid4()),
        "journal_started_at": "2031-01-01T00:00:00+00:00",
    }
    newer |= {"published_at": "2031-01-01T00:00:00+00:00", "age_seconds": 0}
    assert ingest(database, newer) == ["stored"]
    [status] = database.value("erasures_of(%s, %s, false)", ORGANIZATION, INSTANCE)
    assert status["waits_for"] == "pod"
    assert json.dumps(status).count(LID) == 0
