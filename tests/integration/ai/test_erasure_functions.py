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
    assert database.value("pattern_of_told(%s, %s, 3)", ORGANIZATION, request) is None
    assert database.value("forget_told(%s, %s, 'messages', 'ração')", ORGANIZATION, request) == 0
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


def sweep(database: Database, request: str, *, finds: str = "") -> str:
    """What a look through everything comes to, in which a step of `forget_told` finds what it finds."""
    [(began, quiet)] = database.rows("select began, quiet from begin_sweep(%s, %s)", ORGANIZATION, request)
    pattern = database.value("pattern_of_told(%s, %s, 3)", ORGANIZATION, request)
    if finds:
        database.value("forget_told(%s, %s, %s, %s)", ORGANIZATION, request, finds, pattern)
    outcome: str = database.value("end_sweep(%s, %s, %s, %s, %s)", ORGANIZATION, request, began, quiet, pattern)
    return outcome


AT_WORK = {
    "turn": "update turns set created_at = clock_timestamp() + interval '1 minute'",
    "job": "update jobs set claimed_at = clock_timestamp() + interval '1 minute'",
    "reading": "update readings set failure = 'silent', settled_at = clock_timestamp()",
}
JOB = """
insert into jobs (organization_id, instance_id, kind, key, lane, payload, planned_at, due_at, lease_until, claimed_at)
values (%s, %s, 'none', 'a', 'campaign', '{}', now(), now(), 'infinity', now())
"""
UNHEARD = """
with f as (
    insert into media (organization_id, instance_id, id, direction, state, location)
    values (%s, %s, gen_random_uuid(), 'in', 'stored', 'database') returning organization_id, instance_id, id
)
insert into readings (organization_id, instance_id, media_id, message_id, way)
select f.organization_id, f.instance_id, f.id, m.id, 'heard' from f, messages m
"""


@pytest.mark.parametrize("who", AT_WORK)
def test_nothing_is_cleared_while_somebody_is_at_work_who_may_know(database: Database, who: str) -> None:
    _, request = begun(database)
    if who == "turn":
        database.claimed()
    elif who == "job":
        database.rows(JOB, ORGANIZATION, INSTANCE)
    else:
        database.received(database.conversation(), 1)
        database.rows(UNHEARD, ORGANIZATION, INSTANCE)
    assert sweep(database, request) == "waiting"
    assert database.value("person is not null from erasures")
    database.rows(AT_WORK[who])
    assert sweep(database, request) == "cleared"


NAMED_IN = """
with t as (
    insert into turns (organization_id, conversation_id, instance_id, place, state)
    select organization_id, id, instance_id, place, %s from conversations where self_chat returning *
), s as (
    insert into turn_steps (organization_id, turn_id, round, response, results)
    select organization_id, id, 0, '{"text": "A Ana Quintela", "tool_calls": []}',
        '{"1": "{\\"nome\\": \\"ana quintela\\"}"}' from t
)
insert into proposals (organization_id, instance_id, conversation_id, turn_id, tool, arguments, intent, state)
select organization_id, instance_id, conversation_id, id, 'assumir', '{"a": 1}', 'Vou ligar à Ana Quintela', %s from t
"""


def named(database: Database, turn_state: str, proposal_state: str) -> str:
    """Ana Quintela is being forgotten, of whom a turn of an owner and what it proposes tell."""
    ingest(database, item(1, chat="8@lid", sender="8@lid", text="E aí?"))
    database.rows("update conversations set self_chat = true")
    database.rows(NAMED_IN, turn_state, proposal_state)
    _, request = begun(database)
    database.rows("update erasures set person = person || %s", Jsonb({"names": ["Ana Quintela"]}))
    return request


@pytest.mark.parametrize("state", ["prepared", "open"])
def test_a_question_about_a_person_is_withdrawn_before_and_after_it_is_asked(database: Database, state: str) -> None:
    request = named(database, "answered", state)
    assert sweep(database, request, finds="proposals") == "found"
    assert database.rows("select state, arguments, ended_at is not null from proposals") == [("undone", {}, True)]
    assert database.rows("select action from audit_log") == [("proposal_undone",)]
    [(turn, conversation)] = database.rows("select id, conversation_id from turns")
    text = {"id": str(uuid4()), "part": 0, "text": "❓", "keep_seconds": 60}
    of = "(select v from conversations v where id = %s), (select t from turns t where id = %s)"
    database.value(f"queue_text({of}, %s, null)", conversation, turn, Jsonb(text))
    database.value(f"ask_proposal({of}, %s)", conversation, turn, text["id"])
    if state == "prepared":  # it is asked all the same by the turn that has prepared it
        assert database.value("proposal_id is not null from conversations where self_chat")
    database.rows("update conversations set proposal_id = (select id from proposals) where self_chat")
    database.rows("update proposals set question_id = %s, ended_at = now() - interval '1 minute'", text["id"])
    answering = database.turn(conversation)
    asked = database.value(f"proposal_document({of}, now())", conversation, answering)
    assert (asked["state"], asked["withdrawn"]) == ("undone", True)
    assert not database.value(
        "expire_proposal(%s, %s, %s)", ORGANIZATION, database.value("id from proposals"), Jsonb(text)
    )
    assert sweep(database, request) == "cleared"


@pytest.mark.parametrize(("state", "left"), [("dead", []), ("open", ["A [apagado a pedido do titular]"])])
def test_a_turn_that_goes_on_does_so_without_the_name(database: Database, state: str, left: list[str]) -> None:
    request = named(database, state, "prepared")
    assert sweep(database, request, finds="steps") == "found"
    assert [text for (text,) in database.rows("select response ->> 'text' from turn_steps")] == left
    results = [json.loads(text) for (text,) in database.rows("select results ->> '1' from turn_steps")]
    assert results == [{"nome": "[apagado a pedido do titular]"} for _ in left]


def test_who_was_about_to_tell_an_owner_of_a_person_does_not(database: Database) -> None:
    conversation = database.conversation(chat=LID)
    database.value("note_for_owner(%s, %s, 'stale', %s)", ORGANIZATION, INSTANCE, f"conversation:{conversation}")
    notices = [number for (number,) in database.rows("select id from owner_notices")]
    person = Jsonb({"chat": LID, "phone_key": "none"})
    assert "erasure" in database.value(
        "erase_contact(%s, %s, %s, %s, 'test')", ORGANIZATION, INSTANCE, person, str(uuid4())
    )
    text = {"id": str(uuid4()), "part": 2, "text": "Ana espera", "keep_seconds": 60}
    owner = Jsonb({"chat": "8@lid"})
    for as_well in (False, True):
        told = "tell_owner(%s, %s, %s, %s, %s, %s)"
        assert not database.value(told, ORGANIZATION, INSTANCE, owner, Jsonb(text), notices, as_well)
    assert database.value("count(*) from outbox") == 0


@pytest.mark.parametrize("state", [None, "announced", "arriving", "failed", "stored"])
def test_a_file_of_somebody_who_was_forgotten_is_not_kept_whatever_is_known_of_it(
    database: Database, state: str | None
) -> None:
    begun(database)
    file = str(uuid4())
    if state is not None:
        database.rows(
            "insert into media (organization_id, instance_id, id, direction, state, sha256, location, reason) "
            "values (%s, %s, %s, 'in', %s, 'x', %s, %s)",
            ORGANIZATION, INSTANCE, file, state, "database" if state == "stored" else None,
            "expired" if state == "failed" else None,
        )  # fmt: skip
    assert ingest(database, of_person(600, file={"id": file})) == ["erased"]
    [(became, sha256, expired)] = database.rows("select state, sha256, expired_at is not null from media")
    assert (became, expired) == (("stored", True) if state == "stored" else ("deleted", False))
    assert sha256 is None
    assert database.rows("select media_id::text, account from media_queue") == [(file, "A")]
    # What its pod says of it later has its chunks deleted.
    database.rows("delete from media_queue")
    database.rows("update media set state = 'deleted', location = null")
    arrived = item(9) | {"age_seconds": 0}
    arrived["report"] = arrived["report"] | {"body": {"type": "file_arrived", "media_id": file, "chunks": 1, "size": 3}}
    assert ingest(database, arrived) == ["duplicate"]
    assert database.rows("select account from media_queue") == [("A",)]


@pytest.mark.parametrize(
    ("addresses", "waited", "dropped"),
    [([LID], 600, True), (["8@lid", PERSON["chat"]], 600, True), (["8@lid"], 600, False), ([LID], 0, False)],
)
def test_what_cannot_be_stored_is_kept_nowhere_if_it_is_of_somebody_forgotten_since(
    database: Database,
    addresses: list[str],
    waited: float,
    dropped: bool,  # noqa: FBT001 a column of the table
) -> None:
    begun(database)
    database.rows("update erased_addresses set erased_at = erased_at - interval '1 minute'")
    assert database.value("is_unstorable_of_erased('A', %s, %s)", addresses, waited) is dropped
    assert not database.value("is_unstorable_of_erased('B', %s, %s)", addresses, waited)
