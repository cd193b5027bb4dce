"""Erasures in PostgreSQL: one method per SQL function (`schema/`)."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from asyncpg import Pool
from asyncpg import Record as Row
from pydantic import TypeAdapter

from oxy_ai.database import organization_transaction
from oxy_ai.erasures.records import Begun, DueErasure, Erasure, PersonsFile, Sweep, SweepOutcome
from oxy_ai.media.records import FileState
from oxy_ai.records import Recipient
from oxy_core.contact_command import ErasureStatus

_STATUSES: Final = TypeAdapter(list[ErasureStatus])

STATEMENT_SECONDS: Final = 300.0
"""Timeout of a statement that looks through a whole table of one organization."""


class ErasureTable:
    """The rows of erasures, and what they delete."""

    def __init__(self, pool: "Pool[Row]") -> None:
        self.pool = pool

    async def begin(self, organization: UUID, instance: UUID, person: Recipient, request: UUID, who: str) -> Begun:
        """Have everybody stop knowing a person, in one transaction; `who` asks for it."""
        document = await self.pool.fetchval(
            "select erase_contact($1, $2, $3, $4, $5)", organization, instance, person.model_dump_json(), request, who
        )
        return Begun.model_validate_json(document)

    async def claim(self, how_many: int, lease: timedelta) -> list[DueErasure]:
        """Claim erasures of which something is left to do, for `lease`."""
        rows = await self.pool.fetch("select organization, erasure from claim_due_erasures($1, $2)", how_many, lease)
        return [DueErasure(*row) for row in map(tuple, rows)]

    async def find(self, due: DueErasure) -> Erasure | None:
        """Return an erasure; None: there is none."""
        document = await self.pool.fetchval("select erasure_document($1, $2)", *due)
        return None if document is None else Erasure.model_validate_json(document)

    async def age(self, due: DueErasure) -> timedelta:
        """Return how long ago a person was forgotten."""
        erasure = await self.find(due)
        return timedelta() if erasure is None else timedelta(seconds=erasure.seconds_ago)

    async def postpone(self, due: DueErasure, pause: timedelta, *, rest: bool = False) -> None:
        """Look at an erasure again after a pause; `rest`: everything is done, for now."""
        await self.pool.execute("select postpone_erasure($1, $2, $3)", due.erasure, pause, rest)

    async def end(self, due: DueErasure) -> None:
        """Forget the addresses as well, and look at an erasure no more."""
        await self.pool.execute("select forget_addresses($1, $2)", *due)
        await self.pool.execute("select unqueue_erasure($1)", due.erasure)

    # -- what is to be deleted

    async def files(self, due: DueErasure, how_many: int) -> list[PersonsFile]:
        """Return some files whose bytes or rows are still there."""
        async with organization_transaction(self.pool, due.organization) as connection:
            rows = await connection.fetch(
                "select id, location, state from files_to_forget($1, $2, $3)",
                *due,
                how_many,
                timeout=STATEMENT_SECONDS,
            )
        arriving = {FileState.ANNOUNCED, FileState.ARRIVING}
        return [PersonsFile(row["id"], row["location"], row["state"] in arriving) for row in rows]

    async def forget_file(self, erasure: Erasure, file: UUID) -> None:
        """Forget a file whose bytes no object store has any more."""
        await self.pool.execute("select forget_file_row($1, $2, $3)", erasure.organization, erasure.instance, file)

    async def begin_sweep(self, due: DueErasure, shortest_name: int) -> Sweep:
        """Begin to look through everything."""
        [(began, quiet)] = await self.pool.fetch("select began, quiet from begin_sweep($1, $2)", *due)
        pattern = await self.pool.fetchval(
            "select pattern_of_told($1, $2, $3)", *due, shortest_name, timeout=STATEMENT_SECONDS
        )
        return Sweep(began, quiet, pattern)

    async def end_sweep(self, due: DueErasure, sweep: Sweep) -> SweepOutcome:
        """Return what a sweep came to; if nothing is left, only the pod's part is."""
        return SweepOutcome(
            await self.pool.fetchval("select end_sweep($1, $2, $3, $4, $5)", *due, *sweep, timeout=STATEMENT_SECONDS)
        )

    async def forget_some(self, due: DueErasure, how_many: int) -> int:
        """Delete some rows of the person; return how many there were, 0: nothing is left."""
        left: int = await self.pool.fetchval(
            "select forget_some($1, $2, $3)", *due, how_many, timeout=STATEMENT_SECONDS
        )
        return left

    async def forget_elsewhere(self, due: DueErasure) -> None:
        """Delete what no foreign key tells: messages in groups, records of dead reports."""
        await self.pool.execute("select forget_elsewhere($1, $2)", *due, timeout=STATEMENT_SECONDS)

    async def forget_told(self, due: DueErasure, sweep: Sweep) -> None:
        """Delete what owners were told of the person, and what they wrote, step by step."""
        for step in await self.pool.fetchval("select steps_of_told()") if sweep.pattern else ():
            await self.pool.execute(
                "select forget_told($1, $2, $3, $4)", *due, step, sweep.pattern, timeout=STATEMENT_SECONDS
            )

    async def forget_mentions(self, due: DueErasure) -> None:
        """Remove the person's numbers from all texts of the organization, table by table."""
        for row in await self.pool.fetch("select name from columns_of_texts()"):
            await self.pool.execute("select forget_mentions($1, $2, $3)", *due, row["name"], timeout=STATEMENT_SECONDS)

    # -- how far it is

    async def known_elsewhere(self, organization: UUID, instance: UUID, person: Recipient) -> tuple[str, ...]:
        """Return the other instances of the organization that know a person's number."""
        async with organization_transaction(self.pool, organization) as connection:
            names = await connection.fetchval(
                "select known_elsewhere($1, $2, $3)", organization, instance, person.phone_key
            )
        return tuple(names)

    async def statuses(self, organization: UUID, instance: UUID, *, finished: bool) -> list[ErasureStatus]:
        """Return the erasures of an instance, the oldest first; with `finished` also those that are."""
        document = await self.pool.fetchval("select erasures_of($1, $2, $3)", organization, instance, finished)
        return _STATUSES.validate_json(document)

    async def note_accepted(self, due: DueErasure, epoch: UUID) -> None:
        """Note which journal holds the request to the pod."""
        await self.pool.execute("select note_erase_accepted($1, $2, $3)", *due, epoch)
