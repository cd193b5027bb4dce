"""In whichever order reports arrive: what a person's message, #bot and a hand-over make of one conversation."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from integration.ai.engine_database import (
    CHAT,
    HIDDEN,
    INSTANCE,
    LIMITS,
    NOON,
    ORGANIZATION,
    OTHER_EPOCH,
    Database,
    Row,
    ingest,
    item,
    lasting,
)
from psycopg.types.json import Jsonb

ORDER = {"reason": "asked", "urgency": "normal", "summary": "banho", "minutes": 720}
URGENT = ORDER | {"reason": "emergency", "urgency": "urgent", "summary": "veneno"}
NO_ANSWERS: list[object] = []


def by_person(sequence: int, text: str = "Oi", *, command: bool = False, **changes: object) -> Row:
    """A report of a message that a person wrote on the phone; `command` is what workers make of its text."""
    made = item(sequence, from_me=True, whatsapp_id=f"P{sequence}", text=text, **changes)
    return made | {"command": command}


def by_customer(sequence: int, **changes: object) -> Row:
    return item(sequence, whatsapp_id=f"C{sequence}", **changes)


def hand_over(engine: Database, ordered: Row | None = None) -> int:
    """End the turn of the customer's open messages with a hand-over; returns the conversation."""
    conversation = int(engine.value("max(id) from conversations"))
    engine.rows("update conversations set fence = 7, lease_until = %s", datetime.now(UTC) + lasting(60))
    turn = engine.turn(conversation)
    ending = {"state": "answered", "role": "customer", "answers": NO_ANSWERS, "hand_over": ordered or ORDER}
    assert engine.value("end_turn(%s, %s, 7, %s, %s) is not null", ORGANIZATION, conversation, turn, Jsonb(ending))
    return conversation


def promises(engine: Database) -> list[tuple[str, str | None]]:
    return [(reason, ended) for reason, ended in engine.rows("select reason, ended from hand_overs order by id")]


def silent(engine: Database) -> float | None:
    """How long the assistant is still silent, in minutes; None: it is not."""
    left = engine.value("max(human_until) - clock_timestamp() from conversations where merged_into is null")
    return None if left is None or left.total_seconds() <= 0 else left.total_seconds() / 60


@pytest.fixture
def waiting(engine: Database) -> Database:
    """A customer, whose messages have places 1 and 3, waits for a person; 2 is missing so far."""
    ingest(engine, by_customer(1), by_customer(3))
    hand_over(engine)
    assert promises(engine) == [("asked", None)]
    assert 719 < (silent(engine) or 0) <= 720
    return engine


def test_a_persons_later_message_ends_the_wait_and_leaves_a_takeover(waiting: Database) -> None:
    ingest(waiting, by_person(4))
    assert promises(waiting) == [("asked", "answered")]
    assert 29 < (silent(waiting) or 0) <= 30
    assert waiting.value("human_reason from conversations") == "answered"


def test_a_persons_earlier_message_that_comes_late_ends_no_wait(waiting: Database) -> None:
    ingest(waiting, by_person(2))
    assert promises(waiting) == [("asked", None)]
    assert (silent(waiting) or 0) > 719
    assert waiting.value("human_reason from conversations") == "hand_over"


def test_bot_after_a_hand_over_ends_it_and_before_it_does_not(waiting: Database) -> None:
    ingest(waiting, by_person(2, "#bot", command=True))
    assert promises(waiting) == [("asked", None)]
    ingest(waiting, by_customer(4), by_person(5, "#bot", command=True))
    assert promises(waiting) == [("asked", "handed_back")]
    assert silent(waiting) is None
    assert waiting.value("due_at <= clock_timestamp() + interval '15 seconds' from conversations") is True
    assert waiting.states()[-1] == "open"  # to be answered by the assistant: #bot is no answer


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["in order", "reversed"])
def test_bot_after_a_persons_message_hands_back_in_any_order(engine: Database, order: tuple[int, int]) -> None:
    reports = by_person(2), by_person(3, "#bot", command=True)
    ingest(engine, by_customer(1), *(reports[index] for index in order))
    assert silent(engine) is None
    assert engine.states() == ["person"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["in order", "reversed"])
def test_a_person_who_writes_after_bot_takes_over_in_any_order(engine: Database, order: tuple[int, int]) -> None:
    reports = by_person(2, "#bot", command=True), by_person(3)
    ingest(engine, by_customer(1), *(reports[index] for index in order))
    assert 29 < (silent(engine) or 0) <= 30


def test_bot_twice_is_bot_once(waiting: Database) -> None:
    command = by_person(4, "#bot", command=True)
    assert ingest(waiting, command, command) == ["stored", "duplicate"]
    assert promises(waiting) == [("asked", "handed_back")]
    assert waiting.value("count(*) from messages m where is_shown(m) and m.body = '#bot'") == 0


def test_an_edit_into_bot_hands_back_and_a_self_chat_or_group_knows_no_command(waiting: Database) -> None:
    group = by_person(1, "#bot", command=True, chat="123@g.us")
    own = by_person(2, "#bot", command=True, chat="5511999990000@s.whatsapp.net", self_chat=True)
    ingest(waiting, group, own)
    assert promises(waiting) == [("asked", None)]
    assert (
        waiting.value("state || ': ' || reason from messages where chat like '551199999%%'")
        == "ignored: needs no answer"
    )
    edit = {"target": {"whatsapp_id": "P9", "from_me": True}, "type": "edit"}
    ingest(waiting, by_person(6, "#BOT", command=True, kind="edit", details=edit))
    assert promises(waiting) == [("asked", "handed_back")]


def test_a_second_hand_over_before_the_first_has_an_answer_is_one_wait(waiting: Database) -> None:
    since = waiting.value("created_at from hand_overs")
    ingest(waiting, by_customer(4))
    waiting.rows("update conversations set human_until = null")
    waiting.rows("update hand_overs set silences = false")  # as a promise during an outage, which silences nobody
    hand_over(waiting, URGENT)
    hand_over_again = waiting.rows("select reason, urgency, summary, created_at, ended from hand_overs")
    assert hand_over_again == [("emergency", "urgent", "veneno", since, None)]
    assert waiting.rows("select kind from owner_notices where kind <> 'lost' order by id") == [
        ("hand_over",),
        ("hand_over_urgent",),
    ]


@pytest.mark.parametrize(
    ("earlier", "later", "wins"),
    [(None, ORDER, ORDER), (ORDER, None, ORDER), (URGENT, ORDER, URGENT), (ORDER, URGENT, URGENT), (None, None, None)],
)
def test_the_more_urgent_order_wins_else_the_later(
    engine: Database, earlier: Row | None, later: Row | None, wins: Row | None
) -> None:
    one, other = (None if order is None else Jsonb(order) for order in (earlier, later))
    assert engine.value("more_urgent(%s::jsonb, %s::jsonb)", one, other) == wins
    newer = ORDER | {"summary": "tosa"}
    assert engine.value("more_urgent(%s::jsonb, %s::jsonb)", Jsonb(ORDER), Jsonb(newer)) == newer


def test_a_person_who_took_over_meanwhile_makes_the_order_void(engine: Database) -> None:
    ingest(engine, by_customer(1))
    engine.rows("update conversations set human_until = clock_timestamp() + interval '30 minutes'")
    hand_over(engine)
    assert promises(engine) == []
    assert engine.rows("select from owner_notices") == []


def die(engine: Database, **columns: object) -> int:
    """Make a dead letter of the turn of the customer's open messages; returns the turn."""
    conversation = int(engine.value("max(id) from conversations"))
    engine.rows("update conversations set fence = 7, lease_until = %s", datetime.now(UTC) + lasting(60))
    turn = engine.turn(conversation, **columns)
    apology = {"id": str(uuid4()), "part": 1, "text": "Desculpe", "keep_seconds": 60}
    failure = {"reason": "x", "role": "customer", "apology": apology, "notice": "turn_failed"}
    died = failure | {"hand_over": ORDER | {"reason": "turn_died", "silences": False}}
    assert engine.value("bury_turn(%s, %s, 7, %s, %s)", ORGANIZATION, conversation, turn, Jsonb(died)) is True
    return turn


def apologies(engine: Database) -> int:
    return int(engine.value("count(*) from outbox where part = 1"))


def test_a_dead_turn_silences_nobody_and_one_apology_is_enough_until_somebody_answers(engine: Database) -> None:
    ingest(engine, by_customer(1))
    die(engine)
    assert (promises(engine), apologies(engine), silent(engine)) == ([("turn_died", None)], 1, None)
    ingest(engine, by_customer(2))
    last = die(engine)
    assert (promises(engine), apologies(engine)) == ([("turn_died", None)], 1)
    assert engine.value("count(*) from owner_notices where kind = 'turn_failed'") == 2
    ingest(engine, by_customer(3))
    ended = answer(engine)
    assert (ended["state"], promises(engine)) == ("answered", [("turn_died", None)])  # nobody has kept it
    engine.value("replay_turn(%s, %s, 'ana', false)", ORGANIZATION, last)
    assert promises(engine) == [("turn_died", "replayed")]
    engine.rows("update conversations set turn_id = null")
    ingest(engine, by_customer(4))
    die(engine)
    assert apologies(engine) == 2
    ingest(engine, by_person(5))
    assert promises(engine)[1:] == [("turn_died", "answered")]


def test_a_promise_without_silence_is_forgotten_after_its_own_time(engine: Database) -> None:
    engine.rows("update instances set settings = jsonb_set(settings, '{ai,handover_minutes}', '720')")
    ingest(engine, by_customer(1))
    engine.rows("update conversations set human_until = clock_timestamp() - interval '1 hour'")  # a takeover before it
    die(engine)
    assert engine.value("count(*) from forgotten_promises(%s)", ORGANIZATION) == 0
    engine.rows("update hand_overs set created_at = created_at - interval '13 hours'")
    assert engine.value("count(*) from forgotten_promises(%s)", ORGANIZATION) == 1
    engine.rows("update hand_overs set reason = 'emergency'")  # noted for the owner alone: nothing was promised
    assert engine.value("count(*) from forgotten_promises(%s)", ORGANIZATION) == 0


def answer(engine: Database, **ending: object) -> Row:
    """End the turn of the customer's open messages."""
    conversation = int(engine.value("max(id) from conversations"))
    engine.rows("update conversations set fence = 7, lease_until = %s", datetime.now(UTC) + lasting(60))
    turn = engine.turn(conversation)
    values = {"state": "answered", "role": "customer", "answers": NO_ANSWERS} | ending
    ended: Row = engine.value("end_turn(%s, %s, 7, %s, %s)", ORGANIZATION, conversation, turn, Jsonb(values))
    return ended


@pytest.mark.parametrize("person", ["has taken over", "has answered"])
def test_nobody_is_promised_a_person_while_one_writes(engine: Database, person: str) -> None:
    ingest(engine, by_customer(1))
    if person == "has taken over":
        engine.rows("update conversations set human_until = clock_timestamp() + interval '30 minutes'")
        die(engine)
    else:
        conversation = int(engine.value("max(id) from conversations"))
        engine.turn(conversation)
        engine.rows("update conversations set fence = 7, lease_until = %s", datetime.now(UTC) + lasting(60))
        ingest(engine, by_person(2))
        engine.rows("update conversations set human_until = null")  # it was long ago
        die(engine)
    assert (promises(engine), apologies(engine)) == ([], 0)
    assert engine.rows("select kind from owner_notices") == [("turn_failed",)]


def opened(engine: Database) -> Row | None:
    """What a worker reads that claims the conversation now; None: nothing is to be done."""
    conversation = int(engine.value("max(id) from conversations"))
    engine.rows("update conversations set fence = 7, lease_until = %s", datetime.now(UTC) + lasting(60))
    found: Row | None = engine.value("open_turn(%s, %s, 7, %s)", ORGANIZATION, conversation, LIMITS)
    return found


def due(engine: Database) -> float:
    """In how many seconds the conversation is due."""
    left = engine.value("due_at - clock_timestamp() from conversations where merged_into is null")
    return float(left.total_seconds())


def test_an_emergency_is_looked_at_while_people_answer_and_only_it(waiting: Database) -> None:
    ingest(waiting, by_customer(4))
    assert due(waiting) > 3600
    assert opened(waiting) is None
    ingest(waiting, by_customer(5) | {"urgent": True})
    assert due(waiting) < 5
    turn = opened(waiting)
    assert turn is not None
    assert (turn["human"], turn["emergency_seconds"], len(turn["inputs"])) == (True, None, 2)
    assert answer(waiting, state="skipped", reason="human")["more"] is True
    assert (due(waiting) > 3600, opened(waiting)) == (True, None)  # looked at: the rest is for people
    ingest(waiting, by_customer(6) | {"urgent": True})
    text = {"id": str(uuid4()), "part": 6, "text": "Ligue agora", "keep_seconds": 60}
    ended = answer(waiting, answers=[text], reason="emergency", urgent=True, hand_over=URGENT)
    assert (ended["state"], promises(waiting)) == ("answered", [("emergency", None)])
    assert waiting.states() == ["answered"] * 5
    ingest(waiting, by_customer(7) | {"urgent": True})
    again = opened(waiting)
    assert again is not None
    assert again["emergency_seconds"] < 60


def test_an_emergency_does_not_wait_for_the_turn_before_it(engine: Database) -> None:
    ingest(engine, by_customer(1))
    first = opened(engine)
    assert first is not None
    engine.rows("update turns set reason = '503', waits = 9")
    conversation = int(engine.value("max(id) from conversations"))
    engine.value("retry_turn(%s, %s, 7, '1 hour')", ORGANIZATION, conversation)
    ingest(engine, by_customer(2))
    assert due(engine) > 3000
    ingest(engine, by_customer(3) | {"urgent": True})
    assert due(engine) <= 0
    turn = opened(engine)
    assert turn is not None
    assert (turn["turn"], len(turn["inputs"])) == (first["turn"], 3)
    ingest(engine, by_customer(4) | {"urgent": True})  # while a worker holds it
    engine.value("retry_turn(%s, %s, 7, '1 hour')", ORGANIZATION, conversation)
    assert due(engine) <= 0
    assert len((opened(engine) or {})["inputs"]) == 4
    engine.value("retry_turn(%s, %s, 7, '1 hour')", ORGANIZATION, conversation)
    assert due(engine) > 3000


def test_a_person_who_answers_an_emergency_meanwhile_has_answered_it(waiting: Database) -> None:
    ingest(waiting, by_customer(4) | {"urgent": True})
    assert opened(waiting) is not None
    ingest(waiting, by_person(5))
    text = {"id": str(uuid4()), "part": 6, "text": "Ligue agora", "keep_seconds": 60}
    ended = answer(waiting, answers=[text], reason="emergency", urgent=True, hand_over=URGENT)
    assert (ended["state"], promises(waiting)) == ("skipped", [("asked", "answered")])
    assert waiting.value("count(*) from outbox") == 0


def test_what_is_noted_for_the_owner_alone_silences_nobody(engine: Database) -> None:
    ingest(engine, by_customer(1) | {"urgent": True})
    ended = answer(engine, state="skipped", reason="private", urgent=True, hand_over=URGENT | {"silences": False})
    assert (ended["state"], promises(engine), silent(engine)) == ("skipped", [("emergency", None)], None)
    assert engine.rows("select kind from owner_notices") == [("hand_over_urgent",)]
    found = engine.value("open_notices(%s, %s, array(select id from owner_notices))", ORGANIZATION, INSTANCE)
    [noted] = found["notices"]
    assert (noted["reason"], noted["silences"], noted["commanded"]) == ("emergency", False, False)


def test_a_dead_turn_hands_over_as_its_tool_ordered_and_its_replay_ends_that(engine: Database) -> None:
    ingest(engine, by_customer(1))
    turn = die(engine, hand_over=Jsonb(URGENT))
    assert promises(engine) == [("emergency", None)]  # what the tool had ordered
    kinds = {kind for (kind,) in engine.rows("select kind from owner_notices")}
    assert kinds == {"turn_failed", "hand_over_urgent"}
    replayed = engine.value("replay_turn(%s, %s, 'ana', false)", ORGANIZATION, turn)
    assert replayed["due"] is None
    assert promises(engine) == [("emergency", "replayed")]
    assert silent(engine) is None


@pytest.mark.parametrize("answered", [False, True], ids=["nobody has answered", "a person has, in the other chat"])
def test_two_conversations_that_are_one_wait_together(engine: Database, *, answered: bool) -> None:
    ingest(engine, by_customer(1, chat=HIDDEN, sender=HIDDEN))
    hand_over(engine)
    rest = [by_customer(2)] if not answered else [by_customer(2), by_person(3)]
    ingest(engine, *rest)
    ingest(engine, by_customer(4, chat=HIDDEN, sender=HIDDEN, chat_alias=CHAT))
    assert engine.value("count(*) from conversations where merged_into is null") == 1
    assert promises(engine) == [("asked", "answered" if answered else None)]
    expected = 30 if answered else 720
    assert expected - 1 < (silent(engine) or 0) <= expected


def test_two_that_wait_and_are_one_wait_since_the_first(engine: Database) -> None:
    ingest(engine, by_customer(1, chat=HIDDEN, sender=HIDDEN))
    hand_over(engine)
    ingest(engine, by_customer(2))
    hand_over(engine, URGENT)
    ingest(engine, by_customer(4, chat=HIDDEN, sender=HIDDEN, chat_alias=CHAT))
    assert promises(engine) == [("asked", None), ("emergency", "merged")]


def test_a_clock_put_back_leaves_no_wait_longer_than_it_was_ordered(waiting: Database) -> None:
    conversation = waiting.value("max(id) from conversations")
    ahead = "clock_timestamp() + interval '3 days'"
    waiting.rows(f"update conversations set human_until = {ahead} + human_span, human_since = {ahead}")  # noqa: S608 ours
    waiting.value(
        "bring_conversation_forward(%s, %s, '10 seconds', '1 minute', '8 seconds', '2 minutes')",
        ORGANIZATION,
        conversation,
    )
    assert 719 < (silent(waiting) or 0) <= 720
    assert waiting.value("human_since <= clock_timestamp() from conversations") is True


def test_a_message_in_an_older_journal_ends_no_wait(waiting: Database) -> None:
    late = by_person(9)
    late["report"] |= {"journal_epoch": OTHER_EPOCH, "journal_started_at": (NOON - lasting(3600)).isoformat()}
    ingest(waiting, late)
    assert promises(waiting) == [("asked", None)]
    assert (silent(waiting) or 0) > 719


@pytest.mark.parametrize(("state", "ended"), [("answered", "assistant"), ("skipped", None)])
def test_the_promise_of_an_outage_is_kept_by_the_answer_and_silences_nobody(
    engine: Database, state: str, ended: str | None
) -> None:
    ingest(engine, by_customer(1))
    conversation = int(engine.value("max(id) from conversations"))
    engine.rows("update conversations set fence = 7, lease_until = %s", datetime.now(UTC) + lasting(60))
    turn = engine.turn(conversation)
    row = "(select {0} from {1} {0} where id = %s)"
    note = f"note_hand_over({row.format('c', 'conversations')}, {row.format('t', 'turns')}, %s, false)"
    engine.value(note, conversation, turn, Jsonb(ORDER | {"reason": "model_outage"}))
    assert silent(engine) is None
    ending = {"state": state, "role": "customer", "answers": NO_ANSWERS, "reason": None}
    engine.value("end_turn(%s, %s, 7, %s, %s)", ORGANIZATION, conversation, turn, Jsonb(ending))
    assert promises(engine) == [("model_outage", ended)]
