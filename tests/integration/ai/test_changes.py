"""Edits, revokes, reactions and votes change the message that they are about, in whatever order all of them arrive."""

import random
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from integration.ai.engine_database import (
    CHAT,
    HIDDEN,
    LIMITS,
    ORGANIZATION,
    Database,
    Row,
    at,
    ingest,
    item,
    lasting,
)
from psycopg.types.json import Jsonb

from oxy_ai.assistants.transcript import REVOKED, shown
from oxy_ai.records import HistoryMessage, Input
from oxy_core.message_kinds import NO_ANSWERS, MessageKind
from oxy_dev.postgres import PostgresServer

LONG_AGO = {"age_seconds": 7200}
INGEST = "select ingest(%s, %s)"
NO_ANSWER = ("ignored", "needs no answer")


def said(number: int, text: str | None = None, **changes: object) -> Row:
    """What the customer sent, at this place of the journal and of the chat."""
    return item(number, **{"whatsapp_id": f"C{number}", "sent_at": str(at(number)), "text": text} | changes)


def own(number: int, text: str | None = None, **changes: object) -> Row:
    """What came from the business's own account."""
    return said(number, text, **{"whatsapp_id": f"P{number}", "from_me": True} | changes) | LONG_AGO


def about(kind: str, target: str, **details: object) -> Row:
    """The fields of a message that changes another one."""
    return {"kind": kind, "details": {"type": kind, "target": {"whatsapp_id": target}} | details}


def read_turn(engine: Database) -> tuple[list[str], list[str]]:
    """Claim the conversation: what a model reads of earlier messages, and of those to answer."""
    conversation = engine.conversation()
    fence: int = engine.value("(claim_oldest(%s, 'infinity', '1 minute') ->> 'fence')::bigint", ORGANIZATION)
    turn: Row = engine.value("open_turn(%s, %s, %s, %s)", ORGANIZATION, conversation, fence, LIMITS)
    return (
        [shown(HistoryMessage.model_validate(message)) for message in turn["history"]],
        [shown(Input.model_validate(message)) for message in turn["inputs"]],
    )


def fates(engine: Database) -> dict[str, tuple[str, str | None]]:
    return {
        name: (state, reason) for name, state, reason in engine.rows("select whatsapp_id, state, reason from messages")
    }


JOURNAL = [
    said(1, "banho na terça"),
    said(2, "segredo"),
    said(3, "some já"),
    own(4, "claro", chat=HIDDEN, chat_alias=CHAT),
    said(5, "banho na quarta", **about("edit", "C1")),
    said(6, "banho na quinta", chat=HIDDEN, chat_alias=CHAT, **about("edit", "C1")),
    said(7, **about("revoke", "C2")),
    said(8, "quanto custa?"),
    said(9, **about("reaction", "P4", emoji="👍")),
    said(10, **about("reaction", "P4", emoji="❤️")),
    own(11, "nada disso", **about("edit", "C8")),
    own(12, **about("revoke", "C8")),
    said(13, "apague", chat=HIDDEN, chat_alias=CHAT),
    said(14, chat=HIDDEN, chat_alias=CHAT, **about("revoke", "C13")),
    own(15, "claro!", **about("edit", "P4")),
    own(16, **about("reaction", "C8", emoji="🙏")),
    own(17, "Olá! Já respondemos.", source="greeting"),
    said(18, "e tosa?", quoted_id="P4"),
    said(19, **about("reaction", "C18", emoji="🐶")),
    said(20, **about("reaction", "C18", emoji="")),
    said(21, **about("revoke", "C3")),
    said(22, "de ontem", before_pairing=True),
]
FATES = {
    "C1": ("person", None),
    "C2": ("ignored", "revoked by its sender"),
    "C3": ("ignored", "revoked by its sender"),
    "C8": ("open", None),
    "C13": ("ignored", "revoked by its sender"),
    "C18": ("open", None),
    "C22": ("ignored", "from before the first pairing"),
    **{f"C{number}": NO_ANSWER for number in (5, 6, 7, 9, 10, 14, 19, 20, 21)},
    **{f"P{number}": (None, None) for number in (4, 11, 12, 15, 16, 17)},
}
READ = (
    [
        'banho na quinta\n[editada; antes: "banho na terça"]',
        REVOKED,
        REVOKED,
        'claro!\n[editada; antes: "claro"]\n[o cliente reagiu com ❤️]',
        REVOKED,
        "Olá! Já respondemos.",
        "de ontem",
    ],
    [
        "quanto custa?\n[a loja reagiu com 🙏]",
        '[em resposta à mensagem da loja: "claro"] e tosa?',
    ],
)


def test_any_interleaving_of_changes_leads_to_the_same_messages(engine: Database) -> None:
    seed = random.randrange(2**32)
    print(f"changes: {seed}")  # noqa: T201 a failure can be repeated
    chance = random.Random(seed)
    for arriving in [list(JOURNAL), *(chance.sample(JOURNAL * 2, 2 * len(JOURNAL)) for _ in range(12))]:
        while arriving:
            size = chance.randint(1, len(arriving))
            ingest(engine, *arriving[:size])
            del arriving[:size]
        assert fates(engine) == FATES
        assert engine.rows("select count(*) from owner_notices") == [(0,)]
        assert engine.value("count(*) from ledger(%s, '0 s') where wrong is not null", ORGANIZATION) == 0
        assert read_turn(engine) == READ
        engine.rows("rollback")
        engine.begin()


def test_three_workers_at_once_lead_to_the_same_messages(postgres_server: PostgresServer, database: str) -> None:
    with psycopg.connect(postgres_server.url(database), autocommit=True) as connection:
        engine = Database(connection)
        shares = [random.sample(JOURNAL, len(JOURNAL)) for _ in range(3)]

        def work(share: list[Row]) -> None:
            with psycopg.connect(postgres_server.url(database), autocommit=True) as own_connection:
                for start in range(0, len(share), 5):
                    own_connection.execute(INGEST, [Jsonb(share[start : start + 5]), lasting(8)])

        with ThreadPoolExecutor() as workers:
            list(workers.map(work, shares))
        engine.rows("update chat_journals set gap_until = null")
        engine.rows("update conversations set due_at = now()")
        assert fates(engine) == FATES
        assert read_turn(engine) == READ


@pytest.mark.parametrize("running", [True, False], ids=["running", "put off"])
def test_a_revoked_input_ends_the_turn_and_the_others_are_answered_in_another(
    engine: Database,
    running: bool,  # noqa: FBT001 the columns of the table
) -> None:
    ingest(engine, said(1, "um"), said(2, "dois"))
    conversation = engine.conversation()
    fence = engine.value("(claim_oldest(%s, 'infinity', '1 minute') ->> 'fence')::bigint", ORGANIZATION)
    turn = engine.value("open_turn(%s, %s, %s, %s)", ORGANIZATION, conversation, fence, LIMITS)["turn"]
    if not running:
        engine.rows("select retry_turn(%s, %s, %s, '0 s')", ORGANIZATION, conversation, fence)
    ingest(engine, said(3, **about("revoke", "C1")))
    if running:
        answer = {"id": ORGANIZATION, "part": 0, "text": "Olá", "keep_seconds": 60}
        ended = engine.value("end_turn(%s, %s, %s, %s, %s)", ORGANIZATION, conversation, fence, turn, ending(answer))
        assert ended == {"state": "skipped", "more": True}
    assert engine.value("count(*) from outbox") == 0
    assert read_turn(engine) == ([REVOKED], ["dois"])


def ending(answer: Row) -> Jsonb:
    return Jsonb({"state": "answered", "reason": None, "role": "customer", "answers": [answer], "last_step": None})


def test_a_turn_whose_only_input_was_revoked_is_not_answered(engine: Database) -> None:
    ingest(engine, said(1, "um"))
    ingest(engine, said(2, **about("revoke", "C1")))
    assert engine.rows("select due_at, pending_since from conversations") == [(None, None)]


def test_a_stranger_cannot_change_a_message_of_another_chat(engine: Database) -> None:
    ingest(engine, said(1, "um"))
    other = {"chat": "5511912349999@s.whatsapp.net", "sender": "5511912349999@s.whatsapp.net"}
    ingest(engine, *(said(number, "x", **about(kind, "C1"), **other) for number, kind in ((2, "edit"), (3, "revoke"))))
    assert read_turn(engine) == ([], ["um"])


@pytest.mark.parametrize("kind", MessageKind)
def test_every_kind_is_answered_or_not(engine: Database, kind: MessageKind) -> None:
    silent = {"edit", "revoke", "reaction", "vote", "event_reply", "notice", "album", "undecryptable"}
    assert engine.value("says_something(%s)", kind) is (kind not in silent)
    message = item(1, kind=kind, from_me=True, self_chat=False)["report"]["body"]
    role = engine.value("role_of_message(message_of(%s))", Jsonb(message))
    assert role == ("aside" if kind in {*NO_ANSWERS, "undecryptable"} else "takeover")
