"""Hands out everything that is known of a person, piece by piece: nobody holds all of it in memory."""

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

from nats.aio.client import Client
from pydantic import JsonValue
from pydantic_core import from_json

from oxy_ai.database import Connection
from oxy_ai.engine.outgoing import Destination
from oxy_ai.erasures.on_bus import KeptOnBus, PersonOnBus
from oxy_ai.erasures.table import STATEMENT_SECONDS, ErasureTable
from oxy_ai.media.library import FileLibrary
from oxy_ai.media.records import FileKey
from oxy_core.contact_command import ExportedPerson, ExportPiece, PersonOrder
from oxy_core.jetstream import DEAD_LETTER_STREAM, PARKED_STREAM

PREFETCH: Final = 100
"""Rows that are read at a time."""

_THIRD: Final = 3
"""Bytes that base64 writes as four letters: pieces of this many can be joined."""

_FILE: Final = ("id", "direction", "kind", "mime", "name", "size_bytes", "sha256", "state", "created_at")


_ON_BUS: Final = {PARKED_STREAM: "parked_reports", DEAD_LETTER_STREAM: "dead_letters"}
"""What a document calls the reports that the bus keeps."""


class Known(NamedTuple):
    """Whose rows are handed out."""

    organization: UUID
    instance: UUID
    contacts: list[int]
    conversations: list[int]
    digests: list[str]
    addresses: list[str]
    names: list[str]


class Export:
    """Reads what is known of people."""

    def __init__(self, client: Client, table: ErasureTable, library: FileLibrary) -> None:
        self._bus = KeptOnBus(client)
        self._table = table
        self._library = library

    async def pieces(self, to: Destination, order: PersonOrder) -> AsyncIterator[ExportPiece]:
        """Yield everything of a person as of one moment; nothing if nobody is known."""
        async with (
            self._table.pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            known = await _known(connection, to)
            if known is None:
                return
            yield _person(order, known)
            async for piece in _records(connection, known):
                yield piece
            files = await connection.fetch(
                "select * from files_of_person($1, $2, $3)", known.organization, known.instance, known.conversations
            )
            account = await connection.fetchval("select account_of($1)", known.instance)
        if account is not None:
            person = PersonOnBus(account, order.instance, known.instance, frozenset(known.digests))
            async for piece in self._on_bus(person):
                yield piece
        for file in files:
            yield ExportPiece(file={field: _plain(file[field]) for field in _FILE})
            if order.media:
                async for part in self._parts(FileKey(known.organization, known.instance, file["id"])):
                    yield ExportPiece(part=part)

    async def _on_bus(self, person: PersonOnBus) -> AsyncIterator[ExportPiece]:
        """Yield the person's reports that the bus keeps, because they could not be stored."""
        async for letter in self._bus.letters(person, datetime.now(UTC)):
            report = await self._bus.content(letter)
            if person.is_of(report):
                yield ExportPiece(table=_ON_BUS[letter.stream], record=_readable(report))

    async def _parts(self, key: FileKey) -> AsyncIterator[str]:
        """Yield the bytes of a file in base64, in pieces that can be joined."""
        number, rest = 0, b""
        while (chunk := await self._library.read_chunk(key, number)) is not None:
            whole = rest + chunk
            end = len(whole) - len(whole) % _THIRD
            yield base64.b64encode(whole[:end]).decode()
            number, rest = number + 1, whole[end:]
        if rest:
            yield base64.b64encode(rest).decode()


def _person(order: PersonOrder, known: Known) -> ExportPiece:
    return ExportPiece(
        person=ExportedPerson(
            organization=order.organization,
            instance=order.instance,
            exported_at=datetime.now(UTC),
            addresses=tuple(known.addresses),
            names=tuple(known.names),
        )
    )


async def _known(connection: Connection, to: Destination) -> Known | None:
    person = to.recipient.model_dump_json()
    await connection.execute("select enter_org($1)", to.organization)
    conversations = await connection.fetchval(
        "select conversations_of($1, $2, $3)", to.organization, to.instance, person
    )
    if not conversations:
        return None
    row = await connection.fetchrow(
        "select * from person_known($1, $2, $3, $4)", to.organization, to.instance, person, conversations
    )
    found = dict(row or {})
    return Known(to.organization, to.instance, conversations=conversations, **found)


async def _records(connection: Connection, known: Known) -> AsyncIterator[ExportPiece]:
    """Yield the rows of all tables, table by table."""
    for name, key, target in await connection.fetch("select name, key, target from person_tables()"):
        rows = connection.cursor(
            "select r from rows_of_person($1, $2, $3, $4, $5, $6) r",
            known.organization,
            known.contacts,
            known.conversations,
            name,
            key,
            target,
            prefetch=PREFETCH,
            timeout=STATEMENT_SECONDS,
        )
        async for (row,) in rows:
            yield ExportPiece(table=name, record=from_json(row))
    groups = "select to_jsonb(m) - 'organization_id' from said_in_groups($1, $2, $3) m"
    async for (row,) in connection.cursor(groups, known.organization, known.instance, known.digests):
        yield ExportPiece(table="messages_in_groups", record=from_json(row))


def _readable(report: bytes) -> JsonValue:
    """Return a report as it is read: what is no JSON, as text."""
    try:
        document: JsonValue = from_json(report)
    except ValueError:
        return report.decode(errors="replace")
    return document


def _plain(value: object) -> JsonValue:
    return value if isinstance(value, str | int | None) else str(value)
