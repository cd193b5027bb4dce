"""A database with one organization and one instance, for tests of the engine's SQL functions."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb

from oxy_dev.postgres import PostgresServer

TEMPLATE = "oxy_template"
"""A migrated database without data."""
ORGANIZATION = "11111111-1111-4111-8111-111111111111"
INSTANCE = "22222222-2222-4222-8222-222222222222"
EPOCH, OTHER_EPOCH = "33333333-3333-4333-8333-333333333333", "44444444-4444-4444-8444-444444444444"
RELAY, OTHER_RELAY = "55555555-5555-4555-8555-555555555555", "66666666-6666-4666-8666-666666666666"
CHAT = "5511912340001@s.whatsapp.net"
HIDDEN = "98765@lid"
LIMITS = Jsonb(
    {
        "messages": 50,
        "characters_each": 4000,
        "characters": 24000,
        "characters_quoted": 300,
        "content_bytes": 8192,
        "claims": 5,
    }
)
"""oxy_ai.records.TurnLimits."""
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)

Row = dict[str, Any]


@contextmanager
def new_database(server: PostgresServer) -> Iterator[str]:
    """Create a copy of the template, and remove it in the end; yields its name."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"create database {name} template {TEMPLATE}")
        yield name
        connection.execute(f"drop database {name} with (force)")


def call(conversation: int, turn: int | None = None, **changes: object) -> Row:
    """A call of a model (oxy_ai.records.NewCall), as the database gets it."""
    of = {"id": str(uuid4()), "instance_id": INSTANCE, "conversation_id": conversation, "turn_id": turn, "round": 0}
    what = {"kind": "chat", "assistant": "customer", "model": "m", "outcome": "answered", "tool_calls": []}
    figures = {"prompt_tokens": 10, "cached_tokens": 1, "completion_tokens": 5, "audio_seconds": 0, "latency_ms": 20}
    return of | what | figures | {"cost_microdollars": 3, "price_source": "table", "month": "2026-11-01"} | changes


def step(conversation: int, turn: int, number: int = 0, **changes: object) -> Row:
    """A response (oxy_ai.records.NewStep) with its call."""
    response = {"text": "Olá", "tool_calls": []}
    return {"round": number, "response": response, "call": call(conversation, turn, round=number, **changes)}


def at(seconds: float | None) -> datetime | None:
    """A moment, in seconds after noon."""
    return None if seconds is None else NOON + timedelta(seconds=seconds)


def lasting(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


class Database:
    """A transaction on a migrated database with one organization and one instance."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self.begin()

    def begin(self) -> None:
        """Create the organization and the instance."""
        settings = {"organization": "petshop", "instance": "main", "account": "A", "generation": 1}
        settings["ai"] = {  # type: ignore[assignment]  # a document
            "debounce_seconds": 3,
            "debounce_max_seconds": 15,
            "takeover_minutes": 30,
            "context_messages": 50,
        }
        self.value("apply_instance(%s, %s, %s, '{}', %s, 1, 1, 0)", ORGANIZATION, INSTANCE, Jsonb(settings), NOON)

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        cursor = self._connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []

    def value(self, expression: str, *values: object) -> Any:  # noqa: ANN401 whatever the expression is
        return self.rows(f"select {expression}", *values)[0][0]

    def conversation(self, **columns: object) -> int:
        """A conversation with these columns; returns its id."""
        number = self.value(
            "conversation_of(%s, %s, %s, null, '+5511912340001', '+551112340001', 'Ana', false, null)",
            ORGANIZATION,
            INSTANCE,
            columns.pop("chat", CHAT),
        )
        self.change("conversations", number, **columns)
        return int(number)

    def change(self, table: str, number: int, **columns: object) -> None:
        for name, value in columns.items():
            self.rows(f"update {table} set {name} = %s where id = %s", value, number)  # noqa: S608 names of our tables and columns

    def row(self, table: str, number: object) -> Row:
        found: Row = self.value(f"to_jsonb(t) from {table} t where id = %s", number)
        return found

    def received(self, conversation: int, *sequences: int, **columns: object) -> None:
        """Open messages of the customer at these places of the journal."""
        for sequence in sequences:
            self.rows(
                """
                insert into messages (organization_id, instance_id, conversation_id, chat, sender, whatsapp_id, author,
                    place, state, kind, body, sent_at, arrived_at)
                select organization_id, instance_id, id, chat, chat, 'W' || %s, 'customer',
                    row(%s, %s, %s)::place, 'open', 'text', 'Oi', %s, %s
                from conversations where id = %s
                """,
                sequence,
                NOON,
                EPOCH,
                sequence,
                at(sequence),
                columns.get("arrived_at", at(sequence)),
                conversation,
            )
        self.rows(
            "update conversations set pending_since = %s, last_inbound_at = %s where id = %s", NOON, NOON, conversation
        )

    def states(self) -> list[str]:
        """The states of the customer's messages, in their order."""
        return [state for (state,) in self.rows("select state from messages where state is not null order by place")]

    def turn(self, conversation: int, **columns: object) -> int:
        """An open turn for the conversation's open messages; returns its id."""
        number = self.value(
            "id from current_turn((select c from conversations c where id = %s)) as t (organization_id, id)",
            conversation,
        )
        self.change("turns", number, **columns)
        return int(number)

    def claimed(self, **columns: object) -> tuple[int, int]:
        """A conversation with an open turn that a worker holds with fence 7; returns both ids."""
        conversation = self.conversation(fence=7, lease_until=datetime.now(UTC) + lasting(60), **columns)
        self.received(conversation, self.value("count(*) + 1 from messages where state is not null"))
        return conversation, self.turn(conversation)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def ingest(database: Database, *items: Row, gap_wait: float = 0) -> list[str]:
    outcomes: list[str] = database.value("ingest(%s, %s)", Jsonb(list(items)), lasting(gap_wait))
    return outcomes


def message(**changes: object) -> Jsonb:
    values: Row = {
        "whatsapp_id": "W1",
        "chat": CHAT,
        "sender": CHAT,
        "from_me": False,
        "self_chat": False,
        "kind": "text",
        "text": "Oi",
        "sent_at": NOON.isoformat(),
        "chat_sequence": 1,
    }
    return Jsonb(values | changes)


def item(sequence: int, account: str = "A", **changes: object) -> Row:
    place = {
        "id": str(UUID(int=sequence)),
        "journal_epoch": EPOCH,
        "journal_started_at": NOON.isoformat(),
        "journal_sequence": sequence,
    }
    report = place | {
        "id": str(UUID(int=sequence)),
        "trace": "t",
        "body": message(chat_sequence=sequence, **changes).obj,
    }
    report["body"]["type"] = "message"
    return {"account": account, "organization": ORGANIZATION, "instance": INSTANCE, "report": report}
