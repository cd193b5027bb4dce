"""Tables for the engine's SQL functions: the pure decisions, and those that do one thing to the database.

Everything runs in one transaction of the owner, which is rolled back.
"""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from integration.ai.engine_database import (
    CHAT,
    EPOCH,
    HIDDEN,
    INSTANCE,
    NOON,
    ORGANIZATION,
    OTHER_EPOCH,
    OTHER_RELAY,
    RELAY,
    Database,
    Row,
    at,
    ingest,
    item,
    lasting,
    message,
    moment,
    step,
)
from psycopg.types.json import Jsonb


@pytest.fixture
def database(engine: Database) -> Database:
    return engine


# -- pure decisions


@pytest.mark.parametrize(
    ("pending_since", "last_inbound_at", "human_until", "gap_until", "due"),
    [
        (0, 0, None, None, 3),
        (-10, 0, None, None, 3),
        (-13, 0, None, None, 2),
        (-15, 0, None, None, 0),
        (-40, 0, None, None, -25),
        (-60, -60, None, None, -57),
        (0, 0, None, 8, 8),
        (0, 0, None, 2, 3),
        (0, 0, 60, None, 60),
        (0, 0, 60, 2, 60),
        (0, 0, 60, 62, 62),
        (0, 0, 1, None, 1),
        (0, 0, 0, None, 3),
        (0, 0, -60, None, 3),
        (None, -1, None, None, None),
        (None, -1, 60, 8, None),
        (-1, -1, 60, None, 60),
        (-1, -1, -60, None, 2),
    ],
)
def test_when_a_conversation_is_due(  # noqa: PLR0913, PLR0917 the columns of the table
    database: Database,
    pending_since: float | None,
    last_inbound_at: float,
    human_until: float | None,
    gap_until: float | None,
    due: float | None,
) -> None:
    found = database.value(
        "due_time(%s, %s, %s, %s, %s, %s, %s)",
        NOON,
        at(pending_since),
        at(last_inbound_at),
        at(human_until),
        at(gap_until),
        lasting(3),
        lasting(15),
    )
    assert found == at(due)


@pytest.mark.parametrize(
    ("until_now", "sent_at", "end"), [(None, 0, 60), (30, 0, 60), (90, 0, 90), (None, -100, -40), (0, -30, 30)]
)
def test_how_long_the_assistant_is_silent_after_a_person_wrote(
    database: Database, until_now: float | None, sent_at: float, end: float
) -> None:
    assert database.value("takeover_end(%s, %s, %s)", at(until_now), at(sent_at), lasting(60)) == at(end)


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0.25), (1, 0.5), (2, 1), (5, 8), (6, 10), (100, 10), (2_000_000_000, 10)]
)
def test_how_long_a_relay_pauses(database: Database, failures: int, seconds: float) -> None:
    assert database.value("relay_backoff(%s, %s, %s)", failures, lasting(0.25), lasting(10)) == lasting(seconds)


@pytest.mark.parametrize(
    ("seen", "lost", "number", "until"),
    [
        (None, "{}", 1, None),
        (None, "{}", 7, 8),
        ("{[1,5)}", "{}", 5, None),
        ("{[1,5)}", "{}", 6, 8),
        ("{[1,5)}", "{}", 3, None),
        ("{[1,3),[4,5)}", "{}", 3, None),
        ("{[1,3),[4,5)}", "{}", 5, 2),
        ("{[1,3),[4,5)}", "{}", 7, 8),
        ("{[1,3),[4,5)}", "{[3,4)}", 5, None),
        ("{[1,3),[5,6)}", "{}", 3, 2),
    ],
    ids=[
        "first",
        "first but not from the start",
        "next",
        "after a gap",
        "again",
        "fills the gap",
        "behind a gap",
        "a second gap",
        "behind a gap that was given up",
        "fills half the gap",
    ],
)
def test_how_long_a_chat_waits_for_missing_messages(
    database: Database, seen: str | None, lost: str, number: int, until: float | None
) -> None:
    known = Jsonb({"seen": seen, "lost": lost, "gap_until": str(at(2))})
    arguments = "(jsonb_populate_record(null::chat_journals, %s), %s, %s, %s)"
    assert database.value(f"gap_end{arguments}", known, number, NOON, lasting(8)) == at(until)


@pytest.mark.parametrize(
    ("chat", "from_me", "self_chat", "kind", "role"),
    [
        (CHAT, False, False, "text", "inbound"),
        (HIDDEN, False, False, "unsupported", "inbound"),
        (CHAT, False, False, "undecryptable", "aside"),
        (CHAT, True, False, "text", "takeover"),
        (CHAT, True, False, "unsupported", "takeover"),
        (CHAT, True, False, "undecryptable", "aside"),
        (CHAT, True, True, "text", "inbound"),
        ("123-456@g.us", False, False, "text", "aside"),
        ("123-456@g.us", True, False, "text", "aside"),
        ("status@broadcast", False, False, "text", "aside"),
    ],
)
def test_how_a_message_counts(  # noqa: PLR0913, PLR0917 the columns of the table
    database: Database,
    chat: str,
    from_me: bool,  # noqa: FBT001 the columns of the table
    self_chat: bool,  # noqa: FBT001 the columns of the table
    kind: str,
    role: str,
) -> None:
    message = {"chat": chat, "from_me": from_me, "self_chat": self_chat, "kind": kind}
    assert database.value("role_of_message(jsonb_populate_record(null::inbound_message, %s))", Jsonb(message)) == role


@pytest.mark.parametrize(
    ("epoch", "sequence", "sent_at", "answered"),
    [
        (EPOCH, 4, 9, True),
        (EPOCH, 6, -9, False),
        (OTHER_EPOCH, 9, 0, True),
        (OTHER_EPOCH, 1, 1, False),
    ],
    ids=["before it in the journal", "after it in the journal", "not sent after it", "sent after it"],
)
def test_what_a_persons_message_answers(
    database: Database,
    epoch: str,
    sequence: int,
    sent_at: float,
    answered: bool,  # noqa: FBT001 the columns of the table
) -> None:
    journal = Jsonb({"epoch": EPOCH, "own_sequence": 5, "own_sent_at": str(NOON)})
    arguments = "(jsonb_populate_record(null::chat_journals, %s), row(%s, %s, %s)::place, %s)"
    assert database.value(f"answers{arguments}", journal, NOON, epoch, sequence, at(sent_at)) is answered
    nothing = Jsonb({"epoch": EPOCH})
    assert database.value(f"answers{arguments}", nothing, NOON, epoch, sequence, at(sent_at)) is False


@pytest.mark.parametrize(
    ("settings", "owners"),
    [
        ({"owners": ["+551", "+552"]}, ["+551", "+552"]),
        ({"owners": []}, []),
        ({"owners": "x"}, []),
        ({"owners": ["+551", 7, None]}, ["+551"]),
        ({}, []),
    ],
)
def test_owners_are_read_from_damaged_settings(database: Database, settings: Row, owners: list[str]) -> None:
    assert database.value("owners_of(%s)", Jsonb(settings)) == owners


DAILY = "ai.aurora.daily_summary.enabled"


def test_an_overlay_of_what_a_document_does_not_have_yet_holds_until_the_resource_says_otherwise(
    database: Database,
) -> None:
    def overlay(*, value: bool) -> bool:
        changed: bool = database.value(
            "overlay_setting(%s, %s, %s, %s, 'true', 'o', null)", ORGANIZATION, INSTANCE, DAILY, Jsonb(value)
        )
        return changed

    def applied(document: Row) -> object:
        database.value(
            "apply_instance(%s, %s, %s, '{}', %s, 1, 1, 0)", ORGANIZATION, INSTANCE, Jsonb({**known, **document}), NOON
        )
        return database.value("settings #> %s from instances", DAILY.split("."))

    known = database.value("settings from instances")
    assert overlay(value=True) is False
    assert overlay(value=False) is True
    assert applied({"display_name": "Outro"}) is False
    assert database.value("settings #>> '{ai,debounce_seconds}' from instances") == "3"
    assert applied({"ai": {"aurora": {"daily_summary": {"enabled": True, "at": "19:00"}}}}) is False
    assert database.value("settings #>> '{ai,aurora,daily_summary,at}' from instances") == "19:00"
    assert applied({"ai": {"aurora": {"daily_summary": {"enabled": False}}}}) is False
    assert database.rows("select ended from setting_overlays") == [("changed",)]
    assert applied({"ai": {"aurora": {"daily_summary": {"enabled": True}}}}) is True


def test_an_idle_organization_may_start_a_burst(database: Database) -> None:
    rows = database.rows("select (g).* from gcra('-infinity', %s, 10, 10) g", NOON)
    assert rows == [(at(0.1), at(-0.8))]
    assert database.rows("select (g).* from gcra(%s, %s, 0, 10) g", at(9), NOON) == [(NOON, NOON)]


# -- ingest


STORE = """
store_message(
    (select c from conversations c where id = %s), m, row(now(), %s, 1)::place, s, reason_on_arrival(m, s, false), 0,
    't'
) from message_of(%s) m, state_on_arrival(m, false, false) s
"""


@pytest.mark.parametrize(
    ("changes", "state", "author", "placeholder"),
    [
        ({}, "open", "customer", False),
        ({"kind": "undecryptable", "text": None}, "lost", "customer", True),
        ({"from_me": True}, None, "phone", False),
        ({"from_me": True, "self_chat": True}, "open", "customer", False),
        ({"chat": "123-456@g.us"}, "ignored", "customer", False),
    ],
    ids=["customer", "undecryptable", "person", "oneself", "group"],
)
def test_a_message_is_stored_once(
    database: Database,
    changes: Row,
    state: str | None,
    author: str,
    placeholder: bool,  # noqa: FBT001 the columns of the table
) -> None:
    conversation = database.conversation()
    assert database.value(STORE, conversation, EPOCH, message(**changes)) is True
    assert database.value(STORE, conversation, EPOCH, message(**changes)) is False
    assert database.rows("select state, author, placeholder from messages") == [(state, author, placeholder)]


def test_an_undecryptable_message_leaves_its_identity_to_the_real_one(database: Database) -> None:
    conversation = database.conversation()
    assert database.value(STORE, conversation, EPOCH, message(kind="undecryptable", text=None)) is True
    assert database.value(STORE, conversation, EPOCH, message()) is True


def test_a_message_to_answer_makes_its_conversation_due(database: Database) -> None:
    assert ingest(database, item(1)) == ["stored"]
    row = database.row("conversations", database.conversation())
    assert row["pending_since"] == row["last_inbound_at"]
    assert moment(row["due_at"]) - moment(row["last_inbound_at"]) == lasting(3)


@pytest.mark.parametrize("busy", ["lease_until", "turn_id"])
def test_an_open_turn_decides_when_its_conversation_is_due(database: Database, busy: str) -> None:
    ingest(database, item(1))
    conversation = database.conversation(due_at=at(60), pending_since=at(-9))
    database.change("conversations", conversation, **{busy: at(90) if busy == "lease_until" else 77})
    ingest(database, item(2, whatsapp_id="W2"))
    row = database.row("conversations", conversation)
    assert database.states() == ["open", "open"]
    assert (moment(row["pending_since"]), moment(row["due_at"])) == (at(-9), at(60))


def test_a_person_who_takes_over_has_answered_everything(database: Database) -> None:
    ingest(database, item(1), item(2, whatsapp_id="W2"))
    conversation = database.conversation()
    turn = database.turn(conversation)
    before = datetime.now(UTC)
    ingest(database, item(3, whatsapp_id="W3"), item(4, whatsapp_id="OWN", from_me=True))
    taken = database.row("conversations", conversation)
    assert database.states() == ["person", "person", "person"]
    assert (taken["pending_since"], taken["due_at"], taken["turn_id"]) == (None, None, None)
    assert timedelta(0) <= moment(taken["human_until"]) - before - lasting(1800) < lasting(5)
    assert (database.row("turns", turn)["state"], database.row("turns", turn)["reason"]) == ("replaced", "human")


def test_a_person_who_takes_over_leaves_a_turn_in_flight_to_its_worker(database: Database) -> None:
    conversation, turn = database.claimed(due_at=at(60))
    ingest(database, item(2, whatsapp_id="OWN", from_me=True))
    taken = database.row("conversations", conversation)
    assert (taken["turn_id"], moment(taken["due_at"])) == (turn, at(60))
    assert database.row("turns", turn)["state"] == "open"


def test_reports_are_refused_by_the_account_that_sent_them(database: Database) -> None:
    assert database.value("refusal('A', %s)", INSTANCE) is None
    assert database.value("refusal('B', %s)", INSTANCE) == "unknown"
    assert database.value("refusal('A', %s)", ORGANIZATION) == "foreign"
    database.value("dequeue_instance(%s, %s, 2, 2, 0)", INSTANCE, NOON)
    assert database.value("refusal('A', %s)", INSTANCE) == "closed"


@pytest.mark.parametrize(
    ("entry", "seen", "replaces"),  # when its bucket began, its revision, the newest one; when the bucket was seen
    [
        ((NOON, 7, 9), "before", True),  # a newer entry
        ((NOON, 5, 9), "before", True),  # the same one: rows may be lost
        ((NOON, 4, 9), "after", False),  # an older one, read late
        ((NOON, 3, 4), "after", True),  # the bucket has not reached 5: it was restored from a copy
        ((NOON, 3, 4), "before", False),  # or a worker looked at it long ago
        ((NOON - timedelta(days=1), 1, 1), "after", True),  # another bucket, whatever the server's clock said
        ((NOON - timedelta(days=1), 9, 9), "before", False),  # the one before, and a worker looked at it long ago
        ((NOON + timedelta(days=1), 1, 1), "before", True),
        ((NOON + timedelta(days=1), 1, 1), "after", True),
    ],
)
def test_settings_count_by_their_bucket_the_revision_in_it_and_when_it_was_seen(
    database: Database,
    entry: tuple[datetime, int, int],
    seen: str,
    replaces: bool,  # noqa: FBT001 a parametrized value
) -> None:
    reading = {"before": database.value("begin_settings_reading()")}
    assert database.value("enqueue_instance(%s, %s, 'A', %s, 5, 5, 0)", ORGANIZATION, INSTANCE, NOON)
    reading["after"] = database.value("begin_settings_reading()")
    of_bucket = "dequeue_instance(%s, %s, %s, %s, %s)"
    assert database.value(of_bucket, INSTANCE, *entry, reading[seen]) is replaces
    assert (database.value("refusal('A', %s)", INSTANCE) == "closed") is replaces


def test_the_accounts_whose_reports_can_be_stored_are_known_and_open(database: Database) -> None:
    assert database.value("open_accounts('{A,B}')") == ["A"]
    database.value("dequeue_instance(%s, %s, 2, 2, 0)", INSTANCE, NOON)
    assert database.value("open_accounts('{A,B}')") == []


def test_a_batch_returns_an_outcome_for_each_report_and_wakes_its_organization(database: Database) -> None:
    connection = item(5)
    connection["report"]["body"] = {"type": "connection", "state": "connected"}
    batch = [
        item(1),
        item(1),
        item(2, "B"),
        item(3, whatsapp_id="W3"),
        item(4, instance=INSTANCE) | {"instance": ORGANIZATION},
        connection,
    ]
    before = datetime.now(UTC)
    outcomes = database.value("ingest(%s, '8 seconds')", Jsonb(batch))
    took = datetime.now(UTC) - before
    assert outcomes == ["stored", "duplicate", "unknown", "stored", "foreign", "stored"]
    waited = database.value("due_at - ready_at from conversations, org_queue")
    assert lasting(5) <= waited <= lasting(5) + took, (
        "the queue is checked for the first message, the second waits for the gap"
    )
    assert database.states() == ["open", "open"]
    assert database.rows("select seen::text, missing_numbers(seen, lost)::text from chat_journals") == [
        ("{[1,2),[3,4)}", "{[2,3)}")
    ]


def test_an_own_message_known_by_its_id_is_an_echo(database: Database) -> None:
    conversation, turn = database.claimed()
    answer = Jsonb({"id": ORGANIZATION, "part": 0, "text": "Olá", "keep_seconds": 60})
    database.value(QUEUE_TEXT, conversation, turn, answer)
    database.rows("update outbox set whatsapp_id = 'OUT1'")
    same_text = item(1, from_me=True, text="Olá", whatsapp_id="typed")
    outcomes = database.value("ingest(%s, '0')", Jsonb([item(2, from_me=True, whatsapp_id="OUT1"), same_text]))
    assert outcomes == ["echo", "stored"]


@pytest.mark.parametrize(("outcome", "state"), [("sent", "sent"), ("ambiguous", "ambiguous")])
def test_a_request_is_closed_once(database: Database, outcome: str, state: str) -> None:
    conversation, turn = database.claimed()
    answer = Jsonb({"id": ORGANIZATION, "part": 0, "text": "Olá", "keep_seconds": 60})
    database.value(QUEUE_TEXT, conversation, turn, answer)
    close = "close_request(%s, %s, %s)"
    result = Jsonb({"request_id": ORGANIZATION, "outcome": outcome, "whatsapp_id": "W"})
    assert database.value(close, ORGANIZATION, INSTANCE, result) == "stored"
    late = Jsonb({"request_id": ORGANIZATION, "outcome": "failed"})
    assert database.value(close, ORGANIZATION, INSTANCE, late) == "duplicate"
    assert database.value("state from outbox") == state


# -- conversations and contacts


def conversation_of(database: Database, chat: str, alias: str | None, name: str | None = None) -> int:
    phone = next(("+" + jid.partition("@")[0] for jid in (chat, alias or "") if jid.endswith("whatsapp.net")), None)
    number: int = database.value(
        "conversation_of(%s, %s, %s, %s, %s, %s, %s, false, row(%s, %s, 9)::place)",
        ORGANIZATION,
        INSTANCE,
        chat,
        alias,
        phone,
        phone,
        name,
        NOON,
        EPOCH,
    )
    return number


def test_a_chat_has_one_conversation_whose_contact_is_learned(database: Database) -> None:
    first = conversation_of(database, HIDDEN, None)
    assert database.rows("select phone, phone_key, name from contacts") == [(None, None, None)]
    assert conversation_of(database, HIDDEN, CHAT, "Ana") == first
    assert conversation_of(database, CHAT, None) == first
    assert database.rows("select phone, phone_key, name from contacts") == [("+5511912340001",) * 2 + ("Ana",)]
    assert conversation_of(database, CHAT, HIDDEN, "Bia") == first
    assert database.value("name from contacts") == "Bia"
    assert database.value("count(*) from chat_alias") == 2


def test_two_conversations_of_one_chat_merge_into_that_of_the_hidden_address(database: Database) -> None:
    of_phone, of_hidden = conversation_of(database, CHAT, None, "Ana"), conversation_of(database, HIDDEN, None)
    database.change("conversations", of_phone, human_until=at(60))
    database.change("conversations", of_hidden, human_until=at(30))
    database.received(of_phone, 1, 4)
    database.received(of_hidden, 2, 3)
    assert conversation_of(database, HIDDEN, CHAT) == of_hidden
    kept, gone = database.row("conversations", of_hidden), database.row("conversations", of_phone)
    assert moment(kept["human_until"]) == at(60)
    assert (moment(kept["pending_since"]), moment(kept["last_inbound_at"])) == (at(1), at(4))
    assert (gone["merged_into"], gone["pending_since"], gone["due_at"], gone["fence"]) == (of_hidden, None, None, 1)
    ordered = database.rows("select conversation_id, whatsapp_id from messages order by place")
    assert ordered == [(of_hidden, f"W{number}") for number in (1, 2, 3, 4)]
    assert database.row("contacts", kept["contact_id"])["name"] == "Ana"
    assert database.value("count(distinct conversation_id) from chat_alias") == 1


def test_rows_of_other_parts_follow_their_contact(database: Database) -> None:
    database.rows("""
        create table visits (
            organization_id uuid not null, contact_id bigint not null,
            foreign key (organization_id, contact_id) references contacts
        )
    """)
    of_phone, of_hidden = conversation_of(database, CHAT, None), conversation_of(database, HIDDEN, None)
    gone, kept = (database.row("conversations", number)["contact_id"] for number in (of_phone, of_hidden))
    database.rows("insert into visits values (%s, %s)", ORGANIZATION, gone)
    conversation_of(database, HIDDEN, CHAT)
    assert database.value("contact_id from visits") == kept
    assert database.row("conversations", of_phone)["contact_id"] == gone


@pytest.mark.parametrize(
    ("settings", "phone"), [({"phone_number": "+551"}, "+551"), ({"phone_number": 7}, None), ({}, None), ([], None)]
)
def test_the_own_number_is_read_from_damaged_settings(
    database: Database, settings: Row | list[Row], phone: str | None
) -> None:
    assert database.value("own_phone_of(%s)", Jsonb(settings)) == phone


@pytest.mark.parametrize(
    ("owners", "customers"),
    [([], 1), (["+551112340001"], 0), (["+551199990000"], 1)],
    ids=["no owner", "the owner", "another owner"],
)
def test_owners_are_not_customers(database: Database, owners: list[str], customers: int) -> None:
    database.conversation()
    database.rows("update instances set owner_keys = %s", owners)
    assert database.value("count(*) from customer_conversations(%s)", ORGANIZATION) == customers


# -- claims and turns


def test_a_claim_takes_the_oldest_due_conversation_and_its_lease_is_the_next_due_time(database: Database) -> None:
    late = database.conversation(due_at=at(-5))
    database.conversation(chat=HIDDEN, due_at=at(-1))
    claim = database.value("claim_oldest(%s, %s, '10 seconds')", ORGANIZATION, NOON)
    assert claim == {"organization": ORGANIZATION, "conversation": late, "fence": 1, "claims": 1}
    row = database.row("conversations", late)
    assert (moment(row["due_at"]), moment(row["lease_until"])) == (at(10), at(10))
    assert database.value("claim_oldest(%s, %s, '10 seconds')", ORGANIZATION, at(-3)) is None


@pytest.mark.parametrize(
    ("due", "open_at", "earliest", "ready"),
    [(5, -9, 0, 5), (5, 7, 0, 7), (-5, -9, 1, 1), (None, -9, 0, None)],
    ids=["due later", "rate", "locked", "nothing"],
)
def test_an_organization_is_queued_for_its_next_turn(
    database: Database, due: float | None, open_at: float, earliest: float, ready: float | None
) -> None:
    database.conversation(due_at=at(due))
    database.rows("update org_queue set open_at = %s", at(open_at))
    database.value("requeue_org(q, %s) from org_queue q", at(earliest))
    found = database.value("nullif(ready_at, 'infinity') from org_queue")
    assert found == at(ready)


def test_an_organization_is_woken_at_the_earliest_of_several_moments(database: Database) -> None:
    moments = [at(9), at(3), at(6)]
    database.value("wake_orgs(%s::uuid[], %s)", [ORGANIZATION] * 3, moments)
    assert database.value("ready_at from org_queue") == at(3)
    database.value("wake_org(%s, %s)", ORGANIZATION, at(8))
    assert database.value("ready_at from org_queue") == at(3)


def test_a_turn_keeps_the_inputs_that_it_was_created_with(database: Database) -> None:
    conversation, turn = database.claimed()
    database.received(conversation, 2, 3)
    assert database.turn(conversation) == turn
    assert database.rows("select whatsapp_id from messages where turn_id = %s", turn) == [("W1",)]


@pytest.mark.parametrize(("fence", "held"), [(7, True), (6, False), (8, False)])
def test_a_worker_holds_a_turn_by_its_fence(database: Database, fence: int, held: bool) -> None:  # noqa: FBT001 the columns of the table
    conversation, _ = database.claimed()
    assert database.value("hold_turn(%s, %s, %s)", ORGANIZATION, conversation, fence) is held


def test_only_an_open_turn_is_replaced(database: Database) -> None:
    _, turn = database.claimed()
    database.value("replace_turn(%s, %s, 'human')", ORGANIZATION, turn)
    database.value("replace_turn(%s, %s, 'merged')", ORGANIZATION, turn)
    database.value("replace_turn(%s, null, 'merged')", ORGANIZATION)
    assert database.row("turns", turn)["reason"] == "human"


@pytest.mark.parametrize(("state", "waits"), [("person", False), ("open", True)], ids=["all answered", "one open"])
def test_a_conversation_waits_until_its_takeover_ends(database: Database, state: str, waits: bool) -> None:  # noqa: FBT001 the columns of the table
    end = datetime.now(UTC) + lasting(1800)
    conversation, turn = database.claimed(human_until=end)
    database.rows("update messages set state = %s", state)
    database.value("leave_unanswered(c) from conversations c where id = %s", conversation)
    row = database.row("conversations", conversation)
    assert (row["turn_id"], row["lease_until"]) == (None, None)
    assert (row["due_at"] and moment(row["due_at"])) == (end if waits else None)
    assert database.row("turns", turn)["state"] == "replaced"


ANSWER = {"id": ORGANIZATION, "part": 0, "text": "Olá", "keep_seconds": 60}
END = "end_turn(%s, %s, %s, %s, %s)"


def ending(conversation: int, turn: int, **changes: object) -> Jsonb:
    values: Row = {"state": "answered", "reason": None, "role": "customer", "answers": [ANSWER]}
    return Jsonb(values | {"last_step": step(conversation, turn)} | changes)


def test_a_turn_ends_with_its_step_its_cost_and_its_answer(database: Database) -> None:
    conversation, turn = database.claimed()
    ended = database.value(END, ORGANIZATION, conversation, 7, turn, ending(conversation, turn))
    assert ended == {"state": "answered", "more": False}
    assert database.rows("select cost_microdollars, outcome from ai_interactions") == [(3, "answered")]
    assert database.rows("select spent_microdollars, reserved_microdollars from ai_months") == [(3, 0)]
    assert database.rows("select state, body, expires_at - created_at from outbox") == [("pending", "Olá", lasting(60))]
    row = database.row("conversations", conversation)
    assert database.rows("select state, turn_id from messages where state is not null") == [("answered", turn)]
    assert (row["turn_id"], row["lease_until"], row["due_at"]) == (None, None, None)
    assert database.value("ready_at <= clock_timestamp() from relay_queue") is True


def test_a_turn_that_a_takeover_interrupts_keeps_its_cost_and_sends_nothing(database: Database) -> None:
    conversation, turn = database.claimed(human_until=datetime.now(UTC) + lasting(60))
    ended = database.value(END, ORGANIZATION, conversation, 7, turn, ending(conversation, turn))
    assert ended == {"state": "skipped", "more": True}
    assert database.rows("select state, turn_id from messages") == [("open", None)]
    assert database.value("due_at = human_until from conversations") is True
    assert database.value("count(*) from outbox") == 0
    assert database.rows("select cost_microdollars, outcome from ai_interactions") == [(3, "discarded")]


def test_a_turn_that_leaves_messages_unanswered_says_so(database: Database) -> None:
    conversation, turn = database.claimed()
    database.received(conversation, 2, arrived_at=NOON)
    ended = database.value(END, ORGANIZATION, conversation, 7, turn, ending(conversation, turn, last_step=None))
    assert ended == {"state": "answered", "more": True}
    assert database.value("due_at from conversations") == at(3)


def test_a_worker_that_lost_its_fence_writes_nothing(database: Database) -> None:
    conversation, turn = database.claimed()
    assert database.value(END, ORGANIZATION, conversation, 6, turn, ending(conversation, turn)) is None
    assert database.value("keep_step(%s, %s, 6, %s, '{}')", ORGANIZATION, conversation, turn) is False
    assert database.value(COUNT_ATTEMPT, ORGANIZATION, conversation, 6, turn) is None
    assert database.value(BURY, ORGANIZATION, conversation, 6, turn, failure()) is False
    assert database.value("count(*) from turn_steps") == 0
    assert database.row("turns", turn)["attempts"] == 0


def test_a_tools_result_is_stored_with_its_step(database: Database) -> None:
    conversation, turn = database.claimed()
    kept = Jsonb(step(conversation, turn, outcome="tools", tool_calls=["agendar"]))
    assert database.value("keep_step(%s, %s, 7, %s, %s)", ORGANIZATION, conversation, turn, kept) is True
    database.value("store_result(%s, %s, 0, 'call', 'result')", ORGANIZATION, turn)
    assert database.value("results from turn_steps where round = 0") == {"call": "result"}
    assert database.rows("select outcome, tool_calls from ai_interactions") == [("tools", ["agendar"])]


COUNT_ATTEMPT = "count_attempt(%s, %s, %s, %s, 'broken', 'customer')"
BURY = "bury_turn(%s, %s, %s, %s, %s)"


def failure(**changes: object) -> Jsonb:
    apology = ANSWER | {"part": 1, "text": "Desculpe"}
    values: Row = {"reason": "broken", "role": "customer", "apology": apology, "notice": "turn_failed"}
    return Jsonb(values | changes)


def test_failed_attempts_are_counted_and_retried_after_the_pause(database: Database) -> None:
    conversation, turn = database.claimed()
    assert [database.value(COUNT_ATTEMPT, ORGANIZATION, conversation, 7, turn) for _ in range(2)] == [1, 2]
    before = datetime.now(UTC)
    assert database.value("retry_turn(%s, %s, 7, '5 seconds')", ORGANIZATION, conversation) is True
    row = database.row("conversations", conversation)
    assert (row["lease_until"], row["turn_id"]) == (None, turn)
    assert before + lasting(5) <= moment(row["due_at"]) <= datetime.now(UTC) + lasting(5)
    assert database.value("count(*) from outbox") == 0


@pytest.mark.parametrize("bury", [BURY, "bury_plainly(%s, %s, %s, %s, %s)"])
@pytest.mark.parametrize("notice", ["turn_failed", None], ids=["customer", "owner's own"])
def test_a_dead_letter_is_closed_and_told(database: Database, bury: str, notice: str | None) -> None:
    conversation, turn = database.claimed()
    assert database.value(bury, ORGANIZATION, conversation, 7, turn, failure(notice=notice)) is True
    assert database.row("turns", turn)["state"] == "dead"
    assert database.row("conversations", conversation)["turn_id"] is None
    assert database.rows("select state, turn_id, reason from messages where state is not null") == [
        ("dead", turn, "broken")
    ]
    if bury == BURY:
        assert database.rows("select chat, body, part from outbox") == [(CHAT, "Desculpe", 1)]
        assert database.rows("select action, detail from audit_log") == [("turn_died", "broken")]
    noted = [] if notice is None and bury == BURY else [("turn_failed", f"turn:{turn}")]
    assert database.rows("select kind, reference from owner_notices") == noted


WAIT = "wait_for_model(%s, %s, %s, %s, %s, %s, '1 second', '10 seconds', %s, '5 minutes')"


def outage(**changes: object) -> Jsonb:
    promise = ANSWER | {"part": 1, "text": "Uma pessoa vai responder"}
    return Jsonb({"reason": "503", "role": "customer", "promise": promise, "notice": "model_outage"} | changes)


@pytest.mark.parametrize(("waits", "asked", "seconds"), [(0, 0, 1), (2, 0, 4), (9, 0, 10), (0, 30, 30)])
def test_a_turn_waits_for_the_model_with_a_doubling_pause(
    database: Database, waits: int, asked: float, seconds: float
) -> None:
    conversation, turn = database.claimed()
    database.change("turns", turn, waits=waits)
    arguments = (ORGANIZATION, conversation, 7, turn, outage(), lasting(asked), lasting(600))
    before = datetime.now(UTC)
    assert database.value(WAIT, *arguments) == "waiting"
    due = moment(database.row("conversations", conversation)["due_at"])
    assert before + lasting(seconds) <= due <= datetime.now(UTC) + lasting(seconds)
    assert database.rows("select attempts, waits, state from turns") == [(0, waits + 1, "open")]


def test_a_person_is_promised_once_in_an_outage_and_again_in_the_next(database: Database) -> None:
    verdicts = []
    for _ in range(3):
        conversation, turn = database.claimed()
        promise = ANSWER | {"id": str(uuid4()), "part": 1}
        arguments = (ORGANIZATION, conversation, 7, turn, outage(promise=promise), lasting(0), lasting(0))
        verdicts.append(database.value(WAIT, *arguments))
        database.change("conversations", conversation, turn_id=None)
        if len(verdicts) == 2:
            database.rows("update model_outages set failed_at = failed_at - interval '1 hour'")
            database.rows("update outbox set created_at = created_at - interval '1 hour'")
    assert verdicts == ["promised", "waiting", "promised"]


# -- outbox and relay

QUEUE_TEXT = """
queue_text((select c from conversations c where id = %s), (select t from turns t where id = %s), %s, 1)
"""


def test_each_part_of_a_turn_is_queued_once(database: Database) -> None:
    conversation, turn = database.claimed()
    for number in (ORGANIZATION, EPOCH):
        database.value(QUEUE_TEXT, conversation, turn, Jsonb(ANSWER | {"id": number}))
    assert database.rows("select id::text, based_on from outbox") == [(ORGANIZATION, 1)]
    written = database.rows("select author, body, outbox_id::text from messages where state is null")
    assert written == [("assistant", "Olá", ORGANIZATION)]


def test_one_relay_holds_an_instance_until_it_releases_it(database: Database) -> None:
    hold = "account from hold_relay(%s, %s, '4 seconds')"
    assert database.value(hold, INSTANCE, RELAY) == "A"
    assert database.value(hold, INSTANCE, OTHER_RELAY) is None
    assert database.value(hold, INSTANCE, RELAY) == "A"
    database.value("release_relay(%s, false, '250 milliseconds', '10 seconds', null)", INSTANCE)
    assert database.value(hold, INSTANCE, OTHER_RELAY) == "A"


def test_a_relay_pauses_longer_after_each_failure_and_success_forgets_them(database: Database) -> None:
    pauses = []
    for failed in (True, True, False, True):
        database.value("release_relay(%s, %s, '1 second', '10 seconds', null)", INSTANCE, failed)
        pauses.append(
            database.value("round(extract(epoch from nullif(ready_at, 'infinity') - now())) from relay_queue")
        )
    assert pauses == [1, 2, None, 1]


def test_only_failed_relays_are_retried_when_a_pod_reports(database: Database) -> None:
    database.rows("update relay_queue set ready_at = now() + interval '5 seconds'")
    database.value("retry_relays(%s::uuid[])", [INSTANCE])
    assert database.value("ready_at > clock_timestamp() from relay_queue") is True
    database.rows("update relay_queue set failures = 1")
    database.value("retry_relays(%s::uuid[])", [INSTANCE])
    assert database.value("ready_at > clock_timestamp() from relay_queue") is False


RELAY_STEP = "relay_step(%s, %s, %s, '4 seconds', %s::uuid[], %s::uuid[], %s, 20, '1 second', '10 seconds')"


def test_a_relay_gets_pending_texts_until_none_are_left(database: Database) -> None:
    conversation, turn = database.claimed()
    database.value(QUEUE_TEXT, conversation, turn, Jsonb(ANSWER))
    step = database.value(RELAY_STEP, ORGANIZATION, INSTANCE, RELAY, [], [], False)  # noqa: FBT003 the columns of the table
    assert (step["account"], step["organization"], step["instance"]) == ("A", "petshop", "main")
    assert [row["text"] for row in step["rows"]] == ["Olá"]
    assert database.value(RELAY_STEP, ORGANIZATION, INSTANCE, OTHER_RELAY, [], [], False) is None  # noqa: FBT003 the columns of the table
    step = database.value(RELAY_STEP, ORGANIZATION, INSTANCE, RELAY, [ORGANIZATION], [EPOCH], False)  # noqa: FBT003 the columns of the table
    assert step["rows"] == []
    assert database.rows("select holder, ready_at::text from relay_queue") == [(None, "infinity")]
    assert database.rows("select state, accepted_epoch::text from outbox") == [("accepted", EPOCH)]


def test_a_relay_whose_pod_does_not_accept_gets_nothing_and_is_released(database: Database) -> None:
    conversation, turn = database.claimed()
    database.value(QUEUE_TEXT, conversation, turn, Jsonb(ANSWER))
    step = database.value(RELAY_STEP, ORGANIZATION, INSTANCE, RELAY, [], [], True)  # noqa: FBT003 the columns of the table
    assert step["rows"] == []
    assert database.rows("select holder, failures from relay_queue") == [(None, 1)]


# -- notices to owners


def test_something_is_noted_for_the_owner_once(database: Database) -> None:
    for kind, reference in (
        ("stale", "message:1"),
        ("stale", "message:1"),
        ("stale", "message:2"),
        ("lost", "message:1"),
    ):
        database.value("note_for_owner(%s, %s, %s, %s)", ORGANIZATION, INSTANCE, kind, reference)
    assert database.value("count(*) from owner_notices") == 3
    assert database.value("count(*) from notice_queue") == 3


def test_a_new_journal_makes_what_an_older_one_accepted_ambiguous(database: Database) -> None:
    conversation, turn = database.claimed()
    database.value(QUEUE_TEXT, conversation, turn, Jsonb(ANSWER))
    database.rows("update outbox set state = 'accepted', accepted_epoch = %s", EPOCH)
    database.value("journal_began(%s, %s, %s)", ORGANIZATION, INSTANCE, EPOCH)
    assert database.value("state from outbox") == "accepted"
    database.value("journal_began(%s, %s, %s)", ORGANIZATION, INSTANCE, OTHER_EPOCH)
    assert database.rows("select state, error from outbox") == [("ambiguous", "JournalLost")]


def test_what_a_journal_accepted_that_is_gone_already_is_ambiguous(database: Database) -> None:
    conversation, turn = database.claimed()
    database.value(QUEUE_TEXT, conversation, turn, Jsonb(ANSWER))
    old, new = item(1), item(1)
    new["report"] |= {"journal_epoch": OTHER_EPOCH, "journal_started_at": str(at(60))}
    for report in (old, new):
        report["report"]["body"] = {"type": "connection", "state": "connected"}
        ingest(database, report)
    database.value("mark_accepted(%s, %s::uuid[], %s::uuid[])", ORGANIZATION, [ORGANIZATION], [EPOCH])
    assert database.rows("select state, error from outbox") == [("ambiguous", "JournalLost")]
    assert database.value("kind from owner_notices") == "ambiguous"


def test_a_text_that_was_sent_though_nobody_heard_that_it_was_accepted_has_not_expired(database: Database) -> None:
    conversation, turn = database.claimed()
    database.value(QUEUE_TEXT, conversation, turn, Jsonb(ANSWER))
    database.rows("update outbox set expires_at = clock_timestamp() - interval '1 second'")
    database.value(RELAY_STEP, ORGANIZATION, INSTANCE, RELAY, [], [], False)  # noqa: FBT003 the columns of the table
    assert database.value("state from outbox") == "expired"
    result = Jsonb({"request_id": ORGANIZATION, "outcome": "sent", "whatsapp_id": "W"})
    assert database.value("close_request(%s, %s, %s)", ORGANIZATION, INSTANCE, result) == "stored"
    assert database.rows("select state, whatsapp_id, error from outbox") == [("sent", "W", None)]
    assert database.value("count(*) from owner_notices") == 0


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)])
def test_of_reports_of_the_connection_the_newest_counts_in_whatever_order_they_arrive(
    database: Database, order: tuple[int, ...]
) -> None:
    reports = []
    for number, state in enumerate(("connected", "ended", "connected")):
        report = item(number + 1)
        report["report"]["body"] = {"type": "connection", "state": state}
        reports.append(report)
    for number in order:
        assert database.value("ingest(%s, '8 seconds')", Jsonb([reports[number]])) == ["stored"]
    assert database.rows("select ended, (connection_place).sequence from relay_queue") == [(False, 3)]


def test_a_connection_is_known_with_its_last_outage(database: Database) -> None:
    known = []
    for number, (state, seconds) in enumerate(
        [("pairing", 0), ("connected", 1), ("reconnecting", 2), ("ended", 3), ("connected", 9), ("connected", 10)]
    ):
        report = item(number + 1)
        report["report"] |= {"occurred_at": str(at(seconds)), "body": {"type": "connection", "state": state}}
        ingest(database, report)
        known += database.rows("select state, since, down_since, outage_since, outage_until from connection_states")
    assert known == [
        ("pairing", at(0), None, None, None),
        ("connected", at(1), None, None, None),
        ("reconnecting", at(2), at(2), None, None),
        ("ended", at(3), at(2), None, None),
        ("connected", at(9), None, at(2), at(9)),
        ("connected", at(10), None, at(2), at(9)),
    ]
