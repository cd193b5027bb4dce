"""The order of messages is that of the journals, in whatever order, batches and repetitions they arrive."""

import random
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import permutations
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from integration.ai.engine_database import (
    CHAT,
    EPOCH,
    HIDDEN,
    LIMITS,
    ORGANIZATION,
    OTHER_EPOCH,
    Database,
    Row,
    at,
    ingest,
    item,
    lasting,
    new_database,
)
from psycopg.types.json import Jsonb

from oxy_ai.records import AgeLimit, Answer, TurnEnding
from oxy_dev.postgres import PostgresServer


@pytest.fixture
def database(engine: Database) -> Database:
    return engine


OTHER_HIDDEN = "12345@lid"
QUEUE_TEXT = "queue_text((select c from conversations c where id = %s), (select t from turns t where id = %s), %s, 1)"
LONG_AGO = 7200
"""Age in seconds at which a person's message silences the assistant no more."""


def customer(number: int, **changes: object) -> Row:
    """What a customer wrote: the report at this place of the journal, and of the chat."""
    return item(number, whatsapp_id=f"C{number}", sent_at=str(at(number)), **changes)


def person(number: int, age: float = LONG_AGO, **changes: object) -> Row:
    """What a person of the business wrote."""
    report = item(number, whatsapp_id=f"P{number}", from_me=True, sent_at=str(at(number)), **changes)
    return report | {"age_seconds": age}


def later_journal(report: Row, sent_at: float) -> Row:
    """The same report in the journal of a volume that began anew."""
    place = {"journal_epoch": OTHER_EPOCH, "journal_started_at": str(at(3600))}
    body = report["report"]["body"] | {"sent_at": str(at(sent_at))}
    return report | {"report": report["report"] | place | {"body": body}}


def fates(database: Database) -> list[tuple[str, str | None]]:
    """The messages in their order, each with its state."""
    return [tuple(row) for row in database.rows("select whatsapp_id, state from messages order by place, id")]  # type: ignore[misc]  # two columns


def read_turn(database: Database, conversation: int) -> Row:
    """Claim the conversation and read its turn."""
    fence: int = database.value("(claim_oldest(%s, 'infinity', '1 minute') ->> 'fence')::bigint", ORGANIZATION)
    turn: Row = database.value("open_turn(%s, %s, %s, %s)", ORGANIZATION, conversation, fence, LIMITS)
    return turn


def test_a_journal_that_a_clock_ahead_began_is_older_than_what_follows(database: Database) -> None:
    """The pod's clock is 5 hours ahead; then it is right, and the volume begins anew."""
    conversation, turn = database.claimed()
    text = Jsonb({"id": ORGANIZATION, "part": 0, "text": "Olá", "keep_seconds": 86_400})
    database.value(QUEUE_TEXT, conversation, turn, text)
    ahead = customer(1)
    ahead["report"] |= {"journal_started_at": str(at(5 * 3600)), "occurred_at": str(at(5 * 3600))}
    ingest(database, ahead | {"published_at": str(at(1))})
    database.value("mark_accepted(%s, %s::uuid[], %s::uuid[])", ORGANIZATION, [ORGANIZATION], [EPOCH])
    right = later_journal(customer(2), sent_at=3601)
    ingest(database, right | {"published_at": str(at(3601))})
    assert database.rows("select state, error from outbox") == [("ambiguous", "JournalLost")]
    assert [name for name, _ in fates(database) if name in {"C1", "C2"}] == ["C1", "C2"]
    assert database.value("(place).epoch::text from conversations where chat = %s", CHAT) == OTHER_EPOCH


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
def test_a_persons_message_answers_what_precedes_it_in_whatever_order_they_arrive(
    database: Database, order: Sequence[int]
) -> None:
    reports = [customer(1), customer(2), person(3), customer(4)]
    for index in order:
        ingest(database, reports[index])
    assert fates(database) == [("C1", "person"), ("C2", "person"), ("P3", None), ("C4", "open")]
    assert database.rows("select seen::text, gap_until from chat_journals") == [("{[1,5)}", None)]
    assert database.value("due_at is not null from conversations") is True


JOURNAL = [
    *[customer(number) for number in (1, 2, 3)],
    person(4),
    customer(5),
    person(6, chat=HIDDEN, chat_alias=CHAT),
    *[customer(number, chat=HIDDEN, chat_alias=CHAT, push_name="Bia") for number in (7, 8)],
    later_journal(customer(1, chat=HIDDEN, chat_alias=CHAT, push_name="Bia Lima"), 20),
    later_journal(person(2, chat=HIDDEN, chat_alias=CHAT), 21),
    later_journal(customer(3, chat=HIDDEN, chat_alias=CHAT, push_name="Bia Lima"), 22),
]
for _number, _report in enumerate(JOURNAL):
    _report["report"]["body"]["whatsapp_id"] = f"M{_number}"
STATE = """
select to_jsonb(s) from (
    select v.chat, v.place, v.pending_since is null as idle, v.due_at is null as resting, c.phone, c.name,
        (select jsonb_agg(jsonb_build_array(m.whatsapp_id, m.author, m.state, m.place) order by m.place)
            from messages m where m.conversation_id = v.id) as messages,
        (select jsonb_agg(jsonb_build_array(j.epoch, j.seen, j.lost, j.gap_until, j.own_sequence, j.own_sent_at)
            order by j.epoch) from chat_journals j where j.conversation_id = v.id) as journals,
        (select jsonb_agg(a.jid order by a.jid) from chat_alias a where a.conversation_id = v.id) as addresses
    from conversations v join contacts c on c.id = v.contact_id where v.merged_into is null
) s
"""


@pytest.mark.parametrize("seed", range(60))
def test_any_interleaving_of_the_same_journals_leads_to_the_same_state(database: Database, seed: int) -> None:
    ingest(database, *JOURNAL)
    expected = database.rows(STATE)
    database.rows("rollback")
    database.begin()
    chance = random.Random(seed)
    arriving = JOURNAL + chance.sample(JOURNAL, chance.randrange(len(JOURNAL)))
    chance.shuffle(arriving)
    while arriving:
        size = chance.randint(1, len(arriving))
        ingest(database, *arriving[:size])
        del arriving[:size]
    assert database.rows(STATE) == expected


def test_between_journals_a_persons_message_answers_what_was_not_sent_after_it(database: Database) -> None:
    ingest(database, later_journal(person(1), 5), customer(4), customer(6), customer(5))
    assert fates(database) == [("C4", "person"), ("C5", "person"), ("C6", "open"), ("P1", None)]


def test_an_older_message_of_a_person_leaves_an_open_turn_alone(database: Database) -> None:
    ingest(database, customer(2), customer(3))
    turn = database.turn(database.conversation())
    ingest(database, person(1))
    assert database.row("turns", turn)["state"] == "open"
    assert fates(database) == [("P1", None), ("C2", "open"), ("C3", "open")]


def test_a_person_who_answered_an_input_ends_the_turn_and_the_others_are_answered_in_another(
    database: Database,
) -> None:
    ingest(database, customer(1), customer(3))
    conversation, turn = database.conversation(fence=7, lease_until=datetime.now(UTC) + lasting(60)), 0
    turn = database.turn(conversation)
    ingest(database, person(2))
    ending = Jsonb({"state": "answered", "reason": None, "role": "customer", "answers": [], "last_step": None})
    ended = database.value("end_turn(%s, %s, 7, %s, %s)", ORGANIZATION, conversation, turn, ending)
    assert ended == {"state": "skipped", "more": True}
    assert fates(database) == [("C1", "person"), ("P2", None), ("C3", "open")]
    assert [shown["text"] for shown in read_turn(database, conversation)["inputs"]] == ["Oi"]


def test_a_chat_waits_for_what_is_missing_and_no_longer_than_until_it_arrives(database: Database) -> None:
    ingest_and_wait(database, customer(1), customer(3))
    ingest(database, person(2, age=LONG_AGO), gap_wait=8)
    assert database.value("due_at - last_inbound_at from conversations") == lasting(3)
    assert fates(database) == [("C1", "person"), ("P2", None), ("C3", "open")]


def test_a_chat_whose_first_message_has_a_predecessor_waits_for_it(database: Database) -> None:
    ingest_and_wait(database, customer(2))


def ingest_and_wait(database: Database, *items: Row) -> None:
    """Store messages of a chat, which waits for eight seconds from then on."""
    before = datetime.now(UTC)
    ingest(database, *items, gap_wait=8)
    due_at = database.value("due_at from conversations")
    assert before + lasting(8) <= due_at <= datetime.now(UTC) + lasting(8)


def test_what_never_arrives_is_given_up_and_may_still_arrive(database: Database) -> None:
    ingest(database, customer(1), customer(3), gap_wait=8)
    conversation = database.conversation()
    assert read_turn(database, conversation) is None, "not before the wait is over"
    assert database.value("due_at = gap_until from conversations, chat_journals") is True
    database.rows("update chat_journals set gap_until = clock_timestamp()")
    assert len(read_turn(database, conversation)["inputs"]) == 2
    assert database.rows("select lost::text, gap_until from chat_journals") == [("{[2,3)}", None)]
    ingest(database, customer(4), customer(2), gap_wait=8)
    assert database.rows("select seen::text, lost::text, gap_until from chat_journals") == [("{[1,5)}", "{}", None)]
    assert fates(database) == [(f"C{number}", "open") for number in (1, 2, 3, 4)]
    assert database.rows("select based_on, based_on_epoch::text from turns") == [(3, EPOCH)]


def test_the_owner_hears_of_what_never_arrives_unless_it_does(database: Database) -> None:
    ingest(database, customer(3), customer(6), gap_wait=8)  # 1 and 2 may have been stored in another database
    database.rows("update chat_journals set gap_until = clock_timestamp()")
    assert len(read_turn(database, database.conversation())["inputs"]) == 2
    assert database.rows(NOTICES) == [("lost", 4)]
    ingest(database, customer(4), gap_wait=8)
    assert database.rows(NOTICES) == [("lost", 5)]
    ingest(database, customer(2), customer(5), gap_wait=8)
    assert database.rows(NOTICES) == []


def test_a_gap_of_any_length_is_one_notice(database: Database) -> None:
    ingest(database, customer(1), customer(2_000_000_000), gap_wait=8)
    database.rows("update chat_journals set gap_until = clock_timestamp()")
    assert len(read_turn(database, database.conversation())["inputs"]) == 2
    assert database.rows(NOTICES) == [("lost", 2)]


NOTICES = "select kind, split_part(reference, ':', 4)::integer from owner_notices order by id"


# -- people and their addresses


def test_a_number_that_comes_with_another_hidden_address_is_another_person(database: Database) -> None:
    ingest(database, customer(1, chat=HIDDEN, chat_alias=CHAT) | {"phone": "+551", "phone_key": "+551"})
    ingest(database, customer(2, chat=OTHER_HIDDEN, chat_alias=CHAT) | {"phone": "+551", "phone_key": "+551"})
    ingest(database, customer(3) | {"phone": "+551", "phone_key": "+551"})
    assert database.rows("""
        select v.chat, c.phone, c.phone_key, (select array_agg(m.whatsapp_id order by m.place) from messages m
            where m.conversation_id = v.id)
        from conversations v join contacts c on c.id = v.contact_id order by v.id
    """) == [(HIDDEN, None, None, ["C1"]), (CHAT, "+551", "+551", ["C2", "C3"])]


def test_an_older_report_does_not_give_a_number_back(database: Database) -> None:
    ingest(database, customer(2, chat=OTHER_HIDDEN, chat_alias=CHAT) | {"phone": "+551", "phone_key": "+551"})
    ingest(database, customer(1, chat=HIDDEN, chat_alias=CHAT) | {"phone": "+551", "phone_key": "+551"})
    assert database.rows("""
        select a.jid, v.chat, c.phone from chat_alias a join conversations v on v.id = a.conversation_id
        join contacts c on c.id = v.contact_id order by a.jid
    """) == [(OTHER_HIDDEN, OTHER_HIDDEN, "+551"), (CHAT, OTHER_HIDDEN, "+551"), (HIDDEN, HIDDEN, None)]


# -- what the model is shown


def test_a_turn_reads_a_bounded_part_of_its_inputs_and_says_how_many_there_are(database: Database) -> None:
    ingest(database, *[customer(number, text="x" * 65_536) for number in range(1, 120)])
    turn = read_turn(database, database.conversation())
    assert turn["inputs_total"] == 119
    assert [len(shown["text"]) for shown in turn["inputs"]] == [4000] * 6
    assert all(shown["cut"] for shown in turn["inputs"])
    assert database.states() == ["open"] * 119


def test_the_newest_inputs_are_shown_in_their_order_with_their_age_now(database: Database) -> None:
    reports = [customer(number, text=str(number)) | {"age_seconds": number} for number in range(1, 61)]
    ingest(database, *reversed(reports))
    database.rows("update messages set arrived_at = arrived_at - interval '1 hour'")
    turn = read_turn(database, database.conversation())
    assert [shown["text"] for shown in turn["inputs"]] == [str(number) for number in range(11, 61)]
    assert 3660 <= turn["inputs"][-1]["age_seconds"] < 3670


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("pending", True),
        ("accepted", True),
        ("sent", True),
        ("delivered", True),
        ("read", True),
        ("failed", False),
        ("expired", False),
        ("superseded", False),
        ("ambiguous", False),
    ],
)
def test_history_shows_only_answers_that_were_sent_or_are_about_to_be(
    database: Database,
    state: str,
    shown: bool,  # noqa: FBT001 the columns of the table
) -> None:
    ingest(database, customer(1, text="Um"))
    conversation = database.conversation()
    answer(database, conversation, "Olá")
    database.rows("update outbox set state = %s", state)
    ingest(database, customer(2, text="Dois"), person(3, text="Eu respondo"), customer(4, text="Quatro"))
    history = [spoken["text"] for spoken in read_turn(database, conversation)["history"]]
    assert history == ["Um", *(["Olá"] if shown else []), "Dois", "Eu respondo"]


def test_an_answer_stands_behind_what_it_took_into_account(database: Database) -> None:
    ingest(database, customer(1, text="Um"))
    conversation = database.conversation()
    fence = database.value("(claim_oldest(%s, 'infinity', '1 minute') ->> 'fence')::bigint", ORGANIZATION)
    turn = database.value("open_turn(%s, %s, %s, %s)", ORGANIZATION, conversation, fence, LIMITS)["turn"]
    ingest(database, customer(2, text="Dois"))
    end(database, conversation, fence, turn, "Olá")
    answer(database, conversation, "Olá de novo")
    texts = database.rows("select body from messages order by place, id")
    assert [text for (text,) in texts] == ["Um", "Olá", "Dois", "Olá de novo"]


def answer(database: Database, conversation: int, text: str) -> None:
    """Claim the conversation and answer all that is open."""
    fence = database.value("(claim_oldest(%s, 'infinity', '1 minute') ->> 'fence')::bigint", ORGANIZATION)
    turn = database.value("open_turn(%s, %s, %s, %s)", ORGANIZATION, conversation, fence, LIMITS)["turn"]
    end(database, conversation, fence, turn, text)


def end(database: Database, conversation: int, fence: int, turn: int, text: str) -> None:
    said = {"id": database.value("gen_random_uuid()::text"), "part": 0, "text": text, "keep_seconds": 60}
    ending = {"state": "answered", "reason": None, "role": "customer", "answers": [said], "last_step": None}
    database.value("end_turn(%s, %s, %s, %s, %s)", ORGANIZATION, conversation, fence, turn, Jsonb(ending))


# -- the ledger


@pytest.mark.parametrize(
    ("reason", "fate"),
    [("stale", ("ignored", "stale")), ("disabled", ("ignored", "disabled")), ("human", ("open", None))],
)
def test_a_turn_that_is_skipped_says_why_of_each_message(
    database: Database, reason: str, fate: tuple[str, str | None]
) -> None:
    conversation, turn = database.claimed()
    ending = Jsonb({"state": "skipped", "reason": reason, "role": "customer", "answers": [], "last_step": None})
    database.value("end_turn(%s, %s, 7, %s, %s)", ORGANIZATION, conversation, turn, ending)
    assert database.rows("select state, reason from messages") == [fate]
    told = [("stale", f"turn:{turn}")] if reason == "stale" else []
    assert database.rows("select kind, reference from owner_notices") == told


STALE, FRESH = ("ignored", "stale"), ("answered", None)


@pytest.mark.parametrize(
    ("ages", "change", "fates"),
    [
        ([70, 50], {}, [STALE, FRESH]),
        ([50, 70, 50], {}, [FRESH, STALE, FRESH]),
        ([50, 50], {}, [FRESH, FRESH]),
        ([70] * 60 + [50], {}, [STALE] * 60 + [FRESH]),  # more than a turn reads
        ([70, 50], {"age_limit": None}, [FRESH, FRESH]),  # a replayed turn
        ([70, 50], {"state": "skipped", "reason": "disabled"}, [("ignored", "disabled")] * 2),
    ],
    ids=["the first", "between", "none", "unread", "replayed", "switched off"],
)
def test_an_input_that_was_too_old_for_its_turns_answer_is_stale(
    database: Database, ages: list[int], change: Row, fates: list[tuple[str, str | None]]
) -> None:
    ingest(database, *[customer(number) | {"age_seconds": age} for number, age in enumerate(ages, 1)])
    turn = read_turn(database, database.conversation())
    assert end_read(database, turn, **change) is not None
    assert database.rows("select state, reason from messages where author = 'customer' order by place") == fates
    told = [("stale", f"turn:{turn['turn']}")] if STALE in fates else []
    assert database.rows("select kind, reference from owner_notices") == told
    assert database.value("count(*) from ledger(%s, '0 s') where wrong is not null", ORGANIZATION) == 0


def test_a_person_who_answers_meanwhile_leaves_nothing_stale(database: Database) -> None:
    ingest(database, customer(1) | {"age_seconds": 70}, customer(2) | {"age_seconds": 50})
    turn = read_turn(database, database.conversation())
    ingest(database, person(3, age=0), customer(4))
    end_read(database, turn)
    states = database.rows("select state, reason from messages where author = 'customer' order by place")
    assert states == [("person", None), ("person", None), ("open", None)]
    assert database.value("count(*) from owner_notices") == 0


def test_a_worker_that_lost_its_claim_makes_nothing_stale(database: Database) -> None:
    ingest(database, customer(1) | {"age_seconds": 70}, customer(2) | {"age_seconds": 50})
    first, second = (read_turn(database, database.conversation()) for _ in range(2))
    assert end_read(database, first, fence=1) is None
    assert (database.states(), database.value("count(*) from owner_notices")) == (["open", "open"], 0)
    assert end_read(database, second, fence=2) is not None
    assert (database.states(), database.value("count(*) from owner_notices")) == (["ignored", "answered"], 1)


def end_read(database: Database, turn: Row, fence: int = 1, **changes: object) -> Row | None:
    """End a turn that was read, with an answer to what was younger than a minute."""
    ending = TurnEnding(
        state="answered",
        role="customer",
        answers=(Answer(id=uuid4(), text="Olá", keep_seconds=60),),
        age_limit=AgeLimit(read_at=turn["read_at"], seconds=60),
    )
    document = Jsonb(ending.model_dump(mode="json") | changes)
    ended: Row | None = database.value(
        "end_turn(%s, %s, %s, %s, %s)", ORGANIZATION, database.conversation(), fence, turn["turn"], document
    )
    return ended


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["afterwards", "before"])
def test_an_undecryptable_message_is_lost_unless_it_also_comes_in_readable_form(
    database: Database, order: Sequence[int]
) -> None:
    unreadable = item(1, whatsapp_id="W", kind="undecryptable", text=None)
    ingest(database, unreadable)
    assert database.rows("select state, reason from messages") == [("lost", "undecryptable")]
    assert database.value("count(*) from owner_notices") == 1
    database.rows("rollback")
    database.begin()
    reports = [unreadable, item(2, whatsapp_id="W")]
    for index in order:
        ingest(database, reports[index])
    assert database.rows("select state, reason from messages order by placeholder") == [
        ("open", None),
        ("ignored", "received in readable form"),
    ]
    assert database.value("count(*) from owner_notices") == 0


@pytest.mark.parametrize(
    ("broken", "wrong"),
    [
        ("update conversations set due_at = null", "its conversation is not due"),
        ("update conversations set pending_since = null", "its conversation does not count it"),
        ("update turns set state = 'answered'", "its turn has ended"),
        ("update conversations set turn_id = null", "its turn was forgotten"),
    ],
)
def test_the_ledger_names_an_open_message_to_which_nothing_will_happen(
    database: Database, broken: str, wrong: str
) -> None:
    ingest(database, customer(1))
    database.turn(database.conversation())
    assert database.rows("select * from stranded_messages(%s)", ORGANIZATION) == []
    database.rows(broken)
    assert database.value("wrong from stranded_messages(%s)", ORGANIZATION) == wrong
    assert database.rows("select state, messages from message_counts(%s)", ORGANIZATION) == [("open", 1)]


# -- claims and wake-ups


CLAIM = "claim_turns(1, '1 minute', 0, 1, '5 milliseconds', %s)"


def test_a_turn_whose_claims_never_end_is_not_read_again(database: Database) -> None:
    ingest(database, customer(1))
    for number in range(1, 8):
        database.rows("update conversations set due_at = clock_timestamp() - interval '1 second'")
        database.rows("update org_queue set ready_at = clock_timestamp()")
        [claimed] = database.value(CLAIM, LIMITS)["claimed"]
        assert claimed["claim"]["claims"] == number
        assert claimed.get("abandoned", False) is (number > 5)
        assert ("turn" in claimed) is (number <= 5)
    conversation = database.conversation()
    database.value("retry_turn(%s, %s, %s, '1 second')", ORGANIZATION, conversation, claimed["claim"]["fence"])
    assert database.row("conversations", conversation)["claims"] == 0


def committed(url: str, statement: str, *values: object) -> Any:  # noqa: ANN401 whatever the statement selects
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else None


@pytest.fixture(scope="module")
def busy_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A database of its own for tests whose sessions commit."""
    with new_database(postgres_server) as name:
        url = postgres_server.url(name)
        with psycopg.connect(url, autocommit=True) as connection:
            Database(connection)
        yield url


@pytest.mark.parametrize("number", [1, 2], ids=["first", "again"])
def test_a_message_that_arrives_while_its_organization_is_claimed_wakes_it(busy_url: str, number: int) -> None:
    """The claim has read the due times before the message, and writes the queue after it."""
    other = f"551191234{number:04d}@s.whatsapp.net"
    committed(busy_url, "update conversations set due_at = null, lease_until = null, turn_id = null")
    committed(busy_url, "update org_queue set ready_at = clock_timestamp()")
    arrives = threading.Thread(
        target=committed,
        args=(busy_url, "select ingest(%s, '0')", Jsonb([item(1, chat=other, sender=other, whatsapp_id=f"R{number}")])),
    )
    with psycopg.connect(busy_url) as claims:
        claims.execute("select claim_conversations(5, '1 minute', 0, 1, '5 milliseconds')")
        arrives.start()
        arrives.join(timeout=0.5)
    arrives.join()
    [(ready, due)] = committed(
        busy_url, "select q.ready_at, min(v.due_at) from org_queue q, conversations v group by 1"
    )
    assert ready <= due
    assert committed(busy_url, "select recover_wakeups('5 milliseconds')") == [(0,)]


def test_a_wakeup_that_was_lost_all_the_same_is_recovered(database: Database) -> None:
    ingest(database, customer(1))
    assert database.value("recover_wakeups('5 milliseconds')") == 0
    database.rows("update org_queue set ready_at = 'infinity'")
    assert database.value("recover_wakeups('5 milliseconds')") == 1
    assert database.value("ready_at = due_at from org_queue, conversations") is True


def test_a_backlog_is_no_lost_wakeup(database: Database) -> None:
    for number in range(3):
        chat = f"551191234000{number}@s.whatsapp.net"
        ingest(database, item(number + 1, whatsapp_id=f"B{number}", chat=chat, sender=chat))
    database.rows("update conversations set due_at = clock_timestamp() - interval '1 minute'")
    database.rows("update org_queue set ready_at = clock_timestamp() - interval '1 minute'")
    claim = "claim_turns(1, '1 minute', 10, 10, '5 milliseconds', %s)"
    assert len(database.value(claim, LIMITS)["claimed"]) == 1
    assert database.value("recover_wakeups('5 milliseconds')") == 0
