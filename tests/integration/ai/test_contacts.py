"""What contacts want, and who is never answered, as PostgreSQL keeps it."""

from integration.ai.engine_database import (
    CHAT,
    EPOCH,
    HIDDEN,
    INSTANCE,
    LIMITS,
    NOON,
    ORGANIZATION,
    Database,
    Row,
)
from psycopg.types.json import Jsonb

PHONE_KEY = "+551112340001"


def contact_of(database: Database, conversation: int) -> int:
    return int(database.row("conversations", conversation)["contact_id"])


def shown(database: Database, conversation: int, turn: int) -> Row:
    """The contact as a turn shows it."""
    document: Row = database.value(
        "turn_document(v, t, %s) from conversations v, turns t where v.id = %s and t.id = %s",
        LIMITS,
        conversation,
        turn,
    )
    found: Row = document["contact"]
    return found


def test_a_listed_number_is_private_in_whichever_conversation_it_writes(engine: Database) -> None:
    conversation, turn = engine.claimed()
    assert shown(engine, conversation, turn)["private"] is False
    engine.value("list_private(%s, %s)", ORGANIZATION, [PHONE_KEY, "+551112340009", PHONE_KEY])
    assert shown(engine, conversation, turn)["private"] is True
    engine.value("list_private(%s, %s)", ORGANIZATION, ["+551112340009"])
    assert shown(engine, conversation, turn)["private"] is False
    engine.change("contacts", contact_of(engine, conversation), private=True)
    assert shown(engine, conversation, turn)["private"] is True


def test_a_person_can_be_marked_before_and_after_writing(engine: Database) -> None:
    person = Jsonb({"chat": CHAT, "phone": "+5511912340001", "phone_key": PHONE_KEY})
    known = "known_contact(%s, %s, %s)"
    nobody = {"known": False, "listed": False, "private": False, "opt_out": None}
    assert engine.value(known, ORGANIZATION, INSTANCE, person) == nobody
    engine.value("mark_private(%s, %s, %s, false)", ORGANIZATION, INSTANCE, person)
    assert engine.value(known, ORGANIZATION, INSTANCE, person) == nobody
    engine.value("mark_private(%s, %s, %s, true)", ORGANIZATION, INSTANCE, person)
    conversation, turn = engine.claimed()
    assert shown(engine, conversation, turn)["private"] is True
    engine.value("mark_private(%s, %s, %s, false)", ORGANIZATION, INSTANCE, person)
    assert engine.value(known, ORGANIZATION, INSTANCE, person) == nobody | {"known": True}
    engine.value("list_private(%s, %s)", ORGANIZATION, [PHONE_KEY])
    assert engine.value(known, ORGANIZATION, INSTANCE, person) == nobody | {
        "known": True,
        "listed": True,
        "private": True,
    }


def test_whoever_turns_out_to_be_one_contact_keeps_what_was_said_last(engine: Database) -> None:
    by_phone = engine.conversation()
    by_hidden = engine.value(
        "conversation_of(%s, %s, %s, null, null, null, null, false, null)", ORGANIZATION, INSTANCE, HIDDEN
    )
    place = "row(%s, %s, %s)::place"
    for conversation, scope, sequence in ((by_phone, "all", 2), (by_hidden, None, 1)):
        engine.rows(
            f"update contacts set opt_out = %s, opt_out_place = {place} where id = %s",  # noqa: S608 a constant
            scope,
            NOON,
            EPOCH,
            sequence,
            contact_of(engine, conversation),
        )
    engine.change("contacts", contact_of(engine, by_phone), private=True)
    engine.value("merge_conversations(%s, %s, %s)", ORGANIZATION, by_hidden, by_phone)
    kept = engine.row("contacts", contact_of(engine, by_hidden))
    assert (kept["opt_out"], kept["opt_out_place"]["sequence"], kept["private"]) == ("all", 2, True)
    assert engine.value("conversation_at(%s, %s)", INSTANCE, CHAT) == by_hidden
