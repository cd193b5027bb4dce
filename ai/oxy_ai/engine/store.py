"""The engine's steps in PostgreSQL: one method per SQL function (`oxy_ai/schema/`), one round trip each.

Errors of asyncpg propagate; `oxy_ai.engine.outages.is_outage` distinguishes an unreachable database from a
wrong query.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar
from uuid import UUID

import asyncpg
from asyncpg import Pool, Record
from pydantic_core import from_json

from oxy_ai.database import Connection, organization_transaction
from oxy_ai.errors import FenceLostError
from oxy_ai.records import (
    Claim,
    Claims,
    DeadReportRow,
    DueRelays,
    Ended,
    Failure,
    HandOver,
    InboundBatch,
    ModelOutage,
    NewStep,
    Offered,
    RelayStep,
    RelayTarget,
    ToolResult,
    Turn,
    TurnEnding,
    TurnLimits,
    UnopenedTurn,
    UnreadableTurn,
    read_turn,
)
from oxy_core.identity import phone_key

T = TypeVar("T")


class Entry(NamedTuple):
    """An entry of the settings bucket."""

    bucket_started_at: datetime
    """Tells the bucket from an earlier one, whose revisions cannot be compared with this one's."""
    revision: int
    newest_revision: int
    """The bucket's, when the entry was read."""
    reading: int
    """Drawn by `Engine.begin_settings_reading` before the bucket was looked at."""


class NewSettings(NamedTuple):
    """An instance's settings as they are stored."""

    document: str
    """JSON, with all fields that a newer version may have added."""
    owners: Sequence[str]
    """Numbers (E.164) and hidden addresses."""


class DeadReportRecord(NamedTuple):
    """A dead report's dead letter: whose it is, and its place on the bus."""

    account: str
    stream_began: datetime
    sequence: int
    """Of its first part."""


class DatabaseState(NamedTuple):
    """Which database this is, and how far it has counted."""

    id: UUID
    mark: int


class ClaimLimits(NamedTuple):
    """What bounds the claims of a worker."""

    lease: timedelta
    turns_per_second: float | None
    """Of one organization, instead of what its instances say; 0: without limit."""
    turns_burst: int
    locked_retry: timedelta
    """Until a conversation that another transaction has locked is tried again."""
    turn: TurnLimits
    turns_each: int | None
    """Of one organization at the same time, instead of what its instances say; 0: without limit."""
    full_retry: timedelta
    """Until an organization that has as many under way is looked at again."""


class WaitLimits(NamedTuple):
    """How long a turn waits for its model's endpoint."""

    asked: timedelta
    """By the endpoint."""
    shortest: timedelta
    longest: timedelta
    patience: timedelta
    """Until the customer is promised that a person will answer."""
    quiet: timedelta
    """Without a failure, until the outage is over."""


class RelayLimits(NamedTuple):
    """What bounds a relay's work for one instance."""

    lease: timedelta
    batch: int
    """Texts read at a time."""
    backoff: timedelta
    """After the first failure; doubles with each in a row."""
    backoff_max: timedelta
    pacing: str | None = None
    """How held texts are released: `oxy_ai.records.Pacing` as JSON; None: they are not."""


def _key(claim: Claim) -> tuple[UUID, int, int]:
    """Return a claim as the arguments of the SQL functions that write under it."""
    return claim.organization, claim.conversation, claim.fence


def _held(result: T | None) -> T:
    """Return what such a function returned; raises FenceLostError if it says that the claim no longer holds."""
    if result is None or result is False:
        raise FenceLostError
    return result


class Engine:
    """The turn engine's state, in PostgreSQL."""

    def __init__(self, pool: "Pool[Record]") -> None:
        self.pool = pool
        self.known: DatabaseState | None = None
        """Nothing is claimed in another database, nor in an older copy of this one; None: not looked yet."""

    async def schema_version(self) -> int:
        """Return the database's schema version; 0 where it has none yet."""
        try:
            return await self.pool.fetchval("select schema_version()") or 0
        except asyncpg.UndefinedFunctionError:
            return 0

    async def mark_database(self) -> DatabaseState:
        """Count up the database's mark and return its state."""
        [row] = await self.pool.fetch("select id, mark from mark_database()")
        return DatabaseState(*row)

    async def replace_database(self, known: UUID, former: UUID, hold: timedelta) -> None:
        """Note that the database `known` replaces `former`, or is an older copy of it; its turns wait for `hold`."""
        await self.pool.execute("select replace_database($1, $2, $3)", known, former, hold)

    async def apply_instance(self, organization: UUID, instance: UUID, settings: NewSettings, entry: Entry) -> bool:
        """Apply an instance's settings; False: they or newer ones were applied already."""
        changed: bool = await self.pool.fetchval(
            "select apply_instance($1, $2, $3, $4, $5, $6, $7, $8)",
            organization,
            instance,
            settings.document,
            [phone_key(owner) for owner in settings.owners],
            *entry,
        )
        return changed

    async def instance_timezone(self, organization: UUID, instance: UUID) -> str | None:
        """Return an instance's stored time zone; None: the instance is unknown."""
        async with organization_transaction(self.pool, organization) as connection:
            timezone: str | None = await connection.fetchval(
                "select settings ->> 'timezone' from instances where organization_id = $1 and id = $2",
                organization,
                instance,
            )
        return timezone

    async def close_instance(self, organization: UUID, instance: UUID, entry: Entry) -> bool:
        """Mark a deleted instance as closed; False: it was closed already, is unknown, or was made again since."""
        closed: bool = await self.pool.fetchval(
            "select close_instance($1, $2, $3, $4, $5, $6)", organization, instance, *entry
        )
        return closed

    async def begin_settings_reading(self) -> int:
        """Return the number of a reading of the settings bucket that begins now."""
        reading: int = await self.pool.fetchval("select begin_settings_reading()")
        return reading

    async def applied_settings(self) -> dict[UUID, tuple[datetime, int]]:
        """Return by instance which bucket's entry was applied last: when the bucket began, and the revision."""
        rows = await self.pool.fetch("select instance, bucket, entry from applied_settings()")
        return {row["instance"]: (row["bucket"], row["entry"]) for row in rows}

    async def open_accounts(self, accounts: Sequence[str]) -> frozenset[str]:
        """Return those of the accounts whose reports can be stored."""
        return frozenset(await self.pool.fetchval("select open_accounts($1)", accounts))

    async def knows_account(self, account: str) -> bool:
        """Whether there is, or was, an instance with this account."""
        return await self.pool.fetchval("select organization from owner_of_account($1)", account) is not None

    async def record_dead_report(self, letter: DeadReportRecord, row: DeadReportRow) -> bool:
        """Record a report that became a dead letter; False: nobody knows its account."""
        account, *place = letter
        recorded: bool = await self.pool.fetchval(
            "select record_dead_report($1, $2, $3, $4)", account, row.model_dump_json(), *place
        )
        return recorded

    async def forget_dead_report(self, account: str, whole: str, sequence: int) -> None:
        """Forget a dead report whose dead letter was replayed or dropped."""
        await self.pool.execute("select forget_dead_report($1, $2, $3)", account, whole, sequence)

    async def kept_dead_reports(self) -> list[tuple[UUID, str, str]]:
        """Return the organizations, accounts and reasons of which the bus should have dead letters."""
        rows = await self.pool.fetch("select organization, account, reason from kept_dead_reports()")
        return [(row["organization"], row["account"], row["reason"]) for row in rows]

    async def discard_dead_reports(
        self, organization: UUID, subject: tuple[str, str], first: tuple[datetime, int]
    ) -> int:
        """Record which dead letters the bus no longer has; returns how many.

        `subject` is their account and reason, `first` which stream it is and the first sequence that it has of them.
        """
        discarded: int = await self.pool.fetchval(
            "select discard_dead_reports($1, $2, $3, $4, $5)", organization, *subject, *first
        )
        return discarded

    async def ingest(self, batch: InboundBatch, gap_wait: timedelta, file_wait: timedelta) -> list[str]:
        """Store a batch in one transaction; returns one outcome per report.

        `gap_wait`: how long a message that follows a gap in its chat's sequence waits for the missing ones;
        `file_wait`: how long one waits for its file to be read.
        """
        outcomes: list[str] = await self.pool.fetchval(
            "select ingest($1, $2, $3)", batch.model_dump_json(exclude_none=True), gap_wait, file_wait
        )
        return outcomes

    async def claim(self, how_many: int, limits: ClaimLimits) -> Claims:
        """Claim due conversations and open their turns."""
        document = await self.pool.fetchval(
            "select claim_turns($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            how_many,
            *limits[:4],
            limits.turn.model_dump_json(),
            *(self.known or (None, None)),
            *limits[5:],
        )
        return Claims.model_validate_json(document)

    async def recover_wakeups(self, longest_retry: timedelta) -> int:
        """Wake organizations that sleep although a conversation is due; returns how many did."""
        recovered: int = await self.pool.fetchval("select recover_wakeups($1)", longest_retry)
        return recovered

    async def renew(self, claims: Sequence[Claim], lease: timedelta) -> None:
        """Renew the leases of claims that still hold."""
        await self.pool.execute(
            "select renew_leases($1, $2, $3, $4)",
            [claim.organization for claim in claims],
            [claim.conversation for claim in claims],
            [claim.fence for claim in claims],
            lease,
        )

    async def open_turn(self, claim: Claim, limits: TurnLimits) -> Turn | UnreadableTurn | None:
        """Open or resume the claimed conversation's turn; None: there is nothing to do."""
        document = await self.pool.fetchval(
            "select open_turn($1, $2, $3, $4)",
            claim.organization,
            claim.conversation,
            claim.fence,
            limits.model_dump_json(),
        )
        return None if document is None else read_turn(from_json(document))

    async def unopened_turn(self, claim: Claim) -> UnopenedTurn:
        """Return what is known about a turn that cannot be opened or read; raises FenceLostError."""
        document = await self.pool.fetchval(
            "select unopened_turn($1, $2, $3)", claim.organization, claim.conversation, claim.fence
        )
        if document is None:
            raise FenceLostError
        return UnopenedTurn.model_validate_json(document)

    async def keep_step(self, claim: Claim, turn: int, step: NewStep) -> None:
        """Store a model response before its tools run; raises FenceLostError."""
        kept = await self.pool.fetchval(
            "select keep_step($1, $2, $3, $4, $5)",
            claim.organization,
            claim.conversation,
            claim.fence,
            turn,
            step.model_dump_json(),
        )
        if not kept:
            raise FenceLostError

    @asynccontextmanager
    async def tool_transaction(self, claim: Claim) -> AsyncIterator[Connection]:
        """Open a transaction in which a tool may write; raises FenceLostError."""
        async with self.pool.acquire() as connection, connection.transaction():
            held = await connection.fetchval(
                "select hold_turn($1, $2, $3)", claim.organization, claim.conversation, claim.fence
            )
            if not held:
                raise FenceLostError
            yield connection

    async def store_result(self, connection: Connection, claim: Claim, turn: int, call: ToolResult) -> HandOver | None:
        """Store a tool's result, in the `tool_transaction` in which the tool ran; return what the turn has ordered."""
        ordered = await connection.fetchval(
            "select store_result($1, $2, $3, $4, $5)", claim.organization, turn, call.round, call.id, call.result
        )
        return None if ordered is None else HandOver.model_validate_json(ordered)

    async def finish(self, claim: Claim, turn: int, ending: TurnEnding) -> Ended:
        """End a turn and return its final state; raises FenceLostError."""
        document: str | None = await self.pool.fetchval(
            "select end_turn($1, $2, $3, $4, $5)",
            claim.organization,
            claim.conversation,
            claim.fence,
            turn,
            ending.model_dump_json(),
        )
        if document is None:
            raise FenceLostError
        return Ended.model_validate_json(document)

    async def count_attempt(self, claim: Claim, turn: int, reason: str, role: str) -> int:
        """Count a failed attempt; returns how many there are now; raises FenceLostError."""
        failed: int = _held(
            await self.pool.fetchval("select count_attempt($1, $2, $3, $4, $5, $6)", *_key(claim), turn, reason, role)
        )
        return failed

    async def retry_turn(self, claim: Claim, delay: timedelta) -> None:
        """Release the conversation and try its turn again after `delay`; raises FenceLostError."""
        _held(await self.pool.fetchval("select retry_turn($1, $2, $3, $4)", *_key(claim), delay))

    async def keep_waiting(self, claim: Claim, turn: int, reason: str, role: str, delay: timedelta) -> None:
        """Release the conversation and try its turn again after `delay`, and say why; raises FenceLostError."""
        _held(
            await self.pool.fetchval(
                "select keep_waiting($1, $2, $3, $4, $5, $6, $7)", *_key(claim), turn, reason, role, delay
            )
        )

    async def wait_for_model(self, claim: Claim, turn: int, outage: ModelOutage, limits: WaitLimits) -> str:
        """Keep the turn open while the model is out; returns ``waiting`` or ``promised``; raises FenceLostError."""
        verdict: str = _held(
            await self.pool.fetchval(
                "select wait_for_model($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                *_key(claim),
                turn,
                outage.model_dump_json(),
                *limits,
            )
        )
        return verdict

    async def bury_turn(self, claim: Claim, turn: int, failure: Failure) -> None:
        """Make the turn a dead letter, with all that follows; raises FenceLostError."""
        document = failure.model_dump_json()
        _held(await self.pool.fetchval("select bury_turn($1, $2, $3, $4, $5)", *_key(claim), turn, document))

    async def bury_plainly(self, claim: Claim, turn: int, failure: Failure) -> None:
        """Make the turn a dead letter after `bury_turn` has failed; raises FenceLostError."""
        document = failure.model_dump_json()
        _held(await self.pool.fetchval("select bury_plainly($1, $2, $3, $4, $5)", *_key(claim), turn, document))

    async def relay_due(self, how_many: int, how_many_failing: int) -> DueRelays:
        """Return the instances with texts to send, the longest-waiting first."""
        rows = await self.pool.fetch(
            "select organization, instance, failing from relay_due($1, $2)", how_many, how_many_failing
        )
        due = [(RelayTarget(row["organization"], row["instance"]), row["failing"]) for row in rows]
        return DueRelays([target for target, failing in due if not failing], [t for t, failing in due if failing])

    async def relay_step(
        self, target: RelayTarget, relay: UUID, offered: Offered, limits: RelayLimits
    ) -> RelayStep | None:
        """Mark texts as accepted and return the next ones; None: another relay holds the instance."""
        document = await self.pool.fetchval(
            "select relay_step($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            target.organization,
            target.instance,
            relay,
            limits.lease,
            [acceptance.request for acceptance in offered.accepted],
            [acceptance.journal_epoch for acceptance in offered.accepted],
            offered.failed,
            limits.batch,
            limits.backoff,
            limits.backoff_max,
            limits.pacing,
        )
        return None if document is None else RelayStep.model_validate_json(document)
