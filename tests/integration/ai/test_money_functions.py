"""What calls cost is counted once each, in their month, and never beyond a budget."""

import threading
from typing import Any

import psycopg
from integration.ai.engine_database import INSTANCE, ORGANIZATION, Database, Row, call
from psycopg.types.json import Jsonb

MONTHS = "select month::text, spent_microdollars, reserved_microdollars from ai_months order by month"
NOTICES = "select kind, reference from owner_notices order by id"
RACING = 20
SHARE = 0.8


def record(engine: Database, made: Row) -> None:
    engine.value("record_call(%s, %s)", ORGANIZATION, Jsonb(made))


def reserve(engine: Database, made: Row) -> bool:
    return bool(engine.value("reserve_call(%s, %s, %s)", ORGANIZATION, Jsonb(made), SHARE))


def reserved(conversation: int, bound: int, **changes: object) -> Row:
    open_ended: Row = {"outcome": "reserved", "cost_microdollars": None, "reserved_microdollars": bound}
    return call(conversation, **open_ended | changes)


def budget(engine: Database, microdollars: object) -> None:
    engine.rows(
        "update instances set settings = jsonb_set(settings, '{ai,monthly_budget_microdollars}', %s)",
        Jsonb(microdollars),
    )


def test_an_owner_who_wants_no_warnings_hears_only_that_the_budget_is_spent(engine: Database) -> None:
    conversation = engine.conversation()
    budget(engine, 1000)
    engine.rows(
        "update instances set settings = jsonb_set(settings, '{ai,aurora}', %s)",
        Jsonb({"warnings": {"enabled": False}}),
    )
    assert reserve(engine, reserved(conversation, 900))
    assert engine.rows(NOTICES) == []
    assert not reserve(engine, reserved(conversation, 900))
    assert engine.rows(NOTICES) == [("budget_spent", "month:2026-11-01:1000")]


def test_a_call_counts_once_however_often_it_is_stored(engine: Database) -> None:
    conversation = engine.conversation()
    made = call(conversation)
    for outcome in "answered", "answered", "discarded":
        record(engine, made | {"outcome": outcome})
    record(engine, call(conversation, cost_microdollars=None, price_source=None))
    record(engine, call(conversation, month="2026-12-01"))
    assert engine.rows(MONTHS) == [("2026-11-01", 3, 0), ("2026-12-01", 3, 0)]
    assert engine.rows("select outcome from ai_interactions where id = %s", made["id"]) == [("answered",)]


def test_a_reservation_is_settled_once_in_the_month_in_which_it_was_made(engine: Database) -> None:
    conversation = engine.conversation()
    budget(engine, 1000)
    made = reserved(conversation, 100)
    assert reserve(engine, made)
    assert engine.rows(MONTHS) == [("2026-11-01", 0, 100)]
    settled = call(conversation, id=made["id"], month="2026-12-01", cost_microdollars=7)
    record(engine, settled)
    record(engine, settled)
    assert engine.rows(MONTHS) == [("2026-11-01", 7, 0)]
    assert engine.rows("select outcome, cost_microdollars, reserved_microdollars from ai_interactions") == [
        ("answered", 7, 100)
    ]


def test_what_is_never_settled_counts_in_full(engine: Database) -> None:
    conversation = engine.conversation()
    budget(engine, 100)
    assert reserve(engine, reserved(conversation, 60))
    assert not reserve(engine, reserved(conversation, 41))
    assert reserve(engine, reserved(conversation, 40))
    assert not reserve(engine, reserved(conversation, 1))
    assert reserve(engine, reserved(conversation, 100, month="2026-12-01"))
    assert engine.rows(MONTHS) == [("2026-11-01", 0, 100), ("2026-12-01", 0, 100)]


def test_a_budget_may_be_lowered_below_what_is_spent_raised_removed_and_set_again(engine: Database) -> None:
    conversation = engine.conversation()
    record(engine, call(conversation, cost_microdollars=50))  # before there was a budget
    allowed = []
    for microdollars in 55, 40, 60, None, 60, 70, "damaged":
        budget(engine, microdollars)
        allowed.append(reserve(engine, reserved(conversation, 10)))
    assert allowed == [False, False, True, True, False, False, True]
    assert engine.rows(MONTHS) == [("2026-11-01", 50, 30)]


def test_the_owner_hears_once_of_each_budget_of_a_month_that_it_is_low_and_that_it_is_spent(engine: Database) -> None:
    conversation = engine.conversation()
    for month in "2026-11-01", "2026-12-01":
        for microdollars in 100, 1000:  # raised once it is spent
            budget(engine, microdollars)
            for tenths in 7.9, 0.1, 0.1, 5, 5:
                bound = int(tenths * microdollars / 10)
                reserve(engine, reserved(conversation, bound, month=month))
            about = f"month:{month}:{microdollars}"
            assert engine.rows(NOTICES)[-2:] == [("budget_low", about), ("budget_spent", about)]
    assert len(engine.rows(NOTICES)) == 2 * 2 * 2


def test_twenty_that_race_for_the_last_cents_do_not_overshoot(engine_url: str) -> None:
    with psycopg.connect(engine_url, autocommit=True) as connection:
        database = Database(connection)
        conversation = database.conversation()
        budget(database, 1000)
        won = _raced(engine_url, conversation)
        assert sum(won) == 1000 // 90
        assert database.rows(MONTHS) == [("2026-11-01", 0, 990)]
        assert sorted(database.rows(NOTICES)) == [
            ("budget_low", "month:2026-11-01:1000"),
            ("budget_spent", "month:2026-11-01:1000"),
        ]
        database.rows("truncate ai_interactions, ai_months, owner_notices, conversations cascade")


def _raced(url: str, conversation: int) -> list[bool]:
    """Have connections reserve at once; return which could."""
    ready, won = threading.Barrier(RACING), []

    def race() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            ready.wait()
            statement = "select reserve_call(%s, %s, %s)"
            found: Any = connection.execute(
                statement, [ORGANIZATION, Jsonb(reserved(conversation, 90)), SHARE]
            ).fetchone()
            won.append(found[0])

    racers = [threading.Thread(target=race) for _ in range(RACING)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert len(won) == RACING
    return won


def test_a_merged_conversation_brings_what_it_cost(engine: Database) -> None:
    gone, kept = engine.conversation(chat="1@lid"), engine.conversation(chat="2@lid")
    record(engine, call(gone))
    engine.value("merge_conversations(%s, %s, %s)", ORGANIZATION, kept, gone)
    assert engine.rows("select conversation_id from ai_interactions") == [(kept,)]
    assert engine.value("instance_id = %s from ai_months", INSTANCE) is True
