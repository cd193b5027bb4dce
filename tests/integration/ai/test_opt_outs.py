"""An opt-out holds from the message that says so, whatever comes in which order, and whoever is sending just then."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from uuid import uuid4

import psycopg
import pytest
from integration.ai.engine_database import CHAT, INSTANCE, ORGANIZATION, RELAY, Database, Row, ingest, item
from psycopg.types.json import Jsonb

STEP = "select relay_step(%s, %s, %s, '4 seconds', '{}'::uuid[], '{}'::uuid[], false, 20, '1 second', '10 seconds')"
RECIPIENT = Jsonb({"chat": CHAT, "phone": "+5511912340001", "phone_key": "+551112340001"})


def said(sequence: int, wish: str | None, **changes: object) -> Row:
    report = item(sequence, whatsapp_id=f"W{sequence}", **changes)
    return report | {"phone": "+5511912340001", "phone_key": "+551112340001"} | ({"wish": wish} if wish else {})


def contact(database: Database) -> tuple[str | None, bool]:
    [found] = database.rows("select opt_out, opt_out_unconfirmed from contacts order by id limit 1")
    return found[0], found[1]


@pytest.mark.parametrize("order", list(permutations((0, 1, 2))), ids=str)
@pytest.mark.parametrize(
    ("wishes", "expected"), [(("proactive", "in", "all"), "all"), (("proactive", "all", "in"), None)], ids=str
)
def test_the_last_wish_counts_in_whichever_order_the_messages_come(
    engine: Database, order: tuple[int, ...], wishes: tuple[str, ...], expected: str | None
) -> None:
    messages = [said(number, wish) for number, wish in enumerate(wishes, 1)]
    for index in order:
        assert ingest(engine, messages[index]) == ["stored"]
    assert contact(engine)[0] == expected
    assert ingest(engine, messages[0]) == ["duplicate"]
    assert contact(engine)[0] == expected


@pytest.mark.parametrize(
    ("before", "wish", "after"),
    [
        (None, "proactive", "proactive"),
        (None, "all", "all"),
        (None, "in", None),
        ("proactive", "all", "all"),
        ("proactive", "in", None),
        ("all", "proactive", "all"),
        ("all", "in", None),
    ],
)
def test_what_a_wish_makes_of_the_one_before_it(
    engine: Database, before: str | None, wish: str, after: str | None
) -> None:
    assert engine.value("opt_out_after(%s, %s)", before, wish) == after


def test_a_wish_that_changes_nothing_is_not_confirmed_again(engine: Database) -> None:
    ingest(engine, said(1, "all"))
    engine.rows("update contacts set opt_out_unconfirmed = false")
    ingest(engine, said(2, "all"), said(3, "proactive"))
    assert contact(engine) == ("all", False)


@pytest.mark.parametrize(
    "changes", [{"from_me": True}, {"chat": "1-2@g.us"}, {"before_pairing": True}, {"self_chat": True}], ids=str
)
def test_whoever_is_no_customer_opts_out_of_nothing(engine: Database, changes: Row) -> None:
    ingest(engine, said(1, "all", **changes))
    assert contact(engine)[0] is None


def test_an_owner_stays_an_owner(engine: Database) -> None:
    engine.rows("update instances set owner_keys = '{+551112340001}'")
    ingest(engine, said(1, "all"))
    assert contact(engine)[0] is None


@dataclass(frozen=True)
class Text:
    """A text that waits, and whom it is for."""

    lane: str = "reply"
    part: int = 0
    opt_out: str | None = None
    private: bool = False
    owner: bool = False
    self_chat: bool = False
    mode: str = "Live"


LEAVES = {
    Text("campaign", 3): None,
    Text("campaign", 3, "proactive"): "OptedOut",
    Text("automation", 3, "all"): "OptedOut",
    Text(opt_out="proactive"): None,
    Text(opt_out="all"): "OptedOut",
    Text(part=1, opt_out="all"): "OptedOut",
    Text(part=5, opt_out="all"): None,
    Text(part=6, opt_out="all"): None,
    Text(part=2, opt_out="all"): None,
    Text(private=True): "Private",
    Text(part=1, private=True): "Private",
    Text("automation", 3, private=True): None,
    Text(opt_out="all", private=True, owner=True): None,
    Text(mode="Draft"): "Draft",
    Text(part=1, mode="Draft"): "Draft",
    Text(mode="Draft", owner=True): None,
    Text(mode="Draft", self_chat=True): None,
    Text("automation", 3, mode="Draft"): None,
}
"""Why each is withheld; None: it leaves."""


@pytest.mark.parametrize("text", LEAVES, ids=str)
def test_what_leaves(engine: Database, text: Text) -> None:
    conversation, turn = engine.claimed(self_chat=text.self_chat)
    engine.rows("update contacts set opt_out = %s, private = %s", text.opt_out, text.private)
    engine.rows("update instances set settings = jsonb_set(settings, '{ai,mode}', to_jsonb(%s::text))", text.mode)
    if text.owner:
        engine.rows("update instances set owner_keys = '{+551112340001}'")
    engine.value(
        "queue_text((select c from conversations c where id = %s), (select t from turns t where id = %s), %s, 1)",
        conversation,
        turn,
        Jsonb({"id": str(uuid4()), "part": text.part, "text": "Olá", "keep_seconds": 60}),
    )
    engine.rows("update outbox set lane = %s::lane", text.lane)
    [(step,)] = engine.rows(STEP, ORGANIZATION, INSTANCE, RELAY)
    [(state, error)] = engine.rows("select state, error from outbox")
    why = LEAVES[text]
    expected = (1, 0, "pending", None) if why is None else (0, 1, "withheld", why)
    assert (len(step["rows"]), step["withheld"], state, error) == expected


@pytest.fixture
def url(engine_url: str) -> Iterator[str]:
    """A database with a campaign's text that waits for the pod."""
    with psycopg.connect(engine_url, autocommit=True) as connection:
        database = Database(connection)
        ingest(database, said(1, None))
        connection.execute("update relay_queue set ready_at = now(), holder = null, held_until = '-infinity'")
        message = Jsonb({"id": str(uuid4()), "part": 3, "text": "Promoção!", "lane": "campaign", "keep_seconds": 60})
        database.value("queue_message(%s, %s, %s, %s)", ORGANIZATION, INSTANCE, RECIPIENT, message)
        yield engine_url
        connection.execute("truncate outbox, turns, messages, conversations, contacts, journals cascade")


def offered(connection: psycopg.Connection[tuple[Row]]) -> int:
    [step] = connection.execute(STEP, [ORGANIZATION, INSTANCE, RELAY]).fetchall()
    return len(step[0]["rows"])


def opts_out(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    connection.execute("select ingest(%s, '0 s')", [Jsonb([said(2, "proactive")])])


def test_a_release_during_an_opt_out_is_put_off_and_then_withheld(url: str) -> None:
    with psycopg.connect(url) as customer, psycopg.connect(url) as relay:
        opts_out(customer)
        relay.execute("set lock_timeout = '5s'")
        assert offered(relay) == 0  # without waiting: the customer's transaction may want what the relay holds
        [(state, soon)] = relay.execute(
            "select o.state, q.ready_at < now() + interval '2 seconds' from outbox o, relay_queue q"
        ).fetchall()
        assert (state, soon) == ("pending", True)
        relay.commit()
        customer.commit()
        assert offered(relay) == 0
        assert relay.execute("select state, error from outbox").fetchall() == [("withheld", "OptedOut")]


def test_an_opt_out_during_a_release_takes_effect_after_it(url: str) -> None:
    with psycopg.connect(url) as customer, psycopg.connect(url) as relay, psycopg.connect(url, autocommit=True) as eyes:
        assert offered(relay) == 1
        waiting = threading.Thread(target=opts_out, args=(customer,))
        waiting.start()
        while not eyes.execute("select from pg_stat_activity where wait_event_type = 'Lock'").fetchall():
            assert waiting.is_alive()
        relay.commit()
        waiting.join()
        customer.commit()
        assert offered(relay) == 0
        assert relay.execute("select state, error from outbox").fetchall() == [("withheld", "OptedOut")]
